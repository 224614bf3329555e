"""Where a model errs: the slices of rows that it predicts worse than the rest, and the rows it predicts worst.

Each value of each feature, of numbers each quarter, is a slice. Looking at many finds some by luck, so the intervals
are those of all of them at once (Bonferroni), from sums by unit where rows depend on each other.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from tierra.data.frames import text_of
from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.evaluate_model import sliced
from tierra.model.evaluation import Errors, Miss, WorseSlice
from tierra.model.examples import Examples

ROWS = 20_000
LEAST_ROWS, LEAST_UNITS = 50, 8
MOST_FEATURES = 100
SLICES, MISSES, SHOWN = 8, 10, 4
LEVEL = 0.95
SEED = 0
LOSSES = {"binary": "log loss", "multiclass": "log loss", "regression": "absolute error"}
CLIP = 1e-7


class Slice(NamedTuple):
    """A slice: its mean loss, that of all other rows, and the standard error of the difference of both."""

    column: str
    value: str
    rows: int
    loss: float
    elsewhere: float
    error: float
    degrees: int


def find_errors(rows: Examples, predictions: Predictions, ranked: list[str], keys: pd.DataFrame) -> Errors:
    """The worst slices of at most 20,000 test rows, and the ten worst rows of all.

    `ranked` are the features, the most important first; `keys` the key columns of the same rows.
    """
    losses = row_losses(rows.target, predictions, rows.labels)
    drawn = np.arange(len(losses))
    if len(losses) > ROWS:
        drawn = np.sort(np.random.default_rng(SEED).choice(len(losses), ROWS, replace=False))
    units = None if rows.units is None else rows.units[drawn]
    found = [*find_slices(rows.table[ranked[:MOST_FEATURES]].iloc[drawn], losses[drawn], units)]
    return Errors(
        loss=LOSSES[rows.labels.task],
        rows=len(drawn),
        slices=tuple(rank_slices(found)),
        looked=len(found),
        misses=tuple(_misses(rows, predictions, losses, ranked[:SHOWN], keys)),
    )


def row_losses(target: np.ndarray, predictions: Predictions, labels: Labels) -> np.ndarray:
    """The loss of each row: log loss of classes, the absolute error of a number."""
    match labels.task:
        case "regression":
            return np.asarray(np.abs(target - predictions.scores))
        case "binary":
            right = np.where(target == 1, predictions.scores, 1 - predictions.scores)
        case _:
            right = predictions.scores[np.arange(len(target)), target.astype(int)]
    return np.asarray(-np.log(np.clip(right, CLIP, 1)))


def find_slices(features: pd.DataFrame, losses: np.ndarray, units: np.ndarray | None) -> Iterator[Slice]:
    """Every slice of at least 50 rows, of 8 units, on either side."""
    whole = np.arange(len(losses)) if units is None else units
    for name in features:
        codes, values = pd.factorize(sliced(features[name]))
        for code, value in enumerate(values):
            inside = codes == code
            parts = (whole[inside], whole[~inside])
            if min(map(len, parts)) >= LEAST_ROWS:
                degrees = min(len(np.unique(part)) for part in parts) - 1
                if degrees + 1 >= LEAST_UNITS:
                    yield Slice(str(name), str(value), len(parts[0]), *_compared(losses, inside, whole), degrees)


def rank_slices(found: list[Slice]) -> Iterator[WorseSlice]:
    """The slices that are surely worse than the rest, the worst first."""
    tail = (1 - LEVEL) / 2 / max(len(found), 1)
    for each in sorted(found, key=lambda each: _least(each, tail), reverse=True)[:SLICES]:
        reach, worse = -float(stdtrit(each.degrees, tail)) * each.error, each.loss - each.elsewhere
        if worse - reach > 0:
            yield WorseSlice(column=each.column, value=each.value, rows=each.rows, loss=each.loss,
                             elsewhere=each.elsewhere, interval=(worse - reach, worse + reach))  # fmt: skip


def _least(each: Slice, tail: float) -> float:
    return each.loss - each.elsewhere + float(stdtrit(each.degrees, tail)) * each.error


def _compared(losses: np.ndarray, inside: np.ndarray, units: np.ndarray) -> tuple[float, float, float]:
    """The mean inside, the mean outside, and the standard error of their difference from sums by unit."""
    own, other = float(losses[inside].mean()), float(losses[~inside].mean())
    apart = np.where(inside, (losses - own) / inside.sum(), (other - losses) / (~inside).sum())
    sums = np.bincount(units, apart)
    return own, other, float(np.sqrt((sums**2).sum()))


def _misses(
    rows: Examples, predictions: Predictions, losses: np.ndarray, shown: list[str], keys: pd.DataFrame
) -> Iterator[Miss]:
    for place in np.argsort(-losses, kind="stable")[:MISSES]:
        features = rows.table[shown].iloc[[place]]
        target, predicted = _as_read(rows, predictions, int(place))
        yield Miss(key=_texts(keys.iloc[[place]]), target=target, predicted=predicted, features=_texts(features))


def _as_read(rows: Examples, predictions: Predictions, place: int) -> tuple[str, str]:
    """What a row's target is, and what was predicted of it, in words."""
    labels = rows.labels
    if labels.task == "regression":
        return f"{rows.target[place]:.6g}", f"{predictions.scores[place]:.6g}"
    target, decided = labels.classes[int(rows.target[place])], labels.classes[int(predictions.decision[place])]
    if labels.task == "binary":
        return target, f"{decided} ({labels.classes[1]}: {predictions.scores[place]:.1%})"
    return target, f"{decided} ({predictions.scores[place].max():.1%})"


def _texts(row: pd.DataFrame) -> Mapping[str, str]:
    return {str(name): "missing" if row[name].isna().iloc[0] else str(text_of(row[name]).iloc[0]) for name in row}
