"""The state of every partition: judged from what is published, what the last runs found, and the project's windows.

Pure: it opens no source and reads no store; docs/decisions/0036-status.md has the rules.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from tierra.data.completeness import Finding, describe
from tierra.data.window import Window, shift

T = TypeVar("T")
State = Literal["failed", "vanished", "late", "changed", "stale", "missing", "unready", "due", "unseen", "skipped",
                "published", "before"]  # fmt: skip
Mood = Literal["good", "quiet", "warned", "bad"]


class Sign(BaseModel):
    """How a state is shown: one character, words, and how grave it is."""

    model_config = ConfigDict(frozen=True)

    letter: str
    words: str
    mood: Mood


# The worst first. The signs differ without their colours.
SIGNS: Final[dict[State, Sign]] = {
    "failed": Sign(letter="F", words="failed", mood="bad"),
    "vanished": Sign(letter="V", words="vanished at the source", mood="warned"),
    "late": Sign(letter="L", words="late beyond lookback", mood="warned"),
    "changed": Sign(letter="C", words="changed and left", mood="warned"),
    "stale": Sign(letter="S", words="stale", mood="warned"),
    "missing": Sign(letter="M", words="missing at the source", mood="warned"),
    "unready": Sign(letter="N", words="not ready", mood="warned"),
    "due": Sign(letter="D", words="due", mood="quiet"),
    "unseen": Sign(letter="?", words="not looked at yet", mood="quiet"),
    "skipped": Sign(letter="/", words="skipped on purpose", mood="quiet"),
    "published": Sign(letter="✓", words="published", mood="good"),
    "before": Sign(letter="-", words="before the first night", mood="quiet"),
}
FOUND: Final[dict[str, State]] = {"vanished": "vanished", "late": "late", "grown": "changed", "missing": "missing",
                                  "unready": "unready"}  # fmt: skip


class Publication(BaseModel):
    """What is published of one partition."""

    model_config = ConfigDict(frozen=True)

    generation: int
    model_version: str
    rows_in: int
    rows: int
    quarantined: int
    published_at: datetime | None = None


class PartitionState(BaseModel):
    """One partition: its state and why, what is published of it, its rows at the source, and the last run's receipt.

    `counted` are the rows that the last run which looked at all days found at the source.
    """

    model_config = ConfigDict(frozen=True)

    partition: str
    state: State
    reason: str = ""
    generation: int | None = None
    model_version: str = ""
    rows: int | None = None
    quarantined: int | None = None
    counted: int | None = None
    published_at: datetime | None = None
    receipt: str = ""

    @property
    def sign(self) -> Sign:
        """How it is shown."""
        return SIGNS[self.state]


@dataclass(frozen=True)
class Known(Generic[T]):
    """Something that a run found of a partition, when that run ended, and its receipt."""

    what: T
    moment: datetime
    receipt: str = ""


@dataclass(frozen=True)
class Partitions:
    """All that is known of a project's partitions. `looked` is when a run last looked at all days, and on which day."""

    project: str
    today: date
    due: Window
    shown: Window
    min_rows: int = 1
    skip: Mapping[date, str] = field(default_factory=dict)
    published: Mapping[date, Publication] = field(default_factory=dict)
    counted: Mapping[date, Known[int]] = field(default_factory=dict)
    rejected: Mapping[date, Known[str]] = field(default_factory=dict)
    stale: Mapping[date, Known[str]] = field(default_factory=dict)
    found: Mapping[date, Known[Finding]] = field(default_factory=dict)
    receipts: Mapping[date, str] = field(default_factory=dict)
    looked: date | None = None


def judge_partitions(known: Partitions) -> tuple[PartitionState, ...]:
    """The state of every partition that is known of, the newest first."""
    return tuple(_state(known, day) for day in sorted(_days(known), reverse=True))


def count_states(states: Iterable[PartitionState]) -> dict[State, int]:
    """How many partitions are in each state, the worst state first."""
    listed = [each.state for each in states]
    return {state: listed.count(state) for state in SIGNS if state in listed}


def _days(known: Partitions) -> set[date]:
    there = {day for day, count in known.counted.items() if count.what}
    named = there.union(known.published, known.rejected, known.stale, known.found, known.skip, _unseen(known))
    return {day for day in named if known.shown.first <= day <= known.shown.last}


def _unseen(known: Partitions) -> Iterator[date]:
    """The days that came after the last look."""
    day = known.looked or known.today
    while day < known.today:
        day = shift(day, 1)
        yield day


def _state(known: Partitions, day: date) -> PartitionState:
    publication, counted = known.published.get(day), known.counted.get(day)
    state, reason, receipt = _judge(known, day, publication)
    values = publication.model_dump(exclude={"rows_in"}) if publication else {}
    return PartitionState(
        partition=day.isoformat(), state=state, reason=reason, counted=counted.what if counted else None,
        receipt=receipt or known.receipts.get(day, ""), **values,
    )  # fmt: skip


def _judge(known: Partitions, day: date, publication: Publication | None) -> tuple[State, str, str]:
    """The state, its reason, and the receipt that has the reason."""
    if publication is None and day in known.skip:
        return "skipped", known.skip[day], ""
    found = None if day in known.skip else _since(known.found.get(day), publication)
    rejected = _since(known.rejected.get(day), publication)
    if rejected and not (found and found.moment > rejected.moment):
        return "failed", rejected.what, rejected.receipt
    if found and (publication is None or found.what.kind in ("vanished", "grown")):
        (line,) = describe(known.project, [found.what])
        return FOUND[found.what.kind], line, found.receipt
    state, reason = _judge_published(known, day, publication) if publication else _judge_open(known, day)
    return state, reason, ""


def _judge_published(known: Partitions, day: date, publication: Publication) -> tuple[State, str]:
    count = _since(known.counted.get(day), publication)
    stale = _since(known.stale.get(day), publication)
    if not stale and not (count and count.what > publication.rows_in):
        return "published", ""
    if day >= known.due.first:
        return "stale", "the source has changed since; the next run scores it again"
    command = f"tierra score {known.project} --partition {day} --rescore"
    return "changed", f"the source has changed since, and it is older than `lookback`; publish with {command}"


def _judge_open(known: Partitions, day: date) -> tuple[State, str]:
    """A day of which nothing is published, and of which no run found anything."""
    count = known.counted.get(day)
    if count is None and (known.looked is None or day > known.looked):
        return "unseen", "no run has looked at all days since"
    rows = count.what if count else 0
    if day < known.due.first:
        return "before", f"{rows:,} rows at the source, older than `lookback` when the first night came"
    if rows < known.min_rows:
        return "unready", f"{rows:,} rows, ready from {known.min_rows:,}"
    return "due", "the next run publishes it"


def _since(found: Known[T] | None, publication: Publication | None) -> Known[T] | None:
    """What was found, unless the day was published after that."""
    if found and publication and publication.published_at and publication.published_at >= found.moment:
        return None
    return found
