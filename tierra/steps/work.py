"""What a scoring run has to do: the days that are due, the published ones that have changed, and what is missing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from tierra.data import partitions
from tierra.data.completeness import (
    Completeness,
    Finding,
    Look,
    PublishedDay,
    count_window,
    days_watched,
    find_missing,
    find_vanished,
    usual_lag,
)
from tierra.data.partitions import ALL, Step, Work, check_lost, next_step
from tierra.data.read_once import ReadOnce
from tierra.data.sources import SourceReader, open_source
from tierra.data.window import shift, single_day
from tierra.errors import DataRejected, TierraError
from tierra.facts import DaysCounted
from tierra.journal import note, track
from tierra.outcomes.backfill import Backfill
from tierra.outcomes.scoring import PartitionScored, rejected, scored_from
from tierra.project.project import Project
from tierra.steps.features import join_partition
from tierra.steps.pull import PartitionRows, pull_counted
from tierra.steps.validate import CleanTables, validate_partition
from tierra.store.manifest import Manifest
from tierra.store.predictions import find_newest, generations, read_manifest
from tierra.store.sinks import Sink
from tierra.workspace import Workspace


@dataclass(frozen=True)
class Found:
    """The partitions that a run checks, what is missing at the source, and the range where one was asked for."""

    work: list[Work]
    completeness: Completeness = field(default_factory=Completeness)
    backfill: Backfill | None = None


class Remaining(BaseModel):
    """The partitions to score, and how those end that stay as they are."""

    model_config = ConfigDict(frozen=True)

    to_score: tuple[Work, ...]
    ended: tuple[PartitionScored, ...]


def find_work(workspace: Workspace, project: Project, partition: str | None, rescore: bool) -> Found:
    """The requested partition; without one, all that is due, all that may be stale, and all that is missing."""
    sink = workspace.sink(project)
    if not project.main_source.partition_by:
        return Found([Work(ALL, generations(sink, [ALL]).get(ALL, 0), rescore=rescore)])
    now = workspace.settings.now()
    today = partitions.today(now, project.schedule.timezone)
    source = open_source(
        project.main, project.main_source, project.folder, workspace.settings, project.schedule.timezone
    )
    if partition:
        return _find_day(project, sink, source, today, partitions.parse_partition(partition), rescore)
    return _find_days(project, sink, source, now, rescore, with_lag=workspace.settings.clock is None)


def _find_day(project: Project, sink: Sink, source: SourceReader, today: date, day: date, rescore: bool) -> Found:
    """The requested day, and whether it has lost rows."""
    rows, name = source.days(single_day(day)).get(day, 0), day.isoformat()
    published = generations(sink, [name])
    # A damaged manifest does not stop a new generation.
    manifest = read_manifest(sink, name, published[name]) if name in published and not rescore else None
    work = partitions.work_for_partition(project.score, today, day, published, rescore)
    work = replace(work, counted=rows, published=manifest)
    if not rows:
        partitions.check_past(project.name, day, today)
        check_lost(project.name, work, rows)
    partitions.check_ready(project.name, day, rows, project.score.ready)
    lost = find_vanished(day, rows, manifest.rows_in if manifest else 0)
    return Found([work], Completeness(findings=(*lost, *_dayless(source))))


def _dayless(source: SourceReader) -> Iterator[Finding]:
    if rows := source.dayless():
        yield Finding(kind="dayless", rows=rows)


def _find_days(
    project: Project, sink: Sink, source: SourceReader, now: datetime, rescore: bool, with_lag: bool
) -> Found:
    """All that is due or watched. The usual lag is known only where days were published by the clock on the wall."""
    score, timezone = project.score, project.schedule.timezone
    today = partitions.today(now, timezone)
    due, watch = partitions.due_window(score, today), partitions.watch_window(score, today)
    counted_days = source.days(count_window(due, watch, today))
    note(DaysCounted(counted_days, today))
    days = {day: rows for day, rows in counted_days.items() if day not in score.skip}
    watched = days_watched(watch, today, score.horizon, days)
    published = generations(sink, [day.isoformat() for day in watched])
    counted = {day: days[day] for day in watched if day in days}
    work = partitions.find_work(score, today, counted, published, rescore)
    manifests = _manifests(sink, published, {each.partition for each in work if each.rescore})
    known = _published_days(sink, published, manifests, watched)
    zone = ZoneInfo(timezone)
    firsts = {day: each.first.astimezone(zone).date() for day, each in known.items() if with_lag and each.first}
    look = Look(
        today, due, watch, days, known | _published_before(sink, days, known, watch.first),
        dayless=source.dayless(), min_rows=score.ready.min_rows, lag=usual_lag(firsts, due, today),
        is_scheduled=bool(project.schedule.score), skipped=score.skip,
        fresh_from=partitions.oldest_fresh(score, now, timezone),
    )  # fmt: skip
    newest = look.newest.isoformat() if look.newest else ""
    completeness = Completeness(findings=find_missing(look), newest=newest, is_whole=True)
    return Found([replace(each, published=manifests.get(each.partition)) for each in work], completeness)


def _manifests(sink: Sink, published: Mapping[str, int], again: set[str]) -> dict[str, Manifest]:
    """What is published, less what is published again: a damaged manifest does not stop a new generation."""
    numbers = {name: number for name, number in published.items() if name not in again}
    return {name: found for name, number in numbers.items() if (found := read_manifest(sink, name, number))}


def _published_days(
    sink: Sink, numbers: Mapping[str, int], manifests: Mapping[str, Manifest], watched: Sequence[date]
) -> dict[date, PublishedDay]:
    """What was published of each day; when at first, of those beside a day that was not."""
    known = {date.fromisoformat(name): manifests.get(name) for name in numbers}
    others = set(watched) - set(known)
    beside = {day for day in known if others & {shift(day, -1), shift(day, 1)}}
    return {day: _published_day(manifest, sink if day in beside else None, day) for day, manifest in known.items()}


def _published_day(manifest: Manifest | None, sink: Sink | None, day: date) -> PublishedDay:
    """What was published of a day; with a sink, its first generation is looked up where this is a later one."""
    first = manifest if manifest and manifest.generation == 1 else _first(sink, day) if sink else None
    at = datetime.fromisoformat(first.published_at).astimezone(UTC) if first and first.published_at else None
    return PublishedDay(manifest.rows_in if manifest else 0, at)


def _first(sink: Sink, day: date) -> Manifest | None:
    try:
        return read_manifest(sink, day.isoformat(), 1)
    except TierraError:  # it is not this run's to judge
        return None


def _published_before(
    sink: Sink, days: Mapping[date, int], known: Mapping[date, PublishedDay], first: date
) -> dict[date, PublishedDay]:
    """The newest day that was published before the window, where days after it may have been left out."""
    oldest = min(known, default=date.max)
    if days and not any(first <= day < oldest for day in days):
        return {}
    found = find_newest(sink, shift(first, -1))
    if not found or date.fromisoformat(found[0]) >= first:
        return {}
    day = date.fromisoformat(found[0])
    return {day: _published_day(None, sink, day)}


def find_changed(
    workspace: Workspace, project: Project, sides: CleanTables, reader: ReadOnce, work: Sequence[Work]
) -> Remaining:
    """Compare what is published with its source: the work that is left, and how the rest ends."""
    published = [each for each in work if each.generation and not each.rescore]
    ends = {
        each.partition: _end_of(workspace, project, sides, reader, each)
        for each in track(published, "published partitions")
    }
    left = tuple(each for each in work if not ends.get(each.partition))
    return Remaining(to_score=left, ended=tuple(end for end in ends.values() if end))


def _end_of(
    workspace: Workspace, project: Project, sides: CleanTables, reader: ReadOnce, work: Work
) -> PartitionScored | None:
    """How a published partition ends that is not to be scored again."""
    sink = workspace.sink(project)
    published = work.published or read_manifest(sink, work.partition, work.generation)
    work = replace(work, published=published)
    try:
        step = _step_of(workspace, project, sides, reader, work)
    except DataRejected as error:
        return rejected(work.partition, work.generation, error)
    if not published or step == "publish":
        return None
    where, stale = sink.location(published.partition, published.generation), step == "report"
    return scored_from(published, where, "Stale" if stale else "AlreadyPublished", stale)


def _step_of(workspace: Workspace, project: Project, sides: CleanTables, reader: ReadOnce, work: Work) -> Step:
    """What to do with a published partition. Raises DataRejected when it would be replaced by a smaller one."""
    pulled = pull_counted(workspace, project, reader, work)
    if pulled is None:
        check_lost(project.name, work, 0)
    assert pulled, "a published partition had rows"
    inputs = _inputs(workspace, project, sides, pulled)
    step = next_step(work, work.published.inputs if work.published else None, inputs)
    if step == "publish":
        check_lost(project.name, work, pulled.rows.rows)
    return step


def _inputs(workspace: Workspace, project: Project, sides: CleanTables, pulled: PartitionRows) -> str:
    """The digest of what scoring the partition would read today."""
    clean = validate_partition(workspace, project, pulled)
    return join_partition(workspace, project, clean, sides).joined.digest
