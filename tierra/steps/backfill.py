"""What a run over a range of days has to do: `lookback` does not bound what a person asks for."""

from collections.abc import Mapping
from datetime import date

from tierra.data import partitions
from tierra.data.completeness import Completeness, Look, PublishedDay, find_missing_in_range
from tierra.data.day_range import DayRange, choose_work, days_not_ready
from tierra.data.sources import open_source
from tierra.errors import Broken
from tierra.journal import track
from tierra.outcomes.backfill import Backfill
from tierra.project.project import Project
from tierra.steps.work import Found
from tierra.store.manifest import Manifest
from tierra.store.predictions import generations, read_manifest
from tierra.store.sinks import Sink
from tierra.workspace import Workspace


def find_range(workspace: Workspace, project: Project, asked: DayRange) -> Found:
    """The work of a range, what is missing at the source in it, and how much stays as it is."""
    sink, min_rows = workspace.sink(project), project.score.ready.min_rows
    source = open_source(
        project.main, project.main_source, project.folder, workspace.settings, project.schedule.timezone
    )
    skipped = project.score.skip
    days = {day: rows for day, rows in source.days(asked.window).items() if day not in skipped}
    counted = {day: rows for day, rows in days.items() if rows and day.year < date.max.year}
    published = generations(sink, [day.isoformat() for day in asked])
    manifests = _whole_manifests(sink, published)
    ready = {day: rows for day, rows in counted.items() if rows >= min_rows}
    work = choose_work(asked, ready, published, manifests)
    today = partitions.today(workspace.settings.now(), project.schedule.timezone)
    known = {date.fromisoformat(name): PublishedDay(each.rows_in) for name, each in manifests.items()}
    look = Look(today, asked.window, asked.window, counted, known, source.dayless(), min_rows, skipped=skipped)
    names = {each.partition for each in work}
    stated = Backfill(
        first=asked.first.isoformat(), last=asked.last.isoformat(), which=asked.which,
        already=sum(name not in names for name in manifests), not_ready=days_not_ready(counted, min_rows, published),
    )  # fmt: skip
    return Found(work, Completeness(findings=find_missing_in_range(look)), stated)


def _whole_manifests(sink: Sink, published: Mapping[str, int]) -> dict[str, Manifest]:
    """The newest manifests of these days, without those that are damaged or were removed."""
    read = {name: _whole(sink, name, number) for name, number in track(list(published.items()), "manifests")}
    return {name: found for name, found in read.items() if found}


def _whole(sink: Sink, partition: str, generation: int) -> Manifest | None:
    try:
        return read_manifest(sink, partition, generation)
    except Broken:
        return None
