"""Dates and times as people write them: year first, or in the forms that a project file states."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
TIME: Final = r"(?:(?:[Tt]|\s+)(?P<H>\d{1,2})(?::(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?)?)?"
ZONE: Final = r"\s*(?P<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
YEAR_FIRST: Final = (
    rf"^\s*(?P<Y>\d{{4}})-(?P<m>\d{{1,2}})-(?P<d>\d{{1,2}}){TIME}{ZONE}\s*$",
    r"^\s*(?P<Y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})" + TIME + r"\s*$",
    r"^\s*(?P<Y>(?:19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})\s*$",
)
PART: Final = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{1,2}", "d": r"\d{1,2}", "b": "[A-Za-z]{3,9}", "B": "[A-Za-z]{3,9}",
    "H": r"\d{1,2}", "I": r"\d{1,2}", "M": r"\d{2}", "S": r"\d{2}", "f": r"\d{1,9}", "p": "[AaPp][Mm]",
}  # fmt: skip
DAYS: Final = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@dataclass(frozen=True)
class Moments:
    """Texts read as days and times of day; what stands where `found` is false means nothing."""

    found: np.ndarray
    microseconds: np.ndarray
    timed: np.ndarray
    zoned: np.ndarray


def read_moments(texts: pa.ChunkedArray, forms: Sequence[str]) -> Moments:
    """Each text as a moment: in the first of the forms that it fits, else year first. An instant is in UTC."""
    left = texts
    size = len(texts)
    moments = Moments(np.zeros(size, bool), np.zeros(size, np.int64), np.zeros(size, bool), np.zeros(size, bool))
    for pattern in (*(_pattern(form) for form in forms), *YEAR_FIRST):
        rows = np.flatnonzero(left.is_valid().to_numpy() & ~moments.found)
        if len(rows):
            _read(texts.take(pa.array(rows)), pattern, moments, rows)
    return moments


def _read(texts: pa.ChunkedArray, pattern: str, moments: Moments, rows: np.ndarray) -> None:
    parts = pc.extract_regex(texts, pattern)
    has = {field.name for field in parts.type}
    number = {name: _number(parts, name) for name in "YymdHMSI" if name in has}
    year = number["Y"] if "Y" in has else _century(number["y"])
    month = number["m"] if "m" in has else _month(pc.struct_field(parts, "b" if "b" in has else "B"))
    hour = number.get("H", _twelve_hours(parts, number))
    minute, second = number.get("M", np.zeros(len(rows), int)), number.get("S", np.zeros(len(rows), int))
    fraction = _fraction(parts) if "f" in has else 0
    good = parts.is_valid().to_numpy() & (year > 0) & (month >= 1) & (month <= 12) & (number["d"] >= 1)
    good &= (hour >= 0) & (hour < 24) & (minute < 60) & (second < 60)
    months = (year - 1970) * 12 + month - 1
    leap = (month != 2) | (number["d"] < 29) | ((year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0)))
    good &= (number["d"] <= DAYS[np.clip(month, 0, 12)]) & leap
    days = months.astype("M8[M]").astype("M8[D]").astype(np.int64) + number["d"] - 1
    at = ((days * 24 + hour) * 60 + minute) * 60 + second
    moments.found[rows] = good
    zone = _text(parts, "zone") if "zone" in has else None
    if zone is not None:
        at = at - _offset(zone)
        moments.zoned[rows] = pc.not_equal(zone, "").to_numpy()
    moments.microseconds[rows] = at * 1_000_000 + fraction
    moments.timed[rows] = _is_timed(parts, has)


def _number(parts: pa.ChunkedArray, name: str) -> np.ndarray:
    """A part as whole numbers; 0 where it is left out."""
    text = pc.fill_null(pc.struct_field(parts, name), "0")
    return pc.if_else(pc.equal(text, ""), "0", text).cast(pa.int64()).to_numpy()


def _text(parts: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    return pc.fill_null(pc.struct_field(parts, name), "")


def _is_timed(parts: pa.ChunkedArray, has: set[str]) -> np.ndarray:
    name = "H" if "H" in has else "I" if "I" in has else None
    return pc.not_equal(_text(parts, name), "").to_numpy() if name else np.zeros(len(parts), bool)


def _century(year: np.ndarray) -> np.ndarray:
    """Two digits as POSIX reads them: 69 to 99 are of the last century."""
    return np.where(year < 69, year + 2000, year + 1900)


def _month(names: pa.ChunkedArray) -> np.ndarray:
    short = pc.utf8_slice_codeunits(pc.utf8_lower(names), 0, 3)
    return pc.fill_null(pc.add(pc.index_in(short, pa.array(MONTHS)), 1), 0).to_numpy()


def _twelve_hours(parts: pa.ChunkedArray, number: dict[str, np.ndarray]) -> np.ndarray:
    """The hour of a clock of twelve hours; -1 for what such a clock does not show."""
    if "I" not in number:
        return np.zeros(len(parts), int)
    hour, after = number["I"], np.zeros(len(parts), bool)
    if any(field.name == "p" for field in parts.type):
        after = pc.starts_with(pc.utf8_lower(_text(parts, "p")), "p").to_numpy()
    return np.where((hour < 1) | (hour > 12), -1, hour % 12 + 12 * after)


def _fraction(parts: pa.ChunkedArray) -> np.ndarray:
    """Microseconds; digits beyond are cut."""
    text = pc.utf8_rpad(pc.utf8_slice_codeunits(_text(parts, "f"), 0, 6), 6, "0")
    return text.cast(pa.int64()).to_numpy()


def _offset(zone: pa.ChunkedArray) -> np.ndarray:
    """Seconds from UTC."""
    digits = pc.utf8_rpad(pc.replace_substring_regex(zone, r"\D", ""), 4, "0")
    hours, minutes = (pc.utf8_slice_codeunits(digits, start, start + 2).cast(pa.int64()).to_numpy() for start in (0, 2))
    return np.where(pc.starts_with(zone, "-").to_numpy(), -1, 1) * (hours * 60 + minutes) * 60


@lru_cache
def _pattern(form: str) -> str:
    pieces = re.split(r"%([A-Za-z])", form)
    spelt = [rf"(?P<{each}>{PART[each]})" if place % 2 else re.sub(r"(?:\\ )+", r"\\s+", re.escape(each))
             for place, each in enumerate(pieces)]  # fmt: skip
    return rf"^\s*{''.join(spelt)}\s*$"
