"""Partitions: which days are due, and whether one is ready."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tierra.data.sources import Window
from tierra.errors import DataRejected, Misconfigured, SourceNotReady
from tierra.store.spec import Ready, Score

ALL = "all"


def parse_partition(text: str) -> date:
    """A partition's date. Raises Misconfigured on anything but a real YYYY-MM-DD."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Misconfigured("partition-invalid", f"'{text}' is not a date") from None
    if day.isoformat() != text:
        raise Misconfigured("partition-invalid", f"'{text}' is not written as a date")
    return day


def today(now: datetime, timezone: str) -> date:
    """The date it is in the project's time zone."""
    return now.astimezone(ZoneInfo(timezone)).date()


def due_window(score: Score, day: date) -> Window:
    """The days in [day - lookback, day + horizon]."""
    return Window(day - timedelta(score.lookback), day + timedelta(score.horizon + 1))


def due_days(days: Mapping[date, int], published: Collection[str], ready: Ready) -> list[str]:
    """The days of the window that are present, ready and not published, oldest first."""
    loaded = [day.isoformat() for day, rows in days.items() if rows >= ready.min_rows]
    return sorted(set(loaded) - set(published))


def check_ready(project: str, day: date, rows: int, ready: Ready) -> None:
    """Raise when a day asked for is absent or not loaded yet."""
    if not rows:
        raise DataRejected("partition-absent", f"{project}: the source has no rows of {day}")
    if rows < ready.min_rows:
        raise SourceNotReady("source-not-ready", f"{project}: {day} has {rows:,} rows, ready from {ready.min_rows:,}")


def history_window(day: date, days: int) -> Window:
    """The days before a partition that `prepare` may look at."""
    return Window(day - timedelta(days), day)


def only(day: date) -> Window:
    """One day."""
    return Window(day, day + timedelta(1))
