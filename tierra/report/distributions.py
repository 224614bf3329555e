"""Distributions to draw, from what a profile keeps of a column."""

from bisect import bisect_right

from tierra.data.profile import ColumnProfile
from tierra.model.evaluation import Histogram

BINS = 24
VALUES = 8


def distributions(now: ColumnProfile, then: ColumnProfile | None = None) -> tuple[Histogram, Histogram | None] | None:
    """A column's numbers in bins, and an earlier profile's in the same ones; far-out values are left aside."""
    values = [_usual(each) for each in (now, then) if each and each.quantiles]
    if not (now.quantiles and values[0]):
        return None
    edges = _edges(min(map(min, filter(None, values))), max(map(max, filter(None, values))), now)
    other = _counted(values[1], edges, then) if then and len(values) > 1 else None
    return _counted(values[0], edges, now), other


def _usual(column: ColumnProfile) -> list[float]:
    low, high = column.fences or (column.quantiles[0], column.quantiles[-1])
    return [value for value in column.quantiles if low <= value <= high]


def _edges(low: float, high: float, column: ColumnProfile) -> tuple[float, ...]:
    if column.type.startswith(("int", "uint")) and high - low < BINS:
        return tuple(low - 0.5 + step for step in range(int(high - low) + 2))
    if low == high:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    # Halves, because the width of a range of floats may be more than the largest float.
    return tuple(2 * (low / 2 + (high / 2 - low / 2) * step / BINS) for step in range(BINS + 1))


def _counted(values: list[float], edges: tuple[float, ...], column: ColumnProfile) -> Histogram:
    """Each kept value stands for as many rows as there are ranks between it and the next."""
    counts = [0.0] * (len(edges) - 1)
    for value in values:
        place = min(max(bisect_right(edges, value) - 1, 0), len(counts) - 1)
        counts[place] += column.present / len(column.quantiles)
    return Histogram(edges=edges, counts=tuple(round(count) for count in counts))
