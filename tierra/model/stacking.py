"""Stacked models as scikit-learn estimators of the one artifact: members, and a linear model of their scores."""

from collections.abc import Sequence
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

CLIP: Final = 1e-7


def as_features(scores: Sequence[np.ndarray]) -> np.ndarray:
    """The scores of members side by side, shape (rows, features)."""
    return np.hstack([each.reshape(len(each), -1) for each in scores])


def as_logits(chances: Sequence[np.ndarray]) -> np.ndarray:
    """The log-odds of members' probabilities side by side."""
    return as_features([logit(np.clip(each, CLIP, 1 - CLIP)) for each in chances])


class Stacked(ClassifierMixin, BaseEstimator):
    """Fitted classifiers, and a fitted linear classifier of the log-odds of what they predict."""

    def __init__(self, models: Sequence[Any] = (), final: Any = None) -> None:
        self.models = models
        self.final = final

    def fit(self, table: pd.DataFrame, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Nothing to learn: members and their linear model are fitted."""
        return self

    @property
    def classes_(self) -> np.ndarray:
        """The classes."""
        classes: np.ndarray = self.final.classes_
        return classes

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """Probabilities of the classes, shape (rows, classes)."""
        given = [model.predict_proba(table) for model in self.models]
        if len(self.classes_) == 2:
            given = [each[:, 1] for each in given]
        chances: np.ndarray = self.final.predict_proba(as_logits(given))
        return chances

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The likeliest class."""
        return self.classes_[self.predict_proba(table).argmax(axis=1)]


class StackedValue(RegressorMixin, BaseEstimator):
    """Fitted regressors, and a fitted linear regression of what they predict, with no negative weight."""

    def __init__(self, models: Sequence[Any] = (), final: Any = None) -> None:
        self.models = models
        self.final = final

    def fit(self, table: pd.DataFrame, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Nothing to learn: members and their linear model are fitted."""
        return self

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The predicted numbers."""
        values: np.ndarray = self.final.predict(as_features([model.predict(table) for model in self.models]))
        return values
