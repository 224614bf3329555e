"""How metrics, numbers and long texts are written for people."""

import math

from tierra.model.spec import LOWER_IS_BETTER, heading
from tierra.report.svg import said

__all__ = ["amount", "brief", "cell", "heading", "inline", "lower_is_better", "number", "shorten"]
LONGEST = 2000


def lower_is_better(name: str) -> bool:
    """Whether a smaller value of the metric is the better one."""
    return name in LOWER_IS_BETTER


def amount(value: float | None) -> str:
    """A measured number: four figures behind the point where it is small, none where it is large."""
    if value is None or not math.isfinite(value):
        return "—" if value is None or math.isnan(value) else "∞" if value > 0 else "-∞"
    size = abs(value)
    if size >= 1e12 or 0 < size < 1e-4:
        return f"{value:.4g}"
    return f"{value:,.4f}" if size < 10 else f"{value:,.2f}" if size < 1_000 else f"{value:,.0f}"


def number(value: float) -> str:
    """A count, thousands apart."""
    return f"{value:,}"


def brief(value: float | str) -> str:
    """A bound of a column: whole numbers whole, others in four figures, a midnight as its day."""
    if isinstance(value, str):
        return value.replace("T00:00:00.000000", "").replace(".000000", "")
    return number(value) if isinstance(value, int) else said(value)


def shorten(value: object, length: int = LONGEST) -> str:
    """A text no longer than a page can bear."""
    words = str(value)
    return words if len(words) <= length else words[: length - 1] + "…"


def cell(value: object) -> str:
    """A text that cannot break out of a Markdown table's cell."""
    return inline(value, 200).replace("|", "\\|")


def inline(value: object, length: int = LONGEST) -> str:
    """A text that stays one line of Markdown, as it was written: no link, no tag, no emphasis."""
    words = " ".join(shorten(value, length).split())
    for letter in "\\`*_[]":
        words = words.replace(letter, f"\\{letter}")
    return words.replace("<", "&lt;")
