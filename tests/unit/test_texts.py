"""What a text is: the type a column of texts has, and the value of each text in a type."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tests.cases import each
from tierra.data.csv_form import CsvForm
from tierra.data.spec import ColumnType
from tierra.data.texts import infer_kind, parse_texts

COMMA = CsvForm(decimal=",", separator=";")
DAY_FIRST = CsvForm(dates=("%d/%m/%Y", "%d/%m/%Y %H:%M"))
BERLIN = "Europe/Berlin"
BAD = object()


def texts_of(values: list[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def read(text: str, kind: ColumnType, form: CsvForm, beside: list[str]) -> Any:
    """A text's value, `BAD` where it is none."""
    values, lost = parse_texts(texts_of([text, *beside]), kind, BERLIN, form)
    return BAD if lost[0] else values[0].as_py()


VALUES: list[tuple[ColumnType, CsvForm, dict[str, Any]]] = [
    ("integer", CsvForm(), {"7": 7, "-7": -7, "2.0": 2, "2.": 2, "+3": 3, "007": 7, "1,234": 1234, " 4 ": 4,
                            "\u22125": -5,
                            "9223372036854775807": 2**63 - 1, "-9223372036854775808": -(2**63),
                            "9007199254740993": 2**53 + 1, "9223372036854775808": BAD, "2.5": BAD, "0x1F": BAD,
                            "1e3": BAD, "12%": BAD, "X": BAD, "": None, " ": None, "nan": None, "-": BAD}),
    ("integer", COMMA, {"1.234": 1234, "2,0": 2, "2,5": BAD, "7": 7}),
    ("number", CsvForm(), {"1.5": 1.5, "-.5": -0.5, "5.": 5.0, "1e-3": 0.001, "12%": 0.12, "12.3 %": 0.123,
                           "+1.5%": 0.015,
                           "$1,234.50": 1234.5, "-$3.2": -3.2, "€ 5": 5.0, "5 €": 5.0, "USD 7": 7.0, "R$ 7.5": 7.5,
                           "1,234": 1234.0, "1 234.5": 1234.5, "1'234": 1234.0, "1,23": BAD, "12,34,567": BAD,
                           "1.2.3": BAD, "(5)": BAD, "n.d.": BAD, "5 km": BAD, "0x1F": BAD, "nan": None, "": None,
                           "inf": float("inf"), "2024-01-01": BAD, "%": BAD, ".": BAD, "1e3%": BAD}),
    ("number", COMMA, {"1.234,50 €": 1234.5, "3,5": 3.5, "1.234": 1234.0, "1.5": BAD, "7": 7.0, "12,5%": 0.125}),
    ("number", CsvForm(separator=";"), {"1,234": BAD, "1.5": 1.5}),
    ("boolean", CsvForm(), {"true": True, "FALSE": False, "Yes": True, "n": False, "1": True, "0.0": False, "2": BAD,
                            "": None}),
    ("date", CsvForm(), {"2024-02-29": date(2024, 2, 29), "2023-02-29": BAD, "2024/1/5": date(2024, 1, 5),
                         "2024-1-5": date(2024, 1, 5), "20240131": date(2024, 1, 31), "20240132": BAD,
                         "31/12/2024": BAD,
                         "2024-01-05 10:15": date(2024, 1, 5), "2024-01-05T23:30:00Z": date(2024, 1, 6),
                         "9999-12-31": date(9999, 12, 31), "45000": BAD, "": None}),
    ("date", DAY_FIRST, {"31/12/2024": date(2024, 12, 31), "1/2/2024": date(2024, 2, 1), "31/02/2024": BAD,
                         "12/31/2024": BAD, "2024-02-29": date(2024, 2, 29), "29/02/1900": BAD}),
    ("date", CsvForm(dates=("%m/%d/%y", "%d %b %Y")), {"12/31/24": date(2024, 12, 31), "1/2/70": date(1970, 1, 2),
                                                       "5 Jan 2024": date(2024, 1, 5), "5 March 2024": date(2024, 3, 5),
                                                       "5 Foo 2024": BAD}),
    ("timestamp", DAY_FIRST, {"2024-02-29 10:00": datetime(2024, 2, 29, 10), "2024-02-29": datetime(2024, 2, 29),
                              "2024-02-29T10:00:01.5": datetime(2024, 2, 29, 10, 0, 1, 500_000),
                              "2024-02-29T10:00:01.123456789": datetime(2024, 2, 29, 10, 0, 1, 123_456),
                              "31/12/2024 3:05": datetime(2024, 12, 31, 3, 5), "2024-02-29 24:00": BAD,
                              "2024-02-29T10:00Z": BAD}),
    ("timestamp", CsvForm(dates=("%m/%d/%Y %I:%M %p",)), {"1/2/2024 12:05 AM": datetime(2024, 1, 2, 0, 5),
                                                          "1/2/2024 3:05 pm": datetime(2024, 1, 2, 15, 5),
                                                          "1/2/2024 13:05 PM": BAD}),
    ("timestamptz", CsvForm(), {"2024-01-05T23:30:00Z": datetime(2024, 1, 5, 23, 30, tzinfo=UTC),
                                "2024-01-05 23:30:00+02:00": datetime(2024, 1, 5, 21, 30, tzinfo=UTC),
                                "2024-01-05 23:30 -0330": datetime(2024, 1, 6, 3, 0, tzinfo=UTC),
                                "2024-01-05 23:30:00 UTC": datetime(2024, 1, 5, 23, 30, tzinfo=UTC),
                                "2024-01-05 23:30": BAD}),
    ("text", CsvForm(), {"007": "007", "NA": "NA", "": "", " x ": " x "}),
]  # fmt: skip


def test_each_text_has_one_value_whatever_stands_beside_it() -> None:
    """Alone it is read as Arrow casts it, beside a text that Arrow does not know by our own rules."""
    cases = [(kind, form, text, value) for kind, form, values in VALUES for text, value in values.items()]

    def check(kind: ColumnType, form: CsvForm, text: str, value: Any) -> None:
        for beside in ([], ["no value of any type"], ["1"]):
            assert read(text, kind, form, beside) == value, beside

    each(cases, check)


def numbers(count: int, *others: str) -> list[str | None]:
    return [f"{number * 1.25:.2f}" for number in range(count)] + list(others)


KINDS: list[tuple[str, list[str | None], CsvForm, ColumnType]] = [
    ("whole numbers", ["1", "-20", None], CsvForm(), "integer"),
    ("leading zeros", ["01", "20"], CsvForm(), "text"),
    ("plus signs", ["+49", "+50"], CsvForm(), "text"),
    ("twenty digits", ["1", "2" * 20], CsvForm(), "text"),
    ("the largest", [str(2**63 - 1)], CsvForm(), "integer"),
    ("one more", [str(2**63)], CsvForm(), "text"),
    ("as pandas writes whole numbers with gaps", ["1.0", "2.0", None], CsvForm(), "number"),
    ("numbers", ["1", "2.5", "-.5", "1e3"], CsvForm(), "number"),
    ("a plus before a fraction", ["+1.5", "-0.5"], CsvForm(), "number"),
    ("percents", ["12%", "7.5%"], CsvForm(), "number"),
    ("one currency", ["$1,200.50", "$7"], CsvForm(), "number"),
    ("two currencies", ["$1", "€1"], CsvForm(), "text"),
    ("decimal commas", ["1,5", "2"], CsvForm(), "text"),
    ("decimal commas, stated", ["1,5", "2", "1.234,5"], COMMA, "number"),
    ("grouped in a file of semicolons", ["1,234", "2,345"], CsvForm(separator=";"), "text"),
    ("one bad cell of 400", numbers(399, "n.d."), CsvForm(), "number"),
    ("one bad cell of 20", numbers(19, "n.d."), CsvForm(), "text"),
    ("one of 21, all others different", numbers(21, "n.d."), CsvForm(), "number"),
    ("two of 100", numbers(98, "n.d.", "?"), CsvForm(), "text"),
    ("few numbers and a rare word", [*["1", "2", "3"] * 200, "X"], CsvForm(), "text"),
    ("true and false", ["true", "false", None], CsvForm(), "boolean"),
    ("two spellings", ["true", "False"], CsvForm(), "text"),
    ("yes and no", ["yes", "no"], CsvForm(), "text"),
    ("dates", ["2024-01-01", "2024-12-31"], CsvForm(), "date"),
    ("no such day", ["2024-02-30"], CsvForm(), "text"),
    ("dates with a mistake", [*["2024-01-01"] * 99, "Total"], CsvForm(), "date"),
    ("day first", ["31/12/2024"], CsvForm(), "text"),
    ("day first, stated", ["31/12/2024", "01/02/2024"], DAY_FIRST, "date"),
    ("with a time, stated", ["31/12/2024", "01/02/2024 10:15"], DAY_FIRST, "timestamp"),
    ("moments", ["2024-01-01 10:00", "2024-01-01"], CsvForm(), "timestamp"),
    ("instants", ["2024-01-01T10:00Z", "2024-01-01T10:00+02:00"], CsvForm(), "timestamptz"),
    ("some with a zone", ["2024-01-01T10:00Z", "2024-01-01T10:00"], CsvForm(), "text"),
    ("days as numbers", ["20240101", "20241231"], CsvForm(), "integer"),
    ("words", ["a", "b"], CsvForm(), "text"),
    ("nothing", [None, None], CsvForm(), "text"),
]


def test_a_column_of_texts_has_the_type_from_which_each_would_come_back() -> None:
    def check(name: str, values: list[str | None], form: CsvForm, kind: ColumnType) -> None:
        assert infer_kind(texts_of(values), form) == kind

    each(KINDS, check)


def test_a_form_that_cannot_be_is_refused() -> None:
    cases = [
        ({"separator": ";;"}, "one sign"),
        ({"separator": "a"}, "one sign"),
        ({"encoding": "nosuch"}, "an encoding"),
        ({"dates": "day first"}, "a day, a month and a year"),
        ({"dates": "%d/%m/%Y %Z"}, "not %Z"),
        ({"dates": "%d/%d/%Y %m"}, "each part once"),
        ({"decimal": ",", "thousands": ","}, "one sign"),
        ({"thousands": "."}, "one sign"),
        ({"delimiter": ";"}, "known: separator"),
    ]

    def check(stated: dict[str, str], says: str) -> None:
        with pytest.raises(ValidationError, match=says):
            CsvForm(**stated)  # type: ignore[arg-type]

    each(cases, check)
    assert CsvForm(separator="tab").separator == "\t"
