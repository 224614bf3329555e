"""What a receipt shows of a model: shapes of the task, slices, importance, and both models on the same rows."""

import dataclasses
import time
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from tierra.data.labels import Labels
from tierra.model.artifact import Predictions, dump_model, load_model, with_threshold
from tierra.model.comparison import compare_models
from tierra.model.content import is_same_model
from tierra.model.difference import NONE_AT_ALL
from tierra.model.evaluate_model import OTHERS, evaluate_model, score_slices, sliced
from tierra.model.examples import Examples
from tierra.model.gate_spec import Guardrails
from tierra.model.importance import find_importance
from tierra.model.rules import RateRule
from tierra.model.study import Material, study_model

THREE = Labels(task="multiclass", classes=("a", "b", "c"))
NUMBER = Labels(task="regression", classes=())
ROWS = 900


class Said(BaseEstimator):
    """Says what stands in its columns: p, or p0 p1 p2, or y."""

    threshold = 0.5

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        if "p" in table:
            return np.column_stack([1 - table["p"], table["p"]])
        self.classes_ = np.array([0, 1, 2])
        return table[["p0", "p1", "p2"]].to_numpy()

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        return table["said"].to_numpy()


def yes_or_no() -> Examples:
    random = np.random.default_rng(0)
    chance = random.random(ROWS)
    return Examples(pd.DataFrame({"p": chance}), (random.random(ROWS) < chance).astype(float), Labels())


def several() -> Examples:
    random = np.random.default_rng(1)
    shares = random.dirichlet(np.ones(3), ROWS)
    target = np.array([random.choice(3, p=each) for each in shares], float)
    return Examples(pd.DataFrame(shares, columns=["p0", "p1", "p2"]), target, THREE)


def numbers() -> Examples:
    random = np.random.default_rng(2)
    said = random.normal(size=ROWS)
    return Examples(pd.DataFrame({"said": said}), said + random.normal(size=ROWS) * 0.1, NUMBER)


def test_the_curves_of_a_yes_or_no_start_and_end_where_they_must_and_hold_the_area() -> None:
    found, _ = evaluate_model(Said(), yes_or_no())
    assert found.roc and found.precision_recall and found.calibration and found.scores  # noqa: PT018
    assert (found.roc.x[0], found.roc.y[0], found.roc.x[-1], found.roc.y[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(found.roc.y, found.roc.x) == pytest.approx(found.metrics["roc_auc"], abs=0.01)
    assert (np.diff(found.precision_recall.x) >= 0).all()
    assert len(found.roc.x) <= 100
    assert np.allclose(found.calibration.x, found.calibration.y, atol=0.16)
    assert len(found.calibration.x) == 10
    assert sum(found.scores.counts) == ROWS
    assert found.scores.edges[0] == 0 and found.scores.edges[-1] == 1  # noqa: PT018


@pytest.mark.parametrize("rows", [yes_or_no(), several()], ids=["two", "three"])
def test_the_confusion_counts_every_row_and_gives_each_class_its_scores(rows: Examples) -> None:
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    from tierra.model.artifact import predict

    found, _ = evaluate_model(Said(), rows)
    decision = predict(Said(), rows.table, rows.labels).decision
    np.testing.assert_array_equal(found.confusion, confusion_matrix(rows.target, decision))
    expected = precision_recall_fscore_support(rows.target, decision)
    for code, each in enumerate(found.per_class):
        assert each.name == rows.labels.classes[code]
        assert (each.precision, each.recall, each.f1, each.rows) == pytest.approx([col[code] for col in expected])


def test_a_class_nobody_says_and_nobody_is_scores_zero() -> None:
    rows = several()
    few = Examples(rows.table.assign(p0=0.0), np.minimum(rows.target + 1, 2), rows.labels)
    found, _ = evaluate_model(Said(), few)
    assert (found.per_class[0].rows, found.per_class[0].precision, found.per_class[0].recall) == (0, 0, 0)


def test_the_residuals_of_a_number_lie_in_a_band_around_zero() -> None:
    found, _ = evaluate_model(Said(), numbers())
    assert found.residuals and found.residuals_by_prediction  # noqa: PT018
    band = found.residuals_by_prediction
    assert (np.array(band.low) < 0).all()
    assert (np.array(band.high) > 0).all()
    assert (np.diff(band.x) > 0).all()
    assert len(band.x) == 20
    assert sum(found.residuals.counts) == ROWS
    assert (found.roc, found.confusion, found.classes) == (None, (), ())


@pytest.mark.parametrize("count", [2, 3, 7])
def test_few_test_rows_are_evaluated_too(count: int) -> None:
    for rows in (yes_or_no(), several(), numbers()):
        target = np.resize([0.0, 1.0], count)
        found, _ = evaluate_model(Said(), Examples(rows.table.head(count), target, rows.labels))
        assert found.rows == count


def test_a_slice_is_a_value_a_range_or_what_is_missing() -> None:
    assert sliced(pd.Series(["a", None, "b"])).tolist() == ["a", "missing", "b"]
    assert sliced(pd.Series([1, 2, 2])).tolist() == ["1", "2", "2"]
    ranges = sliced(pd.Series([*range(100), np.nan]))
    assert ranges.value_counts().tolist() == [25, 25, 25, 25, 1]
    assert ranges.iloc[[0, 99, 100]].tolist() == ["1: 0 to 24.75", "4: 74.25 to 99", "missing"]
    many = sliced(pd.Series([f"v{min(number // 3, 30)}" for number in range(200)]))
    assert many.nunique() == 9
    assert (many == OTHERS).any()
    assert sliced(pd.Series([True, False, None])).tolist() == ["True", "False", "missing"]


def test_each_slice_has_its_score_its_interval_and_the_rules_score() -> None:
    rows = yes_or_no()
    said = Predictions(rows.table["p"].to_numpy(), (rows.table["p"] > 0.5).to_numpy(int))
    rule = Predictions(np.full(ROWS, 0.5), np.zeros(ROWS, int))
    columns = pd.DataFrame({"zone": ["A"] * 600 + ["B"] * 280 + ["C"] * 20, "km": np.arange(ROWS)})
    found = score_slices(columns, rows, said, rule, "brier")
    assert sum(each.rows for each in found if each.column == "zone") == ROWS
    assert sum(each.rows for each in found if each.column == "km") == ROWS
    assert [each.value for each in found if each.column == "zone"] == ["A", "B", "C"]
    first, few = found[0], found[2]
    inside = slice(0, 600)
    assert first.score == pytest.approx(np.mean((said.scores[inside] - rows.target[inside]) ** 2))
    assert first.interval and first.interval[0] < first.score < first.interval[1]  # noqa: PT018
    assert first.rule == pytest.approx(0.25)
    assert (few.rows, few.score, few.interval) == (20, None, None)


class Linear(BaseEstimator):
    """Three times one column, and nothing of the others."""

    def __init__(self, wait: float = 0.0) -> None:
        self.wait = wait

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        time.sleep(self.wait)
        return 3 * table["matters"].to_numpy()


def features(count: int) -> Examples:
    random = np.random.default_rng(3)
    table = pd.DataFrame(random.normal(size=(500, count)), columns=["matters", *(f"x{n}" for n in range(count - 1))])
    return Examples(table.assign(rule__x=1.0), 3 * table["matters"].to_numpy(), NUMBER)


def test_the_feature_that_matters_is_found_and_the_others_do_not_matter() -> None:
    first, *others = find_importance(Linear(), features(5), "rmse")
    assert first.feature == "matters"
    assert first.mean == pytest.approx(3 * np.sqrt(2), rel=0.15)
    assert {each.mean for each in others} == {0.0}
    assert {each.feature for each in others} == {"x0", "x1", "x2", "x3"}


def test_importance_stops_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tierra.model.importance.SECONDS", 0.2)
    started = time.monotonic()
    assert len(find_importance(Linear(wait=0.03), features(10), "rmse")) == 10
    assert time.monotonic() - started < 3  # one round of ten, not five


class Alike(Said):
    """Another model that says the same."""


def compare(slices: Any = None, champion: bool = False, explain: bool = False, model: type[Said] = Said) -> Any:
    rows = yes_or_no()
    rule = with_threshold(RateRule().fit(rows.table, rows.target.astype(int)), 0.5)
    models = {"said": (Said(), rows), "rule": (rule, rows), **({"champion": (model(), rows)} if champion else {})}
    return compare_models("said", models, "roc_auc", (), slices, explain)


def test_the_best_and_the_rule_stand_side_by_side_with_the_interval_between_them() -> None:
    scores = compare().scores
    assert (scores.rows, scores.best, scores.champion_metrics) == (ROWS, "said", None)
    low, high = scores.over_rule.interval(0.025)
    gained = scores.best_metrics["roc_auc"] - scores.rule_metrics["roc_auc"]
    assert 0 < low < gained < high
    assert scores.best_intervals["roc_auc"][0] < scores.best_metrics["roc_auc"] < scores.best_intervals["roc_auc"][1]


def test_a_scorer_without_draws_is_compared_on_subsets_of_the_rows() -> None:
    rows = yes_or_no()
    fitted = (kind.fit(rows.table, rows.target.astype(int)) for kind in (LogisticRegression(), RateRule()))
    models = {name: (with_threshold(each, 0.5), rows) for name, each in zip(("said", "rule"), fitted, strict=True)}
    metric = "matthews_corrcoef"
    found = compare_models("said", models, metric, (metric,), explain=False).scores
    assert found.over_rule
    low, high = found.over_rule.interval(0.025)
    assert 0 < low < found.best_metrics[metric] - found.rule_metrics[metric] < high < 1


def test_a_scorer_is_compared_by_units_where_rows_depend_on_each_other() -> None:
    """Ten copies of each row say no more than the rows."""
    rows = yes_or_no()
    fitted = (kind.fit(rows.table, rows.target.astype(int)) for kind in (LogisticRegression(), RateRule()))
    models = {name: with_threshold(each, 0.5) for name, each in zip(("said", "rule"), fitted, strict=True)}
    copies, metric, errors = np.repeat(np.arange(ROWS), 10), "matthews_corrcoef", []
    for units in (copies, None):
        many = dataclasses.replace(rows.take(copies), units=units)
        both = {name: (model, many) for name, model in models.items()}
        over = compare_models("said", both, metric, (metric,), explain=False).scores.over_rule
        assert over
        errors.append(over.error)
    assert errors[0] > 2 * errors[1]


class Counted(Said):
    """Counts how often it predicts all the rows."""

    def __init__(self, calls: list[int]) -> None:
        self.calls = calls

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        self.calls += [1] if len(table) == ROWS else []
        return super().predict_proba(table)


def test_each_model_predicts_the_test_rows_once() -> None:
    rows, calls = yes_or_no(), {name: list[int]() for name in ("said", "rule", "champion")}
    models = {name: (Counted(each), rows) for name, each in calls.items()}
    slices = pd.DataFrame({"zone": ["A", "B"] * (ROWS // 2)})
    found = compare_models("said", models, "roc_auc", (), slices, False, Guardrails(), slices)
    material = Material(rows.take(np.arange(100)), slices, None, (), found.predictions)
    study_model(found.evaluations["said"], *models["said"], material, found.evaluations["rule"])
    assert {name: sum(each) for name, each in calls.items()} == {"said": 1, "rule": 1, "champion": 1}


def test_a_champion_that_says_the_same_is_no_better_and_no_worse() -> None:
    over = compare(champion=True, model=Alike).scores.over_champion
    assert over.value == 0
    assert 0 < over.error < 0.01  # that they agree on these rows does not say that they agree on all
    assert compare(champion=True).scores.over_champion == NONE_AT_ALL  # the same model does


@pytest.mark.parametrize("kind", [RandomForestClassifier, HistGradientBoostingClassifier, LogisticRegression])
def test_a_model_is_known_again_from_its_file_and_no_other_is_taken_for_it(kind: Any) -> None:
    rows = yes_or_no()
    given = kind(random_state=1).fit(rows.table, rows.target.astype(int))
    data = dump_model(given)
    again = load_model(data, sha256(data).hexdigest(), "here")
    assert is_same_model(given, again)
    other = kind(random_state=1).fit(rows.table.iloc[1:], rows.target[1:].astype(int))
    assert not is_same_model(given, other)


def test_only_the_best_is_sliced() -> None:
    found = compare(slices=pd.DataFrame({"zone": ["A", "B"] * (ROWS // 2)})).evaluations
    assert [each.value for each in found["said"].slices] == ["A", "B"]
    assert [each.rule for each in found["said"].slices] == [0.5, 0.5]
    whole = found["said"].metrics["roc_auc"]
    assert [each.score for each in found["said"].slices] == pytest.approx([whole, whole], abs=0.05)
    assert found["rule"].slices == ()


def test_only_the_best_is_explained_and_only_on_request() -> None:
    found = compare(explain=True, champion=True).evaluations
    assert [(each.feature, each.mean > 0.2) for each in found["said"].importance] == [("p", True)]
    assert found["rule"].importance == found["champion"].importance == compare().evaluations["said"].importance == ()
