"""Predictions that were made before are measured as their model was, by scorers of scikit-learn too."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, log_loss, max_error

from tierra.data.labels import Labels
from tierra.model.examples import Examples
from tierra.model.recorded import Recorded
from tierra.model.training import measure

ROWS = 300
CHANCE = np.random.default_rng(0).random(ROWS)
TARGET = (np.random.default_rng(1).random(ROWS) < CHANCE).astype(float)


def measured(predictions: pd.DataFrame, target: np.ndarray, labels: Labels, *scorers: str) -> dict[str, float]:
    rows = Examples(pd.DataFrame({"x": np.zeros(ROWS)}), target, labels)
    return measure(Recorded(predictions, labels, 0.3), rows, scorers)


def test_two_classes_are_scored_by_what_was_decided() -> None:
    found = measured(pd.DataFrame({"probability": CHANCE}), TARGET, Labels(), "f1_macro", "neg_log_loss")
    assert found["f1_macro"] == pytest.approx(f1_score(TARGET, CHANCE >= 0.3, average="macro"))
    assert found["neg_log_loss"] == pytest.approx(-log_loss(TARGET, CHANCE))


def test_several_classes_are_scored_by_the_likeliest() -> None:
    labels, target = Labels(task="multiclass", classes=("a", "b", "c")), np.arange(ROWS) % 3.0
    shares = np.random.default_rng(2).dirichlet(np.ones(3), ROWS)
    table = pd.DataFrame(shares, columns=[f"probability_{name}" for name in labels.classes])
    found = measured(table, target, labels, "f1_weighted")
    assert found["f1_weighted"] == pytest.approx(f1_score(target, shares.argmax(axis=1), average="weighted"))


def test_numbers_are_scored_as_they_are() -> None:
    found = measured(pd.DataFrame({"prediction": CHANCE}), CHANCE * 2, Labels(task="regression", classes=()),
                     "neg_max_error")  # fmt: skip
    assert found["neg_max_error"] == pytest.approx(-max_error(CHANCE * 2, CHANCE))
