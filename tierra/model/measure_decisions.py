"""How good decisions and intervals are on rows that nothing was chosen on."""

from typing import Any

import numpy as np
from scipy.stats import binomtest

from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.band import coverage_risk
from tierra.model.conformal import Ranged
from tierra.model.decision_chosen import DecisionMeasured


def measure_decisions(
    model: Any, target: np.ndarray, predictions: Predictions, labels: Labels
) -> DecisionMeasured | None:
    """What these predictions of labelled rows are worth as decisions; nothing of numbers without an interval."""
    if isinstance(model, Ranged) and len(target):
        return _measure_interval(model, target, predictions)
    if labels.task == "regression" or not len(target):
        return None
    is_wrong = predictions.decision != target
    shares, risks = coverage_risk(predictions.scores, is_wrong, getattr(model, "threshold", None))
    measured = DecisionMeasured(decided_shares=tuple(shares.tolist()), risks=tuple(risks.tolist()))
    return measured if predictions.review is None else _with_band(measured, is_wrong, predictions.review)


def share_interval(rows: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share, after Clopper and Pearson."""
    found = binomtest(rows, of).proportion_ci(0.95, "exact")
    return float(found.low), float(found.high)


def _with_band(measured: DecisionMeasured, is_wrong: np.ndarray, review: np.ndarray) -> DecisionMeasured:
    decided, told = int((~review).sum()), {"reviewed": float(review.mean())}
    if not decided:
        return measured.model_copy(update=told)
    wrong = int(is_wrong[~review].sum())
    return measured.model_copy(
        update={**told, "risk": wrong / decided, "risk_interval": share_interval(wrong, decided)}
    )


def _measure_interval(model: Ranged, target: np.ndarray, predictions: Predictions) -> DecisionMeasured:
    inside = int((np.abs(target - predictions.scores) <= model.width).sum())
    return DecisionMeasured(
        stated=model.coverage, covered=inside / len(target), covered_interval=share_interval(inside, len(target)),
        width=model.width,
    )  # fmt: skip
