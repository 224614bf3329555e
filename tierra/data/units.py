"""Units: rows that depend on each other, and are drawn together where intervals are made.

A split by group keeps a group's rows together; rows that follow each other in time come in blocks of days
or weeks; any other row stands alone, but for exact copies of it.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

FEWEST_WEEKS = 26
FEWEST_UNITS = 5
Kind = Literal["rows", "different rows", "groups", "days", "weeks"]
# Above this share of different ones, units are rows of which some are exact copies.
NEARLY_ALL = 0.9


class Units(NamedTuple):
    """The number of each row's unit, from 0, and what a unit is; no numbers where it is a row."""

    codes: np.ndarray | None
    kind: Kind


def number_units(units: pd.Series) -> Units:
    """The units of a part's rows, of what the split keeps together: a day, or a digest of group or content.

    Weeks where there are 26 or more of them, because neighbouring days are alike; else days. Rows where there
    would be fewer than 5 units: so few say nothing of others.
    """
    if pd.api.types.is_datetime64_any_dtype(units):
        days = as_numbers(units)
        weeks = (days + 3) // 7  # the epoch is a Thursday
        by_week = len(np.unique(weeks)) >= FEWEST_WEEKS
        return _units(weeks if by_week else days, "weeks" if by_week else "days")
    few = units.nunique() <= NEARLY_ALL * len(units)
    return _units(units.to_numpy(), "groups" if few else "different rows")


def as_numbers(units: pd.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Units as numbers: of dates the day, in the zone they are in."""
    if pd.api.types.is_datetime64_any_dtype(units):
        days = units.dt.tz_localize(None) if units.dt.tz is not None else units
        return np.asarray(days.to_numpy("datetime64[D]").astype("int64"))
    return np.asarray(units.to_numpy("int64"))


def _units(values: np.ndarray, kind: Kind) -> Units:
    different, codes = np.unique(values, return_inverse=True)
    alone = not FEWEST_UNITS <= len(different) < len(values)
    return Units(None, "rows") if alone else Units(codes, kind)
