"""Metrics of a task, each computed for many weightings of the rows at once.

One weighting gives the metric itself; a thousand random ones give its bootstrap
interval, by the same code.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import xlogy

from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.spec import PINBALL, POISSON, Costs

CLIP = 1e-7
TINY = 1e-30
NEAR = 1e-6  # scores this close to a half may be one, but for their last bits
# Ranks that the draws of a bootstrap tell apart; a metric itself tells all of them.
COARSE = 4096
Metrics = dict[str, np.ndarray]
WeightedMetrics = Callable[[np.ndarray], Metrics]


def compute_metrics(
    target: np.ndarray,
    predictions: Predictions,
    labels: Labels,
    weight: np.ndarray | None = None,
    more: Sequence[str] = (),
) -> dict[str, float]:
    """Every metric of the task that these rows have, by name. Log loss clips probabilities to [1e-7, 1 - 1e-7].

    `more` names metrics that are computed on request: pinball losses and the Poisson deviance. R² of one
    value, or the area under a curve of one class, is not defined and is left out.
    """
    weights = (np.ones(len(target)) if weight is None else weight.astype(float))[None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        computed = weighted_metrics(target, predictions, labels, more)(weights)
    found = {name: float(values[0]) for name, values in computed.items()}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def weighted_metrics(
    target: np.ndarray, predictions: Predictions, labels: Labels, more: Sequence[str] = (), coarse: bool = False
) -> WeightedMetrics:
    """The task's metrics as a function of row weights of shape (draws, rows).

    `coarse` lets areas tell 4,096 ranks apart, which moves them by less than 0.0001, in half the time.
    """
    match labels.task:
        case "binary":
            return _binary(target, predictions, coarse)
        case "multiclass":
            return _multiclass(target.astype(int), predictions, len(labels.classes), coarse)
        case _:
            return _regression(target, predictions.scores, more)


def _binary(target: np.ndarray, predictions: Predictions, coarse: bool) -> WeightedMetrics:
    ranked = _ranking(target, predictions.scores, coarse)
    actual, decided = target == 1, predictions.decision == 1
    right = np.clip(np.where(actual, predictions.scores, 1 - predictions.scores), CLIP, 1 - CLIP)
    squared = (predictions.scores - target) ** 2
    sums = np.column_stack([-np.log(right), squared, decided == actual, decided & actual, decided, actual])

    def metrics(weights: np.ndarray) -> Metrics:
        total = weights.sum(axis=1)
        loss, brier, correct, hits, alarms, cases = _summed(weights, sums)
        area, precision = ranked(weights)
        return {
            "roc_auc": area,
            "average_precision": precision,
            "log_loss": loss / total,
            "brier": brier / total,
            "accuracy": correct / total,
            "f1": _share(2 * hits, alarms + cases),
        }

    return metrics


def _multiclass(target: np.ndarray, predictions: Predictions, classes: int, coarse: bool) -> WeightedMetrics:
    codes = np.arange(classes)
    actual, decided = target[:, None] == codes, predictions.decision[:, None] == codes
    right = np.clip(predictions.scores[np.arange(len(target)), target], CLIP, 1 - CLIP)
    sums = np.column_stack([-np.log(right), predictions.decision == target, actual & decided, decided, actual])
    areas = [
        _ranking(actual[:, code], predictions.scores[:, code], coarse)
        for code in codes
        if 0 < actual[:, code].sum() < len(target)
    ]

    def metrics(weights: np.ndarray) -> Metrics:
        total, summed = weights.sum(axis=1), _summed(weights, sums)
        hits, alarms, cases = summed[2:].reshape(3, classes, -1)
        present = cases > 0
        return {
            "log_loss": summed[0] / total,
            "roc_auc": _present_mean([area(weights)[0] for area in areas], len(total)),
            "accuracy": summed[1] / total,
            "balanced_accuracy": _mean(_share(hits, cases), present),
            "f1": _mean(_share(2 * hits, alarms + cases), present | (alarms > 0)),
        }

    return metrics


def _regression(target: np.ndarray, predicted: np.ndarray, more: Sequence[str]) -> WeightedMetrics:
    error, centred = predicted - target, target - target.mean()
    order = np.argsort(np.abs(error), kind="stable")
    relative = np.abs(error) / np.where(target == 0, np.nan, np.abs(target))  # of 0 there is none
    requested = {name: _loss(name, target, predicted) for name in more if name in PINBALL or name == POISSON}
    sums = np.column_stack([error**2, np.abs(error), relative, centred, centred**2, *requested.values()])

    def metrics(weights: np.ndarray) -> Metrics:
        total = weights.sum(axis=1)
        squared, absolute, shares, first, second, *losses = _summed(weights, sums)
        return {
            "rmse": np.sqrt(squared / total),
            "mae": absolute / total,
            "mape": shares / total,
            "median_error": _median(np.abs(error)[order], weights[:, order]),
            "r2": 1 - _share(squared, second - first**2 / total, np.nan),
            **{name: loss / total for name, loss in zip(requested, losses, strict=True)},
        }

    return metrics


def _loss(name: str, target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The loss of each row: of a quantile's prediction, or of an expected count, which must be above 0."""
    if name == POISSON:
        positive = np.where((predicted > 0) & (target >= 0), predicted, np.nan)
        deviance: np.ndarray = 2 * (xlogy(target, target / positive) - target + positive)
        return deviance
    return np.maximum(PINBALL[name] * (target - predicted), (PINBALL[name] - 1) * (target - predicted))


def _ranking(
    target: np.ndarray, scores: np.ndarray, coarse: bool
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Area under the ROC curve and average precision; ties count half in the one, together in the other."""
    order = np.argsort(-scores, kind="stable")
    actual, ranked = target[order] == 1, scores[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    starts = starts[:: -(-len(starts) // COARSE)] if coarse else starts
    tied = len(starts) < len(order)

    def areas(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        every = np.take(weights, order, axis=1)
        new_hits = every * actual.astype(every.dtype)
        if tied:
            every, new_hits = (np.add.reduceat(each, starts, axis=1) for each in (every, new_hits))
        hits, called = np.cumsum(new_hits, axis=1), np.cumsum(every, axis=1)
        positives, negatives = hits[:, -1], called[:, -1] - hits[:, -1]
        area = np.einsum("ij,ij->i", every - new_hits, hits - new_hits / 2)
        precision = np.einsum("ij,ij->i", new_hits, hits / np.maximum(called, TINY))
        return _share(area, positives * negatives, np.nan), _share(precision, positives, np.nan)

    return areas


def _summed(weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The weighted sum of each column, shape (columns, draws)."""
    summed: np.ndarray = (weights @ columns.astype(weights.dtype)).T
    return summed


def _share(part: np.ndarray, whole: np.ndarray, nothing: float = 0.0) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), nothing, dtype=np.asarray(part).dtype), where=whole > 0)


def _mean(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The mean over classes that are there, shape (draws,)."""
    mean: np.ndarray = (values * present).sum(axis=0) / present.sum(axis=0)
    return mean


def _present_mean(values: list[np.ndarray], draws: int) -> np.ndarray:
    """The mean over the finite values in each draw; NaN where there is none."""
    each = np.array(values).reshape(len(values), draws)
    return _share(np.nansum(each, axis=0), np.isfinite(each).sum(axis=0), np.nan)


def _median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted median of sorted values: the midpoint where the weight is halved exactly."""
    below = np.cumsum(weights, axis=1)
    half = below[:, -1:] / 2
    low, high = (below < half).sum(axis=1), (below <= half).sum(axis=1)
    last = len(values) - 1
    middle: np.ndarray = (values[np.minimum(low, last)] + values[np.minimum(high, last)]) / 2
    return middle


def choose_threshold(target: np.ndarray, probability: np.ndarray, costs: Costs | None) -> float:
    """The probability from which to decide yes: the cheapest on these rows, else 0.5.

    Placed between neighbouring scores, so that last-bit differences
    between batch and single rows cannot flip a decision.
    """
    if costs is None:
        return half(probability)
    scores = np.unique(probability)
    edges = np.concatenate([[-np.inf], scores, [np.inf]])
    order = np.argsort(probability, kind="stable")
    positives = np.concatenate([[0], np.cumsum(target[order])])
    below = np.searchsorted(probability[order], scores, side="left")
    below = np.append(below, len(target))
    missed = positives[below]
    alarms = (len(target) - below) - (positives[-1] - missed)
    cost = costs.false_alarm * alarms + costs.missed * missed
    return _midway(edges, int(np.argmin(cost)) + 1)


def half(probability: np.ndarray) -> float:
    """0.5, or just below it where one of these probabilities is a half but for its last bits."""
    if np.abs(probability - 0.5).min(initial=1.0) > NEAR:
        return 0.5
    return float(max(place_between(probability, 0.5 - NEAR), 0.5 - 2 * NEAR))


def place_between(probability: np.ndarray, at: float) -> float:
    """A cut that divides these probabilities as `at` does, midway between its neighbours among them."""
    edges = np.concatenate([[-np.inf], np.unique(probability), [np.inf]])
    return _midway(edges, int(np.searchsorted(edges, at)))


def _midway(edges: np.ndarray, index: int) -> float:
    low, high = edges[index - 1], edges[index]
    if np.isinf(low):
        return float(max(high / 2, 0.0)) if np.isfinite(high) else 0.5
    middle = (low + min(high, 1.0)) / 2
    # There is no float between neighbours, nor between a probability of 1 and 1.
    return float(middle if middle > low else min(high, np.nextafter(low, 2.0)))
