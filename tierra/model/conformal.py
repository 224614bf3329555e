"""Intervals of predicted numbers by split conformal prediction (Vovk et al., 2005; Lei et al., 2018).

For rows that are exchangeable with those the width was chosen on, the actual number lies inside with at least the
stated probability, whatever the model is.
"""

import math
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from tierra.errors import DataRejected
from tierra.model.wrapped import Wrapped


class Ranged(RegressorMixin, Wrapped):
    """A fitted regressor with half the width of its interval, the share to lie inside, and of how many rows."""

    def __init__(self, model: Any = None, width: float = 0.0, coverage: float = 0.0, rows: int = 0) -> None:
        self.model = model
        self.width = width
        self.coverage = coverage
        self.rows = rows

    def predict(self, table: Any) -> np.ndarray:
        """The predicted numbers."""
        values: np.ndarray = self.model.predict(table)
        return values


def choose_width(actual: np.ndarray, predicted: np.ndarray, coverage: float, what: str = "interval") -> float:
    """The half width that covers a new row with this probability. Raises DataRejected when the rows are too few."""
    rows = len(actual)
    rank = math.ceil((rows + 1) * coverage - 1e-9)
    if rank > rows:
        least = math.ceil(coverage / (1 - coverage) - 1e-9)
        raise DataRejected("interval-rows", f"{what}: {rows:,} rows held out are too few for {coverage:.6g}, at least"
                           f" {least:,}")  # fmt: skip
    return float(np.sort(np.abs(actual - predicted))[rank - 1])
