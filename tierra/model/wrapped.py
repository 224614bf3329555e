"""What estimators around a fitted model have in common."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Wrapped(BaseEstimator):
    """An estimator around a model that is already fitted."""

    model: Any

    def fit(self, table: Any, target: np.ndarray) -> Self:
        """Nothing to learn: the model is fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True


class WrappedClassifier(ClassifierMixin, Wrapped):
    """A classifier around a classifier that is already fitted."""

    @property
    def classes_(self) -> np.ndarray:
        """The classes of the model."""
        classes: np.ndarray = self.model.classes_
        return classes
