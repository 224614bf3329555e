"""What is missing at a source: judged from its rows a day and from what was published of it, by pure functions.

A run that finds something does not end as if all were there; docs/decisions/0025-completeness.md has the rules.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from itertools import groupby
from statistics import median_low
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict

from tierra.data.window import Window, between, shift

Kind = Literal["stalled", "silent", "vanished", "late", "grown", "missing", "unready", "dayless"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
# Findings that name the newest day, or none.
NO_DAY: Final = ("stalled", "silent", "dayless")
# On which weekdays a source has rows is seen from five weeks, or from all that is watched where that is more.
RHYTHM_DAYS: Final = 35
LAG_OF: Final = 7  # the newest published days, by which a source's usual lag is known
USUAL_LAG: Final = 1  # where nothing says otherwise: a day is complete when it is over
NAMED: Final = 5


class Finding(BaseModel):
    """One thing that is missing: of which day, how many rows there are, and how many there were or should be.

    Of a source without a new day, `partition` is its newest day, and `days` is how old that is; `is_old` says that it
    is older than `fresh_within`.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    partition: str = ""
    rows: int = 0
    expected: int = 0
    days: int = 0
    is_old: bool = False


class Completeness(BaseModel):
    """What a run found missing at its source, and the newest day that is ready there.

    `is_whole` is false where the run looked at one requested day alone.
    """

    model_config = ConfigDict(frozen=True)

    findings: tuple[Finding, ...] = ()
    newest: str = ""
    is_whole: bool = False


@dataclass(frozen=True)
class PublishedDay:
    """The rows a day was published from, and when it was first published; None where nobody knows."""

    rows: int
    first: datetime | None = None


@dataclass(frozen=True)
class Look:
    """All that is known of a source on one day: its rows a day, and what is published of the days watched.

    `published` may hold one day before the window, so that days after it are known to be left out. Of the days in
    `skipped` nothing is missing. A source whose newest day is before `fresh_from` is stalled.
    """

    today: date
    due: Window
    watch: Window
    days: Mapping[date, int]
    published: Mapping[date, PublishedDay] = field(default_factory=dict)
    dayless: int = 0
    min_rows: int = 1
    lag: int | None = None
    is_scheduled: bool = False
    skipped: Collection[date] = ()
    fresh_from: date | None = None

    @cached_property
    def ready(self) -> list[date]:
        """The days that have the rows they need."""
        return sorted(day for day, rows in self.days.items() if rows >= self.min_rows)

    @cached_property
    def present(self) -> set[date]:
        """The days that have rows, or had some when they were published."""
        return {day for day, rows in self.days.items() if rows} | set(self.published)

    @property
    def newest(self) -> date | None:
        """The newest day that is ready, else the newest that was published."""
        return self.ready[-1] if self.ready else max(self.published, default=None)

    def has_passed(self, day: date) -> bool:
        """Whether a day should be there, by the source's usual lag."""
        return self.today > shift(day, USUAL_LAG if self.lag is None else self.lag)

    def should_be_there(self, day: date) -> bool:
        """Whether a day should have rows by now."""
        return day not in self.skipped and self.has_passed(day) and self.is_usual(day)

    def is_usual(self, day: date) -> bool:
        """Whether, in the weeks around a day, the source has rows of most days of its weekday, or of most days."""
        first, last = max(min(self.days), shift(day, -RHYTHM_DAYS)), min(max(self.days), shift(day, RHYTHM_DAYS))
        around = [other for other in _Span(first, last) if other != day]
        alike = [other for other in around if other.weekday() == day.weekday()]
        among = alike if len(alike) > 1 else around
        return 2 * sum(other in self.present for other in among) > len(among) > 1

    def is_left_out(self, day: date) -> bool:
        """Whether an unpublished day lies after a published one, not only because an older day was added by hand."""
        before = max((each for each in self.published if each < day), default=None)
        after = min((each for each in self.published if each > day), default=None)
        if before is None:
            return False
        first, second = self.published[before].first, self.published[after].first if after else None
        return not (first and second) or first <= second


@dataclass(frozen=True)
class _Span:
    """The days from one to another, both included."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        return map(date.fromordinal, range(self.first.toordinal(), self.last.toordinal() + 1))


def count_window(due: Window, watch: Window, today: date) -> Window:
    """The days to count: all that are watched, and enough of them to know on which weekdays there are rows."""
    return Window(min(watch.first, shift(today, -RHYTHM_DAYS)), due.end)


def days_watched(watch: Window, today: date, horizon: int, present: Collection[date]) -> list[date]:
    """The days whose publications are looked up: every day of a year, and those of a longer watch that have rows."""
    recent = between(max(watch.first, shift(today, -366)), min(watch.last, shift(today, horizon)))
    days = set(_Span(recent.first, recent.last)) | {day for day in present if watch.first <= day <= watch.last}
    return sorted(days)


def usual_lag(published: Mapping[date, date], due: Window, today: date) -> int | None:
    """How many days after its date a day is usually published; never beyond the window that is due. None if unknown."""
    lags = [(on - day).days for day, on in sorted(published.items())[-LAG_OF:]]
    if not lags:
        return None
    return max(min(median_low(lags), (today - due.first).days), (today - due.last).days)


def find_missing(look: Look) -> tuple[Finding, ...]:
    """All that is missing, the gravest first."""
    found = [*_silence(look), *_vanished(look), *_late(look), *_grown(look), *_gaps(look), *_dayless(look)]
    return _gravest_first(look, found)


def find_missing_in_range(look: Look) -> tuple[Finding, ...]:
    """What is missing of the days that a person asked for, which may lie back: silence since then is another matter."""
    return _gravest_first(look, [*_vanished(look), *_gaps(look), *_dayless(look)])


def _gravest_first(look: Look, found: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in order, less those of days that are left out on purpose."""
    skipped = {day.isoformat() for day in look.skipped}
    left = (each for each in found if each.kind in NO_DAY or each.partition not in skipped)
    return tuple(sorted(left, key=lambda each: (KINDS.index(each.kind), each.partition)))


def find_vanished(day: date, rows: int, published: int) -> Iterator[Finding]:
    """A day that has fewer rows at the source than were published of it."""
    if rows < published:
        yield Finding(kind="vanished", partition=day.isoformat(), rows=rows, expected=published)


def _silence(look: Look) -> Iterator[Finding]:
    """A source without a new day. It is stalled when a schedule expects days and none of those due is there."""
    newest = look.newest
    is_old = bool(newest and look.fresh_from and newest < look.fresh_from)
    if look.days and not is_old and not any(map(look.should_be_there, _coming(look))):
        return
    none_due = look.is_scheduled and not any(look.due.first <= day <= look.due.last for day in look.ready)
    is_stalled = none_due or is_old
    named = newest.isoformat() if newest else ""
    age = (look.today - newest).days if newest else 0
    yield Finding(kind="stalled" if is_stalled else "silent", partition=named, days=age, is_old=is_old)


def _coming(look: Look) -> Iterable[date]:
    """The days after the newest one."""
    last = look.due.last if look.due.end else look.today
    return _Span(shift(look.newest, 1), last) if look.newest else ()


def _vanished(look: Look) -> Iterator[Finding]:
    for day, published in look.published.items():
        if look.watch.first <= day <= look.watch.last:
            yield from find_vanished(day, look.days.get(day, 0), published.rows)


def _late(look: Look) -> Iterator[Finding]:
    """Days that are ready and were left out, and which no run takes by itself any more."""
    for day in look.ready:
        if look.watch.first <= day < look.due.first and day not in look.published and look.is_left_out(day):
            yield Finding(kind="late", partition=day.isoformat(), rows=look.days[day])


def _grown(look: Look) -> Iterator[Finding]:
    """Published days to which rows were added, and which no run publishes again by itself any more."""
    for day, published in look.published.items():
        rows = look.days.get(day, 0)
        if look.watch.first <= day < look.due.first and published.rows and rows > published.rows:
            yield Finding(kind="grown", partition=day.isoformat(), rows=rows, expected=published.rows)


def _gaps(look: Look) -> Iterator[Finding]:
    """Days without rows before the newest one, and days that never became ready."""
    if not look.days:
        return
    for day in _Span(max(min(look.days), look.watch.first), min(max(look.days), look.watch.last)):
        rows = look.days.get(day, 0)
        is_over = day < look.ready[-1] if look.ready else False
        if day in look.published or rows >= look.min_rows:
            continue
        if not (look.due.first <= day or look.is_left_out(day)):
            continue
        if rows and (is_over or look.has_passed(day)):
            yield Finding(kind="unready", partition=day.isoformat(), rows=rows, expected=look.min_rows)
        if not rows and is_over and look.is_usual(day):
            yield Finding(kind="missing", partition=day.isoformat())


def _dayless(look: Look) -> Iterator[Finding]:
    if look.dayless:
        yield Finding(kind="dayless", rows=look.dayless)


def describe(project: str, findings: Sequence[Finding], named: int = NAMED) -> list[str]:
    """A line for each kind of what is missing, with what to do about it; `named` days are named in each."""
    return [_line(project, kind, list(alike), named) for kind, alike in groupby(findings, lambda each: each.kind)]


def _line(project: str, kind: Kind, found: list[Finding], named: int) -> str:
    first, days = found[0], _named((each.partition for each in found), named)
    match kind:
        case "stalled" | "silent":
            if not first.partition:
                return "the source has no rows of the days that are due or watched, and nothing was published before"
            due = ", and none of the days that are due" if kind == "stalled" and not first.is_old else ""
            old = ", longer than `fresh_within` allows" if first.is_old else ""
            return f"the source has no new day since {first.partition}, {_days(first.days)} ago{due}{old}"
        case "vanished":
            lost = _named((f"{each.partition} ({each.rows:,} of {each.expected:,} rows left)" for each in found), named)
            return f"published rows are gone at the source: {lost}; what was published stays"
        case "late":
            command = f"tierra score {project} --from {first.partition} --to {found[-1].partition}"
            return f"{_count(found)} ready but older than `lookback` and not published: {days}; publish with {command}"
        case "grown":
            more = _named(
                (f"{each.partition} ({each.expected:,} of {each.rows:,} rows published)" for each in found), named
            )
            command = f"tierra score {project} --partition {first.partition} --rescore"
            return f"rows were added to published days older than `lookback`: {more}; publish with {command}"
        case "missing":
            return f"{_count(found)} between others without any rows at the source: {days}"
        case "unready":
            rows = _named((f"{each.partition} ({each.rows:,} rows)" for each in found), named)
            return f"{_count(found)} not loaded whole, ready from {first.expected:,} rows: {rows}"
        case "dayless":
            return f"{first.rows:,} {'row has' if first.rows == 1 else 'rows have'} no day and are in no partition"


def _count(found: Sequence[Finding]) -> str:
    return _days(len(found))


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"


def _named(texts: Iterator[str], most: int) -> str:
    listed = list(texts)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most:,} more" if len(listed) > most else "")
