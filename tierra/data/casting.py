"""Columns in types of ours: every value is cast exactly, or the column is refused with an example.

A gap is a gap in every type: of numbers NaN is one too. Minus zero is zero.
"""

from collections.abc import Callable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

from tierra.data.spec import ColumnType
from tierra.data.texts import parse_texts

PLAIN: Final[dict[ColumnType, pa.DataType]] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
LARGEST_INTEGER = 2**63
FIRST_DAY, LAST_DAY = 1900_01_01, 2100_12_31


class NotExact(ValueError):
    """A value that has no equal in the type asked for."""

    def __init__(self, example: object) -> None:
        super().__init__(example)
        self.example = str(example)


def arrow_type(kind: ColumnType, zone: str) -> pa.DataType:
    """The one Arrow type that holds a type of ours; instants are in a time zone."""
    return pa.timestamp("us", zone) if kind == "timestamptz" else PLAIN[kind]


def kind_of(stored: pa.DataType, is_key: bool = False) -> ColumnType | None:
    """The type of ours for an Arrow type; None where there is none. The digits of a decimal key are kept as text."""
    if t.is_decimal(stored):
        return "integer" if stored.scale <= 0 else "text" if is_key else "number"
    if t.is_timestamp(stored):
        return "timestamptz" if stored.tz else "timestamp"
    if t.is_dictionary(stored):
        return kind_of(stored.value_type, is_key)
    return next((kind for kind, holds in FAMILIES.items() if holds(stored)), None)


FAMILIES: Final[dict[ColumnType, Callable[[pa.DataType], bool]]] = {
    "integer": t.is_integer,
    "number": lambda stored: bool(t.is_floating(stored) or t.is_null(stored)),
    "text": lambda stored: bool(t.is_string(stored) or t.is_large_string(stored) or t.is_string_view(stored)),
    "boolean": t.is_boolean,
    "date": t.is_date,
}


def cast_column(values: pa.ChunkedArray, kind: ColumnType, zone: str = "UTC") -> pa.ChunkedArray:
    """The values in a type of ours. Raises NotExact with the first that has no equal in it."""
    plain = _without_forms(values)
    if t.is_null(plain.type):
        return pa.chunked_array([pa.nulls(len(plain), arrow_type(kind, zone))])
    cast = _CASTS[kind]
    return cast(plain, zone)


def _without_forms(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same values, whatever the width, the unit or the dictionary they were kept in."""
    if t.is_dictionary(values.type):
        return _without_forms(values.cast(values.type.value_type))
    if t.is_large_string(values.type) or t.is_string_view(values.type):
        return values.cast(pa.string())
    if not t.is_floating(values.type):
        return values
    numbers = pc.add(values.cast(pa.float64()), 0.0)  # minus zero becomes zero
    gaps = pc.is_nan(numbers)
    return pc.if_else(gaps, None, numbers) if pc.any(gaps).as_py() else numbers


def _to_text(values: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    if t.is_floating(values.type):
        whole = _is_whole(values)
        integers = pc.if_else(whole, values, None).cast(pa.int64())
        return pc.if_else(whole, integers.cast(pa.string()), values.cast(pa.string()))
    return _safely(values, pa.string())


def _to_integer(values: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    if t.is_floating(values.type):
        _require(values, _is_whole(values))
    elif t.is_temporal(values.type):
        _require(values, pc.is_null(values))
    return _parse(values, "integer", zone) if t.is_string(values.type) else _safely(values, pa.int64())


def _to_number(values: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    if t.is_temporal(values.type):
        _require(values, pc.is_null(values))
    # The nearest number, as of a decimal fraction: features are such numbers.
    return _parse(values, "number", zone) if t.is_string(values.type) else values.cast(pa.float64(), safe=False)


def _to_boolean(values: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    if t.is_boolean(values.type):
        return values
    if t.is_string(values.type):
        return _parse(values, "boolean", zone)
    if t.is_temporal(values.type):
        _require(values, pc.is_null(values))
    _require(values, pc.is_in(values.cast(pa.float64(), safe=False), pa.array([0.0, 1.0, None])))
    return values.cast(pa.float64(), safe=False).cast(pa.bool_())


def _to_date(values: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    if t.is_string(values.type):
        return _parse(values, "date", zone)
    if t.is_timestamp(values.type):
        return _local(values, zone).cast(pa.timestamp("us"), safe=False).cast(pa.date32())
    return _safely(values, pa.date32()) if t.is_date(values.type) else _days(_to_integer(values, zone))


def _days(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole numbers such as 20240428 as the days they spell."""
    _require(numbers, _within(numbers, FIRST_DAY, LAST_DAY))
    texts = numbers.cast(pa.string())
    days = pc.strptime(texts, "%Y%m%d", "s", error_is_null=True)
    # 31 June is read as 1 July.
    _require(numbers, pc.equal(pc.strftime(days, "%Y%m%d"), texts))
    return days.cast(pa.date32())


def _to_timestamp(values: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    return _moments(values, "timestamp", zone)


def _to_instant(values: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    return _moments(values, "timestamptz", zone)


def _moments(values: pa.ChunkedArray, kind: ColumnType, zone: str) -> pa.ChunkedArray:
    """Moments keep their being with a zone or without: neither can be had from the other without a guess."""
    if t.is_string(values.type):
        return _parse(values, kind, zone)
    zoned = t.is_timestamp(values.type) and values.type.tz is not None
    if not t.is_temporal(values.type) or zoned != (kind == "timestamptz"):
        _require(values, pc.is_null(values))
        return pa.chunked_array([pa.nulls(len(values), arrow_type(kind, zone))])
    return values.cast(arrow_type(kind, zone), safe=t.is_date(values.type))  # below a microsecond nothing is kept


def _local(values: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """Instants as the clock of a zone shows them; other moments as they are."""
    return pc.local_timestamp(values.cast(pa.timestamp("us", zone), safe=False)) if values.type.tz else values


def _parse(texts: pa.ChunkedArray, kind: ColumnType, zone: str) -> pa.ChunkedArray:
    values, _ = parse_texts(texts, kind, zone)
    # An empty text is no gap here: a file's reader makes gaps of such cells.
    _require(texts, pc.or_(pc.is_null(texts), pc.is_valid(values)))
    return values


def _is_whole(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.and_(
        pc.equal(pc.floor(numbers), numbers), _within(numbers, -float(LARGEST_INTEGER), LARGEST_INTEGER - 1025.0)
    )


def _within(numbers: pa.ChunkedArray, low: float, high: float) -> pa.ChunkedArray:
    return pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high))


def _require(values: pa.ChunkedArray, holds: pa.ChunkedArray) -> None:
    """Raise NotExact with the first value, gaps aside, of which this does not hold."""
    failing = values.filter(pc.invert(pc.fill_null(holds, True)))
    if len(failing):
        raise NotExact(failing[0].as_py())


def _safely(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    try:
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise NotExact(_first_failing(values, kind)) from None


def _first_failing(values: pa.ChunkedArray, kind: pa.DataType) -> object:
    for value in values.drop_null():
        try:
            value.cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return value.as_py()
    return values.drop_null()[0].as_py()


_CASTS: Final[dict[ColumnType, Callable[[pa.ChunkedArray, str], pa.ChunkedArray]]] = {
    "text": _to_text,
    "integer": _to_integer,
    "number": _to_number,
    "boolean": _to_boolean,
    "date": _to_date,
    "timestamp": _to_timestamp,
    "timestamptz": _to_instant,
}
