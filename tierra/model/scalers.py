"""Scalings that make numbers normal, beside the numbers themselves."""

from typing import Any, Self

import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import PowerTransformer

ROWS, POWER_ROWS = 10_000, 2_000
SEED = 0


class NormalQuantiles(TransformerMixin, BaseEstimator):
    """Each number as the normal quantile of its rank in training; beyond all of training is its end.

    Equal numbers of training are one, at the mean of their quantiles. It is scikit-learn's `QuantileTransformer` with
    one interpolation a column in place of two and a distribution's inverse: a third of its time.
    """

    def __init__(self, quantiles: int = 1000) -> None:
        self.quantiles = quantiles

    def fit(self, table: Any, target: Any = None) -> Self:
        """Learn the ranks."""
        shares = (np.arange(self.quantiles) + 0.5) / self.quantiles
        found = np.nanquantile(np.asarray(_some(table, ROWS), float), shares, axis=0)
        self.numbers_, self.normal_ = zip(*(_curve(each, ndtri(shares)) for each in found.T), strict=True)
        self.n_features_in_ = found.shape[1]
        return self

    def transform(self, table: Any) -> np.ndarray:
        """The quantiles."""
        columns = zip(np.asarray(table, float).T, self.numbers_, self.normal_, strict=True)
        return np.column_stack([np.interp(values, numbers, normal) for values, numbers, normal in columns])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names that differ from those of the numbers, which may stand beside."""
        return _named(input_features, "quantile")


class Power(PowerTransformer):
    """Numbers after the power of Yeo and Johnson (2000) that makes training most normal, found on 2,000 rows."""

    def __init__(self, method: str = "yeo-johnson") -> None:
        super().__init__(method=method)

    def fit(self, table: Any, target: Any = None) -> Self:
        """Find the powers."""
        super().fit(_some(table, POWER_ROWS), target)
        return self

    def fit_transform(self, table: Any, target: Any = None) -> np.ndarray:
        """The powers of training; scikit-learn's own would look for them on all rows."""
        made: np.ndarray = self.fit(table, target).transform(table)
        return made

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names that differ from those of the numbers, which may stand beside."""
        return _named(super().get_feature_names_out(input_features), "power")


def _curve(numbers: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different numbers, and the mean normal quantile of each."""
    different, places = np.unique(numbers, return_inverse=True)
    return different, np.bincount(places, normal) / np.bincount(places)


def _some(table: Any, count: int) -> Any:
    if len(table) <= count:
        return table
    rows = np.sort(np.random.default_rng(SEED).choice(len(table), count, replace=False))
    return table.iloc[rows] if hasattr(table, "iloc") else table[rows]


def _named(names: Any, scaling: str) -> np.ndarray:
    return np.array([f"{name} ({scaling})" for name in names], object)
