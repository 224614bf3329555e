"""Numbers as people write them: with percent and currency signs, grouped digits, a decimal comma."""

import re
from functools import lru_cache
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.csv_form import CsvForm

CURRENCY: Final = r"(?:[A-Z]{0,2}\p{Sc}|EUR|USD|GBP|CHF|JPY|CNY|INR|BRL|MXN|ARS|CLP|COP|PEN|CAD|AUD|SEK|NOK|DKK|PLN)"
SPACE: Final = "[ \u00a0\u202f\u2009]"
LARGEST: Final = str(2**63 - 1)


def plain_numbers(texts: pa.ChunkedArray, form: CsvForm) -> pa.ChunkedArray:
    """Each number as a program writes it, such as -1234.5 or 12e-2 for 12%; a gap for what is no number."""
    parts = _take_apart(texts, form)
    whole = pc.replace_substring_regex(parts["whole"], r"\D", "")
    digits = pc.binary_join_element_wise(whole, parts["fraction"], "")
    power = pc.if_else(pc.equal(parts["percent"], ""), parts["power"], "e-2")
    sign = pc.replace_substring_regex(parts["sign"], "[+\u2212]", "")
    sign = pc.if_else(pc.match_substring(parts["sign"], "\u2212"), "-", sign)
    spelt = pc.binary_join_element_wise(sign, whole, ".", parts["fraction"], power, "")
    readable = pc.and_(
        pc.greater(pc.binary_length(digits), 0), pc.or_(pc.equal(parts["percent"], ""), pc.equal(parts["power"], ""))
    )
    return pc.coalesce(pc.if_else(readable, spelt, None), _special(texts))


def whole_numbers(texts: pa.ChunkedArray, form: CsvForm) -> pa.ChunkedArray:
    """Each whole number in plain digits, also of 2.0; a gap for other texts and for what 64 bits cannot hold."""
    parts = _take_apart(texts, form)
    digits = pc.replace_substring_regex(pc.replace_substring_regex(parts["whole"], r"\D", ""), r"^0+(\d)", r"\1")
    is_minus = pc.is_in(parts["sign"], pa.array(["-", "\u2212"]))
    size, most = pc.binary_length(digits), pc.if_else(is_minus, str(2**63), LARGEST)
    fits = pc.or_(pc.less(size, 19), pc.and_(pc.equal(size, 19), pc.less_equal(digits, most)))
    plain = pc.and_(pc.equal(parts["percent"], ""), pc.equal(parts["power"], ""))
    whole = pc.and_(pc.match_substring_regex(parts["fraction"], "^0*$"), pc.greater(size, 0))
    spelt = pc.binary_join_element_wise(pc.if_else(is_minus, "-", ""), digits, "")
    return pc.if_else(pc.and_(pc.and_(plain, whole), fits), spelt, None)


def find_currencies(texts: pa.ChunkedArray) -> list[str]:
    """The currency signs among these numbers."""
    found = pc.struct_field(pc.extract_regex(texts, f"(?P<sign>{CURRENCY})"), "sign")
    return sorted(found.drop_null().unique().to_pylist())


def _take_apart(texts: pa.ChunkedArray, form: CsvForm) -> dict[str, pa.ChunkedArray]:
    """The parts of each number, all gaps where a text is none."""
    found = pc.extract_regex(texts, _pattern(form.separator, form.decimal, form.thousands))
    return {name: pc.struct_field(found, name) for name in ("sign", "whole", "fraction", "power", "percent")}


@lru_cache
def _pattern(separator: str, decimal: str | None, thousands: str | None) -> str:
    group = re.escape(thousands) if thousands and thousands != " " else _groups(separator, decimal)
    group = SPACE if thousands == " " else group
    sign, space = "[-+\u2212]", f"{SPACE}*"
    return (
        rf"^\s*(?:{CURRENCY}{space})?(?P<sign>{sign}?){space}(?:{CURRENCY}{space})?"
        rf"(?P<whole>\d{{1,3}}(?:{group}\d{{3}})+|\d*)(?:{re.escape(decimal or '.')}(?P<fraction>\d*))?"
        rf"(?P<power>(?:[eE][+-]?\d+)?){space}(?P<percent>%?)(?:{space}{CURRENCY})?\s*$"
    )


def _groups(separator: str, decimal: str | None) -> str:
    """What may group digits. A comma in a file that no commas separate may as well begin a fraction."""
    if decimal == ",":
        return f"(?:[.']|{SPACE})"
    return f"(?:[,']|{SPACE})" if decimal or separator == "," else f"(?:'|{SPACE})"


def _special(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Infinity and NaN, as Python writes them."""
    return pc.if_else(pc.match_substring_regex(texts, r"^\s*[+-]?(?i:inf|infinity|nan)\s*$"),
                      pc.utf8_trim_whitespace(texts), None)  # fmt: skip
