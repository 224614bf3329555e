"""Pulling sources into snapshots. Heavy imports happen inside, so that flows load fast."""

from datetime import date
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tasks.run.station import station
from tierra.journal import note
from tierra.project.project import Project
from tierra.steps.profile import profile_of
from tierra.store.refs import TableRef
from tierra.workspace import open_workspace

if TYPE_CHECKING:
    from tierra.data.window import Window


class PartitionRows(BaseModel):
    """One partition's rows, and the days before it that `prepare` may look at."""

    model_config = ConfigDict(frozen=True)

    rows: TableRef
    history: TableRef | None = None


@station
def open_project(name: str) -> Project:
    """Read the project file and import its functions, so that mistakes show first."""
    from tierra.data.code import load_code

    project = open_workspace().project(name)
    load_code(project.folder, project.functions)
    return project


@station
def pull_sources(project: Project) -> dict[str, TableRef]:
    """Every source in full; the first up to `until`."""
    from tierra.data.window import EVERYTHING

    windows = {project.main: project.training_window}
    snapshots = {name: _snapshot(project, name, windows.get(name, EVERYTHING)) for name in project.sources}
    note(profiles={name: profile_of(name, ref, project.sources[name].key) for name, ref in snapshots.items()})
    return snapshots


@station
def pull_side_tables(project: Project) -> dict[str, TableRef]:
    """Every source but the first, once a run."""
    from tierra.data.window import EVERYTHING

    return {name: _snapshot(project, name, EVERYTHING) for name in project.sources if name != project.main}


@station
def pull_partition(project: Project, day: date | None) -> PartitionRows:
    """A partition's rows without what is known later, and its history."""
    return read_partition(project, day)


def read_partition(project: Project, day: date | None) -> PartitionRows:
    """The snapshots of a partition's rows without what is known later, and of its history."""
    from tierra.data.partitions import history_window
    from tierra.data.snapshot import take_snapshot
    from tierra.data.sources import columns_to_read, open_source
    from tierra.data.window import EVERYTHING, single_day
    from tierra.errors import DataRejected

    workspace, source = open_workspace(), project.main_source
    reader = open_source(project.main, source, project.folder, workspace.settings)
    wanted = [name for name in columns_to_read(source, reader) if name not in project.withheld]
    bare = source.model_copy(update={"columns": tuple(wanted), "known_later": ()})
    bare = bare.model_copy(update={"types": {name: kind for name, kind in source.types.items() if name in wanted}})
    rows = take_snapshot(workspace.objects, bare, reader, single_day(day) if day else EVERYTHING)
    if not (day and source.history):
        return PartitionRows(rows=rows)
    try:
        history = take_snapshot(workspace.objects, source, reader, history_window(day, source.history))
    except DataRejected as error:
        if error.code != "source-empty":
            raise
        return PartitionRows(rows=rows)
    return PartitionRows(rows=rows, history=history)


def _snapshot(project: Project, name: str, window: "Window") -> TableRef:
    from tierra.data.snapshot import note_rows, take_snapshot
    from tierra.data.sources import open_source

    workspace, source = open_workspace(), project.sources[name]
    reader = open_source(name, source, project.folder, workspace.settings)
    ref = take_snapshot(workspace.objects, source, reader, window)
    note_rows(name, ref)
    return ref


def digests_of(snapshots: dict[str, TableRef]) -> dict[str, str]:
    """The digests of snapshots by source."""
    return {name: ref.sha256 for name, ref in snapshots.items()}
