"""Reads what is known of a project's partitions: manifests, and the records of its runs."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

from tierra.data import partitions
from tierra.data.completeness import Finding
from tierra.data.partition_states import FOUND, Known, Partitions, PartitionState, Publication, judge_partitions
from tierra.data.partitions import ALL
from tierra.data.window import Window, shift
from tierra.errors import Broken, TierraError
from tierra.project.project import Project
from tierra.report.calendar import Calendar, draw_calendar
from tierra.report.index import RUNS, Run, read_runs
from tierra.store.opening import is_remote
from tierra.store.predictions import generations, read_manifest
from tierra.store.sinks import Sink
from tierra.store.spec import FilesSink
from tierra.workspace import Workspace

WEEKS = 13
DAYS = WEEKS * 7
REMOTE_READERS = 8  # a bucket answers in milliseconds, each of many manifests
NEVER = datetime.min.replace(tzinfo=UTC)


def read_partitions(
    workspace: Workspace, project: Project, runs: Sequence[Run], days: int = DAYS
) -> tuple[PartitionState, ...]:
    """The state of the project's partitions of the last days, newest first; `runs` are its scoring runs, newest first.

    A project without days has one partition. Only manifests of these days are read, however many there are.
    """
    sink = workspace.sink(project)
    if not project.main_source.partition_by:
        return _whole(sink, project, runs)
    today = partitions.today(workspace.settings.now(), project.schedule.timezone)
    due = partitions.due_window(project.score, today)
    shown = Window(shift(today, 1 - days), due.end)
    spec = project.score.sink
    at_once = REMOTE_READERS if isinstance(spec, FilesSink) and is_remote(spec.uri) else 1
    published, damaged = read_published_days(sink, shown, at_once)
    return judge_partitions(
        Partitions(
            project=project.name, today=today, due=due, shown=shown, min_rows=project.score.ready.min_rows,
            skip=project.score.skip, published=published, rejected=_rejected(runs) | damaged,
            receipts={day: run.receipt or "" for run in reversed(runs) for day in _dates(run.published)},
            **_looked(runs),
        )
    )  # fmt: skip


def read_published_days(
    sink: Sink, shown: Window, at_once: int = 1
) -> tuple[dict[date, Publication], dict[date, Known[str]]]:
    """What is published of each day, and the days whose manifests are damaged; so many are read at once."""
    names = [date.fromordinal(each).isoformat() for each in range(shown.first.toordinal(), shown.last.toordinal() + 1)]
    numbers = generations(sink, names)
    with ThreadPoolExecutor(at_once) as pool:
        read = list(pool.map(lambda each: _read_day(sink, *each), numbers.items()))
    days = dict(zip(map(date.fromisoformat, numbers), read, strict=True))
    published = {day: found for day, found in days.items() if isinstance(found, Publication)}
    return published, {day: found for day, found in days.items() if isinstance(found, Known)}


def _read_day(sink: Sink, partition: str, number: int) -> Publication | Known[str] | None:
    try:
        return _publication(sink, partition, number)
    except Broken as error:
        return Known(error.what, datetime.now(UTC))


def _publication(sink: Sink, partition: str, number: int) -> Publication | None:
    manifest = read_manifest(sink, partition, number)
    if manifest is None:
        return None
    at = datetime.fromisoformat(manifest.published_at).astimezone(UTC) if manifest.published_at else None
    return Publication(
        generation=manifest.generation or number, model_version=manifest.model_version, rows_in=manifest.rows_in,
        rows=manifest.rows_scored, quarantined=manifest.rows_quarantined, published_at=at,
    )  # fmt: skip


def _rejected(runs: Sequence[Run]) -> dict[date, Known[str]]:
    """Why each day was rejected, by the newest run that did."""
    return {
        day: Known(run.rejected[day.isoformat()], run.ended or NEVER, run.receipt or "")
        for run in reversed(runs)
        for day in _dates(run.rejected)
    }


def _looked(runs: Sequence[Run]) -> dict[str, Any]:
    """What the runs saw that looked at all days, by the names of `Partitions`: counts of all, findings of the last."""
    whole = [run for run in runs if run.missing is not None]
    counted = {day: Known(run.days[day.isoformat()], run.ended or NEVER)
               for run in reversed(runs) for day in _dates(run.days)}  # fmt: skip
    looked = next((day for run in runs for day in _dates([run.looked])), None)
    if not whole:
        return {"counted": counted, "looked": looked}
    last = whole[0]
    moment, receipt = last.ended or NEVER, last.receipt or ""
    found: dict[date, Known[Finding]] = {}
    for finding in last.missing or ():
        for day in _dates([finding.partition] if finding.kind in FOUND else []):
            found.setdefault(day, Known(finding, moment, receipt))
    stale = {day: Known("", moment, receipt) for day in _dates(last.stale)}
    return {"counted": counted, "looked": looked, "found": found, "stale": stale}


def _dates(names: Iterable[str]) -> Iterator[date]:
    """The days among names of partitions, which a record may hold of any kind."""
    for name in names:
        try:
            yield date.fromisoformat(name)
        except ValueError:
            continue


def _whole(sink: Sink, project: Project, runs: Sequence[Run]) -> tuple[PartitionState, ...]:
    """The one partition of a project without days."""
    number = generations(sink, [ALL]).get(ALL)
    found = _publication(sink, ALL, number) if number else None
    last = next((run for run in runs if ALL in run.rejected or ALL in run.published), None)
    values = {"partition": ALL, "state": "published", "receipt": (last.receipt if last else "") or ""}
    values |= found.model_dump(exclude={"rows_in"}) if found else {}
    if last and ALL in last.rejected:
        values |= {"state": "failed", "reason": last.rejected[ALL]}
    elif not found:
        values |= {"state": "due", "reason": "the next run publishes it"}
    return (
        PartitionState(
            **{"partition": ALL, "state": "published", "receipt": (last.receipt if last else "") or ""} | values
        ),
    )


def calendar_of(workspace: Workspace, project: Project) -> Calendar | None:
    """A project's partitions as they are now, drawn; None where a store does not say."""
    try:
        states = read_partitions(workspace, project, read_runs(workspace.receipts(project.name), "score", RUNS))
    except (TierraError, OSError):
        return None
    return draw_calendar(f"Partitions of {project.name}", states)
