"""Transformers and estimators of a project's own: stored without their code, rebuilt from the registered files."""

import hashlib
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from skops.io import dumps

from tests.cases import each
from tests.unit.test_preparation import examples
from tierra.errors import Broken, DataRejected, Misconfigured
from tierra.model.artifact import check_agreement, dump_model, load_model, predict
from tierra.model.candidates import build_estimator, check_types, fit_candidate
from tierra.model.contributions import contribute
from tierra.model.own import OwnClasses
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.search_problem import Problem
from tierra.model.spec import Model
from tierra.model.training import tune_threshold

CODE = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.linear_model import LinearRegression, LogisticRegression


class Doubled(TransformerMixin, BaseEstimator):
    def __init__(self, times=2.0):
        self.times = times

    def fit(self, table, target=None):
        self.middle_ = float(np.nanmean(table.to_numpy(float)))
        return self

    def transform(self, table):
        values = np.nan_to_num(table.to_numpy(float) - self.middle_)
        return np.hstack([values * self.times, np.abs(values)])


class Careful(ClassifierMixin, BaseEstimator):
    def __init__(self, shrink=0.5):
        self.shrink = shrink

    def fit(self, table, target):
        self.inner_ = LogisticRegression(max_iter=300).fit(table, target)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, table):
        return (1 - self.shrink) * self.inner_.predict_proba(table) + self.shrink / len(self.classes_)

    def predict(self, table):
        return self.classes_[self.predict_proba(table).argmax(axis=1)]


class Line(LinearRegression):
    pass


class Logit(LogisticRegression):
    pass


class Function(TransformerMixin, BaseEstimator):
    def fit(self, table, target=None):
        self.function_ = lambda values: values
        return self

    def transform(self, table):
        return np.nan_to_num(table.to_numpy(float))


class Neighbours(TransformerMixin, BaseEstimator):
    def fit(self, table, target=None):
        return self

    def transform(self, table):
        return np.nan_to_num(table.to_numpy(float) - np.nanmean(table.to_numpy(float)) * (len(table) > 1))


class Unready(TransformerMixin, BaseEstimator):
    def fit(self, table, target=None):
        self.least_ = float(table.min().iloc[0])
        return self

    def transform(self, table):
        if (table < self.least_).any(axis=None):
            raise ValueError("km below the least one learnt")
        return np.nan_to_num(table.to_numpy(float))


class Fails(TransformerMixin, BaseEstimator):
    def fit(self, table, target=None):
        raise ValueError("km should be positive")

    def transform(self, table):
        return table


class NoTransformer(BaseEstimator):
    def fit(self, table, target=None):
        return self


class Needy(Fails):
    def __init__(self, times):
        self.times = times


class NoEstimator:
    pass
"""
OWN = ("mine:Doubled", "mine:Careful", "mine:Line", "mine:Logit")


def classes(folder: Path, *names: str, code: str = CODE, file: str = "mine.py") -> OwnClasses:
    (folder / file).write_text(code)
    return OwnClasses(folder, names or OWN)


def fit(own: OwnClasses, task: Any, model: str, transformer: str = "mine:Doubled") -> Any:
    rows = examples(task)
    preprocessing = Preprocessing.model_validate({"columns": {"km": {"transformer": transformer}}})
    check_types(Model(model=model), rows, preprocessing, own=own)
    fitted = fit_candidate(Model(model=model), rows, preprocessing, own=own)
    return tune_threshold(fitted, rows, None), rows


def test_a_project_s_own_classes_serve_and_agree_with_themselves(tmp_path: Path) -> None:
    own = classes(tmp_path)

    def agrees(task: Any, model: str) -> None:
        served, rows = fit(own, task, model)
        check_agreement(served, rows.table.head(3), rows.labels, own)

    each([("multiclass", "mine:Careful"), ("regression", "mine:Line")], agrees)


def test_an_own_estimator_is_given_what_a_built_in_one_is(tmp_path: Path) -> None:
    own, rows = classes(tmp_path), examples("binary")
    weighed = Model(model="mine:Logit", class_weight={"yes": 3.0, "no": 1.0})
    assert build_estimator(weighed, rows, own).class_weight == {0: 1.0, 1: 3.0}
    with pytest.raises(Misconfigured, match="'maybe' is no class"):
        build_estimator(Model(model="mine:Logit", class_weight={"maybe": 1.0}), rows, own)
    careful = Model(model="mine:Careful", params={"shrink": 0.1})
    problem = Problem(careful, rows, [], "roc_auc", Preprocessing(), tmp_path, own=own)
    assert problem.defaults(["shrink"]) == {"shrink": 0.1}
    assert replace(problem, candidate=Model(model="mine:Careful")).defaults(["shrink"]) == {"shrink": 0.5}
    again = pickle.loads(pickle.dumps(problem))  # what a process is handed, after its classes were loaded here
    assert again.own == own
    assert again.own.classes["mine:Careful"] is not own.classes["mine:Careful"]


def test_what_an_own_transformer_makes_is_of_its_feature(tmp_path: Path) -> None:
    served, rows = fit(classes(tmp_path), "binary", "hist_gradient_boosting")
    made = contribute(served, rows.table)
    assert np.allclose(made.total[:, 0], served.predict_proba(rows.table)[:, 1])
    assert np.abs(made.parts[:, made.features.index("km"), 0]).max() > 0


def test_the_class_comes_from_the_registered_folder_and_not_from_one_that_was_edited(tmp_path: Path) -> None:
    registered, edited = tmp_path / "registered", tmp_path / "edited"
    registered.mkdir(), edited.mkdir()
    own = classes(registered)
    served, rows = fit(own, "binary", "mine:Careful")
    data = dump_model(served, own)
    digest = hashlib.sha256(data).hexdigest()
    before = served.predict_proba(rows.table)
    changed = classes(edited, code=CODE.replace("self.shrink / len", "0.9 * self.shrink / len"))
    assert (load_model(data, digest, "here", own).predict_proba(rows.table) == before).all()
    assert (load_model(data, digest, "here", changed).predict_proba(rows.table) != before).all()


def test_an_artifact_never_has_a_class_that_the_release_does_not_name(tmp_path: Path) -> None:
    own = classes(tmp_path)
    served, _ = fit(own, "binary", "mine:Careful")
    data = dump_model(served, own)
    digest = hashlib.sha256(data).hexdigest()
    for fewer in (OwnClasses(), OwnClasses(tmp_path, ("mine:Doubled",))):
        with pytest.raises(Broken, match=r"mine\.Careful"):
            load_model(data, digest, "here", fewer)
        with pytest.raises(Misconfigured, match="types-not-allowed"):
            dump_model(served, fewer)
    evil = bytes(dumps([os.system, served]))
    with pytest.raises(Broken, match=r"posix|os"):
        load_model(evil, hashlib.sha256(evil).hexdigest(), "here", own)
    with pytest.raises(Broken, match="artifact-tampered"):
        load_model(data, "0" * 64, "here", own)


def test_no_code_of_the_project_runs_before_digest_and_types_are_right(tmp_path: Path) -> None:
    own = classes(tmp_path)
    served, _ = fit(own, "binary", "mine:Careful")
    data = dump_model(served, own)
    ran = tmp_path / "ran"
    there = tmp_path / "there"
    there.mkdir()
    trap = f"open({str(ran)!r}, 'w').close()\n" + CODE
    for fewer, digest in (((), hashlib.sha256(data).hexdigest()), (OWN, "0" * 64)):
        with pytest.raises(Broken):
            load_model(data, digest, "here", OwnClasses(classes(there, code=trap).folder, fewer))
    assert not ran.exists()


REFUSED = [
    ("mine.py", CODE, "mine:NoEstimator", "class-unfit", "BaseEstimator"),
    ("mine.py", CODE, "mine:LogisticRegression", "class-unfit", "defined in sklearn"),
    ("mine.py", CODE, "mine:Missing", "function-not-found", "Missing"),
    ("json.py", CODE, "json:Doubled", "class-unfit", "installed module"),
    ("pandas.py", CODE, "pandas:Doubled", "class-unfit", "installed module"),
]


def test_what_cannot_be_stored_safely_is_refused_in_one_line(tmp_path: Path) -> None:
    def refused(file: str, code: str, name: str, error: str, words: str) -> None:
        folder = tmp_path / file.removesuffix(".py")
        folder.mkdir(exist_ok=True)
        with pytest.raises(Misconfigured, match=error) as raised:
            _ = classes(folder, name, code=code, file=file).classes
        assert words in str(raised.value)
        assert "\n" not in str(raised.value)

    each(REFUSED, refused)
    for transformer, error in (
        ("mine:Function", "Function holds .*types-not-allowed"),
        ("mine:NoTransformer", "has no fit and transform.*class-unfit"),
        ("mine:Needy", "mine:Needy: TypeError: .*'times'.*function-failed"),
        ("mine:Fails", "candidate logistic: mine.py, line 74: ValueError: .*function-failed"),
    ):
        with pytest.raises((Misconfigured, Broken), match=error):
            fit(classes(tmp_path, transformer), "binary", "logistic", transformer)
    own = classes(tmp_path, "mine:Neighbours")
    served, rows = fit(own, "binary", "logistic", "mine:Neighbours")
    with pytest.raises(Misconfigured, match=r"with mine:Neighbours, .* changes predictions.*own-disagrees"):
        check_agreement(served, rows.table.head(6), rows.labels, own)


def test_what_an_own_transformer_raises_at_night_is_one_line(tmp_path: Path) -> None:
    own = classes(tmp_path, "mine:Unready")
    served, rows = fit(own, "binary", "logistic", "mine:Unready")
    with pytest.raises(DataRejected, match=r"^mine\.py, line 68: ValueError: km below the least one.*function-failed"):
        predict(served, rows.table.assign(km=-1e6), rows.labels)
    with pytest.raises(ValueError, match="columns are missing"):
        predict(served, rows.table.drop(columns="km"), rows.labels)


def test_a_frame_goes_in_and_a_model_of_the_wrong_task_is_refused(tmp_path: Path) -> None:
    own = classes(tmp_path)
    with pytest.raises(Misconfigured, match="task-mismatch"):
        fit(own, "regression", "mine:Careful")
    assert isinstance(own.classes["mine:Doubled"]().fit(pd.DataFrame({"x": [1.0]})).middle_, float)
