"""A range of days."""

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Window:
    """Days from `start` up to, not including, `end`; None is open."""

    start: date | None = None
    end: date | None = None

    @property
    def first(self) -> date:
        """The first day; the earliest there is when open."""
        return self.start or date.min

    @property
    def last(self) -> date:
        """The last day; the latest there is when open."""
        return self.end - timedelta(1) if self.end else date.max

    @property
    def length(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    def holds(self, other: "Window") -> bool:
        """Whether every day of another window is in it."""
        return self.first <= other.first and other.last <= self.last


EVERYTHING = Window()


def single_day(day: date) -> Window:
    """One day."""
    return between(day, day)


def between(first: date, last: date) -> Window:
    """Days from the first to the last. No day follows the calendar's last, so that end is open."""
    return Window(first, shift(last, 1) if last < date.max else None)


def shift(day: date, days: int) -> date:
    """The day that many days later, or earlier: the calendar's own end where there is none."""
    try:
        return day + timedelta(days)
    except OverflowError:
        return date.max if days > 0 else date.min
