"""Columns in types of ours: what is cast, and what is refused with which example."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from tests.cases import each
from tierra.data.casting import NotExact, cast_column, kind_of
from tierra.data.frames import conform, text_of, to_frame
from tierra.data.spec import ColumnType
from tierra.errors import DataRejected

ZONE = "Europe/Madrid"
EVENING = datetime(2024, 1, 1, 23, 30)
INSTANT = EVENING.replace(tzinfo=UTC)
BIG = 900_719_925_474_925_307

CAST: list[tuple[list[Any], pa.DataType | None, ColumnType, list[Any]]] = [
    ([1, None], pa.int8(), "integer", [1, None]),
    ([1.0, float("nan"), -0.0], None, "integer", [1, None, 0]),
    ([Decimal(BIG)], pa.decimal128(38, 0), "integer", [BIG]),
    ([True, None], None, "integer", [1, None]),
    ([" 12 ", None], None, "integer", [12, None]),
    ([1.5, float("nan")], pa.float32(), "number", [1.5, None]),
    ([3, None], pa.int32(), "number", [3.0, None]),
    ([Decimal("5.50")], None, "number", [5.5]),
    ([1, 2.5, None], pa.float64(), "text", ["1", "2.5", None]),
    ([Decimal("5.50")], None, "text", ["5.50"]),
    ([BIG], pa.int64(), "text", [str(BIG)]),
    ([0, 1, None], pa.int8(), "boolean", [False, True, None]),
    ([20240428, None], pa.int32(), "date", [date(2024, 4, 28), None]),
    ([EVENING], None, "date", [date(2024, 1, 1)]),
    ([datetime(1960, 1, 1, 23, 30)], None, "date", [date(1960, 1, 1)]),
    ([INSTANT], None, "date", [date(2024, 1, 2)]),
    ([1], pa.timestamp("ns"), "date", [date(1970, 1, 1)]),
    ([date(2024, 1, 1)], None, "timestamp", [datetime(2024, 1, 1)]),
    ([INSTANT], None, "timestamptz", [INSTANT]),
    ([None, None], pa.null(), "date", [None, None]),
    ([None], pa.string(), "integer", [None]),
]
REFUSED: list[tuple[list[Any], pa.DataType | None, ColumnType, str]] = [
    ([1.0, 2.5], None, "integer", "2.5"),
    ([9.3e18], None, "integer", "9.3e+18"),
    ([2**63], pa.uint64(), "integer", str(2**63)),
    ([Decimal(10) ** 25], None, "integer", str(10**25)),
    (["1", "n.d."], None, "integer", "n.d."),
    (["1", "n.d."], None, "number", "n.d."),
    ([0, 2], None, "boolean", "2"),
    ([20240428, 20240631], None, "date", "20240631"),
    ([19842], None, "date", "19842"),
    ([EVENING], None, "timestamptz", str(EVENING)),
    ([INSTANT], None, "timestamp", str(INSTANT)),
    ([EVENING], None, "number", str(EVENING)),
    ([EVENING], None, "integer", str(EVENING)),
    ([EVENING], None, "boolean", str(EVENING)),
    ([2**60 + 1], None, "boolean", str(2**60 + 1)),
    ([1], None, "timestamp", "1"),
]


def column(values: list[Any], stored: pa.DataType | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, stored)])


def test_values_are_cast_to_their_equals_and_gaps_stay_gaps() -> None:
    def check(values: list[Any], stored: pa.DataType | None, kind: ColumnType, expected: list[Any]) -> None:
        cast = cast_column(column(values, stored), kind, ZONE)
        assert kind_of(cast.type) == kind
        assert cast.to_pylist() == expected

    each(CAST, check)


def test_a_value_without_an_equal_is_named() -> None:
    def check(values: list[Any], stored: pa.DataType | None, kind: ColumnType, example: str) -> None:
        with pytest.raises(NotExact) as caught:
            cast_column(column([None, *values], stored), kind, ZONE)
        assert caught.value.example == example

    each(REFUSED, check)


def test_dictionaries_widths_and_chunks_are_no_types() -> None:
    plain = column(["a", "b", None], None)
    forms = [
        plain.dictionary_encode(),
        plain.cast(pa.large_string()),
        pa.chunked_array([plain.chunk(0)[:1], plain.chunk(0)[1:]]),
    ]
    assert all(cast_column(each, "text").to_pylist() == plain.to_pylist() for each in forms)


def test_a_key_of_decimals_keeps_its_digits() -> None:
    kinds = [
        (pa.decimal128(38, 0), False, "integer"),
        (pa.decimal128(9, 2), False, "number"),
        (pa.decimal128(9, 2), True, "text"),
    ]
    assert [kind_of(stored, is_key) for stored, is_key, _ in kinds] == [kind for *_, kind in kinds]


def test_the_refusal_of_a_column_names_types_and_an_example() -> None:
    with pytest.raises(DataRejected) as caught:
        conform(pa.table({"km": ["1", "far"]}), {"km": "number"}, "source rides (rides.csv)")
    assert "source rides (rides.csv): column 'km' is number" in caught.value.what
    assert "text now, such as 'far'" in caught.value.what


def test_no_gap_changes_the_type_of_a_frame_s_column() -> None:
    whole = pa.table({"n": [1, 2], "b": [True, False], "x": [1.0, 2.0], "s": ["a", "b"], "d": [date(2024, 1, 1)] * 2})
    gaps = pa.table(
        {
            name: pa.array([values[0].as_py(), None], values.type)
            for name, values in zip(whole.column_names, whole.columns, strict=True)
        }
    )
    empty = whole.schema.empty_table()
    assert to_frame(whole).dtypes.equals(to_frame(gaps).dtypes)
    assert to_frame(whole).dtypes.equals(to_frame(empty).dtypes)


def test_a_value_has_one_text_whatever_holds_it() -> None:
    forms = [
        pd.Series([2, None], dtype="Int64"), pd.Series([2.0, None]), pd.Series([2.0, None], dtype=object),
        pd.Series([2, None], dtype=object), pd.Series(["2", None]), pd.Series([2.0, None]).astype("category"),
    ]  # fmt: skip
    assert {text_of(form)[0] for form in forms} == {"2"}
    assert all(text_of(form).isna().tolist() == [False, True] for form in forms)
