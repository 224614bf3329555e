"""The days of a source that a run looks at: windows that overlap are read from it once, and served from a file.

A night that scores a day and compares a week with `history: 28d` would read most days eight times.
Each window gives the same rows in the same types, and raises the same errors, as when it is read by itself.
"""

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa

from tierra.data.frames import UNREAD, conform
from tierra.data.row_numbers import ROW_NUMBER, has_row_numbers
from tierra.data.sources import SourceReader, columns_to_read
from tierra.data.spec import Source
from tierra.data.spool import ROWS_A_RUN
from tierra.data.window import Window, between, shift
from tierra.errors import TierraError
from tierra.journal import warn
from tierra.temporary import prefix

# How many days beyond twice the history lie on disk at once; a long backfill is read in spans of that length.
DAYS_BEYOND = 31


class ReadOnce:
    """A source read through, whose windows that lie together are read as one span.

    Nothing is opened before it is needed. A span lies on disk while its windows are asked for,
    one span at a time; in memory are single batches. One that is read `beside` other tables of its database
    has its first span read with them, and says so when it reads anything later.
    """

    def __init__(
        self, opened: Callable[[], SourceReader], source: Source, windows: Iterable[Window], beside: bool = False
    ) -> None:
        self._open, self._source, self.is_beside = opened, source, beside
        longest = 2 * source.history + DAYS_BEYOND
        self._spans = [span for span in join_windows(windows, longest) if span.length > 1 or beside]
        self._is_late = False
        self._kept: _KeptRows | None = None
        self._lock = Lock()

    @property
    def where(self) -> str:
        """The source's name, for people."""
        return self._reader.where

    def columns(self) -> list[str]:
        """The names of all its columns."""
        return self._columns

    def batches(self, columns: list[str], window: Window) -> Iterator[pa.Table]:
        """Its rows of the window in batches, from the span that holds it."""
        kept = self._span_of(window)
        return kept.batches(columns, window) if kept else self._reader.batches(columns, window)

    def days(self, window: Window) -> dict[date, int]:
        """Rows of each day in the window."""
        return self._reader.days(window)

    def dayless(self) -> int:
        """Rows without a day."""
        return self._reader.dayless()

    def forget(self) -> None:
        """Read what is asked for next from the source again."""
        with self._lock:
            self._kept = None
            for name in ("_reader", "_columns"):  # a download stays what it was: it is opened anew
                vars(self).pop(name, None)

    def has_fixed_types(self, columns: list[str]) -> bool:
        """Whether the columns' types are the same whatever the rows."""
        return self._reader.has_fixed_types(columns)

    @cached_property
    def _reader(self) -> SourceReader:
        return self._open()

    @cached_property
    def _columns(self) -> list[str]:
        return self._reader.columns()

    @property
    def reader(self) -> SourceReader:
        """The source itself."""
        return self._reader

    def read_ahead(self) -> None:
        """Read the first span now, at the moment of the tables beside it."""
        with self._lock:
            self._is_late = False
            self._kept = self._read(self._spans[0]) if self._spans else None

    def _span_of(self, window: Window) -> "_KeptRows | None":
        with self._lock:
            span = next((each for each in self._spans if each.holds(window)), None)
            if not span:
                self._warn_if_late()
            elif not (self._kept and self._kept.span == span):
                self._warn_if_late()
                self._kept = None  # the disk of the last one is free before the next is read
                self._kept = self._read(span)
            return self._kept if span else None

    def _warn_if_late(self) -> None:
        if self.is_beside and not self._is_late:
            warn(f"{self.where}: some of its rows were read later than the other tables, which may have changed since")
        self._is_late = True

    def _read(self, span: Window) -> "_KeptRows | None":
        """A span's rows; None where its windows must be read one by one, so that an error meets its own days alone."""
        numbered = [ROW_NUMBER] if has_row_numbers(self._source) else []
        try:
            columns = [*columns_to_read(self._source, self), *numbered]
            if self._reader.has_fixed_types(columns):
                return _KeptRows(span, self._plain(columns, span), self._source.partition_by)
        except (TierraError, pa.ArrowException, OSError, _HasUnreadCells) as error:
            if isinstance(error, TierraError) and error.transient:
                raise
        self._spans.remove(span)
        return None

    def _plain(self, columns: list[str], span: Window) -> Iterator[pa.Table]:
        for batch in self._reader.batches(columns, span):
            if UNREAD in batch.column_names:
                raise _HasUnreadCells
            table = conform(batch, self._source.types, self.where, self._source.key)
            if table.num_rows:
                yield table


class _HasUnreadCells(Exception):
    """Whether a column is of another type, or has few mistakes, is a matter of each window's rows."""


def join_windows(windows: Iterable[Window], longest: int) -> list[Window]:
    """The windows as few spans: those that overlap or touch are joined, up to so many days."""
    spans: list[Window] = []
    for window in sorted(windows, key=lambda each: (each.first, each.last)):
        joined = _join(spans[-1], window) if spans else None
        if joined and joined.length <= longest:
            spans[-1] = joined
        else:
            spans.append(window)
    return spans


def _join(earlier: Window, later: Window) -> Window | None:
    """Both as one; None when days lie between them."""
    apart = later.first > shift(earlier.last, 1)
    return None if apart else between(earlier.first, max(earlier.last, later.last))


class _KeptRows:
    """A span's rows in a file that goes with this object, or with its process: pieces of one day each."""

    def __init__(self, span: Window, tables: Iterator[pa.Table], column: str | None) -> None:
        self.span = span
        self._pieces: dict[date, list[int]] = defaultdict(list)
        place, path = tempfile.mkstemp(prefix=prefix())
        os.close(place)
        try:
            self._write(path, tables, column)
            # Read, not mapped: pages of a mapped file would count as this process's memory.
            self._file: Any = pa.ipc.open_file(pa.OSFile(path)) if self._pieces else None
        finally:
            os.unlink(path)

    def batches(self, columns: list[str], window: Window) -> Iterator[pa.Table]:
        """The rows of a window, in tables of about one run of a sort."""
        numbers = [number for day in sorted(self._pieces) if window.first <= day <= window.last
                   for number in self._pieces[day]]  # fmt: skip
        waiting: list[pa.RecordBatch] = []
        for number in numbers:
            waiting.append(self._file.get_batch(number))
            if sum(map(len, waiting)) >= ROWS_A_RUN:
                yield pa.Table.from_batches(waiting).select(columns)
                waiting = []
        if waiting:
            yield pa.Table.from_batches(waiting).select(columns)

    def _write(self, path: str, tables: Iterator[pa.Table], column: str | None) -> None:
        writer, number = None, 0
        try:
            for table in _in_runs(tables):
                writer = writer or pa.ipc.new_file(path, table.schema)
                for day, rows in _by_day(table, column) if column else [(self.span.first, table)]:
                    for batch in rows.to_batches():
                        writer.write_batch(batch)
                        self._pieces[day].append(number)
                        number += 1
        finally:
            if writer:
                writer.close()


def _in_runs(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of at least one run, the last one smaller: else each small batch makes a piece a day."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= ROWS_A_RUN:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _by_day(table: pa.Table, column: str) -> Iterator[tuple[date, pa.Table]]:
    """The rows of each day."""
    days = table.column(column).cast(pa.date32()).to_numpy()
    order = np.argsort(days, kind="stable")
    found, starts = np.unique(days[order], return_index=True)
    whole = table.take(pa.array(order)).combine_chunks()
    for day, start, end in zip(found.tolist(), starts, [*starts[1:], len(days)], strict=True):
        yield day, whole.slice(start, end - start)
