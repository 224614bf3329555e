"""Rows drawn again, left out, or made between neighbours (SMOTE and SMOTENC, Chawla et al., 2002), by imbalanced-learn.

Neighbours are found among standardised numbers, their gaps filled with the median, and categories as they are. The
real rows stay as they were, gaps included.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from tierra.model.balance_spec import Resample

SEED = 0


def draw_places(target: np.ndarray, balance: Resample) -> np.ndarray:
    """The places of the rows that are learnt from: some twice or more, or some not at all."""
    from imblearn.over_sampling import RandomOverSampler  # type: ignore[import-untyped]
    from imblearn.under_sampling import RandomUnderSampler  # type: ignore[import-untyped]

    over = balance.resample == "over"
    wanted = _wanted_over(target, balance.ratio) if over else _wanted_under(target, balance.ratio)
    if not wanted:
        return np.arange(len(target))
    sampler = (RandomOverSampler if over else RandomUnderSampler)(sampling_strategy=wanted, random_state=SEED)
    sampler.fit_resample(np.arange(len(target))[:, None], target.astype(int))
    return np.sort(np.asarray(sampler.sample_indices_))


def make_rows(table: pd.DataFrame, target: np.ndarray, balance: Resample) -> tuple[pd.DataFrame, np.ndarray]:
    """New rows of the smaller classes, and their classes. A class of a single row has no neighbour, and gets none."""
    counts = np.bincount(target.astype(int))
    wanted = {code: rows for code, rows in _wanted_over(target, balance.ratio).items() if counts[code] > 1}
    if not wanted or not len(table.columns):
        return table.iloc[:0], np.zeros(0)
    coded = _Coded.of(table)
    neighbours = min(balance.neighbours, min(int(counts[code]) for code in wanted) - 1)
    made, classes = _sampler(coded, wanted, neighbours).fit_resample(coded.values, target.astype(int))
    return coded.to_table(np.asarray(made)[len(table) :]), np.asarray(classes)[len(table) :].astype(float)


def _sampler(coded: "_Coded", wanted: dict[int, int], neighbours: int) -> Any:
    from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC

    stated = {"sampling_strategy": wanted, "random_state": SEED, "k_neighbors": neighbours}
    categories = [place for place, each in enumerate(coded.levels) if each is not None]
    if not categories:
        return SMOTE(**stated)
    return SMOTEN(**stated) if len(categories) == len(coded.levels) else SMOTENC(categories, **stated)


def _wanted_over(target: np.ndarray, ratio: float) -> dict[int, int]:
    """How many rows each class is to have that has too few."""
    counts = np.bincount(target.astype(int))
    least = ceil(ratio * int(counts.max()))
    return {code: least for code, count in enumerate(counts) if 0 < count < least}


def _wanted_under(target: np.ndarray, ratio: float) -> dict[int, int]:
    """How many rows each class is to have that has too many."""
    counts = np.bincount(target.astype(int))
    most = int(counts[counts > 0].min() / ratio)
    return {code: most for code, count in enumerate(counts) if count > most}


@dataclass(frozen=True)
class _Coded:
    """A table as numbers: standardised ones, and the places of categories among their levels."""

    names: list[str]
    values: np.ndarray
    levels: list[pd.Index | None]
    middle: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame) -> "_Coded":
        columns: list[np.ndarray] = []
        levels: list[pd.Index | None] = []
        middle, spread = np.zeros(table.shape[1]), np.ones(table.shape[1])
        for place, name in enumerate(table):
            values = table[name]
            if values.dtype.kind == "f":
                filled = values.fillna(values.median() if values.notna().any() else 0.0).to_numpy(float)
                middle[place], spread[place] = filled.mean(), filled.std() or 1.0
                columns.append((filled - middle[place]) / spread[place])
                levels.append(None)
            else:
                codes, known = pd.factorize(values)
                columns.append(np.where(codes < 0, len(known), codes).astype(float))  # a gap is a level too
                levels.append(pd.Index(known))
        return cls(list(table), np.column_stack(columns), levels, middle, spread)

    def to_table(self, values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({name: self._column(place, values[:, place]) for place, name in enumerate(self.names)})

    def _column(self, place: int, values: np.ndarray) -> pd.Series:
        levels = self.levels[place]
        if levels is None:
            return pd.Series(values * self.spread[place] + self.middle[place])
        codes = values.round().astype(int)
        return pd.Series(levels.take(np.minimum(codes, len(levels) - 1))).where(codes < len(levels))
