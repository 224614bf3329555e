"""Splitting labelled rows into training, validation and test.

By time, the parts follow each other, back from the newest label. Otherwise rows go
where the digest of their content puts them, so that equal rows are always on one
side, and a row stays there when the table grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from tierra.data.columns import require_columns
from tierra.data.frames import text_of
from tierra.data.labels import Labels
from tierra.data.recipe import Recipe
from tierra.data.spec import PARTS, Split
from tierra.errors import DataRejected

TENTHS = 10


@dataclass(frozen=True)
class Cuts:
    """First day of validation, first day of test, and the day after the last."""

    validation: date
    test: date
    end: date


def unit_of(
    rows: pd.DataFrame, recipe: Recipe, columns: Sequence[str] = (), prepared: pd.DataFrame | None = None
) -> pd.Series:
    """The unit that is never split, for each row: its day, or a digest of its group or content.

    Content is all columns but the key, or those stated, in their order: with the ones that
    a champion was trained on, a row keeps its side whatever the source has beside them and in
    whatever order. A group's column may be one that `prepare` makes.
    Raises DataRejected when the column is missing or, for a split by time, holds no dates.
    """
    if recipe.unit is None:
        return days_of(rows, recipe.dates)
    grouped = rows if prepared is None or recipe.unit in rows else prepared
    require_columns("split", [recipe.unit] if recipe.unit else [], grouped)
    content = rows[[name for name in columns or rows if name in rows and name not in recipe.key]]
    whole = pd.util.hash_pandas_object(content, index=False)
    if recipe.unit:  # a row of no group is a group of its own
        group = pd.util.hash_pandas_object(text_of(grouped[recipe.unit]), index=False)
        whole = group.where(grouped[recipe.unit].notna().to_numpy(), whole)
    return pd.Series(whole.to_numpy("uint64").view("int64"), index=rows.index)


def split_rows(units: pd.Series, target: pd.Series, split: Split, labels: Labels) -> pd.Series:
    """The part of each row: train, validation, test, or missing where it has no label.

    `units` are as `unit_of` gives them. Raises DataRejected when a part is empty or
    sees one class only.
    """
    by_time = split.by == "time"
    parts = _by_time(units, target, split) if by_time else _by_digest(units, target, split, labels)
    check_parts(parts, target, labels)
    return parts


def check_parts(parts: pd.Series, target: pd.Series, labels: Labels) -> None:
    """Raise DataRejected when a part is empty or sees one class only."""
    for part in PARTS:
        _check(part, target[parts == part], labels)


def find_cuts(days: pd.Series, split: Split) -> Cuts:
    """Where to cut these days: back from the newest, at the stated dates, or at shares of the rows."""
    try:
        end = days.max().date() + timedelta(1)
        test = _first_day(split.test, end, days)
        return Cuts(_first_day(split.validation, test, days), test, end)
    except (OverflowError, ValueError):  # ValueError: a year that no calendar of Python has
        reach = f"from {str(days.min())[:10]} to {str(days.max())[:10]}"
        raise DataRejected("date-far", f"split: the days reach {reach}, to an end of the calendar") from None


def days_of(rows: pd.DataFrame, column: str | None) -> pd.Series:
    """The column of dates the split cuts along. Raises DataRejected when it is not one."""
    require_columns("split", [str(column)], rows)
    if not pd.api.types.is_datetime64_any_dtype(rows[column]):
        raise DataRejected("split-column", f"split: '{column}' holds {rows[column].dtype}, not dates")
    return rows[column]


def _first_day(size: date | int | float | None, end: date, days: pd.Series) -> date:
    match size:
        case date():
            return size
        case int():
            return end - timedelta(size)
        case _:  # a share of all rows, in whole days
            assert isinstance(size, float)
            before = np.sort(days[days < _at(end, days)].to_numpy())
            rows = min(round(size * len(days)), len(before))
            return pd.Timestamp(before[-rows]).date() if rows else end


def _by_time(days: pd.Series, target: pd.Series, split: Split) -> pd.Series:
    """Rows of one day stay together."""
    usable = target.notna() & days.notna()
    if split.until:
        usable &= days < _at(split.until, days)
    if not usable.any():
        raise DataRejected("split-empty", "split: no row has a label")
    cuts = find_cuts(days[usable], split)
    parts = pd.Series("train", index=days.index, dtype="str")
    parts = parts.mask(days >= _at(cuts.validation, days), "validation").mask(days >= _at(cuts.test, days), "test")
    parts = parts.where(usable)
    if missing := [part for part in PARTS if not (parts == part).any()]:
        range_text = f"validation from {cuts.validation}, test from {cuts.test} to {cuts.end - timedelta(1)}"
        raise DataRejected("split-empty", f"split: the {missing[0]} part has no labelled rows ({range_text})")
    return parts


def _by_digest(units: pd.Series, target: pd.Series, split: Split, labels: Labels) -> pd.Series:
    """Whole units to a part, in the order of their digests; within each stratum when stratified."""
    usable = target.notna()
    if not usable.any():
        raise DataRejected("split-empty", "split: no row has a label")
    table = pd.DataFrame({"place": _shuffled(units[usable], split.seed)}, index=units.index[usable])
    table["stratum"] = strata_of(target[usable], labels) if split.by == "stratified" else 0
    units_of = table.groupby("place").agg(stratum=("stratum", "first"), rows=("stratum", "size"))
    shares = [each for each in (split.validation, split.test) if isinstance(each, float)]
    part = pd.concat([_cut(stratum["rows"], *shares) for _, stratum in units_of.groupby("stratum")])
    return table["place"].map(part).reindex(units.index).astype("str")


def _shuffled(units: pd.Series, seed: int) -> np.ndarray:
    """Digests in another order for another seed."""
    return mix(units.to_numpy("int64").view("uint64"), seed)


def mix(digests: np.ndarray, seed: int) -> np.ndarray:
    """Digests made others by a seed, each alike: the finaliser of SplitMix64."""
    mixed = digests + np.uint64(0x9E3779B97F4A7C15 * (seed + 1) % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def strata_of(target: pd.Series, labels: Labels) -> np.ndarray:
    """The stratum of each row: its class, or the tenth that its number lies in."""
    if labels.task != "regression":
        return target.to_numpy()
    return pd.qcut(target.rank(method="first"), min(TENTHS, len(target)), labels=False).to_numpy()


def _cut(rows: pd.Series, validation: float, test: float) -> pd.Series:
    """Units in order to test, validation and training, by their rows; each gets one where there are enough."""
    middle = (rows.cumsum() - rows / 2) / rows.sum()
    part = pd.Series("train", index=rows.index, dtype="str").mask(middle < test + validation, "validation")
    part = part.mask(middle < test, "test")
    for name, place in (("test", 0), ("validation", 1)):
        if len(rows) >= len(PARTS) and not (part == name).any():
            part.iloc[place] = name
    if not (part == "train").any():
        part.iloc[-1] = "train"
    return part


def _at(day: date, days: pd.Series) -> pd.Timestamp:
    return pd.Timestamp(day, tz=days.dt.tz)


def _check(part: str, target: pd.Series, labels: Labels) -> None:
    if target.empty:
        raise DataRejected("split-empty", f"split: the {part} part has no labelled rows")
    if labels.task != "regression" and target.nunique() < 2:
        raise DataRejected("target-one-class", f"split: the {part} part has one class only, in {len(target):,} rows")
