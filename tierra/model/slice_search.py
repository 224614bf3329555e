"""The slices in which one model is worse than another, however good it is on the whole.

Each value of each column is a slice, of numbers each quarter. Within it the losses of both models are compared row by
row. Looking at many finds some by luck, so each is judged at alpha divided by how many were looked at (Bonferroni):
where none is worse, one is found in at most alpha of the runs.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.difference import Difference
from tierra.model.evaluate_model import sliced
from tierra.model.guarded import SliceDifference, SliceSearch

LEAST_ROWS = 30
KEPT = 12
TINY = 1e-12
# Of rows that differ this much both models get one more, as paired.py does for the whole.
UNLIKE = 0.99


def row_losses(target: np.ndarray, predictions: Predictions, labels: Labels) -> np.ndarray:
    """The loss of each row, between 0 and 1 for classes: the squared error of the probabilities; else the error."""
    if labels.task == "binary":
        return np.asarray((predictions.scores - target) ** 2)
    if labels.task == "regression":
        return np.asarray(np.abs(predictions.scores - target))
    actual = target.astype(int)[:, None] == np.arange(len(labels.classes))
    return np.asarray(((predictions.scores - actual) ** 2).sum(axis=1) / 2)


def find_worst(
    columns: pd.DataFrame, ours: np.ndarray, theirs: np.ndarray, drop: float, weight: np.ndarray | None = None,
    units: np.ndarray | None = None,
) -> SliceSearch:  # fmt: skip
    """Where the loss of one model is larger than the other's by more than the share `drop` of it.

    Rows of one unit, such as a group or a block of days, are not taken for independent.
    """
    rows = len(ours)
    losses = _Losses(
        ours, theirs, ours - (1 + drop) * theirs, np.ones(rows) if weight is None else weight,
        np.arange(rows) if units is None else np.unique(units, return_inverse=True)[1],
    )  # fmt: skip
    found = [each for name in columns for each in _slices_of(str(name), columns[name], losses)]
    ranked = sorted(found, key=lambda each: each.beyond.value / max(each.beyond.error, TINY), reverse=True)
    return SliceSearch(looked=len(found), worst=tuple(ranked[:KEPT]))


class _Losses(NamedTuple):
    """The losses of both models, what of them is beyond the limit, and weight and unit of each row."""

    ours: np.ndarray
    theirs: np.ndarray
    beyond: np.ndarray
    weight: np.ndarray
    unit: np.ndarray


def _slices_of(column: str, values: pd.Series, losses: _Losses) -> Iterator[SliceDifference]:
    codes, names = pd.factorize(sliced(values))
    rows, units = np.bincount(codes, minlength=len(names)), int(losses.unit.max()) + 1
    whole, ours, theirs, beyond = (
        np.bincount(codes, losses.weight * each, len(names))
        for each in (1.0, losses.ours, losses.theirs, losses.beyond)
    )
    places = codes * units + losses.unit
    weights, sums = (np.bincount(places, each, len(names) * units).reshape(-1, units)
                     for each in (losses.weight, losses.weight * losses.beyond))  # fmt: skip
    unlike = float(np.quantile(np.abs(losses.beyond), UNLIKE))
    least = np.average(losses.theirs, weights=losses.weight) / 100
    for code in np.flatnonzero((rows >= LEAST_ROWS) & (whole > 0) & (rows < len(values))):
        mean, base = beyond[code] / whole[code], max(theirs[code] / whole[code], least, TINY)
        error, count = _error_of_mean(mean, sums[code], weights[code])
        error = float(np.hypot(error, np.sqrt(2) * unlike / (rows[code] + 2))) / base
        apart = Difference(value=mean / base, error=error, freedom=max(count - 1, 1))
        growth = (ours[code] - theirs[code]) / whole[code] / base
        yield SliceDifference(column=column, value=str(names[code]), rows=int(rows[code]), growth=growth, beyond=apart)


def _error_of_mean(mean: float, sums: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The standard error of a weighted mean from the sums of its units, and how many units it hangs on."""
    whole, count = weights.sum(), weights.sum() ** 2 / (weights**2).sum()
    spread = np.sqrt(((sums - mean * weights) ** 2).sum()) / whole
    return float(spread * np.sqrt(count / max(count - 1, TINY))), float(count)
