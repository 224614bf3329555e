"""What each kind of source promises of each type: read by the test that holds it and by the page that says it.

An example is a column of a source, a value as it is written there, and what is read: a value of the type, or that it
is refused. Its type is what the project file or the release states; None is what the source itself says.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from tierra.data.spec import ColumnType

REFUSED: Final = "refused"
DAY, NOON = date(2024, 4, 28), datetime(2024, 4, 28, 12)
INSTANT = datetime(2024, 4, 28, 12, tzinfo=UTC)
LONG, LONGER = 900_719_925_474_099_307, "90071992547409930712"
TYPES: Final[dict[ColumnType, str]] = {
    "text": "Text",
    "integer": "Whole numbers",
    "number": "Numbers",
    "boolean": "Yes or no",
    "date": "Dates",
    "timestamp": "Moments without a zone",
    "timestamptz": "Instants",
}


@dataclass(frozen=True)
class Example:
    """A value in a column of a source, and what is read; `declared` where it is not the promise's own type."""

    column: str
    written: str
    read: Any
    declared: ColumnType | None = None


@dataclass(frozen=True)
class Promise:
    """What one kind of source promises of one type: a sentence, and values that show it."""

    source: str
    type: ColumnType
    said: str
    by_itself: tuple[Example, ...] = ()
    declared: tuple[Example, ...] = ()

    @property
    def examples(self) -> list[tuple[Example, ColumnType | None]]:
        """Each example with the type that is stated for its column."""
        return [(each, None) for each in self.by_itself] + [(each, self.type) for each in self.declared]


def _of(*rows: tuple[str, str, Any]) -> tuple[Example, ...]:
    return tuple(Example(*row) for row in rows)


PROMISES: Final = (
    Promise(
        "CSV",
        "text",
        "As written; also numbers with leading zeros, plus signs or more digits than 64 bits hold",
        _of(
            ("", "007", "007"),
            ("", "+5", "+5"),
            ("", LONGER, LONGER),
            ("", "yes", "yes"),
            ("", "28/04/2024", "28/04/2024"),
        ),
        _of(("", "42", "42"), ("", "NA", "NA"), ("", "2.50", "2.50")),
    ),
    Promise(
        "CSV",
        "integer",
        "64 bits; 5.0 where it is declared",
        _of(("", "42", 42), ("", str(LONG), LONG)),
        _of(("", "5.0", 5), ("", "2.5", REFUSED), ("", "n.d.", REFUSED), ("", LONGER, REFUSED)),
    ),
    Promise(
        "CSV",
        "number",
        "The nearest 64-bit number; percent and currency signs and thousands separators are understood",
        _of(("", "2.5", 2.5), ("", "1e3", 1000.0), ("", "12 %", 0.12), ("", "$5", 5.0), ("", '"1,000.5"', 1000.5)),
        _of(("", "42", 42.0), ("", "n.d.", REFUSED)),
    ),
    Promise(
        "CSV",
        "boolean",
        "true and false; where it is declared also yes, t, y, 1 and no, f, n, 0",
        _of(("", "true", True), ("", "FALSE", False)),
        _of(("", "yes", True), ("", "1", True), ("", "0", False), ("", "maybe", REFUSED)),
    ),
    Promise(
        "CSV",
        "date",
        "ISO dates; others as `csv: {dates: ...}` says; 20240428 where it is declared",
        _of(("", "2024-04-28", DAY)),
        _of(("", "20240428", DAY), ("", "2024-04-28 12:00", DAY), ("", "28/04/2024", REFUSED)),
    ),
    Promise(
        "CSV",
        "timestamp",
        "ISO, without an offset",
        _of(("", "2024-04-28 12:00", NOON), ("", "2024-04-28T12:00:00", NOON)),
        _of(("", "2024-04-28T12:00Z", REFUSED)),
    ),
    Promise(
        "CSV",
        "timestamptz",
        "ISO, with an offset",
        _of(("", "2024-04-28T12:00:00Z", INSTANT)),
        _of(("", "2024-04-28T14:00:00+02:00", INSTANT), ("", "2024-04-28 12:00", REFUSED)),
    ),
    Promise(
        "Parquet",
        "text",
        "As stored, also from a dictionary; the digits of integers and decimals",
        _of(("string", "007", "007"), ("large_string", "NA", "NA"), ("dictionary", "a", "a"), ("binary", "a", REFUSED)),
        _of(
            ("decimal128(38, 0)", LONGER, LONGER),
            ("decimal128(10, 2)", "5.50", "5.50"),
            ("int64", str(LONG), str(LONG)),
        ),
    ),
    Promise(
        "Parquet",
        "integer",
        "64 bits, also of a decimal of scale 0; more digits are refused, and kept when declared text",
        _of(
            ("int8", "5", 5),
            ("int64", str(LONG), LONG),
            ("decimal128(38, 0)", str(LONG), LONG),
            ("decimal128(38, 0)", LONGER, REFUSED),
        ),
        _of(("double", "5.0", 5), ("double", "2.5", REFUSED)),
    ),
    Promise(
        "Parquet",
        "number",
        "The nearest 64-bit number; NaN is a gap; a decimal with a scale that is a key is text",
        _of(("double", "2.5", 2.5), ("float", "2.5", 2.5), ("decimal128(10, 2)", "5.50", 5.5), ("double", "nan", None)),
        _of(("int32", "42", 42.0), ("string", "2.5", 2.5), ("string", "n.d.", REFUSED)),
    ),
    Promise(
        "Parquet",
        "boolean",
        "Its bool; 0 and 1 where it is declared",
        _of(("bool", "true", True)),
        _of(("int64", "1", True), ("int64", "2", REFUSED)),
    ),
    Promise(
        "Parquet",
        "date",
        "Its date; numbers such as 20240428 where it is declared; of an instant its day in `schedule.timezone`",
        _of(("date32", "2024-04-28", DAY), ("date64", "2024-04-28", DAY)),
        _of(
            ("int32", "20240428", DAY),
            ("int64", "20240431", REFUSED),
            ("timestamp[us, tz=UTC]", "2024-04-28T12:00Z", DAY),
        ),
    ),
    Promise(
        "Parquet",
        "timestamp",
        "Its timestamp without a zone, to the microsecond; one with a zone is refused",
        _of(("timestamp[ns]", "2024-04-28T12:00", NOON), ("timestamp[ms]", "2024-04-28T12:00", NOON)),
        _of(("timestamp[us, tz=UTC]", "2024-04-28T12:00Z", REFUSED)),
    ),
    Promise(
        "Parquet",
        "timestamptz",
        "Its timestamp with a zone; one without is refused",
        _of(("timestamp[us, tz=UTC]", "2024-04-28T12:00Z", INSTANT)),
        _of(("timestamp[us]", "2024-04-28T12:00", REFUSED)),
    ),
    Promise(
        "SQLite",
        "text",
        "As stored; the digits of whole numbers",
        _of(
            ("text", "'007'", "007"),
            ("varchar(20)", "'NA'", "NA"),
            ("text", "x'616263'", REFUSED),
            ("", "'n.d.'", "n.d."),
        ),
        _of(("integer", str(LONG), str(LONG)), ("real", "2.5", "2.5"), ("integer", LONGER, REFUSED)),
    ),
    Promise(
        "SQLite",
        "integer",
        "64 bits; a fraction, or a number whose digits are lost, is refused",
        _of(
            ("integer", str(LONG), LONG),
            ("bigint", "'42'", 42),
            ("decimal(18, 0)", str(LONG), LONG),
            ("decimal", "5", 5),
            ("integer", "2.5", REFUSED),
            ("integer", LONGER, REFUSED),
            ("integer", "'n.d.'", REFUSED),
        ),
        _of(("real", "42", 42), ("text", "'42'", 42), ("real", "1e18", REFUSED), ("", "2.5", REFUSED)),
    ),
    Promise(
        "SQLite",
        "number",
        "The nearest 64-bit number of whole numbers, reals and texts that are numbers",
        _of(
            ("real", "2.5", 2.5),
            ("decimal(10, 2)", "5.5", 5.5),
            ("decimal(10, 2)", "5", 5.0),
            ("decimal(10, 2)", "'7.25'", 7.25),
            ("decimal", "5.5", 5.5),
            ("numeric(10, 2)", "'n.d.'", REFUSED),
            ("numeric(10, 2)", "'1,5'", REFUSED),
            ("numeric(20, 2)", str(2**53 + 1), float(2**53)),
        ),
        _of(
            ("integer", "2.5", 2.5),
            ("integer", "42", 42.0),
            ("text", "'2.5'", 2.5),
            ("integer", str(LONG), float(LONG)),
        ),
    ),
    Promise(
        "SQLite",
        "boolean",
        "0 and 1; the texts true, t, yes, y, 1 and false, f, no, n, 0, in any case",
        _of(
            ("boolean", "1", True),
            ("boolean", "0", False),
            ("boolean", "'false'", False),
            ("boolean", "'T'", True),
            ("boolean", "'No'", False),
            ("boolean", "2", REFUSED),
            ("boolean", "0.5", REFUSED),
            ("boolean", "'maybe'", REFUSED),
            ("boolean", "''", REFUSED),
        ),
        _of(("integer", "1", True), ("text", "'yes'", True)),
    ),
    Promise(
        "SQLite",
        "date",
        "ISO texts, numbers such as 20240428, Unix seconds or milliseconds, Julian days; the day in UTC",
        _of(
            ("date", "'2024-04-28'", DAY),
            ("date", "'2024-04-28 12:00:00'", DAY),
            ("date", "20240428", DAY),
            ("date", "1714305600", DAY),
            ("date", "2460429.0", DAY),
            ("date", "20240431", REFUSED),
            ("date", "'28/04/2024'", REFUSED),
            ("date", "0", REFUSED),
            ("date", "19841", REFUSED),
        ),
        _of(("text", "'2024-04-28'", DAY), ("integer", "20240428", DAY)),
    ),
    Promise(
        "SQLite",
        "timestamp",
        "ISO texts without an offset, Unix seconds or milliseconds, Julian days, in UTC",
        _of(
            ("datetime", "'2024-04-28 12:00:00.000000'", NOON),
            ("datetime", "'2024-04-28T12:00'", NOON),
            ("timestamp", "1714305600", NOON),
            ("datetime", "1714305600.25", NOON.replace(microsecond=250_000)),
            ("datetime", "1714305600000", NOON),
            ("datetime", "2460429.0", NOON),
            ("datetime", "2460429.125", NOON.replace(hour=15)),
            ("datetime", "1714305600000000", REFUSED),
            ("datetime", "20240428120000", REFUSED),
            ("datetime", "'2024-04-28T12:00:00Z'", REFUSED),
        ),
        _of(("integer", "1714305600", NOON), ("text", "'2024-04-28 12:00'", NOON)),
    ),
    Promise(
        "SQLite",
        "timestamptz",
        "ISO texts with an offset, and the numbers of the type before; only where it is declared",
        (),
        _of(
            ("datetime", "'2024-04-28T14:00:00+02:00'", INSTANT),
            ("text", "'2024-04-28 12:00:00Z'", INSTANT),
            ("integer", "1714305600", INSTANT),
            ("datetime", "'2024-04-28 12:00:00'", REFUSED),
        ),
    ),
    Promise(
        "PostgreSQL",
        "text",
        "As stored; the digits of a numeric as PostgreSQL writes them",
        _of(("text", "'007'", "007"), ("char(5)", "'NA'", "NA"), ("jsonb", "'{\"a\": 1}'", '{"a": 1}')),
        _of(
            ("numeric(30, 2)", "'90071992547409930712.50'", "90071992547409930712.50"),
            ("bigint", str(LONG), str(LONG)),
            ("integer[]", "'{1,2}'", "{1,2}"),
        ),
    ),
    Promise(
        "PostgreSQL",
        "integer",
        "64 bits, also of a numeric without decimals; more digits are refused, and kept when declared text",
        _of(
            ("bigint", str(LONG), LONG),
            ("numeric(38, 0)", str(LONG), LONG),
            ("numeric", str(LONG), LONG),
            ("numeric(20, 0)", LONGER, REFUSED),
            ("numeric", LONGER, REFUSED),
        ),
        _of(
            ("numeric(10, 2)", "5.00", 5),
            ("numeric(10, 2)", "5.25", REFUSED),
            ("double precision", "42", 42),
            ("double precision", "2.5", REFUSED),
            ("text", "'n.d.'", REFUSED),
        ),
    ),
    Promise(
        "PostgreSQL",
        "number",
        "The nearest 64-bit number; a numeric with decimals that is a key is text",
        _of(("double precision", "0.1", 0.1), ("numeric(10, 2)", "5.50", 5.5), ("numeric", "5.5", 5.5)),
        _of(("bigint", "42", 42.0), ("text", "'2.5'", 2.5), ("text", "'n.d.'", REFUSED)),
    ),
    Promise(
        "PostgreSQL",
        "boolean",
        "Its boolean; 0 and 1 where it is declared",
        _of(("boolean", "true", True), ("boolean", "false", False)),
        _of(("integer", "1", True), ("integer", "2", REFUSED)),
    ),
    Promise(
        "PostgreSQL",
        "date",
        "Years 1 to 9999; numbers such as 20240428 where it is declared; of an instant its day in `schedule.timezone`",
        _of(
            ("date", "'2024-04-28'", DAY),
            ("date", "'infinity'", REFUSED),
            ("date", "'0044-03-15 BC'", REFUSED),
        ),
        _of(
            ("integer", "20240428", DAY),
            ("integer", "20240431", REFUSED),
            ("integer", "19841", REFUSED),
            ("text", "'2024-04-28'", DAY),
            ("timestamptz", "'2024-04-28 12:00+00'", DAY),
        ),
    ),
    Promise(
        "PostgreSQL",
        "timestamp",
        "timestamp without time zone; one with a zone is refused",
        _of(("timestamp", "'2024-04-28 12:00'", NOON), ("timestamp", "'-infinity'", REFUSED)),
        _of(
            ("timestamptz", "'2024-04-28 12:00+00'", REFUSED),
            ("date", "'2024-04-28'", datetime(2024, 4, 28)),
            ("text", "'2024-04-28T12:00:00Z'", REFUSED),
        ),
    ),
    Promise(
        "PostgreSQL",
        "timestamptz",
        "timestamp with time zone, and texts with an offset where it is declared; one without a zone is refused",
        _of(("timestamptz", "'2024-04-28 14:00+02'", INSTANT), ("timestamptz", "'infinity'", REFUSED)),
        _of(
            ("timestamp", "'2024-04-28 12:00'", REFUSED),
            ("text", "'2024-04-28T12:00:00Z'", INSTANT),
            ("text", "'2024-04-28T12:00:00'", REFUSED),
        ),
    ),
)
