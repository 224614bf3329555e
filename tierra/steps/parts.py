"""Splitting the feature table, and reading its parts."""

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from tasks.run.station import station
from tierra.data.labels import Labels
from tierra.data.recipe import EXTRA_COLUMNS, ROW, TARGET, UNIT, WEIGHT
from tierra.data.spec import PARTS
from tierra.journal import note
from tierra.project.project import Project
from tierra.steps.features import FeatureTable
from tierra.steps.profile import profile_of
from tierra.store.refs import TableRef
from tierra.workspace import open_workspace

if TYPE_CHECKING:
    import numpy as np

    from tierra.model.examples import Examples


class Parts(BaseModel):
    """The three parts of the feature table, and what their targets mean."""

    model_config = ConfigDict(frozen=True)

    labels: Labels
    train: TableRef
    validation: TableRef
    test: TableRef

    @property
    def rows(self) -> dict[str, int]:
        """Rows by part."""
        return {name: getattr(self, name).rows for name in PARTS}


@station
def split_table(project: Project, table: FeatureTable) -> Parts:
    """Train, validation and test: by time, at random, by class or by group."""
    from tierra.store.memo import remember

    objects, inputs = open_workspace().objects, [table.features.sha256, table.labels, project.split]
    parts = remember(objects, "split", inputs, Parts, lambda: _split(project, table))
    note(**{f"{name} rows": rows for name, rows in parts.rows.items()})
    note(differences=_differences(parts), **({} if project.split.by == "time" else {"seed": project.split.seed}))
    return parts


def read_part(part: TableRef, labels: Labels) -> "Examples":
    """A part's features, target and weights."""
    from tierra.data.frames import to_frame
    from tierra.model.examples import Examples
    from tierra.store.tables import read_table

    frame = to_frame(read_table(open_workspace().objects, part))
    weight = frame[WEIGHT].to_numpy() if WEIGHT in frame else None
    table = frame.drop(columns=[name for name in EXTRA_COLUMNS if name in frame])
    return Examples(table, frame[TARGET].to_numpy(), labels, weight)


def rows_of(part: TableRef) -> "np.ndarray":
    """The places of a part's rows in the joined table."""
    from tierra.store.tables import read_table

    return read_table(open_workspace().objects, part, [ROW]).column(ROW).to_numpy()


def _split(project: Project, table: FeatureTable) -> Parts:
    import pyarrow as pa

    from tierra.data.frames import to_frame
    from tierra.data.split import split_rows
    from tierra.store.tables import read_table, write_table

    objects = open_workspace().objects
    whole = read_table(objects, table.features)
    frame = to_frame(whole.select([UNIT, TARGET]))
    part_of = split_rows(frame[UNIT], frame[TARGET], project.split, table.labels)
    parts = {name: whole.filter(pa.array(part_of == name)) for name in PARTS}
    return Parts(
        labels=table.labels,
        **{name: write_table(objects, "features/", part.schema, [part]) for name, part in parts.items()},
    )


def _differences(parts: Parts) -> list[dict[str, Any]]:
    """How validation and test differ from training, feature by feature."""
    from tierra.data.differences import compare_profiles

    features = [name for name in parts.train.columns if name not in (UNIT, ROW, WEIGHT)]
    profiles = {name: profile_of(name, getattr(parts, name), (), features) for name in PARTS}
    moved = {name: compare_profiles(profiles[name], profiles["train"]) for name in PARTS[1:]}
    return [{"part": name, **each.model_dump()} for name, found in moved.items() for each in found]
