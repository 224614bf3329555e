"""SQLite says nothing of its values: what a column is declared, and what is in it, need not fit."""

import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from tests.cases import each
from tests.databases import Database
from tierra.data.snapshot import take_snapshot
from tierra.data.spec import ColumnType
from tierra.data.window import EVERYTHING, Window, single_day
from tierra.errors import DataRejected
from tierra.store.objects import MemoryObjects

SECONDS = int(datetime(2024, 4, 28, 9, 30, tzinfo=UTC).timestamp())
FIRST, LAST = date(2024, 4, 27), date(2024, 4, 29)


@pytest.fixture
def sqlite(tmp_path: Path) -> Database:
    (tmp_path / "warehouse.db").touch()
    return Database(f"sqlite:///{tmp_path}/warehouse.db", tmp_path)


def fill(sqlite: Database, declared: str, *values: Any) -> None:
    """A table whose column `value` is declared so, and holds these values as Python gives them to SQLite."""
    sqlite.run("drop table if exists kept", f"create table kept (id integer, value {declared})")
    with sqlite3.connect(sqlite.url.removeprefix("sqlite:///")) as connection:
        connection.executemany("insert into kept values (?, ?)", enumerate(values))
    connection.close()


def read(sqlite: Database, kind: ColumnType | None = None) -> list[Any]:
    types = {"types": {"value": kind}} if kind else {}
    return sqlite.read(table="kept", columns=["id", "value"], **types).sort_by("id")["value"].to_pylist()


MIXED: list[tuple[str, ColumnType | None, list[Any], list[Any]]] = [
    ("boolean", None, [1, "false", 0.0, None, " Yes ", "N"], [True, False, False, None, True, False]),
    ("decimal(8, 2)", None, [3, 2.25, None, "7.50"], [3.0, 2.25, None, 7.5]),
    ("decimal", None, [3, None, 2.25], [3.0, None, 2.25]),
    ("numeric", None, [2**60, None, 5], [2**60, None, 5]),
    ("", None, [None, None], [None, None]),
    ("", "integer", [2**60, 5.0, "7"], [2**60, 5, 7]),
    ("", "text", [2**60, "x", None, 2.5], [str(2**60), "x", None, "2.5"]),
    ("", "number", [2**60, 0.5, "1e3"], [2.0**60, 0.5, 1000.0]),
    ("datetime", None, ["2024-04-28 09:30", SECONDS, SECONDS * 1000, SECONDS / 86_400 + 2_440_587.5, 20240428],
     [datetime(2024, 4, 28, 9, 30)] * 4 + [datetime(2024, 4, 28)]),
    ("date", None, ["2024-04-28", "2024-04-28T23:59", SECONDS, 2_460_429, 20240428, None],
     [date(2024, 4, 28)] * 5 + [None]),
]  # fmt: skip
REFUSED: list[tuple[str, ColumnType | None, list[Any], str]] = [
    ("boolean", None, [1, "perhaps"], "boolean and holds 'perhaps'"),
    ("boolean", None, [0, 7], "boolean and holds '7"),
    ("integer", None, [1, 2.5], "integer and holds '2.5'; declare it number"),
    ("integer", None, [1, "n.d."], "integer and holds 'n.d.'"),
    ("decimal(8, 2)", None, [1.5, "n.d."], "number and holds 'n.d.'"),
    ("real", None, [1.5, b"\1\2"], "number and holds 'a blob of 2 bytes'"),
    ("text", None, ["a", b"abc"], "text and holds 'a blob of 3 bytes'"),
    ("blob", None, [b"abc"], "of several types and holds 'a blob of 3 bytes'"),
    ("", None, [1, "abc"], "of several types and holds 'abc'"),
    ("numeric", None, [2**60, 0.5], "of several types and holds"),
    ("integer", None, [1, 2.0**70], "integer and holds '1.18"),
    ("integer", "text", [1, 2.0**70], "text and holds '1.18"),
    ("datetime", None, [SECONDS * 1_000_000], "timestamp and holds '1714.*Unix seconds from 1973 to 2286"),
    (
        "datetime",
        None,
        ["2024-04-28 09:30+02:00"],
        r"timestamp and holds '2024-04-28 09:30\+02:00'; declare it timestamptz",
    ),
    ("datetime", None, ["now"], "timestamp and holds 'now'"),
    ("date", None, [5], r"date and holds '5' \(numbers are dates as YYYYMMDD"),
    ("date", None, [20240230], "date and holds '20240230'"),
    ("date", None, ["28.04.2024"], "date and holds '28.04.2024'"),
    ("text", "timestamptz", ["2024-04-28 09:30"], "timestamptz and holds '2024-04-28 09:30'"),
]


def test_values_of_several_kinds_in_one_column_are_each_read(sqlite: Database) -> None:
    def check(declared: str, kind: ColumnType | None, values: list[Any], expected: list[Any]) -> None:
        fill(sqlite, declared, *values)
        found = read(sqlite, kind)
        assert found == expected
        assert [type(value) for value in found] == [type(value) for value in expected]

    each(MIXED, check)


def test_a_value_that_does_not_fit_is_named_with_its_column(sqlite: Database) -> None:
    def check(declared: str, kind: ColumnType | None, values: list[Any], said: str) -> None:
        fill(sqlite, declared, *values)
        with pytest.raises(
            DataRejected, match=rf"source rides \(warehouse.kept\): column 'value' is {said}.*column-type"
        ):
            read(sqlite, kind)

    each(REFUSED, check)


EDGES = [
    (1_721_425.5, datetime(1, 1, 1)),
    (1_721_425, None),
    (5_373_483.5, datetime(9999, 12, 31)),
    (5_373_485, None),
    (18991231, None),
    (19000101, datetime(1900, 1, 1)),
    (21001231, datetime(2100, 12, 31)),
    (21010101, None),
    (99_999_999, None),
    (100_000_000, datetime(1973, 3, 3, 9, 46, 40)),
    (9_999_999_999, datetime(2286, 11, 20, 17, 46, 39)),
    (10_000_000_000, None),
    (999_999_999_999, None),
    (1_000_000_000_000, datetime(2001, 9, 9, 1, 46, 40)),
    (9_999_999_999_999, datetime(2286, 11, 20, 17, 46, 39, 999_000)),
    (10_000_000_000_000, None),
    (-1_714_305_600, None),
]


def test_a_number_is_a_moment_within_the_bounds_that_the_page_states(sqlite: Database) -> None:
    def check(number: float, expected: datetime | None) -> None:
        fill(sqlite, "datetime", number)
        if expected:
            assert read(sqlite) == [expected]
            return
        with pytest.raises(DataRejected, match="column 'value' is timestamp and holds"):
            read(sqlite)

    each(EDGES, check)


def test_the_same_rows_have_one_snapshot_however_sqlite_keeps_them(sqlite: Database) -> None:
    """A loader that goes over to another form of dates, booleans or decimals publishes no day again."""
    ids, objects = range(48), MemoryObjects()
    at = [datetime(2024, 4, 27) + timedelta(minutes=61 * number) for number in ids]
    seconds = [int((moment - datetime(1970, 1, 1)).total_seconds()) for moment in at]
    quarters = [number / 4 for number in ids]
    forms: list[tuple[str, list[Any], list[Any], list[Any]]] = [
        ("datetime", list(map(str, at)), [number % 2 for number in ids], quarters),
        ("text", [moment.isoformat() for moment in at], ["0", "1"] * 24, list(map(str, quarters))),
        ("datetime", seconds, ["ft"[number % 2] for number in ids], quarters),
        ("timestamp", [number * 1000 for number in seconds], ["no", "YES"] * 24, quarters),
        ("", [number / 86_400 + 2_440_587.5 for number in seconds], [0.0, 1.0] * 24, list(map(str, quarters))),
    ]  # fmt: skip
    types = {"at": "timestamp", "member": "boolean", "fare": "number"}
    digests = []
    for declared, moments, members, fares in forms:
        sqlite.run("drop table if exists kept", f"create table kept (id integer, at {declared}, member, fare)")
        with sqlite3.connect(sqlite.url.removeprefix("sqlite:///")) as connection:
            connection.executemany(
                "insert into kept values (?, ?, ?, ?)", zip(ids, moments, members, fares, strict=True)
            )
        connection.close()
        source = sqlite.source(table="kept", key="id", partition_by="at", types=types)
        taken = take_snapshot(objects, source, sqlite.open(**source.model_dump(exclude={"kind", "connection"})),
                              single_day(date(2024, 4, 28)))  # fmt: skip
        digests.append((taken.sha256, taken.rows))
    assert digests == [digests[0]] * len(forms)
    assert digests[0][1] == sum(moment.date() == date(2024, 4, 28) for moment in at)


def test_text_that_is_no_unicode_is_named(sqlite: Database) -> None:
    fill(sqlite, "text", "a")
    sqlite.run("update kept set value = cast(x'ff61' as text)")
    with pytest.raises(DataRejected, match=r"UTF-8 column 'value'.*column-type"):
        read(sqlite)


FORMS: list[tuple[str, ColumnType | None, list[Any]]] = [
    ("date", None, ["2024-04-27", "2024-04-28", "2024-04-29"]),
    ("datetime", None, ["2024-04-27T23:59:59.999999", "2024-04-28", "2024-04-29 00:00"]),
    ("datetime", None, [SECONDS - 34_201, SECONDS - 34_200, SECONDS + 52_200]),
    ("datetime", None, [(SECONDS - 34_201) * 1000, (SECONDS - 34_200) * 1000, (SECONDS + 52_200) * 1000]),
    ("real", "timestamp", [SECONDS - 34_200.25, SECONDS - 34_200.0, SECONDS + 52_200.0]),
    ("datetime", None, [2_460_428.499999, 2_460_428.5, 2_460_429.5]),
    ("datetime", None, [2_460_428.4999999995, 2_460_428.5, 2_460_429.5]),
    ("date", None, [20240427, 20240428, 20240429]),
    ("integer", "date", [20240427, 20240428, 20240429]),
    ("date", None, ["2024-04-27", SECONDS, 20240429]),
    ("text", "timestamptz", ["2024-04-28T00:00:00+02:00", "2024-04-28 23:59:59Z", "2024-04-28 22:30:00-02:00"]),
    ("datetime", "timestamptz", [SECONDS - 34_201, SECONDS - 34_200, SECONDS + 52_200]),
]


def test_a_day_is_found_however_its_column_writes_it(sqlite: Database) -> None:
    """Each column holds a row of the 27th, the 28th and the 29th of April."""
    day = date(2024, 4, 28)
    windows = {EVERYTHING: [0, 1, 2], Window(day): [1, 2], Window(None, day): [0], single_day(day): [1],
               single_day(date(2024, 4, 30)): []}  # fmt: skip

    def check(declared: str, kind: ColumnType | None, values: list[Any]) -> None:
        fill(sqlite, declared, *values, None)
        source = {"table": "kept", "partition_by": "value", "types": {"value": kind} if kind else {}}
        reader = sqlite.open(**source)
        for window, rows in windows.items():
            found = sorted(row for piece in reader.batches(["id"], window) for row in piece["id"].to_pylist())
            assert [row for row in found if row != 3] == rows, window
            days = {date(2024, 4, 27 + row): 1 for row in rows}
            assert reader.days(window) == days, window
        days_read = sqlite.read(**source).sort_by("id")["value"].to_pylist()[:3]
        assert [str(each)[:10] for each in days_read] == ["2024-04-27", "2024-04-28", "2024-04-29"]

    each(FORMS, check)


@pytest.mark.parametrize("odd", [SECONDS * 1_000_000, 0, 20240428093000, -1, 2_440_587.4 * 3, 60_000_000])
def test_a_number_that_is_no_date_is_in_no_day_without_a_word(sqlite: Database, odd: float) -> None:
    """A loader that goes over to microseconds has not stopped loading."""
    fill(sqlite, "datetime", SECONDS, odd)
    reader = sqlite.open(table="kept", partition_by="value")
    for window in (EVERYTHING, single_day(date(2024, 4, 28)), Window(date(2024, 5, 1))):
        with pytest.raises(DataRejected, match=r"'value' is timestamp and holds.*column-type"):
            reader.days(window)
        with pytest.raises(DataRejected, match=r"'value' is timestamp and holds.*column-type"):
            list(reader.batches(["id", "value"], window))


def test_an_index_on_the_day_serves_a_window_of_texts(sqlite: Database) -> None:
    fill(sqlite, "date", "2024-04-28")
    sqlite.run("create index days on kept (value)")
    reader = sqlite.open(table="kept", partition_by="value")
    select = reader._within(sa.select(reader._relation), single_day(date(2024, 4, 28)))  # type: ignore[attr-defined]
    asked = str(select.compile(reader._engine, compile_kwargs={"literal_binds": True}))  # type: ignore[attr-defined]
    plan = " ".join(str(row) for row in sqlite.run(f"explain query plan {asked}"))
    assert "USING INDEX days" in plan, plan
    assert "SCAN" not in plan, plan


def test_a_view_and_a_query_are_read_as_well(sqlite: Database) -> None:
    fill(sqlite, "boolean", "true", "f")
    sqlite.run("create view seen as select id, value, value || '' as said from kept")
    assert sqlite.read(table="seen")["value"].to_pylist() == [True, False]
    found = sqlite.read(query="select value from kept", types={"value": "boolean"})
    assert found.schema == pa.schema({"value": pa.bool_()})
    assert found["value"].to_pylist() == [True, False]
    assert sqlite.read(query="select value from kept")["value"].to_pylist() == ["true", "f"]
