"""What every boosting library promises as a candidate: its text comes back to the bit, and no other is given to it."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from tests.cases import each
from tests.unit.test_estimators import TASKS, examples, fit
from tierra.errors import Broken, Misconfigured
from tierra.model.artifact import check_agreement, dump_model, inner_model, load_model, predict
from tierra.model.boosters import Booster
from tierra.model.candidates import fit_candidate
from tierra.model.spec import Model
from tierra.spec import Task

SMALL = {
    "lightgbm": Model(model="lightgbm", params={"n_estimators": 4, "num_leaves": 6}),
    "xgboost": Model(model="xgboost", params={"n_estimators": 4, "max_depth": 3}),
}
A_NUMBER = {"lightgbm": "leaf_value=", "xgboost": '"split_conditions":['}


def a_booster(library: str, task: Task = "binary") -> Booster:
    fitted: Booster = fit_candidate(SMALL[library], examples(task)).named_steps["model"]
    return fitted


def fuzz(code: str, text: str, *arguments: str) -> tuple[int, int]:
    """How many damaged texts were refused and read, in a process of its own: a wrong read would end it."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-800:]
    refused, read = map(int, done.stdout.split())
    return refused, read


def test_a_model_comes_back_to_the_bit() -> None:
    def same(library: str, task: Task) -> None:
        rows = examples(task)
        model = fit(SMALL[library], rows)
        data = dump_model(model)
        again = load_model(data, hashlib.sha256(data).hexdigest(), "here")
        scores = predict(model, rows.table, rows.labels).scores
        np.testing.assert_array_equal(predict(again, rows.table, rows.labels).scores, scores)
        check_agreement(model, rows.table.head(12), rows.labels)

    each([(library, task) for library in SMALL for task in TASKS], same)


def test_a_text_with_another_digest_is_refused_when_it_is_loaded() -> None:
    def refused(library: str) -> None:
        model = fit(SMALL[library], examples("binary"))
        inside = inner_model(model).named_steps["model"]
        text = getattr(inside, inside.kept_in)
        setattr(inside, inside.kept_in, text.replace(A_NUMBER[library], A_NUMBER[library] + "1"))
        data = dump_model(model)
        with pytest.raises(Broken, match=r"not a readable model.*artifact-unsafe"):
            load_model(data, hashlib.sha256(data).hexdigest(), "here")

    each(list(SMALL), refused)


def test_without_the_library_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = examples("binary")

    def says(library: str) -> None:
        data = dump_model(fit(SMALL[library], rows))
        monkeypatch.setitem(sys.modules, library, None)
        for act in (
            lambda: fit(Model(model=library), rows),
            lambda: load_model(data, hashlib.sha256(data).hexdigest(), ""),
        ):
            with pytest.raises(Misconfigured, match=rf"which is not installed.*{library}-missing"):
                act()

    each(list(SMALL), says)
