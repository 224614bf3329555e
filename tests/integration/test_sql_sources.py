"""What every source database gives: the same rows, values, days and refusals."""

import struct
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.databases import Database
from tierra.data.file_source import FileReader
from tierra.data.read_once import ReadOnce
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import open_source
from tierra.data.spec import FileSource
from tierra.data.window import EVERYTHING, Window, single_day
from tierra.errors import DataRejected, Misconfigured, TierraError
from tierra.settings import Settings
from tierra.store import postgres
from tierra.store.objects import MemoryObjects

TEXTS = ["", None, "NULL", "NaN", r"\.", r"\N", '"', "a,b", "two\nlines", "\r\n", "  blank ", "ñandú ✓ 𝄞", "t", "0"]
FLOATS = [0.1, 0.0, None, 5e-324, 1.7976931348623157e308, float("inf"), -float("inf"), 1 / 3, 1e22, 123456789.123456789]
WHOLE = [0, None, 2**63 - 1, -(2**63), 2**53 + 1, -1]
DATES = [date(1, 1, 1), None, date(9999, 12, 31), date(1677, 9, 21), date(2024, 2, 29)]
TIMES = [datetime(1, 1, 1), None, datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(2024, 2, 29, 1, 2, 3, 4)]
HOSTILE_NAMES = ["Mixed Case", 'a"b', "select", "ñ", "100%", "%s", "{x}", "a:b", "x'; drop table y; --", "a\nb", "a\\b"]


def days_of(*days: int | None) -> pa.Array:
    return pa.array([None if day is None else date(2024, 1, day) for day in days])


def everything() -> pa.Table:
    """A row a value worth asking about, in columns of each type."""
    columns = [("text", pa.string(), TEXTS), ("number", pa.float64(), FLOATS), ("whole", pa.int64(), WHOLE),
               ("flag", pa.bool_(), [True, None, False]), ("day", pa.date32(), DATES),
               ("moment", pa.timestamp("us"), TIMES)]  # fmt: skip
    rows = max(len(values) for _, _, values in columns)
    arrays = [pa.array((values * rows)[:rows], kind) for _, kind, values in columns]
    return pa.table([pa.array(range(rows)), *arrays], names=["id", *(name for name, _, _ in columns)])


def bits(column: pa.ChunkedArray) -> list[bytes | None]:
    return [None if value is None else struct.pack("d", value) for value in column.to_pylist()]


def test_every_value_comes_back_as_it_is(database: Database) -> None:
    table = everything()
    database.write("rides", table)
    found = database.read(table="rides").sort_by("id")
    assert found.schema == table.schema
    assert found.drop(["number"]).to_pylist() == table.drop(["number"]).to_pylist()
    assert bits(found["number"]) == bits(table["number"])


def test_floats_come_back_bit_for_bit(database: Database) -> None:
    drawn = np.frombuffer(np.random.default_rng(0).bytes(8 * 5000), dtype="f8")
    table = pa.table({"id": range(len(drawn)), "number": drawn[np.argsort(np.isnan(drawn), kind="stable")]})
    whole = table.filter(pa.compute.invert(pa.compute.is_nan(table["number"])))
    database.write("rides", whole)
    assert bits(database.read(table="rides").sort_by("id")["number"]) == bits(whole["number"])


def test_a_table_without_rows_has_its_columns(database: Database) -> None:
    database.write("rides", everything().slice(0, 0))
    assert database.open(table="rides").columns() == everything().column_names
    with pytest.raises(DataRejected, match=r"no rows.*source-empty"):
        database.snapshot(MemoryObjects(), table="rides")


def test_a_column_that_is_empty_in_every_row_keeps_its_rows(database: Database) -> None:
    database.write("rides", pa.table({"text": pa.array([None, None, None], pa.string())}))
    assert database.read(table="rides").to_pylist() == [{"text": None}] * 3


def test_only_the_columns_asked_for_come_in_their_order(database: Database) -> None:
    database.write("rides", everything())
    assert database.read(columns=["whole", "text"], table="rides").column_names == ["whole", "text"]


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us")])
def test_a_window_has_its_first_day_and_not_its_end(database: Database, kind: pa.DataType) -> None:
    days = days_of(1, 2, None, 3, 4)
    database.write("rides", pa.table({"id": range(5), "day": days.cast(kind)}))
    windows = [EVERYTHING, single_day(date(2024, 1, 2)), Window(date(2024, 1, 3)), Window(None, date(2024, 1, 3)),
               Window(date(2024, 1, 2), date(2024, 1, 4)), single_day(date(2030, 1, 1))]  # fmt: skip
    reader = database.open(table="rides", partition_by="day")
    found = [
        sorted(row for piece in reader.batches(["id"], window) for row in piece["id"].to_pylist()) for window in windows
    ]
    assert found == [[0, 1, 2, 3, 4], [1], [3, 4], [0, 1], [1, 3], []]


def test_days_read_together_are_the_days_read_alone(database: Database) -> None:
    """Also the first and the last moment of a day, which in another zone would be another day's."""
    kinds = [pa.date32(), pa.timestamp("us"), *([] if database.is_sqlite else [pa.timestamp("us", "UTC")])]
    moments = [datetime(2024, 1, day, *time) for day in range(1, 9) for time in ((0, 0), (23, 59, 59, 999999))]
    windows = [single_day(date(2024, 1, day)) for day in range(1, 9)] + [Window(date(2024, 1, 2), date(2024, 1, 5))]
    for number, kind in enumerate(kinds):
        at = pa.array(moments, pa.timestamp("us")).cast(kind, safe=False)
        database.write(f"rides{number}", pa.table({"id": range(16), "at": at}))
        source = database.source(table=f"rides{number}", key="id", partition_by="at", history="3d")
        opened = partial(open_source, "rides", source, database.home, database.settings)
        together = ReadOnce(opened, source, [Window(date(2024, 1, 1), date(2024, 1, 9))])
        for window in windows:
            kept, alone = (take_snapshot(MemoryObjects(), source, reader, window) for reader in (together, opened()))
            assert kept == alone, (kind, window)
            assert kept.rows == 2 * window.length


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us")])
def test_the_rows_of_each_day_are_counted(database: Database, kind: pa.DataType) -> None:
    database.write("rides", pa.table({"day": days_of(2, 1, None, 2, 4).cast(kind)}))
    reader = database.open(table="rides", partition_by="day")
    assert reader.days(EVERYTHING) == {date(2024, 1, 1): 1, date(2024, 1, 2): 2, date(2024, 1, 4): 1}
    assert reader.days(Window(date(2024, 1, 2), date(2024, 1, 4))) == {date(2024, 1, 2): 2}


def test_a_moment_late_on_a_day_belongs_to_it(database: Database) -> None:
    late = datetime(2024, 1, 1, 23, 59, 59, 999999)
    database.write("rides", pa.table({"at": pa.array([late, datetime(2024, 1, 2)], pa.timestamp("us"))}))
    assert database.open(table="rides", partition_by="at").days(single_day(date(2024, 1, 1))) == {date(2024, 1, 1): 1}
    assert database.read(single_day(date(2024, 1, 1)), table="rides", partition_by="at")["at"].to_pylist() == [late]


def test_days_in_text_are_days_too(database: Database) -> None:
    database.write("rides", pa.table({"day": ["2024-01-01", "2024-01-02", None, "2024-01-02"]}))
    reader = database.open(table="rides", partition_by="day", types={"day": "date"})
    assert reader.days(Window(date(2024, 1, 2))) == {date(2024, 1, 2): 2}
    database.run("update rides set day = 'soon' where day = '2024-01-01'")
    with pytest.raises(DataRejected, match=r"'day'.*soon.*column-type"):
        reader.days(EVERYTHING)


@pytest.mark.parametrize("days", [days_of(2, None, 2, None), pa.array(["2024-01-02", "", "2024-01-02T10:00", "soon"])])
def test_rows_without_a_day_are_counted(database: Database, days: pa.Array) -> None:
    database.write("rides", pa.table({"id": range(4), "day": days}))
    for source in ({"table": "rides"}, {"query": "select * from rides where id >= 0"}):
        reader = database.open(**source, partition_by="day", types={"day": "date"})
        assert reader.dayless() == 2
        assert reader.days(single_day(date(2024, 1, 2))) == {date(2024, 1, 2): 2}


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_of_any_letters_is_a_name(database: Database, name: str) -> None:
    table = pa.table({name: days_of(1, 2), "id": [1, 2]})
    database.write(name, table)
    source = {"table": name, "partition_by": name}
    assert database.open(**source).columns() == [name, "id"]
    assert database.open(**source).days(EVERYTHING) == {date(2024, 1, 1): 1, date(2024, 1, 2): 1}
    assert database.read(single_day(date(2024, 1, 2)), **source).to_pylist() == [{name: date(2024, 1, 2), "id": 2}]


def test_a_table_is_found_in_its_schema(database: Database) -> None:
    if database.is_sqlite:
        database.write("Rides", pa.table({"id": [7]}))
        assert database.read(table="main.Rides")["id"].to_pylist() == [7]
        return
    database.run('create schema "Last Year"')
    database.write("Rides", pa.table({"id": [7]}), schema="Last Year")
    assert database.read(table="Last Year.Rides")["id"].to_pylist() == [7]
    with pytest.raises(Misconfigured, match="table-missing"):
        database.read(table="Rides")


@pytest.mark.parametrize(
    "query",
    [
        "select id, text from rides",
        "select id, text from rides;",
        "  select id, text from rides ; ; \n",
        "select id, text from rides -- the end",
        "select id, text from rides; -- the end\n-- indeed",
        "select id, text from rides /* the; end */ ;",
        "select id, text from rides where text like 'a%' or text <> ':x' or 1 = 1",
        "select id, text from rides where text <> '; -- {} %s' or 1 = 1",
        "with r as (select * from rides) select id, text from r",
        "select id, text from rides order by id desc limit 100",
        "select id, text from rides union all select id, text from rides where 1 = 0",
        "/* first */ select id, -- second\n text from rides",
    ],
)
def test_a_query_is_read_as_it_stands(database: Database, query: str) -> None:
    table = pa.table({"id": [1, 2], "text": ["a;b", "c--d"]})
    database.write("rides", table)
    assert database.open(query=query).columns() == ["id", "text"]
    assert database.read(query=query).sort_by("id").to_pylist() == table.to_pylist()


def test_a_query_has_days_and_windows(database: Database) -> None:
    database.write("rides", pa.table({"id": [1, 2, 3], "day": days_of(1, 2, 2)}))
    source = {"query": "select id, day from rides where id <> 3;", "partition_by": "day", "types": {"day": "date"}}
    assert database.open(**source).days(EVERYTHING) == {date(2024, 1, 1): 1, date(2024, 1, 2): 1}
    assert database.read(single_day(date(2024, 1, 2)), **source)["id"].to_pylist() == [2]


def test_a_row_larger_than_a_piece_is_read(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "BYTES_A_TABLE", 1000)
    table = pa.table({"id": range(200), "text": [f'line "{number}"\n' * (1 + number % 50) for number in range(200)]})
    database.write("rides", table)
    assert database.read(table="rides").sort_by("id").to_pylist() == table.to_pylist()


@pytest.mark.parametrize("key", ["id", None])
def test_a_table_has_the_same_snapshot_wherever_it_lies(database: Database, key: str | None, tmp_path: Path) -> None:
    table = everything()
    shuffled = table.take(np.random.default_rng(1).permutation(table.num_rows))
    database.write("rides", shuffled)
    pq.write_table(table, tmp_path / "rides.parquet")
    objects, keyed = MemoryObjects(), {"key": key} if key else {}
    file = FileSource(kind="file", path="rides.parquet", **keyed)
    expected = take_snapshot(objects, file, FileReader("rides", file, tmp_path, Settings()), EVERYTHING)
    assert database.snapshot(objects, table="rides", **keyed) == expected
    assert database.snapshot(objects, query="select * from rides", **keyed, **typed(database)) == expected


def typed(database: Database) -> dict[str, Any]:
    """SQLite does not say the types of a query's columns."""
    types = {"moment": "timestamp", "day": "date", "flag": "boolean", "number": "number", "whole": "integer"}
    return {"types": types} if database.is_sqlite else {}


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"table": "rides", "columns": ["id", "gone"]}, "column-missing"),
        ({"table": "rides", "key": "gone"}, "column-missing"),
        ({"table": "rides", "partition_by": "gone"}, "column-missing"),
        ({"table": "gone"}, "table-missing"),
        ({"query": "select gone from rides"}, "query-failed"),
        ({"query": "selec id from rides"}, "query-failed"),
        ({"query": "select id from rides; select id from rides"}, "query-failed"),
        ({"query": ";"}, "query-failed"),
        ({"query": "-- nothing"}, "query-failed"),
        ({"query": "select id from rides)"}, "query-failed"),
        ({"query": "delete from rides"}, "query-failed"),
        ({"query": "insert into rides values (2)"}, "query-failed"),
        ({"query": "select '\0'"}, "query-failed"),
    ],
)
def test_what_cannot_be_read_is_said_before_a_row_moves(database: Database, source: dict[str, Any], code: str) -> None:
    database.write("rides", pa.table({"id": [1]}))
    objects = MemoryObjects()
    with pytest.raises(TierraError) as refused:
        database.snapshot(objects, **source)
    assert refused.value.code == code
    assert not refused.value.transient
    assert len(str(refused.value).splitlines()) == 1
    assert not objects.objects
    assert database.run("select * from rides") == [(1,)]
