"""scikit-learn's network for a number: trained on the target in standard units, or it hardly learns at all."""

from typing import Any, Self

import numpy as np
from sklearn.neural_network import MLPRegressor


class NetworkRegressor(MLPRegressor):
    """A small neural network whose target is centred and scaled in training, and given back in its own units."""

    def fit(self, rows: Any, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Train on numbers without gaps, scaled."""
        self.centre_, self.spread_ = float(np.mean(target)), float(np.std(target)) or 1.0
        super().fit(rows, (np.asarray(target, float) - self.centre_) / self.spread_, sample_weight)
        return self

    def predict(self, rows: Any) -> np.ndarray:
        """The predicted numbers."""
        values: np.ndarray = super().predict(rows) * self.spread_ + self.centre_
        return values
