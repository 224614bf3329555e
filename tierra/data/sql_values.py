"""Values as SQLite keeps them, whatever its columns are declared: each is read right, or the column is refused with it.

SQLite has no dates, booleans or decimals of its own. Dates are texts or numbers in it, and the size of a number tells
which of the usual ways it is; no number fits two of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

from tierra.data.casting import FIRST_DAY, LAST_DAY, NotExact, arrow_type, cast_column, kind_of
from tierra.data.spec import ColumnType
from tierra.data.spellings import NO, YES
from tierra.data.window import Window

# Beyond it, neighbouring whole numbers are one floating-point number.
LARGEST_EXACT: Final = 2**53
DAY_IN_US: Final = 86_400_000_000
FIRST_UNIX_DAY: Final = date(1970, 1, 1).toordinal()
JULIAN_UNIX_DAY: Final = 2_440_587.5
MOMENTS: Final = ("date", "timestamp", "timestamptz")
NUMBERS_SAID: Final = (
    "numbers are dates as YYYYMMDD, Unix seconds from 1973 to 2286, milliseconds from 2001 to 2286, or Julian days"
)


@dataclass(frozen=True)
class _Form:
    """A way to write moments as numbers: from `low` up to, not including, `high`."""

    low: float
    high: float
    of_day: Callable[[date], float]
    to_moments: Callable[[pa.Array], pa.Array]


def column_of(values: Sequence[Any], kind: ColumnType | None, zone: str = "UTC") -> pa.Array:
    """The values in a type of ours, or without one in that of the values. Raises NotExact with one that does not fit.

    Numbers that are moments are in UTC, as SQLite's own functions take them.
    """
    pieces = list(_pieces(values))
    if kind is None:
        return _natural(pieces)
    cast = [_cast(piece, kind, zone) for piece in pieces]
    return pc.coalesce(*cast) if len(cast) > 1 else cast[0]


def number_ranges(window: Window) -> Iterator[tuple[float | None, float | None]]:
    """Where the numbers of a window lie, and those that are no moment, which must be met and refused.

    Each from its first, up to, not including, its end; None is open.
    """
    last: float | None = None
    for form in FORMS:
        yield last, form.low
        low = max(form.low, form.of_day(window.start)) if window.start else form.low
        high = min(form.high, form.of_day(window.end)) if window.end else form.high
        if low < high:
            yield low, high
        last = form.high
    yield last, None


def _pieces(values: Sequence[Any]) -> Iterator[pa.Array]:
    """The values as one array or, where they are of several kinds, an array of each kind with gaps for the others."""
    try:
        array = pa.array(values)
        if not t.is_binary(array.type):  # to which texts would have been turned as well
            yield array
            return
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass
    for kind in dict.fromkeys(type(value) for value in values if value is not None):
        yield pa.array([value if type(value) is kind else None for value in values])


def _natural(pieces: list[pa.Array]) -> pa.Array:
    kinds = {kind_of(piece.type) for piece in pieces}
    if kinds == {"integer", "number"}:
        for piece in pieces:
            _require(piece, _between(piece, -LARGEST_EXACT, LARGEST_EXACT))
        return pc.coalesce(*[_cast(piece, "number", "UTC") for piece in pieces])
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is None:
        raise NotExact(_example(pieces[-1]))
    return _flat(cast_column(pa.chunked_array([pieces[0]]), kind))


def _cast(piece: pa.Array, kind: ColumnType, zone: str) -> pa.Array:
    if t.is_binary(piece.type):
        raise NotExact(_example(piece))
    if t.is_string(piece.type):
        return piece if kind == "text" else _cast_texts(piece, kind, zone)
    if t.is_integer(piece.type) or t.is_floating(piece.type):
        return _cast_numbers(piece, kind, zone)
    return _flat(cast_column(pa.chunked_array([piece]), kind, zone))


def _cast_texts(texts: pa.Array, kind: ColumnType, zone: str) -> pa.Array:
    if kind == "boolean":
        return _truths(texts)
    column = pa.chunked_array([texts])
    if kind == "date":
        try:
            return _flat(cast_column(column, kind, zone))
        except NotExact:  # a date with a time
            column = cast_column(column, "timestamp", zone)
    return _flat(cast_column(column, kind, zone))


def _truths(texts: pa.Array) -> pa.Array:
    plain = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    true = pc.is_in(plain, pa.array(sorted(YES)))
    _require(texts, pc.or_(true, pc.is_in(plain, pa.array(sorted(NO)))))
    return pc.if_else(pc.is_valid(texts), true, None)


def _cast_numbers(numbers: pa.Array, kind: ColumnType, zone: str) -> pa.Array:
    if kind in MOMENTS:
        moments = pa.chunked_array([_moments(numbers)])
        return _flat(
            cast_column(moments if kind != "timestamptz" else moments.cast(arrow_type(kind, "UTC")), kind, zone)
        )
    if t.is_floating(numbers.type) and kind != "number":
        _require(numbers, _between(numbers, -LARGEST_EXACT, LARGEST_EXACT))
    return _flat(cast_column(pa.chunked_array([numbers]), kind, zone))


def _moments(numbers: pa.Array) -> pa.Array:
    """Numbers as moments in UTC, each by the form that has its size."""
    found = pa.nulls(len(numbers), pa.timestamp("us"))
    for form in FORMS:
        of_form = pc.if_else(_between(numbers, form.low, form.high, open_end=True), numbers, None)
        if of_form.null_count < len(numbers):
            found = pc.coalesce(found, form.to_moments(of_form))
    _require(numbers, pc.is_valid(found))
    return found


def _from_julian(numbers: pa.Array) -> pa.Array:
    """To the millisecond, as SQLite does, and never beyond the day."""
    since_midnight = pc.add(numbers, 0.5)
    days = pc.floor(since_midnight)
    part = pc.round(pc.multiply(pc.subtract(since_midnight, days), 86_400_000.0))
    within = pc.if_else(pc.less(part, 86_400_000.0), part, 86_399_999.0)
    start = pc.multiply(pc.subtract(days, JULIAN_UNIX_DAY + 0.5), float(DAY_IN_US))
    return _from_microseconds(pc.add(start, pc.multiply(within, 1000.0)))


def _from_unix(unit: int) -> Callable[[pa.Array], pa.Array]:
    """Moments from numbers of so many microseconds."""

    def to_moments(numbers: pa.Array) -> pa.Array:
        return _from_microseconds(pc.multiply(numbers, unit if t.is_integer(numbers.type) else float(unit)))

    return to_moments


def _from_microseconds(numbers: pa.Array) -> pa.Array:
    whole = numbers if t.is_integer(numbers.type) else pc.round(numbers).cast(pa.int64())
    return whole.cast(pa.timestamp("us"))


def _from_digits(numbers: pa.Array) -> pa.Array:
    return _flat(cast_column(pa.chunked_array([numbers]), "date")).cast(pa.timestamp("us"))


def _unix_days(day: date) -> int:
    return day.toordinal() - FIRST_UNIX_DAY


# By their size; numbers between them, and beyond, are no moments.
FORMS: Final = (
    _Form(1_721_425.5, 5_373_484.5, lambda day: _unix_days(day) + JULIAN_UNIX_DAY, _from_julian),
    _Form(FIRST_DAY, LAST_DAY + 1, lambda day: int(f"{day:%Y%m%d}"), _from_digits),
    _Form(10**8, 10**10, lambda day: _unix_days(day) * 86_400, _from_unix(1_000_000)),
    _Form(10**12, 10**13, lambda day: _unix_days(day) * 86_400_000, _from_unix(1_000)),
)


def _between(numbers: pa.Array, low: float, high: float, open_end: bool = False) -> pa.Array:
    below = pc.less if open_end else pc.less_equal
    if t.is_integer(numbers.type):  # which are not all floating-point numbers
        low, high = ceil(low), ceil(high)
    return pc.and_(pc.greater_equal(numbers, low), below(numbers, high))


def _require(values: pa.Array, holds: pa.Array) -> None:
    """Raise NotExact with the first value, gaps aside, of which this does not hold."""
    failing = values.filter(pc.and_(pc.is_valid(values), pc.invert(pc.fill_null(holds, False))))
    if len(failing):
        raise NotExact(_example(failing))


def _example(values: pa.Array) -> object:
    value = values.drop_null()[0].as_py()
    return f"a blob of {len(value)} bytes" if isinstance(value, bytes) else value


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()
