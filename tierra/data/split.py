"""Splitting by time, back from the newest label."""

from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from tierra.data.spec import Split
from tierra.errors import DataRejected

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Cuts:
    """First day of validation, first day of test, and the day after the last."""

    validation: date
    test: date
    end: date


def find_cuts(newest: date, split: Split) -> Cuts:
    """Where to cut, counted back from the newest label or at the stated dates."""
    end = newest + timedelta(1)
    test = split.test if isinstance(split.test, date) else end - timedelta(split.test)
    validation = split.validation if isinstance(split.validation, date) else test - timedelta(split.validation)
    return Cuts(validation, test, end)


def split_by_time(days: pd.Series, target: pd.Series, split: Split) -> pd.Series:
    """The part of each row: train, validation, test, or missing where it has no label.

    Rows of one day are never parted, so identical rows are on one side. Raises
    DataRejected when a part is empty or sees one class only.
    """
    if not pd.api.types.is_datetime64_any_dtype(days):
        raise DataRejected("split-column", f"split: '{days.name}' holds {days.dtype}, not dates")
    usable = target.notna() & days.notna()
    if split.until:
        usable &= days < _at(split.until, days)
    if not usable.any():
        raise DataRejected("split-empty", "split: no row has a label")
    cuts = find_cuts(days[usable].max().date(), split)
    parts = pd.Series("train", index=days.index, dtype="str")
    parts = parts.mask(days >= _at(cuts.validation, days), "validation").mask(days >= _at(cuts.test, days), "test")
    parts = parts.where(usable)
    for part in PARTS:
        _check(part, target[parts == part], cuts)
    return parts


def _at(day: date, days: pd.Series) -> pd.Timestamp:
    return pd.Timestamp(day, tz=days.dt.tz)


def _check(part: str, target: pd.Series, cuts: Cuts) -> None:
    if target.empty:
        said = f"validation from {cuts.validation}, test from {cuts.test} to {cuts.end - timedelta(1)}"
        raise DataRejected("split-empty", f"split: the {part} part has no labelled rows ({said})")
    if target.nunique() < 2:
        raise DataRejected("target-one-class", f"split: the {part} part has one class only, in {len(target):,} rows")


def days_of(rows: pd.DataFrame, column: str | None) -> pd.Series:
    """The column of dates the split cuts along. Raises DataRejected when it is not one."""
    if column not in rows:
        there = ", ".join(rows.columns)
        raise DataRejected("column-missing", f"split: no column '{column}' (there: {there})")
    if not pd.api.types.is_datetime64_any_dtype(rows[column]):
        raise DataRejected("split-column", f"split: '{column}' holds {rows[column].dtype}, not dates")
    return rows[column]
