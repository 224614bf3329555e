"""Baselines and averages as scikit-learn classifiers that fit in the one artifact."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin


class RateRule(ClassifierMixin, BaseEstimator):
    """The training rate of the target in each group; the overall rate for unseen groups.

    With no columns it is the base rate. Groups are keyed by their values as text.
    """

    def __init__(self, columns: Sequence[str] = ()) -> None:
        self.columns = columns

    def fit(self, table: pd.DataFrame, target: np.ndarray) -> Self:
        """Learn the rates."""
        self.classes_ = np.array([0, 1])
        self.overall_ = float(np.mean(target))
        rates = pd.Series(np.asarray(target, float)).groupby(self._groups(table)).mean()
        self.rates_ = {str(group): float(rate) for group, rate in rates.items()}
        return self

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """Probabilities of both classes, shape (rows, 2)."""
        rates = pd.Series(self._groups(table)).map(self.rates_).fillna(self.overall_).to_numpy(float)
        return np.column_stack([1 - rates, rates])

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The likelier class."""
        return (self.predict_proba(table)[:, 1] >= 0.5).astype(int)

    def _groups(self, table: pd.DataFrame) -> np.ndarray:
        texts = [table[column].astype("str").fillna("").to_numpy(dtype=object) for column in self.columns]
        joined = ["\x1f".join(values) for values in zip(*texts, strict=True)] if texts else [""] * len(table)
        return np.array(joined, dtype=object)


class ColumnRule(ClassifierMixin, BaseEstimator):
    """A probability the project's own function worked out, passed through."""

    def __init__(self, column: str = "rule__probability") -> None:
        self.column = column

    def fit(self, table: pd.DataFrame, target: np.ndarray) -> Self:
        """Nothing to learn."""
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """Probabilities of both classes, shape (rows, 2)."""
        values = table[self.column].to_numpy(float)
        return np.column_stack([1 - values, values])

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The likelier class."""
        return (self.predict_proba(table)[:, 1] >= 0.5).astype(int)


class Averaged(ClassifierMixin, BaseEstimator):
    """The plain mean of the probabilities of models that are already fitted."""

    def __init__(self, models: Sequence[Any] = ()) -> None:
        self.models = models

    def fit(self, table: pd.DataFrame, target: np.ndarray) -> Self:
        """Nothing to learn: the members are fitted."""
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """Probabilities of both classes, shape (rows, 2)."""
        mean: np.ndarray = np.mean([model.predict_proba(table) for model in self.models], axis=0)
        return mean

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The likelier class."""
        return (self.predict_proba(table)[:, 1] >= 0.5).astype(int)
