"""Labelled rows: what a model is fitted on, and what it is measured on."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tierra.data.features import feature_names
from tierra.data.labels import Labels

ROWS_TRIED = 200
GROUPS = 20


@dataclass(frozen=True)
class Examples:
    """One part of the feature table: features with the rule's columns, target, what it means, weights and units.

    `units` has the number of each row's unit, whose rows are not independent of each other (its group, or its
    block of days); None where each row is a unit. `drawn` is what a unit is called.
    """

    table: pd.DataFrame
    target: np.ndarray
    labels: Labels
    weight: np.ndarray | None = None
    units: np.ndarray | None = None
    drawn: str = "rows"

    @property
    def features(self) -> pd.DataFrame:
        """The features alone."""
        return self.table[feature_names(self.table.columns)]

    @property
    def is_grouped(self) -> bool:
        """Whether rows of a group stand together, of which those to come are of others."""
        return self.drawn == "groups"

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

    def in_groups(self) -> np.ndarray:
        """The number of each row's group, of twenty of like many units drawn at random; of fewer units each is one."""
        rows = np.arange(len(self.target))
        unit = rows if self.units is None else np.unique(self.units, return_inverse=True)[1]
        group: np.ndarray = np.random.default_rng(0).permutation(int(unit.max()) + 1)[unit] % GROUPS
        return group

    def shuffled(self, feature: str, order: np.ndarray) -> "Examples":
        """The same rows with one feature's values in another order."""
        values = self.table[feature].iloc[order].set_axis(self.table.index)
        return replace(self, table=self.table.assign(**{feature: values}))

    def renumbered(self) -> "Examples":
        """The same rows, their index from 0."""
        return replace(self, table=self.table.reset_index(drop=True))

    def take(self, places: np.ndarray) -> "Examples":
        """The rows at these places, or where these are true."""
        weight, units = (None if each is None else each[places] for each in (self.weight, self.units))
        return replace(self, table=self.table.iloc[places], target=self.target[places], weight=weight, units=units)
