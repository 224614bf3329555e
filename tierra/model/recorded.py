"""Predictions that were made before, in the form of a model, so that they are judged as models are."""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from tierra.data.labels import Labels
from tierra.model.artifact import from_probabilities
from tierra.model.threads import threads_for


def score_columns(labels: Labels) -> list[str]:
    """The columns of a table of scores."""
    if labels.task == "multiclass":
        return [f"probability_{name}" for name in labels.classes]
    return ["prediction" if labels.task == "regression" else "probability"]


def scores_of(model: Any, table: pd.DataFrame, labels: Labels) -> np.ndarray:
    """What a fitted model predicts before anything is decided: numbers or probabilities of a yes, shape (rows,).

    Of several classes the probability of each, shape (rows, classes); 0 of one that it never saw.
    """
    with threads_for(len(table)):
        if labels.task == "regression":
            return np.asarray(model.predict(table), float)
        given = np.asarray(model.predict_proba(table))
    if labels.task == "binary":
        return given[:, 1]
    every = np.zeros((len(given), len(labels.classes)))
    every[:, np.asarray(model.classes_, int)] = given
    return every


class Recorded(BaseEstimator):
    """What a model predicted of the rows 0, 1, 2, ... of a table, whichever of them are asked for, by their index."""

    def __init__(self, predictions: pd.DataFrame, labels: Labels, threshold: float) -> None:
        self.predictions, self.labels, self.threshold = predictions, labels, threshold
        self._values = predictions[score_columns(labels)].to_numpy(float)
        self.classes_ = np.arange(max(len(labels.classes), 1))

    def fit(self, table: Any = None, target: Any = None) -> Self:
        """Nothing to learn: it was predicted before."""
        return self

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The numbers that were predicted, or the codes of the classes that were decided."""
        if self.labels.task == "regression":
            return self._rows(table)[:, 0]
        return from_probabilities(self, self.predict_proba(table), self.labels).decision

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """The probability of each class."""
        found = self._rows(table)
        return np.column_stack([1 - found[:, 0], found[:, 0]]) if self.labels.task == "binary" else found

    def __sklearn_tags__(self) -> Any:
        """The kind of model, by which scorers of scikit-learn choose what to ask for."""
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor" if self.labels.task == "regression" else "classifier"
        return tags

    def _rows(self, table: pd.DataFrame) -> np.ndarray:
        rows: np.ndarray = self._values[table.index.to_numpy()]
        return rows
