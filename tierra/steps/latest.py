"""The fixed file or table of consumers that know no manifests, brought up to date with what is published.

What it promises is weaker than what the sink does: it is written after the manifest stands, so it can lag behind, and
who is killed between the two leaves it as it was. Each run that ends well looks at it again.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from loguru import logger

from tierra.data import partitions
from tierra.data.partitions import ALL
from tierra.errors import Misconfigured, TierraError, first_line
from tierra.facts import LatestLagging
from tierra.journal import note
from tierra.project.project import Project
from tierra.store.exports import encode, format_of
from tierra.store.latest_file import LatestFile
from tierra.store.latest_spec import Latest
from tierra.store.predictions import find_newest, generations, read_published
from tierra.store.sinks import Sink
from tierra.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

# Whoever publishes meanwhile does the same; two who go on for longer leave the rest to the last of them.
TRIES = 3


def renew_latest(workspace: Workspace, project: Project) -> bool:
    """Bring the project's fixed file or table up to date; whether it was behind. A failure is a warning, no more."""
    if (latest := project.score.latest) is None:
        return False
    try:
        renewed = _renew(workspace, project, latest)
    except Exception as error:  # noqa: BLE001  whatever it is: what is published stays so, and the run ends well
        logger.opt(exception=error).debug("the fixed file or table could not be renewed")
        what = error.what if isinstance(error, TierraError) else f"{type(error).__name__}: {first_line(error)}"
        remedy = f" {error.remedy}." if isinstance(error, TierraError) else ""
        note(LatestLagging(f"{latest.path or latest.table} is behind what is published: {what}.{remedy} "
                           "The next run writes it again"))  # fmt: skip
        return False
    if renewed:
        logger.info("{} holds what is published", latest.path or latest.table)
    return renewed


def _renew(workspace: Workspace, project: Project, latest: Latest) -> bool:
    sink = workspace.sink(project)
    if latest.path:
        return _renew_file(workspace, project, sink, latest, latest.path)
    from tierra.store.sql_sink import TableSink

    assert isinstance(sink, TableSink)
    assert latest.table  # both as the project file was checked
    return sink.renew_latest(latest.table, latest.count)


def _renew_file(workspace: Workspace, project: Project, sink: Sink, latest: Latest, path: str) -> bool:
    """Replace the file, and again where more was published meanwhile: the older of two writers may be the last."""
    file, written = LatestFile(path, project.dataset, workspace.settings), format_of(path)
    assert written
    for attempt in range(TRIES):
        newest = _newest(workspace, project, sink, latest.count)
        if not newest or file.holds(newest, latest.raw):
            return attempt > 0
        table = _rows(sink, newest)
        file.replace(encode(table, written, latest.raw), newest, table.num_rows, latest.raw)
    return True


def _newest(workspace: Workspace, project: Project, sink: Sink, count: int | None) -> dict[str, int]:
    """The newest published partitions, so many or all, and their generations, the newest first."""
    if not project.main_source.partition_by:
        return generations(sink, [ALL])
    if count == 1:
        now = partitions.today(workspace.settings.now(), project.schedule.timezone)
        found = find_newest(sink, partitions.due_window(project.score, now).last)
        return dict([found]) if found else {}
    return dict(sorted(generations(sink).items(), reverse=True)[:count])


def _rows(sink: Sink, newest: dict[str, int]) -> "pa.Table":
    """The rows of some generations, with partition and generation beside them."""
    import pyarrow as pa

    tables = [_named(read_published(sink, *each), *each) for each in newest.items()]
    _refuse_mixed(dict(zip(newest, tables, strict=True)))
    return pa.concat_tables(tables, promote_options="permissive")


def _refuse_mixed(tables: "Mapping[str, pa.Table]") -> None:
    """Raise Misconfigured where a column is text on some days and a number on others, as `decision` may be."""
    import pyarrow.types as types

    kinds: dict[str, tuple[str, bool]] = {}
    for partition, table in tables.items():
        for field in table.schema:
            first, is_text = kinds.setdefault(field.name, (partition, types.is_string(field.type)))
            if not types.is_null(field.type) and is_text != types.is_string(field.type):
                what = f"'{field.name}' is {'text' if is_text else 'a number'} on {first}, and not on {partition}"
                raise Misconfigured("latest-mixed", what)


def _named(table: "pa.Table", partition: str, generation: int) -> "pa.Table":
    """The table with its partition and generation first; published columns of these names stay as they are."""
    import pyarrow as pa

    for name, value in (("generation", generation), ("partition", partition)):
        if name not in table.column_names:
            table = table.add_column(0, name, pa.repeat(pa.scalar(value), table.num_rows))
    return table
