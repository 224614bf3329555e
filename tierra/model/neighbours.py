"""Nearest neighbours that say the same of a row whatever rows stand beside it.

scikit-learn's own compare rows by a matrix product, whose last bits change with the batch, and take one of several
rows at the same distance by their order; their search trees are types that no artifact of ours holds. Here distances
are sums of absolute differences, and all rows as near as the last neighbour count.
"""

from typing import Any, Final, Self

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

CELLS: Final = 4_000_000


class _Neighbours(BaseEstimator):
    """What both kinds share: the rows learnt, and the weighted mean of the nearest ones' values."""

    def __init__(self, n_neighbors: int = 25) -> None:
        self.n_neighbors = n_neighbors

    def _learn(self, rows: Any, values: np.ndarray, weight: np.ndarray | None) -> Self:
        self.rows_ = np.asarray(rows, float)
        self.n_features_in_ = self.rows_.shape[1]
        self.weight_ = np.ones(len(values)) if weight is None else np.asarray(weight, float)
        self.values_ = values
        return self

    def _means(self, rows: Any) -> np.ndarray:
        values, size = np.asarray(rows, float), max(1, CELLS // len(self.rows_))
        return np.vstack([self._of_few(values[start : start + size]) for start in range(0, len(values), size)])

    def _of_few(self, rows: np.ndarray) -> np.ndarray:
        distances, nearest = cdist(rows, self.rows_, "cityblock"), min(self.n_neighbors, len(self.rows_))
        reach = np.partition(distances, nearest - 1, axis=1)[:, nearest - 1]
        # Row by row, so that each is added up in the same order alone and beside others.
        return np.array([self._mean(each <= end) for each, end in zip(distances, reach, strict=True)])

    def _mean(self, near: np.ndarray) -> np.ndarray:
        weight = self.weight_[near]
        mean: np.ndarray = (self.values_[near] * weight[:, None]).sum(axis=0) / weight.sum()
        return mean


class NeighboursClassifier(ClassifierMixin, _Neighbours):
    """The share of each class among the nearest rows of training."""

    def fit(self, rows: Any, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Keep the rows and their classes."""
        self.classes_, codes = np.unique(target, return_inverse=True)
        return self._learn(rows, np.eye(len(self.classes_))[codes], sample_weight)

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Shares of the classes, shape (rows, classes)."""
        return self._means(rows)

    def predict(self, rows: Any) -> np.ndarray:
        """The most frequent class."""
        chosen: np.ndarray = self.classes_[self._means(rows).argmax(axis=1)]
        return chosen


class NeighboursRegressor(RegressorMixin, _Neighbours):
    """The mean of the nearest rows of training."""

    def fit(self, rows: Any, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Keep the rows and their numbers."""
        return self._learn(rows, np.asarray(target, float)[:, None], sample_weight)

    def predict(self, rows: Any) -> np.ndarray:
        """The means."""
        return self._means(rows)[:, 0]
