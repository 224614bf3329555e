"""What happened at each station of one run, kept for its receipt.

A run opens a journal; each station adds one entry to it; whoever works inside a
station may note a fact. Nothing reads a journal to decide anything.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Entry:
    """One station's stay: its name, how long it took, and what was noted there."""

    station: str
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
        """Every value noted under one name, in order."""
        return [entry.facts[name] for entry in self.entries if name in entry.facts]


_journal: ContextVar[Journal | None] = ContextVar("journal", default=None)
_entry: ContextVar[Entry | None] = ContextVar("entry", default=None)


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
    token = _entry.set(entry)
    try:
        yield entry
    finally:
        _entry.reset(token)
        entry.seconds = time.perf_counter() - started
        if journal := _journal.get():
            journal.entries.append(entry)


def note(*, reused: bool | None = None, **facts: Any) -> None:
    """Add facts to the station the caller works in; nothing happens outside one."""
    if entry := _entry.get():
        entry.facts.update(facts)
        entry.reused = entry.reused if reused is None else reused
