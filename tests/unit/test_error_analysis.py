"""Where a model errs, what it depends on, and what it learnt by heart."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.dependence import find_dependence
from tierra.model.error_analysis import find_errors, find_slices, rank_slices, row_losses
from tierra.model.evaluate_model import evaluate_model
from tierra.model.examples import Examples
from tierra.model.spec import Costs
from tierra.model.study import Material, study_model

ROWS = 3000
NUMBER = Labels(task="regression", classes=())
YES = Labels(classes=("no", "yes"))


class Formula(BaseEstimator):
    """Twice `a`, and five more where `zone` is x; as a probability squeezed between 0 and 1."""

    threshold = 0.5

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        return 2 * table["a"].to_numpy() + 5 * (table["zone"] == "x").to_numpy()

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        chance = 1 / (1 + np.exp(-table["a"].to_numpy()))
        return np.column_stack([1 - chance, chance])


def rows(bad: float = 0.0) -> Examples:
    """Numbers as the formula says, with noise; in zone y off by `bad` more."""
    random = np.random.default_rng(5)
    table = pd.DataFrame({
        "a": random.normal(size=ROWS), "zone": random.choice(["x", "y", "z"], ROWS), "idle": random.normal(size=ROWS),
    })  # fmt: skip
    target = Formula().predict(table) + random.normal(size=ROWS) * np.where(table["zone"] == "y", 1 + bad, 1)
    return Examples(table, target, NUMBER)


def keys() -> pd.DataFrame:
    return pd.DataFrame({"order": [f"o{place}" for place in range(ROWS)]})


def test_a_planted_bad_slice_is_named_first_and_a_clean_model_has_none() -> None:
    examples = rows(bad=0.5)
    said = Predictions(Formula().predict(examples.table), examples.target)
    found = find_errors(examples, said, ["a", "zone", "idle"], keys())
    assert (found.loss, found.looked) == ("absolute error", 11)
    worst, *_ = found.slices
    assert (worst.column, worst.value) == ("zone", "y")
    assert worst.interval[0] < worst.loss - worst.elsewhere < worst.interval[1]
    clean = rows()
    assert find_errors(clean, Predictions(Formula().predict(clean.table), clean.target), ["zone"], keys()).slices == ()


def test_the_biggest_misses_have_their_key_and_the_features_that_matter() -> None:
    examples = rows()
    predicted = Formula().predict(examples.table)
    predicted[[7, 1234]] += [100, -200]
    found = find_errors(examples, Predictions(predicted, predicted), ["zone", "a"], keys())
    first, second, *_ = found.misses
    assert (first.key, second.key) == ({"order": "o1234"}, {"order": "o7"})
    assert first.target == f"{examples.target[1234]:.6g}"
    assert (list(first.features), first.features["zone"]) == (["zone", "a"], examples.table["zone"].iloc[1234])


def test_slices_of_few_units_are_not_judged() -> None:
    losses, column = np.random.default_rng(0).random(900), pd.DataFrame({"zone": ["a", "b", "c"] * 300})
    assert len([*find_slices(column, losses, None)]) == 3
    assert [*find_slices(column, losses, np.arange(900) % 6)] == []  # six units, and eight say something


def test_rows_that_depend_on_each_other_make_a_slice_less_sure() -> None:
    random = np.random.default_rng(3)
    units = np.arange(2000) // 40
    shared = random.normal(size=50)[units] ** 2
    column = pd.DataFrame({"late": units >= 25})
    by_row, by_unit = (next(iter(find_slices(column, shared, each))).error for each in (None, units))
    assert by_unit > 4 * by_row


def test_luck_names_a_slice_in_few_runs() -> None:
    named = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        columns = pd.DataFrame({f"c{number}": random.choice(list("abcde"), 1500) for number in range(20)})
        named += bool([*rank_slices([*find_slices(columns, random.exponential(size=1500), None)])])
    assert named <= 6  # of 40 at 5 %, exceeded in fewer than 1 of 100 suites


def test_losses_are_those_of_the_task() -> None:
    two = row_losses(np.array([1.0, 0.0]), Predictions(np.array([0.8, 0.1]), np.array([1, 0])), YES)
    assert two == pytest.approx([-np.log(0.8), -np.log(0.9)])
    three = Labels(task="multiclass", classes=("a", "b", "c"))
    shares = np.array([[0.2, 0.3, 0.5]])
    assert row_losses(np.array([1.0]), Predictions(shares, np.array([2])), three) == pytest.approx([-np.log(0.3)])


def test_effects_have_the_direction_and_the_size_that_they_have() -> None:
    number, category, idle = find_dependence(Formula(), rows(), ["a", "zone", "idle"])
    slope = np.diff(number.lines[""]) / np.diff(number.at)
    assert slope == pytest.approx(2)
    assert number.histogram is not None
    by_name = dict(zip(category.names, category.lines[""], strict=True))
    assert by_name["x"] - by_name["y"] == pytest.approx(5)
    assert sum(category.rows) == ROWS
    assert np.ptp(idle.lines[""]) == pytest.approx(0)


class Shares(Formula):
    """Three classes, of which the last moves most along `a`, and the first least along `zone`."""

    classes_ = np.arange(3)

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        last = 0.4 / (1 + np.exp(-table["a"].to_numpy()))
        middle = 0.1 + 0.2 * (table["zone"] == "x").to_numpy()
        return np.column_stack([1 - last - middle, middle, last])


def test_classes_have_one_order_whatever_moves_most() -> None:
    some = rows()
    three = Examples(some.table, np.zeros(ROWS), Labels(task="multiclass", classes=("p", "q", "r")))
    for each in find_dependence(Shares(), three, ["a", "zone"]):
        assert list(each.lines) == ["p", "q", "r"]


def test_a_study_shows_overfitting_thresholds_costs_and_errors() -> None:
    examples = rows()
    chance = Formula().predict_proba(examples.table)[:, 1]
    target = (np.random.default_rng(1).random(ROWS) < chance).astype(float)
    yes = Examples(examples.table, target, YES)
    by_heart = Examples(examples.table, (chance > 0.5).astype(float), YES)
    evaluation, _ = evaluate_model(Formula(), yes)
    found = study_model(
        evaluation, Formula(), yes, Material(by_heart, keys(), Costs(false_alarm=1, missed=2)), evaluation
    )
    assert found.learnt and found.learnt.metrics["accuracy"] == 1 > found.metrics["accuracy"]  # noqa: PT018
    assert [each.threshold for each in found.thresholds if each.served] == [Formula.threshold]
    assert found.costs and found.costs.rule == pytest.approx(found.costs.served[1])  # noqa: PT018
    assert found.costs.served[0] == Formula.threshold
    assert {each.feature for each in found.dependence} == {"a", "zone", "idle"}
    assert found.errors and found.errors.misses[0].predicted.startswith(("no (yes: ", "yes (yes: "))  # noqa: PT018
    assert found.metrics == evaluation.metrics


def test_a_study_can_be_stored_and_read() -> None:
    examples = rows()
    evaluation, _ = evaluate_model(Formula(), examples)
    found = study_model(evaluation, Formula(), examples, Material(examples, keys()))
    assert type(found).model_validate_json(found.model_dump_json()) == found
