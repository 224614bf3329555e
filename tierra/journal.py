"""What happened at each station of one run, kept for its receipt.

A run opens a journal; each station adds one entry to it; whoever works inside a
station may note a fact. Nothing reads a journal to decide anything.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Entry:
    """One station's stay: its name, seconds into the run, how long it took, and what was noted there."""

    station: str
    started: float = 0.0
    seconds: float = 0.0
    reused: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Journal:
    """The entries of one run, in order."""

    entries: list[Entry] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Seconds since the journal was opened."""
        return time.perf_counter() - self.started

    def facts(self, name: str) -> list[Any]:
        """Every value noted under one name, in order; those of `note_each` one by one."""
        found = [entry.facts[name] for entry in self.entries if name in entry.facts]
        return [each for value in found for each in (value if isinstance(value, list) else [value])]


_journal: ContextVar[Journal | None] = ContextVar("journal", default=None)
_entry: ContextVar[Entry | None] = ContextVar("entry", default=None)
_watcher: ContextVar[Callable[[Entry, bool], None] | None] = ContextVar("watcher", default=None)


@contextmanager
def watching(watcher: Callable[[Entry, bool], None]) -> Iterator[None]:
    """Tell `watcher` of each station inside the block: when it starts, and, with True, when it is done."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


@contextmanager
def open_journal() -> Iterator[Journal]:
    """Collect the stations of the run inside the block."""
    journal = Journal()
    token = _journal.set(journal)
    try:
        yield journal
    finally:
        _journal.reset(token)


@contextmanager
def at_station(name: str) -> Iterator[Entry]:
    """Time the block as one station of the open journal, if there is one."""
    entry, started = Entry(name), time.perf_counter()
    if journal := _journal.get():
        entry.started = started - journal.started
    token, watcher = _entry.set(entry), _watcher.get()
    if watcher:
        watcher(entry, False)
    try:
        yield entry
    finally:
        _entry.reset(token)
        entry.seconds = time.perf_counter() - started
        if watcher:
            watcher(entry, True)
        if journal := _journal.get():
            journal.entries.append(entry)


def note(**facts: Any) -> None:
    """Add facts to the station the caller works in; nothing happens outside one."""
    if entry := _entry.get():
        entry.facts.update(facts)


def note_each(**facts: Any) -> None:
    """Add to the lists of facts of the station the caller works in, where one name has several values."""
    if entry := _entry.get():
        for name, value in facts.items():
            entry.facts.setdefault(name, []).append(value)


def note_reused() -> None:
    """Say that the station the caller works in found its result in the memo."""
    if entry := _entry.get():
        entry.reused = True
