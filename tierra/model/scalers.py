"""Scalings that make numbers normal, beside the numbers themselves."""

from typing import Any, Self

import numpy as np
from sklearn.preprocessing import PowerTransformer, QuantileTransformer

ROWS = 10_000
SEED = 0


class NormalQuantiles(QuantileTransformer):
    """Each number as the normal quantile of its rank in training; beyond all of training is its end."""

    def __init__(self, n_quantiles: int = 1000) -> None:
        super().__init__(n_quantiles=n_quantiles, output_distribution="normal", subsample=ROWS, random_state=SEED)

    def fit(self, table: Any, target: Any = None) -> Self:
        """Learn the ranks; of fewer rows there are fewer quantiles."""
        self.n_quantiles: int = min(self.n_quantiles, len(table))
        super().fit(table, target)
        return self

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names that differ from those of the numbers, which may stand beside."""
        return _named(super().get_feature_names_out(input_features), "quantile")


class Power(PowerTransformer):
    """Numbers after the power of Yeo and Johnson (2000) that makes training most normal, found on 10,000 rows."""

    def __init__(self, method: str = "yeo-johnson") -> None:
        super().__init__(method=method)

    def fit(self, table: Any, target: Any = None) -> Self:
        """Find the powers."""
        super().fit(_some(table), target)
        return self

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names that differ from those of the numbers, which may stand beside."""
        return _named(super().get_feature_names_out(input_features), "power")


def _some(table: Any) -> Any:
    if len(table) <= ROWS:
        return table
    rows = np.sort(np.random.default_rng(SEED).choice(len(table), ROWS, replace=False))
    return table.iloc[rows] if hasattr(table, "iloc") else table[rows]


def _named(names: Any, scaling: str) -> np.ndarray:
    return np.array([f"{name} ({scaling})" for name in names], object)
