"""Labelled rows: what a model is fitted on, and what it is measured on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tierra.data.features import RULE
from tierra.data.labels import Labels

ROWS_TRIED = 200


@dataclass(frozen=True)
class Examples:
    """One part of the feature table: features with the rule's columns, target, what it means, and weights."""

    table: pd.DataFrame
    target: np.ndarray
    labels: Labels
    weight: np.ndarray | None = None

    @property
    def features(self) -> pd.DataFrame:
        """The features alone."""
        return self.table[[name for name in self.table.columns if not name.startswith(RULE)]]

    def smoke_sample(self) -> "Examples":
        """A few rows, of every class, to try an estimator on."""
        if self.labels.task == "regression":
            return self.take(np.arange(min(len(self.target), ROWS_TRIED)))
        classes = [np.flatnonzero(self.target == value)[:ROWS_TRIED] for value in np.unique(self.target)]
        return self.take(np.concatenate(classes))

    def sample(self, rows: int, seed: int) -> "Examples":
        """At most so many rows, drawn at random."""
        if len(self.target) <= rows:
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(len(self.target), rows, replace=False)))

    def shuffled(self, feature: str, random: np.random.Generator) -> "Examples":
        """The same rows with one feature's values in another order."""
        values = self.table[feature].iloc[random.permutation(len(self.table))].set_axis(self.table.index)
        return Examples(self.table.assign(**{feature: values}), self.target, self.labels, self.weight)

    def take(self, places: np.ndarray) -> "Examples":
        """The rows at these places, or where these are true."""
        weight = None if self.weight is None else self.weight[places]
        return Examples(self.table.iloc[places], self.target[places], self.labels, weight)
