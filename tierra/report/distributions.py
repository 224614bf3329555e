"""Histograms from the quantiles that a profile keeps of a column."""

from bisect import bisect_right

from tierra.data.profile import ColumnProfile
from tierra.model.evaluation import Histogram

BINS = 24
FREQUENT_VALUES = 8


def distributions(
    current: ColumnProfile, reference: ColumnProfile | None = None
) -> tuple[Histogram, Histogram | None] | None:
    """Histograms of a column and of the reference in the same bins, without outliers."""
    values = [_without_outliers(each) for each in (current, reference) if each and each.quantiles]
    if not (current.quantiles and values[0]):
        return None
    edges = _edges(min(map(min, filter(None, values))), max(map(max, filter(None, values))), current)
    other = _count(values[1], edges, reference) if reference and len(values) > 1 else None
    return _count(values[0], edges, current), other


def _without_outliers(column: ColumnProfile) -> list[float]:
    low, high = column.fences or (column.quantiles[0], column.quantiles[-1])
    return [value for value in column.quantiles if low <= value <= high]


def _edges(low: float, high: float, column: ColumnProfile) -> tuple[float, ...]:
    if column.type.startswith(("int", "uint")) and high - low < BINS:
        return tuple(low - 0.5 + step for step in range(int(high - low) + 2))
    if low == high:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    # Halves, because the width of a range of floats may be more than the largest float.
    return tuple(2 * (low / 2 + (high / 2 - low / 2) * step / BINS) for step in range(BINS + 1))


def _count(values: list[float], edges: tuple[float, ...], column: ColumnProfile) -> Histogram:
    """Count rows in bins; each quantile stands for an equal share of the rows."""
    counts = [0.0] * (len(edges) - 1)
    for value in values:
        index = min(max(bisect_right(edges, value) - 1, 0), len(counts) - 1)
        counts[index] += column.present / len(column.quantiles)
    return Histogram(edges=edges, counts=tuple(round(count) for count in counts))
