"""Pulling sources into snapshots."""

from collections.abc import Sequence
from functools import partial

from pydantic import BaseModel, ConfigDict

from tierra.data.code import load_code
from tierra.data.completeness import Finding, describe
from tierra.data.partitions import Work, check_pulled, history_window
from tierra.data.read_once import ReadOnce
from tierra.data.row_numbers import PUBLISHED_NUMBER, describe_unjoinable, refuse_name
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import SourceReader, columns_to_read, one_moment, open_source, share_a_database
from tierra.data.spec import Source
from tierra.data.window import EVERYTHING, Window, between, shift, single_day
from tierra.errors import DataRejected, SourceNotReady
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
    load_code(project.folder, project.every_function)
    return project


def pull_sources(workspace: Workspace, project: Project, window: Window | None = None) -> Snapshots:
    """Every source in full; the first up to `until`, or the days of a window."""
    if warning := describe_unjoinable(project.main, project.main_source):
        warn(warning)
    windows = {project.main: window or project.training_window}
    readers = {name: open_table(workspace, project, name) for name in project.sources}
    with one_moment(readers.values()):
        read = {
            name: _snapshot(workspace, project, name, reader, windows.get(name, EVERYTHING))
            for name, reader in readers.items()
        }
        _warn_of_dayless(project, readers[project.main])
    return Snapshots(tables=read)


def pull_side_tables(
    workspace: Workspace, project: Project, days: ReadOnce | None = None, is_needed: bool = True
) -> Snapshots:
    """Every source but the first, once a run; with the days beside them, as far as they are kept at once.

    None of them where no day is read from its source.
    """
    sides = [name for name in project.sources if name != project.main and is_needed]
    readers = {name: open_table(workspace, project, name) for name in sides}
    beside = days if days and days.is_beside else None
    with one_moment([*readers.values(), *([beside.reader] if beside else [])]):
        if beside:
            beside.read_ahead()
        tables = {name: _snapshot(workspace, project, name, reader, EVERYTHING) for name, reader in readers.items()}
    return Snapshots(tables=tables)


def open_days(workspace: Workspace, project: Project, work: Sequence[Work]) -> ReadOnce:
    """The first source, to pull each day of this work from: days that lie together are read once for all of them."""
    source = project.main_source if project.main_source.history else scoring_source(project)
    days = [each.day for each in work if each.day]
    windows = [between(shift(day, -source.history), day) for day in days]
    sides = [each for name, each in project.sources.items() if name != project.main]
    beside = share_a_database(source, sides, workspace.settings)
    everything = [EVERYTHING] if beside and not source.partition_by else []
    return ReadOnce(partial(open_table, workspace, project, project.main), source, [*windows, *everything], beside)


def pull_partition(workspace: Workspace, project: Project, reader: ReadOnce, work: Work) -> PartitionRows:
    """A partition's rows without what is known later, and its history.

    Raises SourceNotReady when fewer rows are read than made the day ready. Another try reads them again.
    """
    try:
        pulled = pull_counted(workspace, project, reader, work)
        check_pulled(project.name, work, pulled.rows.rows if pulled else 0, project.score.ready)
    except SourceNotReady:
        reader.forget()
        raise
    assert pulled, "a partition without rows is not ready"
    return pulled


def pull_counted(workspace: Workspace, project: Project, reader: ReadOnce, work: Work) -> PartitionRows | None:
    """None for a day that had rows when they were counted, and has none now."""
    try:
        return read_partition(workspace, project, reader, work)
    except DataRejected as error:
        if error.code == "source-empty" and work.day and work.counted:
            return None
        raise


def read_partition(workspace: Workspace, project: Project, reader: SourceReader, work: Work) -> PartitionRows:
    """The same, however many rows there are."""
    day, source = work.day, project.main_source
    bare = scoring_source(project)
    known = [name for name in columns_to_read(bare, reader) if name not in project.withheld]
    bare = bare.model_copy(update={"columns": tuple(known)})
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


def scoring_source(project: Project) -> Source:
    """The first source without what is not known when scoring, which a night's table may not even have."""
    source, withheld = project.main_source, project.withheld
    columns = tuple(name for name in source.columns if name not in withheld)
    types = {name: kind for name, kind in source.types.items() if name not in withheld}
    return source.model_copy(update={"columns": columns, "types": types, "known_later": ()})


def _warn_of_dayless(project: Project, reader: SourceReader) -> None:
    """Say that no run will ever score some of the rows."""
    rows = reader.dayless() if project.main_source.partition_by else 0
    for line in describe(project.name, [Finding(kind="dayless", rows=rows)] if rows else []):
        warn(f"{project.main}: {line}")


def open_table(workspace: Workspace, project: Project, name: str, source: Source | None = None) -> SourceReader:
    """One of the project's sources, or another in its place, with its instants in the project's time zone."""
    chosen = source or project.sources[name]
    return open_source(name, chosen, project.folder, workspace.settings, project.schedule.timezone)


def _snapshot(workspace: Workspace, project: Project, name: str, reader: SourceReader, window: Window) -> TableRef:
    source, numbered = project.sources[name], name == project.main
    ref = take_snapshot(workspace.objects, source, reader, window, numbered=numbered)
    if numbered and not source.key:
        refuse_name(reader.where, PUBLISHED_NUMBER, ref.columns)
    note(SnapshotTaken(name, ref.rows, ref.sha256))
    return ref
