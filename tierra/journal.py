"""What happened at each station of one run, kept for its receipt.

A run opens a journal; each station adds one entry to it; whoever works inside a
station may note a fact (a frozen class of its own), or say how far it is. Nothing reads
a journal to decide anything.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Fact:
    """Something a step knows and a receipt shows. Each kind is a class of its own."""


F = TypeVar("F", bound=Fact)


@dataclass(frozen=True)
class Warned(Fact):
    """Something that is no error and that a person should see."""

    text: str


@dataclass(frozen=True)
class Progress:
    """How far a station or the run is; `total` is None where nobody knows it."""

    done: int
    total: int | None
    unit: str

    @property
    def share(self) -> float:
        """From 0 to 1; 0 where the total is unknown."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def __str__(self) -> str:
        return f"{self.done:,} of {self.total:,} {self.unit}" if self.total else f"{self.done:,} {self.unit}"


@dataclass(frozen=True)
class Retry:
    """One more try of a station: which it was, and why the one before failed."""

    station: str
    attempt: int
    reason: str


@dataclass
class Entry:
    """One station's stay: its name, seconds into the run, how long it took, and what was noted there."""

    station: str
    started: float = 0.0
    seconds: float = 0.0
    found: int = 0
    made: int = 0
    failed: bool = False
    facts: list[Fact] = field(default_factory=list)

    @property
    def reused(self) -> bool:
        """Whether all it was to make had been made before."""
        return self.found > 0 and not self.made


@dataclass
class Journal:
    """The entries of one run, in order, and the retries; `attempt` counts what a crash made run again."""

    entries: list[Entry] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)
    retries: list[Retry] = field(default_factory=list)
    run_id: str = ""
    attempt: int = 1

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.started

    def facts(self, kind: type[F]) -> list[F]:
        """Every fact of one kind, in order."""
        return [fact for entry in self.entries for fact in entry.facts if isinstance(fact, kind)]


class Watcher:
    """Observer of a run; override what you need."""

    def begin(self, entry: Entry) -> None:
        """A station starts."""

    def advance(self, entry: Entry | None, progress: Progress) -> None:
        """A station, or without one the run, is this far."""

    def end(self, entry: Entry) -> None:
        """A station is done, or has failed."""

    def finish(self, outcome: object) -> None:
        """The run is over, and ended so."""


_journal: ContextVar[Journal | None] = ContextVar("journal", default=None)
_entry: ContextVar[Entry | None] = ContextVar("entry", default=None)
_watchers: ContextVar[tuple[Watcher, ...]] = ContextVar("watchers", default=())
_start: ContextVar[float | None] = ContextVar("start", default=None)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Tell one more watcher of the stations inside the block."""
    token = _watchers.set((*_watchers.get(), watcher))
    try:
        yield
    finally:
        _watchers.reset(token)


@contextmanager
def started_at(moment: float) -> Iterator[None]:
    """Count the time of the run inside the block from a moment of `time.perf_counter`, such as its process's start."""
    token = _start.set(moment)
    try:
        yield
    finally:
        _start.reset(token)


@contextmanager
def open_journal(run_id: str = "", attempt: int = 1) -> Iterator[Journal]:
    """Collect the stations of the run inside the block."""
    journal = Journal(run_id=run_id, attempt=attempt, started=_start.get() or time.perf_counter())
    if _start.get():  # what was imported and asked before the run is part of what it cost
        journal.entries.append(Entry("start", seconds=journal.seconds))
    token = _journal.set(journal)
    try:
        yield journal
    finally:
        _journal.reset(token)


def current_run() -> str:
    """The id that the run's server gave it; empty where there is no server."""
    journal = _journal.get()
    return journal.run_id if journal else ""


@contextmanager
def at_station(name: str) -> Iterator[Entry]:
    """Time the block as one station of the open journal, if there is one."""
    entry, started = Entry(name), time.perf_counter()
    if journal := _journal.get():
        entry.started = started - journal.started
    token = _entry.set(entry)
    for watcher in _watchers.get():
        watcher.begin(entry)
    try:
        yield entry
    except BaseException:
        entry.failed = True
        raise
    finally:
        _entry.reset(token)
        entry.seconds = time.perf_counter() - started
        for watcher in _watchers.get():
            watcher.end(entry)
        if journal := _journal.get():
            journal.entries.append(entry)


def note(fact: Fact) -> None:
    """Add a fact to the station the caller works in; nothing happens outside one."""
    if entry := _entry.get():
        entry.facts.append(fact)


def warn(text: str) -> None:
    """Show a line on the run's receipt that is no error and that a person should see."""
    entry = _entry.get()
    if entry and Warned(text) not in entry.facts:  # a source that is opened twice says it once
        note(Warned(text))


def take_in(journal: Journal) -> None:
    """Add what was noted in another process, for the station the caller works in, as if it had been noted here."""
    if entry := _entry.get():
        for other in journal.entries:
            entry.facts += [fact for fact in other.facts if not (isinstance(fact, Warned) and fact in entry.facts)]
            entry.found, entry.made = entry.found + other.found, entry.made + other.made
        for retry in journal.retries:
            note_retry(entry.station, retry.attempt, retry.reason)


def note_found() -> None:
    """Say that a result was found in the memo by the station the caller works in."""
    if entry := _entry.get():
        entry.found += 1


def note_made() -> None:
    """Say that a result was made by the station the caller works in, not found."""
    if entry := _entry.get():
        entry.made += 1


def note_retry(station: str, attempt: int, reason: str) -> None:
    """Count one more try of a station in the open journal."""
    if journal := _journal.get():
        journal.retries.append(Retry(station, attempt, reason))


def note_request(attempt: int, reason: str) -> bool:
    """Count one more try of a single request by the station the caller works in; False outside one."""
    entry = _entry.get()
    if entry:
        note_retry(entry.station, attempt, reason)
    return entry is not None


def announce_end(outcome: object) -> None:
    """Tell every observer how the run ended."""
    for watcher in _watchers.get():
        watcher.finish(outcome)


def advance(done: int, total: int | None, unit: str) -> None:
    """Say how far the station the caller works in is; between stations, how far the run is."""
    for watcher in _watchers.get():
        watcher.advance(_entry.get(), Progress(done, total, unit))


def track(items: Iterable[T], unit: str, total: int | None = None) -> Iterator[T]:
    """The items one by one, telling before each and after the last how far the caller is."""
    total, done = len(items) if isinstance(items, Sequence) else total, 0
    for done, item in enumerate(items):
        advance(done, total, unit)
        yield item
        done += 1
    if done:
        advance(done, total, unit)
