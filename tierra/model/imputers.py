"""Filling a gap by the other numbers of its row: by like rows of training, or by a model of the column."""

import warnings
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - it makes the next import possible
from sklearn.impute import IterativeImputer

SEED = 0
ROWS = 2000
NEIGHBOURS = 5


class JointImputer(TransformerMixin, BaseEstimator):
    """The first `keep` columns with their gaps filled, and a flag for each of them that had gaps in training.

    `knn` takes the mean of the five nearest of at most 2,000 training rows, `iterative` a Bayesian ridge of the other
    columns, in rounds. scikit-learn's own nearest neighbours add up distances in another order for one row than for
    many, so that a tie falls otherwise; here a row is filled by itself.
    """

    def __init__(self, how: str = "knn", keep: int = 1, indicator: bool = True) -> None:
        self.how = how
        self.keep = keep
        self.indicator = indicator

    def fit(self, table: Any, target: Any = None) -> Self:
        """Keep rows to compare with, or fit the models."""
        values = np.asarray(table, float)
        rows = np.random.default_rng(SEED).permutation(len(values))[:ROWS]
        few = values[np.sort(rows)]
        self.mean_, self.size_ = _scale_of(values)
        self.flagged_ = np.flatnonzero(np.isnan(values[:, : self.keep]).any(axis=0) & self.indicator)
        self.known_ = (few - self.mean_) / self.size_ if self.how == "knn" else None
        self.model_ = _fit_rounds(self._middled(few)) if self.how == "iterative" else None
        self.n_features_in_ = values.shape[1]
        return self

    def transform(self, table: Any) -> np.ndarray:
        """The filled numbers and the flags."""
        values = np.asarray(table, float)
        gaps = np.isnan(values[:, : self.keep])
        filled = values[:, : self.keep].copy()
        rows = np.flatnonzero(gaps.any(axis=1))
        if len(rows):
            filled[rows] = np.where(gaps[rows], self._fill(values[rows]), filled[rows])
        return np.hstack([filled, gaps[:, self.flagged_].astype(float)])

    def made_of(self, owner: np.ndarray) -> np.ndarray:
        """Of which feature each column is made."""
        own = owner[: self.keep]
        return np.concatenate([own, own[self.flagged_]])

    def _middled(self, values: np.ndarray) -> np.ndarray:
        """In units of each column's spread; a column without a number in training has zeros."""
        made: np.ndarray = np.where(self.size_ > 0, (values - self.mean_) / self.size_, 0.0)
        return np.where(np.isnan(self.mean_), 0.0, made)

    def _fill(self, values: np.ndarray) -> np.ndarray:
        if self.model_ is not None:
            made = self.model_.transform(self._middled(values))
        else:
            scaled = (values - self.mean_) / self.size_
            made = np.array([_nearest(self.known_, row, self.keep) for row in scaled])
        own = slice(self.keep)
        numbers: np.ndarray = made[:, own] * self.size_[own] + np.nan_to_num(self.mean_)[own]
        return numbers


def _scale_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without a number has no mean
        mean, size = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    return mean, np.where(size > 0, size, 1.0)


def _fit_rounds(values: np.ndarray) -> IterativeImputer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ten rounds are enough to fill gaps with
        return IterativeImputer(random_state=SEED, keep_empty_features=True).fit(values)


def _nearest(known: Any, row: np.ndarray, keep: int) -> np.ndarray:
    """For each of the first columns the mean of its values in the nearest rows that have one; else 0, the mean."""
    shared = ~np.isnan(known) & ~np.isnan(row)
    squares = np.where(shared, known - row, 0.0) ** 2
    counts = shared.sum(axis=1)
    distance = np.where(counts > 0, squares.sum(axis=1) / np.maximum(counts, 1), np.inf)
    order = np.argsort(distance, kind="stable")
    filled = np.zeros(keep)
    for column in range(keep):
        near = known[order, column]
        near = near[~np.isnan(near)][:NEIGHBOURS]
        filled[column] = near.mean() if len(near) else 0.0
    return filled
