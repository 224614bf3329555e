"""At the edges of what a number in SQLite may mean."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.cases import each
from tierra.data.casting import NotExact
from tierra.data.spec import ColumnType
from tierra.data.sql_values import FORMS, column_of

EVENING = datetime(2024, 4, 29, 23, 30)


def test_a_number_is_a_moment_inside_of_its_form_and_none_at_its_end() -> None:
    for form in FORMS:
        (first,) = column_of([form.low], "timestamp").to_pylist()
        assert isinstance(first, datetime)
        with pytest.raises(NotExact):
            column_of([form.high], "timestamp")
        with pytest.raises(NotExact):
            column_of([form.low - 1], "timestamp")


def test_each_way_to_write_a_day_is_the_same_day() -> None:
    day = date(2024, 4, 29)
    for form in FORMS:
        assert column_of([form.of_day(day), None], "date").to_pylist() == [day, None]
        assert column_of([form.of_day(day)], "timestamp").to_pylist() == [datetime(2024, 4, 29)]


def test_values_come_out_as_they_were_kept() -> None:
    def comes_out(values: list[Any], kind: ColumnType | None, expected: list[Any]) -> None:
        assert column_of(values, kind, "Europe/Madrid").to_pylist() == expected

    each(
        [
            (["2024-04-29 23:30:00", None], "date", [date(2024, 4, 29), None]),
            (["2024-04-29", 20240430, None], "date", [date(2024, 4, 29), date(2024, 4, 30), None]),
            ([" YES ", "f", None], "boolean", [True, False, None]),
            (["b", 1, None], "text", ["b", "1", None]),
            ([2**53, 0.5, None], None, [float(2**53), 0.5, None]),
            ([1, None], None, [1, None]),
            ([2_460_430.4791666665], "timestamp", [EVENING]),
            ([1_714_433_400, 1_714_433_400_000], "timestamp", [EVENING, EVENING]),
            ([1_714_433_400.5], "timestamp", [EVENING + timedelta(seconds=0.5)]),
            ([1_714_433_400], "date", [date(2024, 4, 29)]),
        ],
        comes_out,
    )


def test_values_that_do_not_fit_are_named() -> None:
    def refused(values: list[Any], kind: ColumnType | None, example: object) -> None:
        with pytest.raises(NotExact) as caught:
            column_of(values, kind)
        assert str(caught.value.example) == str(example)

    each(
        [
            ([b"abc"], "text", "a blob of 3 bytes"),
            ([2**53 + 2, 0.5], None, 2**53 + 2),
            ([float(2**53 + 2)], "integer", float(2**53 + 2)),
            (["maybe"], "boolean", "maybe"),
            (["29.4.2024"], "date", "29.4.2024"),
            ([1, "x"], None, "x"),
        ],
        refused,
    )
