"""The row groups of a Parquet file that may have rows of a window, by the file's statistics."""

from datetime import date, datetime
from typing import Any

import pyarrow.parquet as pq

from tierra.data.window import EVERYTHING, Window, shift


def choose_groups(file: pq.ParquetFile, column: str | None, window: Window) -> list[int]:
    """The groups to read; those without statistics are always read."""
    groups = list(range(file.num_row_groups))
    if window == EVERYTHING or column is None:
        return groups
    return [group for group in groups if _may_hold(file.metadata.row_group(group), column, window)]


def _may_hold(group: Any, column: str, window: Window) -> bool:
    chunks = (group.column(number) for number in range(group.num_columns))
    found = next((chunk.statistics for chunk in chunks if chunk.path_in_schema == column), None)
    if found is None or not found.has_min_max:
        return True
    first, last = _day(found.min), _day(found.max)
    if first is None or last is None:
        return True
    # In another time zone a time may fall on another day.
    margin = 1 if isinstance(found.min, datetime) else 0
    late = window.start is not None and last < shift(window.start, -margin)
    early = window.end is not None and first >= shift(window.end, margin)
    return not (late or early)


def _day(value: Any) -> date | None:
    """A bound's day; of text only when it sorts like dates do."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        return None
