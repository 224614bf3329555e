"""Splitting the feature table, and reading its parts."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tierra.data.frames import to_frame
from tierra.data.labels import Labels
from tierra.data.recipe import EXTRA_COLUMNS, ROW, TARGET, UNIT, WEIGHT
from tierra.data.spec import PARTS
from tierra.data.split import split_rows
from tierra.data.units import number_units
from tierra.facts import TableSplit
from tierra.journal import note
from tierra.model.examples import Examples
from tierra.project.project import Project
from tierra.steps.features import FeatureTable
from tierra.store.memo import remember
from tierra.store.refs import TableRef
from tierra.store.tables import read_table, write_table
from tierra.workspace import Workspace


class Parts(BaseModel):
    """The three parts of a feature table."""

    model_config = ConfigDict(frozen=True)

    table: FeatureTable
    train: TableRef
    validation: TableRef
    test: TableRef

    @property
    def labels(self) -> Labels:
        """What the targets mean."""
        return self.table.labels

    @property
    def rows(self) -> dict[str, int]:
        """Rows by part."""
        return {name: getattr(self, name).rows for name in PARTS}

    @property
    def features(self) -> tuple[str, ...]:
        """The columns a model learns from, and those of the rule."""
        return tuple(name for name in self.train.columns if name not in EXTRA_COLUMNS)


def split_table(workspace: Workspace, project: Project, table: FeatureTable) -> Parts:
    """Train, validation and test: by time, at random, by class or by group."""
    inputs = [table, project.split]
    parts = remember(workspace.objects, __name__, inputs, Parts, lambda: _split(workspace, project, table))
    seed = None if project.split.by == "time" else project.split.seed
    note(TableSplit(parts.rows, seed))
    return parts


def read_part(workspace: Workspace, parts: Parts, name: str) -> Examples:
    """A part's features, target, weights, and the units whose rows depend on each other."""
    return examples_of(to_frame(read_table(workspace.objects, getattr(parts, name))), parts.labels)


def examples_of(frame: pd.DataFrame, labels: Labels) -> Examples:
    """Rows of the feature table as examples."""
    weight = frame[WEIGHT].to_numpy() if WEIGHT in frame else None
    table = frame.drop(columns=[column for column in EXTRA_COLUMNS if column in frame])
    return Examples(table, frame[TARGET].to_numpy(), labels, weight, *number_units(frame[UNIT]))


def rows_of(workspace: Workspace, part: TableRef) -> np.ndarray[Any, Any]:
    """The places of a part's rows in the joined table."""
    return np.asarray(read_table(workspace.objects, part, [ROW]).column(ROW).to_numpy())


def _split(workspace: Workspace, project: Project, table: FeatureTable) -> Parts:
    whole = read_table(workspace.objects, table.features)
    frame = to_frame(whole.select([UNIT, TARGET]))
    part_of = split_rows(frame[UNIT], frame[TARGET], project.split, table.labels)
    parts = {name: whole.filter(pa.array(part_of == name)) for name in PARTS}
    refs = {name: write_table(workspace.objects, "features/", part.schema, [part]) for name, part in parts.items()}
    return Parts(table=table, **refs)
