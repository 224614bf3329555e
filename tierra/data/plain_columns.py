"""Columns as models take them: numbers and text; of dates what comes again."""

from typing import Any, Final

import numpy as np
import pandas as pd

from tierra.data.frames import text_of
from tierra.errors import DataRejected

CALENDAR: Final = {"year": "year", "month": "month", "day": "day", "weekday": "day_of_week", "hour": "hour"}
SEASON: Final = "dayofyear"
# Parts of dates to come that were seen before.
AGAIN: Final = {"weekday": "day_of_week", SEASON: "day_of_year"}
TWO_YEARS: Final = pd.Timedelta(days=730)
# What a 32-bit float holds, as trees read numbers; a larger one is to models as an infinite one.
LARGEST: Final = float(np.finfo(np.float32).max)


def plain_columns(name: str, values: pd.Series) -> list[tuple[str, pd.Series]]:
    """A feature as float64 or text; dates as their calendar parts, lengths of time as seconds.

    A number that is infinite, or too large for a 32-bit float, is a gap.
    """
    kind = values.dtype
    if pd.api.types.is_timedelta64_dtype(kind):
        return [(name, values.dt.total_seconds())]
    if pd.api.types.is_datetime64_any_dtype(kind):
        return [(f"{name}_{part}", getattr(values.dt, kind).astype("float64")) for part, kind in CALENDAR.items()]
    if pd.api.types.is_complex_dtype(kind):
        raise DataRejected("features-type", f"feature '{name}' is {kind}")
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_numeric_dtype(kind):
        numbers = values.astype("float64")
        held = numbers.abs() <= LARGEST
        return [(name, numbers if held.all() else numbers.where(held))]
    if isinstance(kind, pd.CategoricalDtype) or pd.api.types.is_string_dtype(kind) or kind.kind == "O":
        return [(name, text_of(values))]  # missing values stay missing
    raise DataRejected("features-type", f"feature '{name}' is {kind}")


def describe_infinite(name: str, table: str, rows: int) -> str:
    """That so many numbers of a column are gaps to models, in one line."""
    return f"'{name}' of {table} is infinite in {rows:,} rows: as a feature these are gaps"


def calendar_of(prepared: pd.DataFrame, day: str | None) -> dict[str, Any]:
    """Of the date that features leave out because none of it comes again, the parts that do: every week, every year.

    Of rows that have no date they are gaps.
    """
    names = {part: f"{day}_{part}" for part in AGAIN if day and f"{day}_{part}" not in prepared}
    if day not in prepared:
        return dict.fromkeys(names.values(), np.nan)
    if not pd.api.types.is_datetime64_any_dtype(prepared[day].dtype):
        return {}
    return {name: getattr(prepared[day].dt, AGAIN[part]).astype("float64") for part, name in names.items()}


def unknown_season(rows: pd.DataFrame, day: str | None) -> list[str]:
    """The part that comes every year, of rows of less than two years: nothing can be learnt of it."""
    name = f"{day}_{SEASON}"
    if not day or day not in rows or name in rows or not pd.api.types.is_datetime64_any_dtype(rows[day].dtype):
        return []
    return [name] if rows[day].max() - rows[day].min() < TWO_YEARS else []
