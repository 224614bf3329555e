"""The days of a source are read once a run, and every window gives what it gives when it is read by itself."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.cases import each, some_of
from tierra.data import read_once
from tierra.data.file_source import FileReader
from tierra.data.read_once import DAYS_BEYOND, ReadOnce, join_windows
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import SourceReader, open_source
from tierra.data.spec import FileSource, Source, SqlSource
from tierra.data.window import EVERYTHING, Window, single_day
from tierra.errors import TierraError, Unavailable
from tierra.once import Once
from tierra.settings import Settings
from tierra.store.objects import MemoryObjects

HISTORY = 3
COLUMNS = {"key": pa.string(), "day": pa.date32(), "whole": pa.int64(), "number": pa.float64(), "text": pa.string()}


def day(number: int) -> date:
    return date(2024, 1, number)


def days(first: int, last: int) -> Window:
    return Window(day(first), day(last + 1))


def a_table(*rows: tuple[Any, ...]) -> pa.Table:
    """Rows of a key, a day's number, a whole number, a number and a text."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in COLUMNS)
    filled = [[value and day(value) for value in values] if name == "day" else list(values)
              for name, values in zip(COLUMNS, columns, strict=True)]  # fmt: skip
    return pa.table([pa.array(values, kind) for values, kind in zip(filled, COLUMNS.values(), strict=True)],
                    names=list(COLUMNS))  # fmt: skip


# The same rows at each kind of source.
def parquet(table: pa.Table, folder: Path, **about: Any) -> tuple[Source, Settings]:
    pq.write_table(table, folder / "rows.parquet", row_group_size=7)
    return FileSource(kind="file", path="rows.parquet", **about), Settings()


def text_file(table: pa.Table, folder: Path, **about: Any) -> tuple[Source, Settings]:
    csv.write_csv(table, folder / "rows.csv")
    return FileSource(kind="file", path="rows.csv", types={"day": "date", "key": "text"}, **about), Settings()


def database(kinds: str, table: pa.Table, folder: Path, **about: Any) -> tuple[Source, Settings]:
    with sqlite3.connect(folder / "rows.db") as connection:
        connection.execute("drop table if exists rows")
        connection.execute(f"create table rows ({kinds})")
        values = [tuple(str(value) if isinstance(value, date) else value for value in row.values())
                  for row in table.to_pylist()]  # fmt: skip
        connection.executemany("insert into rows values (?, ?, ?, ?, ?)", values)
    connection.close()
    settings = Settings(connections={"warehouse": {"url": f"sqlite:///{folder / 'rows.db'}"}})
    return SqlSource(kind="sql", connection="warehouse", table="rows", types={"day": "date"}, **about), settings


typed = partial(database, "key text, day date, whole integer, number float, text text")
# Without types of their own, the values of a read decide what its columns are.
untyped = partial(database, "key, day, whole, number, text")
KINDS: dict[str, Callable[..., tuple[Source, Settings]]] = {
    "parquet": parquet, "csv": text_file, "typed database": typed, "untyped database": untyped}  # fmt: skip


def read(source: Source, reader: SourceReader, window: Window) -> Any:
    """A window's snapshot, or why there is none."""
    try:
        return take_snapshot(MemoryObjects(), source, reader, window, numbered=True)
    except TierraError as error:
        return type(error), str(error)


ROWS = some.lists(some.tuples(
    some.none() | some.sampled_from("abcdefghij"), some.none() | some.integers(1, 9),
    some.none() | some.integers(-2, 2), some.none() | some.sampled_from([0.0, -0.0, 1.0, 2.5]),
    some.none() | some.sampled_from(["x", "y", "1"]),
), max_size=30)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@some_of(100)
@given(rows=ROWS, keyed=some.booleans(), scored=some.sets(some.integers(4, 9), min_size=1), run=some.integers(1, 40))
def test_each_window_gives_what_it_gives_alone(
    kind: str, rows: list[tuple[Any, ...]], keyed: bool, scored: set[int], run: int
) -> None:
    """Bytes, types and refusals alike: one day's mistake is no other day's."""
    windows = [days(number - HISTORY, number) for number in scored]
    about = {"key": ("key",) if keyed else (), "partition_by": "day", "history": f"{HISTORY}d"}
    with tempfile.TemporaryDirectory() as folder, patch.object(read_once, "ROWS_A_RUN", run):
        source, settings = KINDS[kind](a_table(*rows), Path(folder), **about)
        opened = partial(open_source, "rows", source, Path(folder), settings)
        together = ReadOnce(opened, source, windows)
        for number in sorted(scored):
            for window in (single_day(day(number)), days(number - HISTORY, number - 1)):
                assert read(source, together, window) == read(source, opened(), window), window


class Counted:
    """A reader that counts the windows it is asked for, and may fail at first."""

    where = "source rows"

    def __init__(self, reader: SourceReader, *failures: Exception) -> None:
        self.asked: list[Window] = []
        self._reader, self._failures = reader, list(failures)

    def columns(self) -> list[str]:
        return self._reader.columns()

    def batches(self, columns: list[str], window: Window) -> Iterator[pa.Table]:
        self.asked.append(window)
        if self._failures:
            raise self._failures.pop()
        return self._reader.batches(columns, window)

    def days(self, window: Window) -> dict[date, int]:
        return self._reader.days(window)

    def has_fixed_types(self, columns: list[str]) -> bool:
        return self._reader.has_fixed_types(columns)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    rows = [(f"k{number:02}", number, number, 0.5, "x") for number in range(1, 31)]
    return parquet(a_table(*rows), tmp_path, key=("key",), partition_by="day", history=f"{HISTORY}d")[0]


def counted(source: Source, folder: Path, *failures: Exception) -> Counted:
    assert isinstance(source, FileSource)
    return Counted(FileReader("rows", source, folder, Settings()), *failures)


def test_days_that_lie_together_are_read_once_and_others_apart(source: Source, tmp_path: Path) -> None:
    reader = counted(source, tmp_path)
    scored = (5, 6, 9, 20, 21)
    together = ReadOnce(lambda: reader, source, [days(number - HISTORY, number) for number in scored])
    for number in scored:
        for window in (single_day(day(number)), days(number - HISTORY, number - 1)):
            assert take_snapshot(MemoryObjects(), source, together, window).rows == window.length
    assert reader.asked == [days(2, 9), days(17, 21)]


def test_a_source_that_does_not_answer_is_asked_again(source: Source, tmp_path: Path) -> None:
    reader = counted(source, tmp_path, Unavailable("database-unavailable", "no answer"))
    together = ReadOnce(lambda: reader, source, [days(2, 5), days(3, 6)])
    with pytest.raises(Unavailable):
        take_snapshot(MemoryObjects(), source, together, days(2, 4))
    assert take_snapshot(MemoryObjects(), source, together, days(2, 4)).rows == 3
    assert reader.asked == [days(2, 6)] * 2


def test_where_the_disk_is_full_each_window_is_read_alone(source: Source, tmp_path: Path) -> None:
    reader = counted(source, tmp_path)
    together = ReadOnce(lambda: reader, source, [days(2, 5), days(3, 6)])
    with patch.object(read_once.pa.ipc, "new_file", side_effect=OSError(28, "No space left on device")):
        rows = pa.concat_tables(together.batches(list(COLUMNS), days(2, 4)))
    assert rows.num_rows == 3
    assert reader.asked == [days(2, 6), days(2, 4)]


def test_nothing_is_left_on_disk(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    reader = counted(source, tmp_path)
    together = ReadOnce(lambda: reader, source, [days(2, 5), days(3, 6)])
    batches = together.batches(list(COLUMNS), days(2, 6))
    assert list((tmp_path / "temporary").iterdir()) == [], "its name goes at once, its space with the object"
    assert sum(map(len, batches)) == 5


def test_windows_are_joined_up_to_a_length() -> None:
    def spans(*expected: tuple[int, int], of: list[tuple[int, int]], longest: int = 99) -> None:
        assert join_windows([days(*each) for each in of], longest) == [days(*each) for each in expected]

    each([
        partial(spans, of=[]),
        partial(spans, (1, 4), of=[(1, 4)]),
        partial(spans, (1, 4), of=[(1, 4), (2, 3), (1, 4)]),
        partial(spans, (1, 9), of=[(5, 9), (1, 4)]),
        partial(spans, (1, 3), (5, 9), of=[(5, 9), (1, 3)]),
        partial(spans, (1, 6), (5, 9), of=[(1, 3), (2, 6), (5, 9)], longest=7),
    ], lambda case: case())  # fmt: skip


def test_a_long_backfill_lies_on_disk_in_spans(source: Source) -> None:
    year = [Window(date.fromordinal(730_000 + number), date.fromordinal(730_001 + number + HISTORY))
            for number in range(365)]  # fmt: skip
    lengths = [span.length for span in join_windows(year, 2 * HISTORY + DAYS_BEYOND)]
    assert max(lengths) <= 2 * HISTORY + DAYS_BEYOND
    assert sum(lengths) < 1.2 * 365


def test_a_project_without_days_is_read_as_it_is(source: Source, tmp_path: Path) -> None:
    reader = counted(source, tmp_path)
    assert take_snapshot(MemoryObjects(), source, ReadOnce(lambda: reader, source, []), EVERYTHING).rows == 30
    assert reader.asked == [EVERYTHING]


def test_what_a_run_needs_more_than_once_is_made_once() -> None:
    from concurrent.futures import ThreadPoolExecutor

    once, start, made = Once(), Barrier(8), []

    def make() -> object:
        made.append(object())
        return made[-1]

    def ask(_: int) -> object:
        start.wait()
        return once.get("key", make)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(ask, range(8))))) == len(made) == 1


def test_what_could_not_be_made_is_tried_again() -> None:
    once = Once()
    with pytest.raises(Unavailable):
        once.get("key", partial(_fail, Unavailable("database-unavailable", "no answer")))
    assert once.get("key", lambda: 2) == 2
    assert once.get("key", lambda: 3) == 2


def _fail(error: Exception) -> int:
    raise error
