"""What is measured for the guardrails: each as it is defined, and only what a project asks for."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tierra.data.labels import Labels
from tierra.errors import DataRejected
from tierra.model.artifact import Predictions
from tierra.model.examples import Examples
from tierra.model.gate_spec import Guardrails
from tierra.model.guarded import Guarded
from tierra.model.guardrails import calibration_error, measure_guardrails

ROWS = 6000
BINARY, NUMBER = Labels(task="binary", classes=("no", "yes")), Labels(task="regression", classes=())


class Half:
    """A model that always says a half."""

    threshold = 0.5

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """A half for both."""
        return np.full((len(table), 2), 0.5)


def yes_or_no(chance: np.ndarray, **columns: Any) -> Examples:
    target = (np.random.default_rng(1).random(len(chance)) < chance).astype(int)
    return Examples(pd.DataFrame({"chance": chance, **columns}), target, BINARY)


def said(chance: np.ndarray) -> Predictions:
    return Predictions(chance, (chance >= 0.5).astype(int))


def measured(rows: Examples, ours: Predictions, theirs: Predictions, size: int | None = None, **rails: Any) -> Guarded:
    stated = Guardrails.model_validate({"slices": {"find": False}, **rails})
    return measure_guardrails(stated, Half(), rows, (ours, theirs), None, (), size)


def test_nothing_is_measured_that_nobody_asked_for() -> None:
    chance = np.random.default_rng(0).random(ROWS)
    found = measured(yes_or_no(chance), said(chance), said(chance))
    assert found.slices
    assert found.slices.looked == 0
    assert found == Guarded(slices=found.slices)


def test_probabilities_that_come_true_have_no_calibration_error_and_shifted_ones_their_shift() -> None:
    chance = np.random.default_rng(0).uniform(0.2, 0.7, ROWS)
    rows = yes_or_no(chance)
    assert calibration_error(rows, said(chance)).value < 0.03
    found = calibration_error(rows, said(chance + 0.2))
    assert found.value == pytest.approx(0.2, abs=0.02)
    low, high = found.interval(0.025)
    assert low < 0.2 < high
    assert high - low < 0.05


def test_of_several_classes_the_likeliest_is_looked_at() -> None:
    target = np.random.default_rng(0).choice(3, ROWS, p=[0.6, 0.3, 0.1])
    labels = Labels(task="multiclass", classes=("a", "b", "c"))
    scores = np.tile([0.9, 0.06, 0.04], (ROWS, 1))
    rows = Examples(pd.DataFrame(index=range(ROWS)), target, labels)
    assert calibration_error(rows, Predictions(scores, scores.argmax(1))).value == pytest.approx(0.3, abs=0.02)


def test_the_recall_of_each_class_is_compared_on_its_rows() -> None:
    target = np.repeat([0, 1], [400, 100])
    rows = Examples(pd.DataFrame(index=range(500)), target, BINARY)
    ours, theirs = np.zeros(500, int), target.copy()
    ours[400:430] = 1
    found = measured(rows, Predictions(ours * 1.0, ours), Predictions(theirs * 1.0, theirs), classes={"drop": 0.1})
    assert [(each.name, each.rows, each.recall.value, each.fall.value) for each in found.classes] == [
        ("no", 400, 1.0, 0.0), ("yes", 100, 0.3, 0.7)
    ]  # fmt: skip
    assert found.classes[1].fall.interval(0.01)[0] > 0.5


@pytest.mark.parametrize(("of", "gap"), [("decided", 0.6), ("recall", 0.3), ("error", 0.28)])
def test_groups_are_compared_by_what_is_asked(of: str, gap: float) -> None:
    sex = np.repeat(["f", "m", "x"], [100, 100, 10])  # ten rows are too few to be a group
    decision = np.repeat([1, 0, 1, 0, 1], [90, 10, 30, 70, 10])
    target = np.concatenate([np.repeat([1, 0], [50, 50]), np.repeat([1, 0], [42, 58]), np.ones(10, int)])
    if of == "recall":
        target[:100] = 1
        target[100:200] = np.repeat([1, 0], [50, 50])
    rows = Examples(pd.DataFrame({"sex": sex}), target, BINARY)
    ours = Predictions(decision * 1.0, decision)
    found = measured(rows, ours, ours, fairness={"by": ["sex"], "difference": 0.1, "of": of})
    (only,) = found.gaps
    assert only.gap.value == pytest.approx(gap)
    assert {only.low, only.high} == {"f", "m"}


def test_a_number_is_compared_by_its_mean_error() -> None:
    table = pd.DataFrame({"zone": ["A"] * 50 + ["B"] * 50})
    rows = Examples(table, np.zeros(100), NUMBER)
    ours = Predictions(np.repeat([1.0, 3.0], 50), np.repeat([1.0, 3.0], 50))
    found = measured(rows, ours, ours, fairness={"by": ["zone"], "difference": 1})
    assert (found.gaps[0].gap.value, found.gaps[0].high) == (2.0, "B")


def test_groups_of_a_column_that_is_nowhere_are_refused() -> None:
    chance = np.full(100, 0.5)
    with pytest.raises(DataRejected, match="no column 'sexx'"):
        measured(yes_or_no(chance, sex="f"), said(chance), said(chance), fairness={"by": ["sexx"], "difference": 0.1})


def test_time_and_size_are_those_of_one_row_and_the_file() -> None:
    chance = np.full(100, 0.5)
    found = measured(yes_or_no(chance), said(chance), said(chance), 2_500_000, latency_ms=1, size_mb=1)
    assert found.size_mb == 2.5
    assert found.latency_ms
    assert 0 < found.latency_ms < 50
