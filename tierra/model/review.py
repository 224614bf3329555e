"""A served classifier that leaves its most uncertain rows to a person."""

from typing import Any

import numpy as np

from tierra.model.wrapped import WrappedClassifier


class Reviewed(WrappedClassifier):
    """A served classifier that leaves a row to a person where a probability lies from `low` to below `high`.

    It is the probability of the class to predict, and of several classes that of the likeliest.
    """

    def __init__(self, model: Any = None, low: float = 0.0, high: float = 0.0) -> None:
        self.model = model
        self.low = low
        self.high = high

    @property
    def threshold(self) -> float:
        """The decision threshold of two classes."""
        return float(self.model.threshold)

    def is_uncertain(self, scores: np.ndarray) -> np.ndarray:
        """Which rows are left to a person."""
        watched = scores if scores.ndim == 1 else scores.max(axis=1, initial=0.0)
        uncertain: np.ndarray = (watched >= self.low) & (watched < self.high)
        return uncertain

    def predict_proba(self, table: Any) -> np.ndarray:
        """Probabilities of the classes, shape (rows, classes)."""
        probabilities: np.ndarray = self.model.predict_proba(table)
        return probabilities

    def predict(self, table: Any) -> np.ndarray:
        """The class that would be decided."""
        decided: np.ndarray = self.model.predict(table)
        return decided
