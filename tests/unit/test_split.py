"""Splitting by time, back from the newest label."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tierra.data.labels import Labels
from tierra.data.recipe import Recipe
from tierra.data.spec import Split
from tierra.data.split import days_of, find_cuts, split_rows, unit_of
from tierra.errors import DataRejected

DAYS = pd.Series(pd.date_range("2013-01-01", "2013-12-22").repeat(4), name="day")
LABELS = pd.Series(np.resize([0.0, 1.0], len(DAYS)))


def split_by_time(days: pd.Series, target: pd.Series, **rest: Any) -> pd.Series:
    return split_rows(days, target, Split(**rest).with_defaults("day"), Labels())


def split(days: pd.Series = DAYS, target: pd.Series = LABELS, **rest: Any) -> dict[str, tuple[date, date]]:
    """The first and last day of each part."""
    parts = split_by_time(days, target, **rest)
    return {str(part): (of.min().date(), of.max().date()) for part, of in days.groupby(parts)}


def test_lengths_count_back_from_the_newest_label() -> None:
    assert split(validation="30d", test="61d", until=date(2013, 12, 1)) == {
        "train": (date(2013, 1, 1), date(2013, 8, 31)),
        "validation": (date(2013, 9, 1), date(2013, 9, 30)),
        "test": (date(2013, 10, 1), date(2013, 11, 30)),
    }


def test_dates_are_the_first_days_of_the_parts() -> None:
    parts = split(validation=date(2013, 10, 1), test=date(2013, 11, 1))
    assert parts["validation"] == (date(2013, 10, 1), date(2013, 10, 31))
    assert parts["test"] == (date(2013, 11, 1), date(2013, 12, 22))


def test_until_itself_is_not_used() -> None:
    assert split(until=date(2013, 6, 1))["test"][1] == date(2013, 5, 31)


def test_rows_without_a_label_are_in_no_part_and_move_no_cut() -> None:
    late = LABELS.where(DAYS < "2013-12-01")
    assert split(target=late)["test"] == (date(2013, 11, 1), date(2013, 11, 30))
    assert split_by_time(DAYS, late).isna().sum() == (DAYS >= "2013-12-01").sum()


def test_a_row_without_a_date_is_in_no_part() -> None:
    gaps = DAYS.where(DAYS.index != 5)
    assert pd.isna(split_by_time(gaps, LABELS)[5])


def test_hours_of_a_day_in_its_time_zone_stay_on_one_side() -> None:
    hours = pd.Series(pd.date_range("2024-01-01", periods=24 * 120, freq="h", tz="America/New_York"), name="at")
    parts = split_by_time(hours, pd.Series(np.resize([0.0, 1.0], len(hours))))
    assert parts.groupby(hours.dt.date).nunique().max() == 1


def test_cuts_include_the_newest_day() -> None:
    cuts = find_cuts(pd.Series(pd.date_range("2024-01-01", "2024-01-31")), Split(validation="7d", test="1d"))
    assert (cuts.validation, cuts.test, cuts.end) == (date(2024, 1, 24), date(2024, 1, 31), date(2024, 2, 1))


@pytest.mark.parametrize(
    ("rest", "target", "code"),
    [
        ({"test": "400d"}, LABELS, "split-empty"),
        ({"validation": date(2013, 11, 1), "test": date(2013, 11, 1)}, LABELS, "split-empty"),
        ({"until": date(2012, 1, 1)}, LABELS, "split-empty"),
        ({}, LABELS * np.nan, "split-empty"),
        ({}, LABELS.where(DAYS < "2013-11-20", 1.0), "target-one-class"),
    ],
    ids=["too-long", "no-validation", "until-before-all", "no-labels", "one-class-in-test"],
)
def test_a_part_without_rows_or_with_one_class_is_refused(rest: Any, target: pd.Series, code: str) -> None:
    with pytest.raises(DataRejected) as caught:
        split(target=target, **rest)
    assert caught.value.code == code


def test_a_column_that_holds_no_dates_is_refused() -> None:
    with pytest.raises(DataRejected, match="split-column"):
        days_of(pd.DataFrame({"day": ["2024-01-01"]}), "day")


def test_a_row_s_side_depends_on_no_order_of_columns_and_no_column_beside_those_of_the_champion() -> None:
    rows = pd.DataFrame({"n": [1, 2, 3], "x": [0.5, None, 2.0], "s": ["a", "b", None], "y": ["yes", "no", "yes"]})
    recipe = Recipe(target="y", target_column="y", columns=("n", "x", "s"), unit="", key=("id",))
    units = unit_of(rows.astype({"n": "Int64"}), recipe)
    forms = [rows[["y", "s", "x", "n"]], rows.astype({"n": "Int64"}), rows.assign(extra=1, id=[7, 8, 9])]
    assert units.is_unique
    assert all(unit_of(form, recipe, [*rows]).tolist() == units.tolist() for form in forms)
    assert unit_of(rows.assign(n=[1, 2, 4]), recipe).tolist()[:2] == units.tolist()[:2]
    assert unit_of(rows.assign(n=[1, 2, 4]), recipe)[2] != units[2]
