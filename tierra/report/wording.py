"""Formats metrics, numbers and long texts for people."""

import math
import re
from datetime import UTC, datetime

from tierra.model.spec import LOWER_IS_BETTER, heading
from tierra.redaction import SEARCHED, clean

__all__ = [
    "amount",
    "axis_number",
    "brief",
    "cell",
    "exact",
    "heading",
    "inline",
    "is_digest",
    "lower_is_better",
    "number",
    "shorten",
]
LONGEST = 2000
DIGEST = re.compile("[0-9a-f]{64}")


def lower_is_better(name: str) -> bool:
    """Whether a smaller value of the metric is better."""
    return name in LOWER_IS_BETTER


def amount(value: float | None) -> str:
    """A measured number: four decimals when it is small, none when it is large."""
    if value is None or not math.isfinite(value):
        return "—" if value is None or math.isnan(value) else "∞" if value > 0 else "-∞"
    size = abs(value)
    if size >= 1e12 or 0 < size < 1e-4:
        return f"{value:.4g}"
    return f"{value:,.4f}" if size < 10 else f"{value:,.2f}" if size < 1_000 else f"{value:,.0f}"


def number(value: float) -> str:
    """A count, thousands separated."""
    return f"{value:,}"


def axis_number(value: float) -> str:
    """A number beside an axis: at most four figures, thousands separated."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "∞" if value > 0 else "-∞"
    if abs(value) >= 1e7 or abs(value) < 1e-3:
        return f"{value:.3g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def brief(value: float | str) -> str:
    """A column's minimum or maximum: integers in full, other numbers in four figures, midnight as its day."""
    if isinstance(value, str):
        return value.replace("T00:00:00.000000", "").replace(".000000", "")
    return number(value) if isinstance(value, int) else axis_number(value)


def exact(value: object) -> str:
    """A value as it is kept: every digit of a number, a gap as a dash; a long text is cut."""
    if value is None:
        return "—"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    return shorten(value, 300)


def moment(text: str) -> str:
    """A moment as it is kept, in UTC to the second; what is none as it is."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}"
    except ValueError:
        return text


def is_digest(value: object) -> bool:
    """Whether a value is a whole SHA-256."""
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def shorten(value: object, length: int = LONGEST) -> str:
    """A text cleaned, as it leaves on a page, and cut to a length."""
    text = clean(value, SEARCHED)
    return text if len(text) <= length else text[: length - 1] + "…"


def cell(value: object) -> str:
    """A text escaped for the cell of a Markdown table."""
    return inline(value, 200).replace("|", "\\|")


def inline(value: object, length: int = LONGEST) -> str:
    """A text escaped to one line of Markdown: no link, no tag, no emphasis."""
    text = " ".join(shorten(value, length).split())
    for letter in "\\`*_[]":
        text = text.replace(letter, f"\\{letter}")
    return text.replace("<", "&lt;")
