"""scikit-learn's networks, trained for so many passes over the rows, whether the loss still falls or not."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor


class NetworkClassifier(MLPClassifier):
    """A small neural network for classes."""

    def fit(self, rows: Any, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Train on numbers without gaps, scaled."""
        with _as_long_as_stated():
            super().fit(rows, target, sample_weight)
        return self


class NetworkRegressor(MLPRegressor):
    """A small neural network whose target is centred and scaled in training, and given back in its own units.

    In units of its own it would hardly learn at all.
    """

    def fit(self, rows: Any, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Train on numbers without gaps, scaled."""
        self.centre_, self.spread_ = float(np.mean(target)), float(np.std(target)) or 1.0
        with _as_long_as_stated():
            super().fit(rows, (np.asarray(target, float) - self.centre_) / self.spread_, sample_weight)
        return self

    def predict(self, rows: Any) -> np.ndarray:
        """The predicted numbers."""
        values: np.ndarray = super().predict(rows) * self.spread_ + self.centre_
        return values


@contextmanager
def _as_long_as_stated() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
