"""What is drawn together where intervals are made: groups, days, weeks, or rows."""

import numpy as np
import pandas as pd

from tests.cases import each
from tierra.data.units import number_units


def days(number: int, rows: int) -> pd.Series:
    """So many rows of each of so many days from Monday, 1 January 2024."""
    return pd.Series(np.repeat(pd.date_range("2024-01-01", periods=number), rows))


def test_rows_are_drawn_by_what_they_share() -> None:
    cases = [
        (days(61, 3), "days", 61),
        (days(26 * 7, 2), "weeks", 26),
        (days(26 * 7 - 7, 2), "days", 25 * 7),
        (days(4, 10), "rows", 0),  # four days say nothing of other days
        (days(61, 1), "rows", 0),
        (pd.Series([7, -3, 7, 11, 2, 5, 9]), "groups", 6),
        (pd.Series([*range(50), 7]), "different rows", 50),
        (pd.Series(range(50)), "rows", 0),
    ]

    def check(units: pd.Series, kind: str, number: int) -> None:
        codes, found = number_units(units)
        assert found == kind
        assert (0 if codes is None else codes.max() + 1) == number

    each(cases, check)


def test_rows_of_one_day_have_one_number_at_whatever_hour() -> None:
    hours = days(10, 1).repeat(2).reset_index(drop=True) + pd.to_timedelta([1, 23] * 10, "h")
    codes = number_units(hours).codes
    assert codes is not None
    np.testing.assert_array_equal(codes, np.repeat(np.arange(10), 2))


def test_a_day_is_that_of_its_zone_when_the_clock_changes() -> None:
    march = pd.Series(pd.date_range("2024-03-25", periods=14).repeat(3).tz_localize("Europe/London"))
    codes = number_units(march).codes
    assert codes is not None
    np.testing.assert_array_equal(codes, np.repeat(np.arange(14), 3))
