"""Our metrics are scikit-learn's, on the same rows with the same weights."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as theirs
from sklearn.base import BaseEstimator

from tierra.data.labels import Labels
from tierra.errors import DataRejected, Misconfigured
from tierra.model.artifact import Predictions
from tierra.model.bootstrap import draw_metrics
from tierra.model.examples import Examples
from tierra.model.gate import advantage
from tierra.model.metrics import compute_metrics
from tierra.model.scorers import SCORERS
from tierra.model.spec import METRICS
from tierra.model.training import measure
from tierra.spec import Task

SEEDS = range(12)
FOUR = Labels(task="multiclass", classes=("a", "b", "c", "d"))
NUMBER = Labels(task="regression", classes=())


def binary(random: np.random.Generator, rows: int) -> tuple[np.ndarray, Predictions]:
    scores = random.random(rows).round(int(random.integers(1, 4))).clip(0.001, 0.999)  # with ties
    target = (random.random(rows) < scores).astype(float)
    target[:2] = [0.0, 1.0]
    return target, Predictions(scores, (scores >= 0.5).astype(int))


def multiclass(random: np.random.Generator, rows: int, absent: int | None = None) -> tuple[np.ndarray, Predictions]:
    scores = random.dirichlet(np.ones(4), rows).round(2) + 1e-3
    scores /= scores.sum(axis=1, keepdims=True)
    codes = [code for code in range(4) if code != absent]
    target = random.choice(codes, rows).astype(float)
    target[: len(codes)] = codes
    return target, Predictions(scores, scores.argmax(axis=1))


def regression(random: np.random.Generator, rows: int) -> tuple[np.ndarray, Predictions]:
    digits = int(random.integers(1, 9))  # few digits for ties, many for a median between two values
    target = random.normal(5, 3, rows).round(digits)
    predicted = (target + random.normal(size=rows)).round(digits)
    return target, Predictions(predicted, predicted)


def area_of_classes(target: np.ndarray, said: Predictions, weight: np.ndarray) -> float:
    """The mean over the classes that are there."""
    there = [code for code in range(4) if (target == code).any()]
    return float(np.mean([theirs.roc_auc_score(target == c, said.scores[:, c], sample_weight=weight) for c in there]))


def loss(target: np.ndarray, said: Predictions, weight: np.ndarray) -> float:
    every = np.column_stack([1 - said.scores, said.scores]) if said.scores.ndim == 1 else said.scores
    return float(theirs.log_loss(target, every, sample_weight=weight, labels=range(every.shape[1])))


def decided(function: Callable[..., Any], **rest: Any) -> Callable[..., float]:
    return lambda target, said, weight: float(function(target, said.decision, sample_weight=weight, **rest))


def scored(function: Callable[..., Any]) -> Callable[..., float]:
    return lambda target, said, weight: float(function(target, said.scores, sample_weight=weight))


THEIRS: dict[Task, dict[str, Callable[..., float]]] = {
    "binary": {
        "roc_auc": scored(theirs.roc_auc_score),
        "average_precision": scored(theirs.average_precision_score),
        "log_loss": loss,
        "brier": scored(theirs.brier_score_loss),
        "accuracy": decided(theirs.accuracy_score),
        "f1": decided(theirs.f1_score),
    },
    "multiclass": {
        "log_loss": loss,
        "roc_auc": area_of_classes,
        "accuracy": decided(theirs.accuracy_score),
        "balanced_accuracy": lambda target, said, weight: float(
            theirs.recall_score(target, said.decision, sample_weight=weight, average="macro", labels=np.unique(target))
        ),
        "f1": decided(theirs.f1_score, average="macro", zero_division=0),
    },
    "regression": {
        "rmse": scored(theirs.root_mean_squared_error),
        "mae": scored(theirs.mean_absolute_error),
        "median_error": scored(theirs.median_absolute_error),
        "mape": scored(theirs.mean_absolute_percentage_error),
        "r2": scored(theirs.r2_score),
    },
}
CASES: dict[str, tuple[Labels, Callable[..., tuple[np.ndarray, Predictions]]]] = {
    "binary": (Labels(), binary),
    "multiclass": (FOUR, multiclass),
    "a class absent": (FOUR, lambda random, rows: multiclass(random, rows, absent=2)),
    "regression": (NUMBER, regression),
}


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES)
def test_each_metric_equals_scikit_learns(case: str, weighted: bool) -> None:
    labels, draw = CASES[case]
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        target, said = draw(random, rows := int(random.integers(8, 400)))
        weight = random.gamma(1, 1, rows) if weighted else np.ones(rows)
        found = compute_metrics(target, said, labels, weight if weighted else None)
        expected = {name: metric(target, said, weight) for name, metric in THEIRS[labels.task].items()}
        if not target.all():
            expected.pop("mape", None)  # scikit-learn divides by the least number there is
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-12), seed


def test_every_metric_that_is_announced_is_computed_and_no_other() -> None:
    for labels, draw in CASES.values():
        target, said = draw(np.random.default_rng(0), 60)
        assert set(compute_metrics(target, said, labels)) == set(METRICS[labels.task])
        assert set(draw_metrics(target, said, labels, draws=3)) == set(METRICS[labels.task])
    assert {task: set(metrics) for task, metrics in METRICS.items()} == {t: set(m) for t, m in THEIRS.items()}


def test_whole_weights_count_rows_as_often() -> None:
    for labels, draw in CASES.values():
        random = np.random.default_rng(5)
        target, said = draw(random, 80)
        times = random.integers(1, 4, 80)
        again = Predictions(said.scores.repeat(times, axis=0), said.decision.repeat(times))
        assert compute_metrics(target, said, labels, times) == pytest.approx(
            compute_metrics(target.repeat(times), again, labels), rel=1e-12
        )


def test_a_metric_that_is_no_number_is_left_out_and_cannot_be_judged_by() -> None:
    same = compute_metrics(np.ones(3), Predictions(np.ones(3) * 0.4, np.zeros(3)), Labels())
    assert "roc_auc" not in same
    assert "brier" in same
    one = compute_metrics(np.ones(1), Predictions(np.ones(1), np.ones(1)), NUMBER)
    assert "r2" not in one
    with pytest.raises(DataRejected, match="metric-failed"):
        advantage("r2", one, {"r2": 0.5})


def test_the_scorers_are_scikit_learns() -> None:
    assert set(theirs.get_scorer_names()) == SCORERS


class Half(BaseEstimator):
    """Half of x, whatever the rows."""

    def predict(self, table: Any) -> np.ndarray:
        return table["x"].to_numpy() / 2


def rows(weight: np.ndarray | None = None) -> Examples:
    import pandas as pd

    return Examples(pd.DataFrame({"x": [1.0, 2.0, 4.0]}), np.array([1.0, 1.0, 1.5]), NUMBER, weight)


def test_scorers_are_computed_by_their_names_with_the_rows_weights() -> None:
    weight = np.array([1.0, 0.0, 3.0])
    found = measure(Half(), rows(weight), ["neg_mean_squared_error"])
    assert found["neg_mean_squared_error"] == pytest.approx(-np.average([0.25, 0, 0.25], weights=weight))
    assert measure(Half(), rows(), ["neg_max_error"])["neg_max_error"] == pytest.approx(-0.5)


@pytest.mark.parametrize("scorer", ["roc_auc", "neg_log_loss", "top_k_accuracy"])
def test_a_scorer_that_does_not_fit_is_refused_by_its_name(scorer: str) -> None:
    with pytest.raises(Misconfigured, match=rf"scorer {scorer}.*metric-failed"):
        measure(Half(), rows(), [scorer])
