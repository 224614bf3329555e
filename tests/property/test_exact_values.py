"""Whole numbers, decimals, dates and texts come back from a database as they are, or are refused; nothing else."""

import sqlite3
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cases import some_of
from tests.databases import Database
from tierra.data.casting import NotExact
from tierra.data.spec import ColumnType
from tierra.data.sql_values import column_of
from tierra.data.window import single_day
from tierra.errors import DataRejected

WHOLE = st.integers(-(2**63), 2**63 - 1)
LONG = st.integers(-(10**38) + 1, 10**38 - 1)
DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))
MOMENTS = st.datetimes(datetime(2001, 9, 10), datetime(2200, 1, 1)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
UNIX = datetime(1970, 1, 1)
ODD = ["true", "F", "1", "2024-04-28", "2024-04-28 12:00", "2024-04-28T12:00Z", "1e3", "5.0", "", 20240428, 1714305600,
       2460429.5, 2**63 - 1, 2.0**70]  # fmt: skip
ANYTHING = st.none() | WHOLE | st.floats(allow_nan=False) | st.text(max_size=12) | st.binary(max_size=4)
ANYTHING |= st.sampled_from(ODD)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("exact")
    (folder / "warehouse.db").touch()
    return Database(f"sqlite:///{folder}/warehouse.db", folder)


@pytest.fixture(scope="module")
def server(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Database:
    return Database(postgres, tmp_path_factory.mktemp("exact"))


def from_sqlite(sqlite: Database, declared: str, values: list[Any], kind: ColumnType | None = None) -> list[Any] | None:
    """What is read of a column, in the order it was written; None when it is refused by name."""
    with sqlite3.connect(sqlite.url.removeprefix("sqlite:///")) as connection:
        connection.execute("drop table if exists kept")
        connection.execute(f"create table kept (value {declared})")
        connection.executemany("insert into kept values (?)", [(value,) for value in values])
    connection.close()
    return read(sqlite, {"table": "kept", "types": {"value": kind} if kind else {}})


def from_server(server: Database, declared: str, values: list[str], **source: Any) -> list[Any] | None:
    rows = ", ".join(f"({number}, '{value}'::{declared})" for number, value in enumerate(values))
    return read(server, {"query": f"select value from (values {rows}) as v (id, value) order by id", **source})


def read(database: Database, source: dict[str, Any]) -> list[Any] | None:
    try:
        return database.read(columns=["value"], **source)["value"].to_pylist()
    except DataRejected as error:
        if error.code != "column-type" or "column 'value'" not in str(error):
            raise
        return None


@some_of(100)
@given(st.lists(WHOLE, min_size=1), st.sampled_from(["integer", "bigint", "numeric", "decimal(20, 0)", ""]))
def test_whole_numbers_of_sqlite(sqlite: Database, values: list[int], declared: str) -> None:
    assert from_sqlite(sqlite, declared, values) == values
    assert from_sqlite(sqlite, declared, values, "text") == [str(value) for value in values]


@some_of(30)
@given(st.lists(LONG, min_size=1, max_size=5), st.sampled_from(["numeric", "numeric(38, 0)", "decimal(40)"]))
@example([2**63 - 1, -(2**63)], "numeric(38, 0)")
@example([2**63], "numeric")
def test_whole_numbers_of_postgresql(server: Database, values: list[int], declared: str) -> None:
    fits = all(-(2**63) <= value < 2**63 for value in values)
    texts = [str(value) for value in values]
    for source in ({}, {"key": "value"}, {"types": {"value": "integer"}}):
        assert from_server(server, declared, texts, **source) == (values if fits else None)
    assert from_server(server, declared, texts, types={"value": "text"}) == texts


@some_of(30)
@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=4, max_value=10**20, min_value=-(10**20)),
                min_size=1, max_size=5))  # fmt: skip
@example([Decimal("900719925474.0993"), Decimal("-0.0001")])
def test_decimals_of_postgresql(server: Database, values: list[Decimal]) -> None:
    texts = [f"{value:f}" for value in values]
    plain = ["0.0000" if value == 0 else text for text, value in zip(texts, values, strict=True)]  # no minus zero
    assert from_server(server, "numeric(30, 4)", texts) == [float(value) for value in values]
    for source in ({"key": "value"}, {"types": {"value": "text"}}):
        assert from_server(server, "numeric(30, 4)", texts, **source) == plain
    whole = all(value == int(value) and abs(value) < 2**63 for value in values)
    expected = [int(value) for value in values] if whole else None
    assert from_server(server, "numeric(30, 4)", texts, types={"value": "integer"}) == expected


@some_of(100)
@given(st.lists(DAYS, min_size=1))
def test_days_of_sqlite_in_each_of_their_forms(sqlite: Database, days: list[date]) -> None:
    julian = [day.toordinal() + 1_721_424.5 for day in days]
    for values in ([str(day) for day in days], [int(f"{day:%Y%m%d}") for day in days], julian):
        assert from_sqlite(sqlite, "date", values) == days
        assert from_sqlite(sqlite, "datetime", values) == [datetime(day.year, day.month, day.day) for day in days]


@some_of(100)
@given(st.lists(MOMENTS, min_size=1))
def test_moments_of_sqlite_in_each_of_their_forms(sqlite: Database, moments: list[datetime]) -> None:
    """To the millisecond, as SQLite's own functions have them; also the day's window finds each."""
    since = [(moment - UNIX) / timedelta(milliseconds=1) for moment in moments]
    forms = [[str(moment) for moment in moments], [int(each) for each in since], [each / 1000 for each in since],
             [each / 86_400_000 + 2_440_587.5 for each in since]]  # fmt: skip
    for values in forms:
        assert from_sqlite(sqlite, "datetime", values) == moments
        day = moments[0].date()
        reader = sqlite.open(table="kept", partition_by="value")
        expected = [moment for moment in moments if moment.date() == day]
        assert reader.days(single_day(day)) == {day: len(expected)}
        found = [each for piece in reader.batches(["value"], single_day(day)) for each in piece["value"].to_pylist()]
        assert found == expected


def _is_gap(value: Any, kind: ColumnType) -> bool:
    """Texts that hold nothing are gaps where no text is asked for, as tools write them for no number."""
    return value is None or (
        kind != "text" and isinstance(value, str) and value.strip().lower().lstrip("+-") in ("", "nan")
    )


@some_of(400)
@given(st.lists(ANYTHING, max_size=6), st.sampled_from(["text", "integer", "boolean", "date", "timestamp", "number"]))
def test_whatever_a_column_holds_each_value_is_read_as_if_alone_or_all_are_refused(
    values: list[Any], kind: ColumnType
) -> None:
    def alone(value: Any) -> Any:
        return column_of([value], kind).to_pylist()[0]

    try:
        found = column_of(values, kind).to_pylist()
    except NotExact:
        with pytest.raises(NotExact):
            [alone(value) for value in values]
        return
    assert found == [alone(value) for value in values]
    assert [value is None for value in found] == [_is_gap(value, kind) for value in values]
    if kind == "integer":
        assert [value for value in values if isinstance(value, int)] == [
            read for read, value in zip(found, values, strict=True) if isinstance(value, int)
        ]
    if kind == "text":
        assert [str(value) for value in values if isinstance(value, int | str)] == [
            read for read, value in zip(found, values, strict=True) if isinstance(value, int | str)
        ]
