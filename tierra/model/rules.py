"""Baselines and averages as scikit-learn estimators that fit in the one artifact."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from tierra.errors import DataRejected


def _groups(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """The group of each row, keyed by its values as text."""
    texts = [table[column].astype("str").fillna("").to_numpy(dtype=object) for column in columns]
    joined = ["\x1f".join(values) for values in zip(*texts, strict=True)] if texts else [""] * len(table)
    return np.array(joined, dtype=object)


def _means(
    values: np.ndarray, weight: np.ndarray | None, groups: np.ndarray
) -> tuple[list[float], dict[str, list[float]]]:
    """The weighted mean of each column of `values`, of all rows and of each group."""
    weights = np.ones(len(values)) if weight is None else weight
    frame = pd.DataFrame(values * weights[:, None]).assign(weight=weights)
    total, sums = frame.sum(), frame.groupby(groups).sum()
    sums = sums[sums["weight"] > 0]
    by_group = sums.drop(columns="weight").div(sums["weight"], axis="index")
    overall = (total.drop("weight") / total["weight"]).tolist()
    return overall, {str(group): row.tolist() for group, row in zip(by_group.index, by_group.to_numpy(), strict=True)}


def _looked_up(groups: np.ndarray, overall: list[float], means: dict[str, list[float]]) -> np.ndarray:
    known, places = np.unique(groups.astype(str), return_inverse=True)
    return np.array([means.get(str(group), overall) for group in known], float)[places]


class RateRule(ClassifierMixin, BaseEstimator):
    """The training rate of each class in each group; the overall rates for unseen groups.

    With no columns it is the base rate.
    """

    def __init__(self, columns: Sequence[str] = ()) -> None:
        self.columns = columns

    def fit(self, table: pd.DataFrame, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Learn the rates."""
        self.classes_ = np.unique(target)
        shares = (target[:, None] == self.classes_).astype(float)
        self.overall_, self.rates_ = _means(shares, sample_weight, _groups(table, self.columns))
        return self

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """Probabilities of the classes, shape (rows, classes)."""
        return _looked_up(_groups(table, self.columns), self.overall_, self.rates_)

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The likeliest class."""
        return self.classes_[self.predict_proba(table).argmax(axis=1)]


class MeanRule(RegressorMixin, BaseEstimator):
    """The training mean of the target in each group; the overall mean for unseen groups."""

    def __init__(self, columns: Sequence[str] = ()) -> None:
        self.columns = columns

    def fit(self, table: pd.DataFrame, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Learn the means."""
        values = np.asarray(target, float)[:, None]
        self.overall_, self.means_ = _means(values, sample_weight, _groups(table, self.columns))
        return self

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The mean of each row's group."""
        return _looked_up(_groups(table, self.columns), self.overall_, self.means_)[:, 0]


class ColumnRule(ClassifierMixin, BaseEstimator):
    """A probability the project's own function worked out, passed through."""

    def __init__(self, column: str = "rule__value", function: str | None = None) -> None:
        self.column = column
        self.function = function

    def fit(self, table: pd.DataFrame, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Nothing to learn."""
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """Probabilities of both classes, shape (rows, 2). Raises DataRejected outside 0 and 1."""
        values = table[self.column].to_numpy(float)
        if not ((values >= 0) & (values <= 1)).all():
            raise DataRejected("rule-range", f"{self.function or 'the rule'} returned probabilities outside 0 and 1")
        return np.column_stack([1 - values, values])

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The likelier class."""
        return (self.predict_proba(table)[:, 1] >= 0.5).astype(int)


class ColumnValue(RegressorMixin, BaseEstimator):
    """A number the project's own function worked out, passed through."""

    def __init__(self, column: str = "rule__value") -> None:
        self.column = column

    def fit(self, table: pd.DataFrame, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Nothing to learn."""
        self.n_features_in_ = 1
        return self

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The number of each row."""
        return table[self.column].to_numpy(float)


class Averaged(ClassifierMixin, BaseEstimator):
    """The mean of the probabilities of models that are already fitted, weighted where weights are given."""

    weights: Sequence[float] | None = None  # models of before have none

    def __init__(self, models: Sequence[Any] = (), weights: Sequence[float] | None = None) -> None:
        self.models = models
        self.weights = weights

    def fit(self, table: Any = None, target: np.ndarray | None = None, sample_weight: np.ndarray | None = None) -> Self:
        """Nothing to learn: the members are fitted."""
        self.classes_ = self.models[0].classes_
        return self

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """Probabilities of the classes, shape (rows, classes)."""
        mean: np.ndarray = np.average(
            [model.predict_proba(table) for model in self.models], axis=0, weights=self.weights
        )
        return mean

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The likeliest class."""
        return self.classes_[self.predict_proba(table).argmax(axis=1)]


class AveragedValue(RegressorMixin, BaseEstimator):
    """The mean of the numbers of models that are already fitted, weighted where weights are given."""

    weights: Sequence[float] | None = None  # models of before have none

    def __init__(self, models: Sequence[Any] = (), weights: Sequence[float] | None = None) -> None:
        self.models = models
        self.weights = weights

    def fit(self, table: Any = None, target: np.ndarray | None = None, sample_weight: np.ndarray | None = None) -> Self:
        """Nothing to learn: the members are fitted."""
        self.n_features_in_ = len(self.models)
        return self

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The mean of what the members predict."""
        mean: np.ndarray = np.average([model.predict(table) for model in self.models], axis=0, weights=self.weights)
        return mean
