"""Partitions: which days are due, and whether one is ready."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal
from uuid import uuid4
from zoneinfo import ZoneInfo

from tierra.data.window import Window, between, shift
from tierra.errors import DataRejected, InvalidCall, SourceNotReady
from tierra.store.manifest import Manifest
from tierra.store.spec import Ready, Score

ALL = "all"
Step = Literal["publish", "already", "report"]


@dataclass(frozen=True)
class Work:
    """A partition to check, its published generation, and what may be done with it; `name` is unique to this work.

    `counted` is how many rows it had when it was found, `published` what was published of it, where that was read.
    With `then`, the rows that manifest was scored from are scored again; `basis` says of what time the data are.
    """

    partition: str
    generation: int = 0
    within_lookback: bool = True
    rescore: bool = False
    counted: int = 0
    published: Manifest | None = field(default=None, compare=False, repr=False)
    then: Manifest | None = field(default=None, compare=False, repr=False)
    basis: str = ""
    name: str = field(default_factory=lambda: uuid4().hex, compare=False)

    @property
    def day(self) -> date | None:
        """The partition's date; None for a project that has no partitions."""
        return None if self.partition == ALL else date.fromisoformat(self.partition)

    @property
    def published_rows(self) -> int:
        """How many rows may not be published as fewer; 0 where nothing is published, or may be published anew."""
        return self.published.rows_in if self.published and not self.rescore and self.day else 0


def parse_partition(text: str) -> date:
    """A partition's date. Raises InvalidCall on anything but a real YYYY-MM-DD."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidCall("partition-invalid", f"'{text}' is not a date") from None
    if day.isoformat() != text:
        raise InvalidCall("partition-invalid", f"'{text}' is not written as a date")
    return day


def today(now: datetime, timezone: str) -> date:
    """The date it is in the project's time zone."""
    try:
        return now.astimezone(ZoneInfo(timezone)).date()
    except OverflowError:  # a clock at the very end of the calendar
        return now.date()


def due_window(score: Score, day: date) -> Window:
    """The days in [day - lookback, day + horizon]."""
    return between(shift(day, -score.lookback), shift(day, score.horizon))


def oldest_fresh(score: Score, now: datetime, timezone: str) -> date | None:
    """The oldest day that may be a source's newest, by `fresh_within`; None where nothing is stated.

    The age of a day counts from its end.
    """
    if score.fresh_within is None:
        return None
    return today(now - score.fresh_within, timezone)


def watch_window(score: Score, day: date) -> Window:
    """The days a run without a partition checks: those that are due, and earlier ones to compare."""
    due = due_window(score, day)
    return Window(min(due.first, shift(day, -score.watch)), due.end)


def find_work(
    score: Score, day: date, days: Mapping[date, int], published: Mapping[str, int], rescore: bool = False
) -> list[Work]:
    """All partitions that a run without a partition checks: due ones, then published ones that may be stale.

    `days` holds the rows of each day of the watch window. Published days that are
    ready are compared with the source: when they changed they are re-scored inside
    `lookback` and reported outside it.
    """
    window = due_window(score, day)
    ready = [each for each, rows in sorted(days.items()) if rows >= score.ready.min_rows]
    due = [
        Work(each.isoformat(), counted=days[each])
        for each in ready
        if window.first <= each and each.isoformat() not in published
    ]
    known = [
        Work(each.isoformat(), published[each.isoformat()], window.first <= each,
             rescore and window.first <= each, days[each])
        for each in ready
        if each.isoformat() in published
    ]  # fmt: skip
    return [*due, *known]


def work_for_partition(score: Score, day: date, partition: date, published: Mapping[str, int], rescore: bool) -> Work:
    """The work of one partition, requested by name."""
    window, name = due_window(score, day), partition.isoformat()
    inside = window.first <= partition <= window.last
    return Work(name, published.get(name, 0), within_lookback=inside, rescore=rescore)


def next_step(work: Work, published: str | None, inputs: str) -> Step:
    """What to do with a partition, given the digest it was published from and today's.

    Publish it, skip it, or report a change that is older than `lookback`.
    """
    if published is None or work.rescore:
        return "publish"
    if published == inputs:
        return "already"
    return "publish" if work.within_lookback else "report"


def check_past(project: str, day: date, today: date) -> None:
    """Raise InvalidCall when a requested day, of which there are no rows, is yet to come."""
    if day > today:
        raise InvalidCall("partition-future", f"{project}: {day} is in the future; today is {today}")


def check_ready(project: str, day: date, rows: int, ready: Ready) -> None:
    """Raise when a requested day is absent or not loaded yet."""
    if day.year == date.max.year:
        raise DataRejected("date-far", f"{project}: {day} is in the calendar's last year, the usual sign for no end")
    if not rows:
        raise DataRejected("partition-absent", f"{project}: the source has no rows of {day}")
    if rows < ready.min_rows:
        raise SourceNotReady("source-not-ready", f"{project}: {day} has {rows:,} rows, ready from {ready.min_rows:,}")


def check_pulled(project: str, work: Work, rows: int, ready: Ready) -> None:
    """Raise when the rows that were read are fewer than those that made the day ready: it is being loaded."""
    least = max(ready.min_rows, work.counted, work.published_rows)
    if work.day and rows < least:
        before = f"{work.counted:,} rows when they were counted" if work.counted >= least else f"to have {least:,} rows"
        raise SourceNotReady(
            "source-not-ready", f"{project}: {work.partition} had {before}, and {rows:,} when they were read"
        )


def check_lost(project: str, work: Work, rows: int) -> None:
    """Raise when a published day has fewer rows than it was published from: it is not replaced by a smaller one."""
    if rows < work.published_rows:
        raise DataRejected(
            "rows-vanished",
            f"{project}: {work.partition} was published from {work.published_rows:,} rows, the source has {rows:,} now",
        )


def history_window(day: date, days: int) -> Window:
    """The days before a partition that `prepare` may read."""
    return Window(shift(day, -days), day)
