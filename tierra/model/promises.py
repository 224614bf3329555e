"""What a model promises of its predictions, and whether a night's rows are like those that the promise was made on.

Intervals, corrected probabilities and abstain bands hold for rows that are exchangeable with those of validation and
test. Labels come later, so what can be seen at once is whether predictions and inputs are distributed as they were.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from scipy.stats import chi2_contingency
from sklearn.model_selection import FixedThresholdClassifier

from tierra.data.profile import Difference
from tierra.model.calibration import Calibrated
from tierra.model.conformal import Ranged
from tierra.model.evaluation import Histogram
from tierra.model.review import Reviewed

CHANCE: Final = 0.001  # that rows which are alike are called unlike
APART: Final = 0.1  # of the rows; what is significant and smaller changes little
NAMED: Final = 3


def promise_of(model: Any) -> str:
    """What a served model promises; empty where it promises nothing."""
    match model:
        case Ranged():
            share = f"{model.coverage * 100:.4g} %"
            return f"that {share} of the actual numbers lie between prediction_low and prediction_high"
        case Reviewed():
            return "of what is wrong among the decided rows"
        case FixedThresholdClassifier():
            return promise_of(model.estimator.estimator)
        case Calibrated():
            return "that probabilities are shares, as corrected on validation,"
        case _:
            return ""


def find_shift(
    current: Histogram | None, reference: Histogram | None, decided: Mapping[str, int], before: Mapping[str, int]
) -> str:
    """How predictions differ from those of the champion's test rows, in words; empty where they are alike."""
    if current and reference:
        apart, limit = distance(current, reference)
        if apart >= max(APART, limit):
            return f"the predictions are unlike those of its test rows ({apart:.2f} apart, up to {limit:.2f} by chance)"
        return ""
    apart, is_chance = _shares_apart(decided, before)
    if apart < APART or is_chance:
        return ""
    return f"the decided classes are unlike those of its test rows ({apart:.0%} of the rows moved)"


def strong_inputs(differences: Sequence[Difference], features: Sequence[str]) -> Iterator[str]:
    """The features that are strongly unlike those of the training, in words."""
    moved = [each for each in differences if each.severity == "strong" and each.column in features]
    yield from (f"{each.column}: {each.what}" for each in moved[:NAMED])


def distance(current: Histogram, reference: Histogram) -> tuple[float, float]:
    """The largest difference of two cumulative distributions, and what chance makes of it once in a thousand times.

    After Kolmogorov and Smirnov; that the values lie in bins makes it smaller, never larger.
    """
    now, then = np.array(current.counts, float), np.array(reference.counts, float)
    rows, before = now.sum(), then.sum()
    if not (rows and before and len(now) == len(then)):
        return 0.0, 1.0
    apart = float(np.abs(np.cumsum(now) / rows - np.cumsum(then) / before).max())
    return apart, float(np.sqrt(-np.log(CHANCE / 2) / 2 * (rows + before) / (rows * before)))


def _shares_apart(now: Mapping[str, int], then: Mapping[str, int]) -> tuple[float, bool]:
    """The share of rows that are decided otherwise, and whether chance does the same once in a thousand times."""
    counts = np.array([[each.get(name, 0) for name in {*now, *then}] for each in (now, then)], float)
    if counts.shape[1] < 2 or not counts.sum(axis=1).all():
        return 0.0, True
    shares = counts / counts.sum(axis=1, keepdims=True)
    return float(np.abs(shares[0] - shares[1]).sum() / 2), bool(chi2_contingency(counts).pvalue >= CHANCE)
