"""Laws of snapshots: the same bytes for the same rows, however many pieces they came in and in whatever order."""

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.cases import some_of
from tierra.data import spool
from tierra.data.file_source import FileReader
from tierra.data.frames import conform
from tierra.data.row_numbers import ROW_NUMBER
from tierra.data.snapshot import take_snapshot
from tierra.data.spec import FileSource, SqlSource
from tierra.data.spool import Spool
from tierra.data.window import EVERYTHING, Window, single_day
from tierra.errors import DataRejected
from tierra.settings import Settings
from tierra.store.objects import MemoryObjects
from tierra.store.refs import TableRef
from tierra.store.tables import in_groups, read_table

many = some_of(150)
texts, whole = some.text("abÑ ", max_size=2), some.integers(-3, 3)
floats = some.sampled_from([-1.5, -0.0, 0.0, 2.0, float("nan"), float("inf")])
COLUMNS: dict[str, tuple[pa.DataType, Any]] = {
    "text": (pa.string(), texts),
    "number": (pa.float64(), floats),
    "flag": (pa.bool_(), some.booleans()),
    "day": (pa.date32(), some.dates(date(2024, 1, 1), date(2024, 1, 4))),
}


class Pieces:
    """A source that hands out its rows in the pieces it was given."""

    where = "source pieces"

    def __init__(self, *pieces: pa.Table) -> None:
        self._pieces = pieces

    def columns(self) -> list[str]:
        return list(self._pieces[0].column_names)

    def batches(self, columns: list[str], window: Window) -> Iterator[pa.Table]:
        return (piece.select(columns) for piece in self._pieces)

    def days(self, window: Window) -> dict[date, int]:
        return {}


def snapshot(objects: MemoryObjects, key: tuple[str, ...], *pieces: pa.Table) -> TableRef:
    source = SqlSource(kind="sql", connection="warehouse", table="x", key=key)
    return take_snapshot(objects, source, Pieces(*pieces), EVERYTHING, numbered=True)


@some.composite
def rows_in_pieces(draw: Any) -> tuple[pa.Table, list[pa.Table], tuple[str, ...]]:
    """A table with a key of one or two columns or none, and the same rows in another order, cut elsewhere."""
    key: tuple[str, ...] = draw(some.sampled_from([("one",), ("one", "two"), ()]))
    keys = draw(some.lists(some.tuples(whole, texts), max_size=60, min_size=1, unique_by=_unique(key)))
    size = {"min_size": len(keys), "max_size": len(keys)}
    columns = {name: pa.array(draw(some.lists(some.none() | values, **size)), kind)
               for name, (kind, values) in COLUMNS.items()}  # fmt: skip
    one, two = (pa.array([each[at] for each in keys], (pa.int64(), pa.string())[at]) for at in (0, 1))
    table = pa.table({"one": one, "two": two, **columns})
    moved = table.take(pa.array(draw(some.permutations(range(len(keys))))))
    cuts = sorted({0, *draw(some.lists(some.integers(0, len(keys)), max_size=6))})
    pieces = [moved.slice(start, end - start) for start, end in zip(cuts, [*cuts[1:], len(keys)], strict=True)]
    return table, pieces, key


def _unique(key: tuple[str, ...]) -> Any:
    return (lambda row: row[: len(key)]) if key else None


@many
@given(rows_in_pieces(), some.integers(1, 9), some.integers(1, 4))
def test_a_snapshot_has_the_same_bytes_however_its_rows_arrive(
    drawn: tuple[pa.Table, list[pa.Table], tuple[str, ...]], run: int, piece: int
) -> None:
    table, pieces, key = drawn
    objects = MemoryObjects()
    at_once = snapshot(objects, key, table)
    with patch.multiple(spool, ROWS_A_RUN=run, ROWS_A_PIECE=piece):
        assert snapshot(objects, key, *pieces) == at_once
    kept = read_table(objects, at_once)
    by = list(key) or table.column_names
    table = conform(table, {}, "rows")  # where NaN is a gap
    expected = table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in by]))
    assert _plain(kept.select(table.column_names)) == _plain(expected)
    assert key or kept.column(ROW_NUMBER).to_pylist() == list(range(table.num_rows))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@many
@given(some.lists(some.integers(1, 4), min_size=1, max_size=60), some.integers(1, 9), some.integers(1, 4))
def test_rows_of_a_file_without_a_key_have_their_number_in_it(
    suffix: str, days: list[int], run: int, group: int
) -> None:
    """Whole, and of one day: their order in the file is kept, whatever is left out."""
    table = pa.table(
        {"day": [date(2024, 1, day) for day in days], "value": [f"v{number}" for number in range(len(days))]}
    )
    source = FileSource(kind="file", path=f"rows.{suffix}", partition_by="day")
    with tempfile.TemporaryDirectory() as folder, patch.multiple(spool, ROWS_A_RUN=run, ROWS_A_PIECE=1):
        if suffix == "csv":
            csv.write_csv(table, Path(folder) / source.path)
        else:
            pq.write_table(table, Path(folder) / source.path, row_group_size=group)
        reader = FileReader("rows", source, Path(folder), Settings())
        for day in sorted(set(days)):
            for window in (EVERYTHING, single_day(date(2024, 1, day))):
                objects = MemoryObjects()
                kept = read_table(objects, take_snapshot(objects, source, reader, window, numbered=True))
                numbers = [number for number, each in enumerate(days) if window == EVERYTHING or each == day]
                assert kept.column(ROW_NUMBER).to_pylist() == numbers
                assert kept.column("value").to_pylist() == [f"v{number}" for number in numbers]


def _plain(table: pa.Table) -> list[str]:
    return [repr(row).replace("-0.0", "0.0") for row in table.to_pylist()]


@many
@given(some.lists(some.integers(0, 5), min_size=1, max_size=60), some.integers(1, 9), some.integers(1, 4))
def test_every_repeated_key_is_counted_and_one_is_named(keys: list[int], run: int, piece: int) -> None:
    pieces, objects = [pa.table({"key": keys[:7]}), pa.table({"key": keys[7:]}).cast(KEYS)], MemoryObjects()
    repeated = len(keys) - len(set(keys))
    with patch.multiple(spool, ROWS_A_RUN=run, ROWS_A_PIECE=piece):
        if not repeated:
            assert snapshot(objects, ("key",), *pieces).rows == len(keys)
            return
        with pytest.raises(DataRejected) as refused:
            snapshot(objects, ("key",), *pieces)
    first = min(key for key in keys if keys.count(key) > 1)
    assert refused.value.code == "keys-duplicate"
    assert f"{repeated:,} rows repeat a key, such as key={first}" in str(refused.value)
    assert not objects.objects


KEYS = pa.schema([("key", pa.int64())])


@pytest.mark.parametrize("gap", [None, float("nan")])
def test_a_key_that_is_empty_or_not_a_number_is_refused(gap: float | None) -> None:
    with pytest.raises(DataRejected, match=r"'key' is empty in 2 rows.*keys-null"):
        snapshot(MemoryObjects(), ("key",), pa.table({"key": [1.0, gap]}), pa.table({"key": [gap, 3.0]}))


def test_a_column_that_widens_on_the_way_is_widened_throughout() -> None:
    objects = MemoryObjects()
    pieces = [pa.table({"key": [3, 1]}), pa.table({"key": [2.5, 0.5]}), pa.table({"key": [7, 2]})]
    ref = snapshot(objects, ("key",), *pieces)
    assert read_table(objects, ref).column("key").to_pylist() == [0.5, 1.0, 2.0, 2.5, 3.0, 7.0]


@pytest.mark.parametrize("second", [["a"], [0.5]])
def test_a_column_of_two_types_is_refused(second: list[Any]) -> None:
    with pytest.raises(DataRejected, match="column-type"):
        snapshot(MemoryObjects(), ("key",), pa.table({"key": [2**60 + 1]}), pa.table({"key": second}))


def test_rows_in_any_order_are_never_all_in_memory(tmp_path: Path) -> None:
    """As few values interleave as many do: memory is a run and a piece of each other run."""
    for distinct in (200_000, 3):
        drawn = np.random.default_rng(0).integers(0, distinct, 200_000)
        with patch.multiple(spool, ROWS_A_RUN=8_192, ROWS_A_PIECE=64):
            filled = Spool(tmp_path, ["key"])
            for start in range(0, len(drawn), 10_000):
                filled.add(pa.table({"key": drawn[start : start + 10_000]}))
            before = pa.total_allocated_bytes()
            held = [(pa.total_allocated_bytes() - before) // 8 for _ in filled.in_order()]
        assert max(held) < 60_000


def test_groups_are_the_same_bytes_however_they_were_cut() -> None:
    table = pa.table({"text": [f"{number:040d}" for number in range(9_000)]})
    pieces = [table.slice(start, 700) for start in range(0, 9_000, 700)]
    cut, whole = (list(in_groups(table.schema, each, 4_000)) for each in (pieces, [table]))
    assert cut == whole
    for group in (*cut, *whole):
        assert group.column("text").num_chunks == 1
