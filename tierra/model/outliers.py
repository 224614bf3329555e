"""Numbers that lie far from those of training: clipped, flagged, or a reason to set a row aside."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.ensemble import IsolationForest

FENCE = 3.0
SEED = 0


class Fences(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Numbers beyond the fences of training, clipped or flagged.

    By `iqr` the fences are Tukey's outer ones, Q1 - 3 IQR and Q3 + 3 IQR, and a column whose middle half is one value
    has none; by `quantile` half of a share lies beyond each; by `range` they are the ends. Flags are extra columns.
    """

    def __init__(self, flag: bool = False, by: str = "iqr", share: float = 0.01) -> None:
        self.flag = flag
        self.by = by
        self.share = share

    def fit(self, table: Any, target: Any = None) -> Self:
        """Learn the fences."""
        values = np.asarray(table, float)
        self.low_, self.high_ = find_fences(values, self.by, self.share)
        self.n_features_in_ = values.shape[1]
        return self

    def transform(self, table: Any) -> np.ndarray:
        """The clipped numbers, or the numbers and their flags."""
        values = np.asarray(table, float)
        if not self.flag:
            return np.clip(values, self.low_, self.high_)
        return np.hstack([values, ((values < self.low_) | (values > self.high_)).astype(float)])

    def made_of(self, owner: np.ndarray) -> np.ndarray:
        """Of which feature each column is made."""
        return np.tile(owner, 2) if self.flag else owner


class Forest(TransformerMixin, BaseEstimator):
    """Whether an isolation forest finds the row, by several numbers, among the few that lie apart.

    A gap counts as the median. After Liu, Ting and Zhou, Isolation Forest (2008).
    """

    def __init__(self, share: float = 0.01) -> None:
        self.share = share

    def fit(self, table: Any, target: Any = None) -> Self:
        """Grow the trees; the share of training is what they find."""
        values = np.asarray(table, float)
        self.median_ = np.nan_to_num(np.nanmedian(values, axis=0))
        self.forest_ = IsolationForest(contamination=float(self.share), random_state=SEED).fit(self._full(values))
        self.n_features_in_ = values.shape[1]
        return self

    def transform(self, table: Any) -> np.ndarray:
        """One flag a row."""
        return self.is_apart(np.asarray(table, float))[:, None].astype(float)

    def is_apart(self, values: np.ndarray) -> np.ndarray:
        """Whether each row lies apart."""
        apart: np.ndarray = self.forest_.predict(self._full(values)) < 0
        return apart

    def _full(self, values: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(values), self.median_, values)


def find_fences(values: np.ndarray, by: str, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest number of each column that is not far out; a column without a number has neither."""
    if by == "iqr":
        low, high = np.nanquantile(values, [0.25, 0.75], axis=0)
        wide = np.where(high > low, FENCE * (high - low), np.inf)
        return low - wide, high + wide
    ends = (0.0, 1.0) if by == "range" else (share / 2, 1 - share / 2)
    low, high = np.nanquantile(values, ends, axis=0)
    return low, high
