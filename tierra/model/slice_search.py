"""The slices in which one model is worse than another, however good it is on the whole.

Each value of each column is a slice, of numbers each quarter. Within it the losses of both models are compared row by
row. Looking at many finds some by luck, so each is judged at alpha divided by how many were looked at (Bonferroni):
where none is worse, one is found in at most alpha of the runs.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.difference import Difference
from tierra.model.evaluate_model import sliced
from tierra.model.guarded import SliceDifference, SliceSearch

LEAST_ROWS = 30
KEPT = 12
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
    columns: pd.DataFrame, ours: np.ndarray, theirs: np.ndarray, drop: float, weight: np.ndarray | None = None
) -> SliceSearch:
    """Where the loss of one model is larger than the other's by more than the share `drop` of it."""
    weights = np.ones(len(ours)) if weight is None else weight
    beyond = ours - (1 + drop) * theirs
    unit = float(np.quantile(np.abs(beyond), UNLIKE))
    least = np.average(theirs, weights=weights) / 100
    sums = np.column_stack([weights, weights * ours, weights * theirs, weights * beyond, (weights * beyond) ** 2])
    found = [each for name in columns for each in _slices_of(str(name), columns[name], sums, weights, unit, least)]
    ranked = sorted(found, key=lambda each: each.beyond.value / max(each.beyond.error, 1e-30), reverse=True)
    return SliceSearch(looked=len(found), worst=tuple(ranked[:KEPT]))


def _slices_of(
    column: str, values: pd.Series, sums: np.ndarray, weights: np.ndarray, unit: float, least: float
) -> Iterator[SliceDifference]:
    codes, names = pd.factorize(sliced(values))
    rows = np.bincount(codes, minlength=len(names))
    squares = np.bincount(codes, weights**2, len(names))
    total = np.column_stack([np.bincount(codes, each, len(names)) for each in sums.T])
    second = np.bincount(codes, weights * sums[:, 3], len(names))
    for code in np.flatnonzero((rows >= LEAST_ROWS) & (total[:, 0] > 0) & (rows < len(values))):
        whole, ours, theirs, beyond, squared = total[code]
        mean = beyond / whole
        # The variance of a weighted mean: the sum of (weight x distance from the mean) squared.
        variance = (squared - 2 * mean * second[code] + mean**2 * squares[code]) / whole**2
        count = whole**2 / squares[code]
        error = np.sqrt(max(variance, 0) * count / max(count - 1, 1) + 2 * (unit / (count + 2)) ** 2)
        base = max(theirs / whole, least, 1e-12)
        apart = Difference(value=mean / base, error=error / base, freedom=max(count - 1, 1))
        growth = (ours - theirs) / whole / base
        yield SliceDifference(column=column, value=str(names[code]), rows=int(rows[code]), growth=growth, beyond=apart)
