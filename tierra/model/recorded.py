"""Predictions that were made before, in the form of a model, so that they are judged as models are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from tierra.data.labels import Labels
from tierra.model.artifact import from_probabilities


class Recorded(BaseEstimator):
    """What a model predicted of the rows 0, 1, 2, ... of a table, whichever of them are asked for, by their index."""

    def __init__(self, predictions: pd.DataFrame, labels: Labels, threshold: float) -> None:
        self.threshold, self._labels = threshold, labels
        names: Sequence[str] = ["prediction"] if labels.task == "regression" else ["probability"]
        if labels.task == "multiclass":
            names = [f"probability_{name}" for name in labels.classes]
        self._values = predictions[list(names)].to_numpy(float)
        self.classes_ = np.arange(max(len(labels.classes), 1))

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The numbers that were predicted, or the codes of the classes that were decided."""
        if self._labels.task == "regression":
            return self._rows(table)[:, 0]
        return from_probabilities(self, self.predict_proba(table), self._labels).decision

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """The probability of each class."""
        found = self._rows(table)
        return np.column_stack([1 - found[:, 0], found[:, 0]]) if self._labels.task == "binary" else found

    def __sklearn_tags__(self) -> Any:
        """The kind of model, by which scorers of scikit-learn choose what to ask for."""
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor" if self._labels.task == "regression" else "classifier"
        return tags

    def _rows(self, table: pd.DataFrame) -> np.ndarray:
        rows: np.ndarray = self._values[table.index.to_numpy()]
        return rows
