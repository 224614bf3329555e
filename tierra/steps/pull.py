"""Pulling sources into snapshots."""

from collections.abc import Sequence
from functools import partial

from pydantic import BaseModel, ConfigDict

from tierra.data.code import load_code
from tierra.data.partitions import Work, history_window
from tierra.data.read_once import ReadOnce
from tierra.data.row_numbers import PUBLISHED_NUMBER, describe_unjoinable, refuse_name
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import SourceReader, columns_to_read, open_source
from tierra.data.window import EVERYTHING, Window, between, shift, single_day
from tierra.errors import DataRejected
from tierra.facts import SnapshotTaken
from tierra.journal import note, warn
from tierra.project.project import Project
from tierra.store.refs import TableRef
from tierra.workspace import Workspace


class Snapshots(BaseModel):
    """Sources as they were read, by name."""

    model_config = ConfigDict(frozen=True)

    tables: dict[str, TableRef]

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each source."""
        return {name: ref.sha256 for name, ref in self.tables.items()}


class PartitionRows(BaseModel):
    """One partition's rows, and the days before it that `prepare` may look at."""

    model_config = ConfigDict(frozen=True)

    partition: str
    rows: TableRef
    history: TableRef | None = None


def open_project(workspace: Workspace, name: str) -> Project:
    """Read the project file and import its functions, so that mistakes show first."""
    project = workspace.project(name)
    load_code(project.folder, project.functions)
    return project


def pull_sources(workspace: Workspace, project: Project) -> Snapshots:
    """Every source in full; the first up to `until`."""
    if warning := describe_unjoinable(project.main, project.main_source):
        warn(warning)
    windows = {project.main: project.training_window}
    read = {name: _snapshot(workspace, project, name, windows.get(name, EVERYTHING)) for name in project.sources}
    return Snapshots(tables=read)


def pull_side_tables(workspace: Workspace, project: Project) -> Snapshots:
    """Every source but the first, once a run."""
    names = [name for name in project.sources if name != project.main]
    return Snapshots(tables={name: _snapshot(workspace, project, name, EVERYTHING) for name in names})


def open_days(workspace: Workspace, project: Project, work: Sequence[Work]) -> SourceReader:
    """The first source, to pull each day of this work from: days that lie together are read once for all of them."""
    source = project.main_source
    days = [each.day for each in work if each.day]
    windows = [between(shift(day, -source.history), day) for day in days]
    return ReadOnce(partial(open_source, project.main, source, project.folder, workspace.settings), source, windows)


def pull_partition(workspace: Workspace, project: Project, reader: SourceReader, work: Work) -> PartitionRows:
    """A partition's rows without what is known later, and its history."""
    day, source = work.day, project.main_source
    known = [name for name in columns_to_read(source, reader) if name not in project.withheld]
    types = {name: kind for name, kind in source.types.items() if name in known}
    bare = source.model_copy(update={"columns": tuple(known), "known_later": (), "types": types})
    window = single_day(day) if day else EVERYTHING
    rows = take_snapshot(workspace.objects, bare, reader, window, numbered=True)
    pulled = PartitionRows(partition=work.partition, rows=rows)
    if not (day and source.history):
        return pulled
    try:
        history = take_snapshot(workspace.objects, source, reader, history_window(day, source.history))
    except DataRejected as error:
        if error.code != "source-empty":
            raise
        return pulled
    return pulled.model_copy(update={"history": history})


def _snapshot(workspace: Workspace, project: Project, name: str, window: Window) -> TableRef:
    source = project.sources[name]
    reader = open_source(name, source, project.folder, workspace.settings)
    ref = take_snapshot(workspace.objects, source, reader, window, numbered=name == project.main)
    if name == project.main and not source.key:
        refuse_name(reader.where, PUBLISHED_NUMBER, ref.columns)
    note(SnapshotTaken(name, ref.rows, ref.sha256))
    return ref
