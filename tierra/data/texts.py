"""What a text is: a whole number, a number, a yes or no, a date, a moment, or a text.

Types are found once, when a model is trained. Later every text is read as its column's
type: one that is none becomes a gap, and is named.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.csv_form import PLAIN_FORM, CsvForm
from tierra.data.spec import ColumnType
from tierra.data.text_dates import read_moments
from tierra.data.text_numbers import find_currencies, plain_numbers, whole_numbers

# Of a column's texts so many may be no number, or no date, and it is a column of numbers or dates nonetheless.
FEW_UNREADABLE: Final = 0.01
# One of so many at least; a column of fewer texts is read without exception.
ENOUGH_TEXTS: Final = 20
# Below so many different numbers, a rare word among them is a category like they are: 1, 2, 3, X.
ENOUGH_NUMBERS: Final = 20
YES: Final = pa.array(["true", "t", "yes", "y", "1", "1.0"])
NO: Final = pa.array(["false", "f", "no", "n", "0", "0.0"])
SPELLINGS: Final = (["true", "false"], ["True", "False"], ["TRUE", "FALSE"])
# The number of a text that holds more than its value: its text would not come back.
HOLDS_MORE: Final = r"^\s*(?:[+-]?0\d+(?:[.,]\d*)?|\+\d+)\s*$"
CANONICAL: Final = r"^(?:0|-?[1-9]\d*)$"

Parsed = tuple[pa.ChunkedArray, np.ndarray]


def parse_texts(texts: pa.ChunkedArray, kind: ColumnType, zone: str = "UTC", form: CsvForm = PLAIN_FORM) -> Parsed:
    """The texts as values of a type, and which of them are none and became gaps."""
    if kind == "text":
        return texts, np.zeros(len(texts), bool)
    quick = _parse_quickly(texts, kind, zone, form)
    values = quick if quick is not None else _parse_slowly(texts, kind, zone, form)
    return values, _lost(texts, values)


def infer_kind(texts: pa.ChunkedArray, form: CsvForm = PLAIN_FORM) -> ColumnType:
    """The type that these texts have: the narrowest from which each would come back as it is written, else text."""
    present = texts.drop_null()
    if not len(present):
        return "text"
    if any(pc.all(pc.is_in(present, pa.array(each))).as_py() for each in SPELLINGS):
        return "boolean"
    start = present.slice(0, 1000)  # most columns of texts show in their first
    if _are_numbers(start, form, lenient=True) and _are_numbers(present, form):
        return _kind_of_number(present, form)
    return _kind_of_date(present, form)


def few_unreadable(count: int) -> int:
    """How many of so many texts may be unreadable."""
    return max(int(count * FEW_UNREADABLE), 1 if count >= ENOUGH_TEXTS else 0)


def _parse_quickly(texts: pa.ChunkedArray, kind: ColumnType, zone: str, form: CsvForm) -> pa.ChunkedArray | None:
    """The texts as Arrow casts them, where all are written as programs do: the same values as when read slowly."""
    try:
        match kind:
            case "integer":
                return _whole_quickly(texts, form)
            case "number":
                return _without_nan(_with_points(texts, form).cast(pa.float64()))
            case "boolean":
                return texts.cast(pa.bool_())
            case "date":
                return texts.cast(pa.date32())
            case "timestamp":
                return texts.cast(pa.timestamp("us"))
            case _:
                return texts.cast(pa.timestamp("us", zone))
    except pa.ArrowInvalid:
        return None


def _with_points(texts: pa.ChunkedArray, form: CsvForm) -> pa.ChunkedArray:
    """Decimal commas as points. Raises ArrowInvalid where points stand too, which then group digits."""
    if form.decimal != ",":
        return texts
    if pc.any(pc.match_substring(texts, ".")).as_py():
        raise pa.ArrowInvalid("points group digits")
    return pc.replace_substring(texts, ",", ".")


def _whole_quickly(texts: pa.ChunkedArray, form: CsvForm) -> pa.ChunkedArray | None:
    """Also 2.0, as pandas writes whole numbers of a column with gaps. Arrow takes 0x1F for a number."""
    try:
        values = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        plain = _with_points(texts, form)
        if not _all(pc.match_substring_regex(plain, r"^[+-]?\d{1,15}\.?0*$")):
            return None
        return plain.cast(pa.float64()).cast(pa.int64())
    return None if any(pc.any(pc.match_substring(texts, sign)).as_py() for sign in "xX") else values


def _all(holds: pa.ChunkedArray) -> bool:
    """Whether it holds of all but gaps."""
    return pc.all(holds).as_py() is not False


def _without_nan(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    gaps = pc.is_nan(numbers)
    return pc.if_else(gaps, None, numbers) if pc.any(gaps).as_py() else numbers


def _parse_slowly(texts: pa.ChunkedArray, kind: ColumnType, zone: str, form: CsvForm) -> pa.ChunkedArray:
    match kind:
        case "integer":
            return whole_numbers(texts, form).cast(pa.int64())
        case "number":
            return _without_nan(plain_numbers(texts, form).cast(pa.float64()))
        case "boolean":
            return _parse_boolean(texts)
        case _:
            return _parse_moments(texts, kind, zone, form)


def _parse_boolean(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    plain = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    yes = pc.is_in(plain, YES)
    return pc.if_else(pc.or_(yes, pc.is_in(plain, NO)), yes, None)


def _parse_moments(texts: pa.ChunkedArray, kind: ColumnType, zone: str, form: CsvForm) -> pa.ChunkedArray:
    """Moments keep their zone, or their having none: neither can be had from the other."""
    moments = read_moments(texts, form.dates)
    good = moments.found
    if kind == "timestamp":
        good = good & ~moments.zoned
    if kind == "timestamptz":
        good = good & moments.zoned
    at = pa.array(moments.microseconds, mask=~good).cast(pa.timestamp("us"))
    if kind == "timestamptz":
        at = at.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", zone))
    if kind == "date":
        local = pc.local_timestamp(at.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", zone)))
        at = pc.if_else(pa.array(moments.zoned), local, at).cast(pa.timestamp("us"))
        at = pc.floor_temporal(at, unit="day").cast(pa.date32())
    return pa.chunked_array([at])


def _lost(texts: pa.ChunkedArray, values: pa.ChunkedArray) -> np.ndarray:
    """Which texts became gaps; NaN, and nothing but spaces, are gaps themselves."""
    if texts.null_count == values.null_count:
        return np.zeros(len(texts), bool)
    lost = pc.and_(pc.is_valid(texts), pc.is_null(values))
    gaps = pc.match_substring_regex(texts, r"^\s*(?:[+-]?(?i:nan))?\s*$")
    return pc.and_(lost, pc.invert(pc.fill_null(gaps, False))).to_numpy()


def _are_numbers(present: pa.ChunkedArray, form: CsvForm, lenient: bool = False) -> bool:
    """Whether all are numbers, but for a few among many different ones; of a start, whether half of them are."""
    values, lost = parse_texts(present, "number", form=form)
    bad = int(lost.sum())
    if lenient:
        return bad <= len(present) / 2
    if bad > few_unreadable(len(present)):
        return False
    if bad and pc.count_distinct(values).as_py() < ENOUGH_NUMBERS:
        return False
    return _parse_quickly(present, "number", "UTC", form) is not None or len(find_currencies(present)) < 2


def _kind_of_number(present: pa.ChunkedArray, form: CsvForm) -> ColumnType:
    if pc.any(pc.match_substring_regex(present, HOLDS_MORE)).as_py():
        return "text"
    readable = present.filter(pa.array(~parse_texts(present, "number", form=form)[1]))
    if not pc.all(pc.match_substring_regex(readable, CANONICAL)).as_py():
        return "number"
    return "text" if parse_texts(readable, "integer", form=form)[1].any() else "integer"


def _kind_of_date(present: pa.ChunkedArray, form: CsvForm) -> ColumnType:
    start = read_moments(present.slice(0, 1000), form.dates)
    if start.found.sum() < len(start.found) / 2:
        return "text"
    moments = read_moments(present, form.dates)
    zoned = int(moments.zoned[moments.found].sum())
    kind: ColumnType = "timestamptz" if zoned else "timestamp" if moments.timed[moments.found].any() else "date"
    bad = len(present) - (zoned or int(moments.found.sum()))
    return kind if bad <= few_unreadable(len(present)) else "text"
