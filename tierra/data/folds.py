"""Folds of the rows that are not test: each candidate predicts rows that it was not fitted on.

Without time, every row is held out once. In time, the last blocks of days are held out, one after the other, and what
predicts a block was fitted on the days before it alone.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tierra.data.labels import Labels
from tierra.data.spec import Effort, Split
from tierra.data.split import mix, strata_of
from tierra.data.units import as_numbers

# The most folds at each effort by rows: where many rows are held out, what is measured on them is sharp.
MOST_FOLDS: dict[Effort, tuple[tuple[int, int], ...]] = {
    "quick": (),
    "normal": ((20_000, 5), (60_000, 3)),
    "high": ((60_000, 5), (200_000, 3)),
}
# With more classes than these boosting has a tree for each of them in every step, and fewer folds.
FEW_CLASSES, MANY_CLASSES_FOLDS = 4, 3
# Blocks of days go back as long as this share of the rows lies before them.
LEAST_BEFORE = 0.5
MOST_BLOCKS = 4


class Fold(NamedTuple):
    """The places of the rows that a candidate is fitted on, and of those that it then predicts."""

    fitted: np.ndarray
    held_out: np.ndarray


def make_folds(
    units: pd.Series, target: pd.Series, validation: np.ndarray, split: Split, labels: Labels, effort: Effort
) -> list[Fold]:
    """Folds of the learning rows, by the units that are never split; the validation part alone where one is enough.

    `validation` says which rows are of that part. A fold that would not know a class is not made.
    """
    alone = [Fold(np.flatnonzero(~validation), np.flatnonzero(validation))]
    most = most_folds(len(target), labels, effort)
    if most == 1:
        return alone
    if split.by == "time":
        blocks = _blocks(units, validation, min(most, MOST_BLOCKS))
        return [fold for fold in blocks if _knows(fold, target, labels)] or alone
    number = _number(units, target, most, split.seed, labels)
    folds = [Fold(np.flatnonzero(number != each), np.flatnonzero(number == each)) for each in range(most)]
    return folds if all(_knows(fold, target, labels) for fold in folds) else alone


def most_folds(rows: int, labels: Labels, effort: Effort) -> int:
    """How many folds so many rows are to be held out in; 1 where the validation part is enough."""
    most = next((folds for limit, folds in MOST_FOLDS[effort] if rows <= limit), 1)
    return min(most, MANY_CLASSES_FOLDS) if len(labels.classes) > FEW_CLASSES and labels.task == "multiclass" else most


def _blocks(units: pd.Series, validation: np.ndarray, most: int) -> list[Fold]:
    """The validation part, and blocks of as many days before it, the earliest first."""
    days = as_numbers(units)
    first, last = days[validation].min(), days.max()
    length, folds = last - first + 1, [Fold(np.flatnonzero(days < first), np.flatnonzero(days >= first))]
    while len(folds) < most:
        end, first = first, first - length
        before, held = np.flatnonzero(days < first), np.flatnonzero((days >= first) & (days < end))
        if not len(held) or len(before) < LEAST_BEFORE * len(days):
            break
        folds.append(Fold(before, held))
    return folds[::-1]


def _number(units: pd.Series, target: pd.Series, folds: int, seed: int, labels: Labels) -> np.ndarray:
    """The fold of each row: whole units, in the order of their digests within each stratum."""
    digests = mix(units.to_numpy("int64").view("uint64"), seed + 1)
    table = pd.DataFrame({"place": digests, "stratum": strata_of(target, labels)})
    first = table.drop_duplicates("place").sort_values(["stratum", "place"])
    number = pd.Series(np.arange(len(first)) % folds, index=first["place"])
    return table["place"].map(number).to_numpy()


def _knows(fold: Fold, target: pd.Series, labels: Labels) -> bool:
    if not len(fold.held_out) or not len(fold.fitted):
        return False
    return labels.task == "regression" or target.iloc[fold.fitted].nunique() == target.nunique()
