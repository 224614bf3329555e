"""Any estimator of scikit-learn that keeps our promises is a candidate; what does not is refused before the fit."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.builders import rides
from tests.fitting import fit_any
from tierra.data.labels import Labels
from tierra.errors import DataRejected, Misconfigured, TierraError
from tierra.model.artifact import check_agreement, inner_model, predict
from tierra.model.candidates import check_types, fit_candidate, unseen_categories
from tierra.model.examples import Examples
from tierra.model.leaks.columns import find_in_columns
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.spec import Average, Model, RateBy, Rule
from tierra.model.training import measure, tune_threshold
from tierra.spec import Task

LABELS: dict[Task, Labels] = {
    "binary": Labels(classes=("no", "yes")),
    "multiclass": Labels(task="multiclass", classes=("far", "near", "nowhere")),
    "regression": Labels(task="regression", classes=()),
}
TASKS: tuple[Task, ...] = tuple(LABELS)
CLASSES = ("binary", "multiclass")


def examples(task: Task, rows: int = 400, weighted: bool = False, **columns: Any) -> Examples:
    table = rides(rows)
    features = table[["km", "rain", "zone"]].assign(**{"rule__zone": table["zone"], "rule__value": 0.4, **columns})
    features["km"] = features["km"].where(table.index % 11 > 0)
    target = {
        "binary": (table["tipped"] == "yes").to_numpy(float),
        "multiclass": np.digitize(table["km"], [3, 7]).astype(float),
        "regression": (table["km"] * 3 + table["rain"]).to_numpy(float),
    }[task]
    return Examples(features, target, LABELS[task], np.resize([1.0, 2.0], rows) if weighted else None)


def fit(
    candidate: Any, rows: Examples, said: Preprocessing | None = None, fitted: Mapping[str, Any] | None = None
) -> Any:
    check_types(candidate, rows, said)
    return tune_threshold(fit_any(candidate, rows, fitted or {}, said), rows, None)


def better_than_nothing(model: Any, rows: Examples) -> bool:
    metric, sign = ("rmse", -1) if rows.labels.task == "regression" else ("log_loss", -1)
    base = fit(Rule(rule="base_rate"), rows)
    return sign * measure(model, rows)[metric] > sign * measure(base, rows)[metric]


SKLEARN: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("tree.DecisionTree", TASKS, {"max_depth": 4}),
    ("ensemble.ExtraTrees", TASKS, {"n_estimators": 10, "min_samples_leaf": 10}),
    ("ensemble.GradientBoosting", TASKS, {"n_estimators": 10}),
    ("ensemble.Bagging", TASKS, {"n_estimators": 4}),
    ("neural_network.MLP", TASKS, {"max_iter": 100}),
    ("linear_model.LogisticRegression", CLASSES, {}),
    ("naive_bayes.GaussianNB", CLASSES, {}),
    ("discriminant_analysis.LinearDiscriminantAnalysis", CLASSES, {}),
    ("linear_model.Lasso", ("regression",), {"alpha": 0.1}),
    ("linear_model.HuberRegressor", ("regression",), {}),
    ("linear_model.BayesianRidge", ("regression",), {}),
]
PATHS = [(path, task, params) for path, tasks, params in SKLEARN for task in tasks]


def named(path: str, task: str) -> str:
    both = path.startswith(("tree", "ensemble", "neural"))
    return f"sklearn.{path}" + (("Regressor" if task == "regression" else "Classifier") if both else "")


@pytest.mark.parametrize(("path", "task", "params"), PATHS, ids=lambda value: str(value) if value else "")
@pytest.mark.filterwarnings("ignore")
def test_an_estimator_of_scikit_learn_learns_serves_and_agrees_with_itself(path: str, task: Task, params: Any) -> None:
    rows = examples(task)
    model = fit(Model(model=named(path, task), params=params), rows)
    assert better_than_nothing(model, rows)
    check_agreement(model, rows.table.head(12), rows.labels)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("model", ["linear", "random_forest", "hist_gradient_boosting"])
@pytest.mark.parametrize(
    "said",
    [{}, {"outliers": "clip"}, {"outliers": "flag", "impute": "median", "scale": "robust"},
     {"columns": {"zone": {"encode": "target"}}},
     {"columns": {"zone": {"order": ["D", "C", "B", "A"]}, "rain": {"kind": "left_out"}}}],
    ids=["as inferred", "clip", "flag", "target", "order"],
)  # fmt: skip
def test_each_of_ours_agrees_with_itself_under_each_preprocessing(task: Task, model: str, said: dict[str, Any]) -> None:
    name = ("ridge" if task == "regression" else "logistic") if model == "linear" else model
    params = {"random_forest": {"n_estimators": 8}, "hist_gradient_boosting": {"max_iter": 8}}.get(name, {})
    rows = examples(task, 300)
    fitted = fit(Model(model=name, params=params), rows, Preprocessing(**said))
    check_agreement(fitted, rows.table.head(12), rows.labels)
    strange = rows.table.assign(zone=["Z", "Z", None, *rows.table["zone"][3:]])
    assert unseen_categories(fitted, strange) == {"zone": 2}
    assert np.isfinite(predict(fitted, strange, rows.labels).scores).all()


REFUSED: list[tuple[str, Task, str, str]] = [
    ("sklearn.neighbors.KNeighborsClassifier", "binary", "types-not-allowed", "allowed:"),
    ("sklearn.svm.LinearSVC", "binary", "probabilities-missing", "sklearn.svm.LinearSVC"),
    ("sklearn.linear_model.Lasso", "binary", "task-mismatch", "binary"),
    ("sklearn.naive_bayes.GaussianNB", "regression", "task-mismatch", "regression"),
    ("sklearn.preprocessing.StandardScaler", "binary", "task-mismatch", "StandardScaler"),
    ("sklearn.ensemble.VotingClassifier", "binary", "task-mismatch", "VotingClassifier"),
    ("sklearn.nowhere.Model", "binary", "model-unknown", "sklearn.nowhere.Model"),
    ("sklearn.tree.NoSuchTree", "binary", "model-unknown", "NoSuchTree"),
]


@pytest.mark.parametrize(("path", "task", "code", "says"), REFUSED, ids=[each[0] for each in REFUSED])
def test_an_estimator_that_cannot_keep_our_promises_is_refused_before_the_fit(
    path: str, task: Task, code: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, sizes = examples(task, 3000), []
    cls = _class(path)
    if hasattr(cls, "fit"):
        whole = cls.fit
        monkeypatch.setattr(cls, "fit", lambda self, x, *rest: (sizes.append(len(x)), whole(self, x, *rest))[1])
    with pytest.raises(Misconfigured, match=code) as caught:
        check_types(Model(model=path), rows)
    assert says in caught.value.what
    assert max(sizes, default=0) <= 600


def _class(path: str) -> Any:
    import importlib

    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


@pytest.mark.parametrize(
    "path", ["os.path.join", "SVC", "sklearn.SVC", "sklearn.svm.", "sklearn.svm.SVC()", "xgboost.XGB"]
)
def test_a_path_outside_scikit_learn_is_no_value(path: str) -> None:
    with pytest.raises(ValueError, match=r"one of logistic.*scikit-learn"):
        Model(model=path)


def test_candidates_are_called_by_their_class_or_their_name() -> None:
    assert Model(model="sklearn.tree.DecisionTreeClassifier").name == "decisiontreeclassifier"
    assert Model(model="logistic", name="strict").name == "strict"
    assert Average(average=("a", "b")).name == "average"


def test_two_of_a_kind_with_other_parameters_are_two_models_and_can_be_averaged() -> None:
    rows = examples("binary")
    loose, strict = (fit_candidate(Model(model="logistic", params={"C": c}), rows) for c in (10.0, 0.001))
    both = fit_any(Average(average=("loose", "strict")), rows, {"loose": loose, "strict": strict})
    scores = [each.predict_proba(rows.table) for each in (loose, strict, both)]
    assert np.abs(scores[0] - scores[1]).max() > 0.1
    np.testing.assert_allclose(scores[2], (scores[0] + scores[1]) / 2)


@pytest.mark.parametrize("task", TASKS)
def test_an_average_is_the_mean_of_its_members_and_agrees_with_itself(task: Task) -> None:
    rows = examples(task)
    linear = "ridge" if task == "regression" else "logistic"
    models = (Model(model=linear), Model(model="hist_gradient_boosting", params={"max_iter": 8}))
    members = {model.model: fit_candidate(model, rows) for model in models}
    model = tune_threshold(fit_any(Average(average=tuple(members)), rows, members), rows, None)
    said = [predict(tune_threshold(each, rows, None), rows.table, rows.labels).scores for each in members.values()]
    np.testing.assert_allclose(predict(model, rows.table, rows.labels).scores, np.mean(said, axis=0))
    check_agreement(model, rows.table.head(12), rows.labels)
    assert unseen_categories(model, rows.table.assign(zone="Z")) == {"zone": len(rows.table)}


@pytest.mark.parametrize("task", TASKS)
def test_the_base_rate_and_the_rates_of_groups_know_every_task(task: Task) -> None:
    rows = examples(task)
    base = predict(fit(Rule(rule="base_rate"), rows), rows.table, rows.labels).scores
    by_zone = predict(fit(Rule(rule=RateBy(rate_by=("zone",))), rows), rows.table, rows.labels).scores
    values = np.eye(3)[rows.target.astype(int)] if task == "multiclass" else rows.target
    np.testing.assert_allclose(base[0], values.mean(axis=0))
    inside = (rows.table["zone"] == "A").to_numpy()
    np.testing.assert_allclose(by_zone[inside][0], values[inside].mean(axis=0))
    check_agreement(fit(Rule(rule=RateBy(rate_by=("zone",))), rows), rows.table.head(12), rows.labels)


def test_a_rule_of_weighted_rows_is_their_weighted_rate() -> None:
    rows = examples("binary", weighted=True)
    scores = predict(fit(Rule(rule="base_rate"), rows), rows.table, rows.labels).scores
    assert scores[0] == pytest.approx(np.average(rows.target, weights=rows.weight))


def test_a_rule_that_is_a_function_passes_its_number_on_and_a_probability_stays_within_bounds() -> None:
    for task, value in (("binary", 0.4), ("regression", -7.5)):
        rows = examples(task, rule__value=value)  # type: ignore[arg-type]
        assert predict(fit(Rule(rule="features:by_hand"), rows), rows.table, rows.labels).scores[0] == value
    with pytest.raises(DataRejected, match=r"features:by_hand.*rule-range"):
        fit(Rule(rule="features:by_hand"), examples("binary", rule__value=1.5))


def test_a_weighted_class_is_named_as_in_the_source() -> None:
    rows = examples("binary", 1200)
    plain, heavy, even = (
        predict(fit(Model(model="logistic", class_weight=each), rows), rows.table, rows.labels).scores.mean()
        for each in (None, {"yes": 20.0}, "balanced")
    )
    assert plain < heavy
    assert even == pytest.approx(0.5, abs=0.03)
    with pytest.raises(Misconfigured, match=r"'maybe' is no class \(no, yes\)"):
        fit(Model(model="logistic", class_weight={"maybe": 2}), rows)


def test_weights_of_rows_reach_the_fit_or_are_refused() -> None:
    rows = examples("binary", 600, weighted=True)
    twice = Examples(*(each.iloc[np.repeat(np.arange(600), [1, 2] * 300)] if isinstance(each, pd.DataFrame)
                       else each[np.repeat(np.arange(600), [1, 2] * 300)] for each in (rows.table, rows.target)),
                     rows.labels)  # fmt: skip
    tree = Model(model="sklearn.tree.DecisionTreeClassifier", params={"max_depth": 3})
    weighted, repeated = (predict(fit(tree, each), rows.table, rows.labels).scores for each in (rows, twice))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9)
    mixture = Model(model="sklearn.discriminant_analysis.LinearDiscriminantAnalysis")
    with pytest.raises(TierraError, match="weights-unsupported"):
        fit(mixture, rows)


def test_a_class_that_training_never_saw_has_probability_zero() -> None:
    rows = examples("multiclass")
    seen = rows.target < 2
    few = Examples(rows.table[seen], rows.target[seen], rows.labels)
    said = predict(fit(Model(model="logistic"), few), rows.table, rows.labels)
    assert said.scores.shape == (400, 3)
    assert (said.scores[:, 2] == 0).all()


def test_the_inner_model_of_what_serves_is_what_was_fitted() -> None:
    rows = examples("binary")
    fitted = fit_candidate(Model(model="logistic"), rows)
    assert inner_model(tune_threshold(fitted, rows, None)).predict_proba(rows.table).shape == (400, 2)


@pytest.mark.parametrize("task", TASKS)
def test_a_copy_of_the_target_is_found_and_no_honest_feature(task: Task) -> None:
    rows = examples(task, 1200)
    copies = {"copy": rows.target * 2 + 1, "noise": np.random.default_rng(0).normal(size=1200)}
    if task != "regression":
        copies["word"] = pd.Series(rows.target).map({0.0: "p", 1.0: "q", 2.0: "r"}).to_numpy()
    leaked = Examples(rows.table.drop(columns="km").assign(**copies), rows.target, rows.labels)
    found = list(find_in_columns(leaked, ("target",)))
    assert {each.columns[0] for each in found} == set(copies) - {"noise"}
    assert [each for each in found if each.columns[0] not in each.evidence] == []
    assert not list(find_in_columns(Examples(rows.table.drop(columns="km"), rows.target, rows.labels), ("target",)))


def test_the_petals_of_irises_are_no_leak() -> None:
    from sklearn.datasets import load_breast_cancer, load_iris, load_wine

    for load in (load_iris, load_wine, load_breast_cancer):
        table, target = load(return_X_y=True, as_frame=True)
        labels = Labels(task="multiclass", classes=("a", "b", "c")) if target.max() > 1 else Labels()
        assert not list(find_in_columns(Examples(table.astype(float), target.to_numpy(float), labels), ("target",)))


def test_a_number_of_each_row_is_no_leak_of_it() -> None:
    rows = examples("binary", 1200, id=[f"r{number}" for number in range(1200)])
    assert not list(find_in_columns(rows, ("tipped",)))
