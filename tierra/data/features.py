"""Features: the project's `prepare` and `features`, called the same way in training and scoring."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from tierra.data.code import ProjectCode, call_function
from tierra.data.columns import require_columns
from tierra.data.frames import text_of
from tierra.data.plain_columns import calendar_of, plain_columns, unknown_season
from tierra.data.recipe import EXTRA_COLUMNS, Recipe
from tierra.errors import DataRejected, Misconfigured
from tierra.journal import track

RULE = "rule__"
ROWS_CHECKED = 64


def build_features(recipe: Recipe, code: ProjectCode, rows: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """The features of a partition's rows, one row each, in the same order.

    `history` holds the earlier rows that `prepare` may read. The rule's inputs are
    in extra columns that start with rule__. Raises
    DataRejected when a function fails or returns the wrong shape.
    """
    return finish_features(recipe, code, _prepare(recipe, code, _known(recipe, rows), history))


def build_training_features(recipe: Recipe, code: ProjectCode, rows: pd.DataFrame) -> pd.DataFrame:
    """The features of all rows: `prepare` sees each day with the days before it, as it will at night."""
    return finish_features(recipe, code, prepare_training_rows(recipe, code, rows))


def prepare_training_rows(recipe: Recipe, code: ProjectCode, rows: pd.DataFrame) -> pd.DataFrame:
    """What `prepare` makes of all rows, day by day as it will at night; without it the rows as features see them."""
    day = recipe.partition_by
    if code["prepare"] is None or not day:
        return _prepare(recipe, code, _known(recipe, rows), rows.iloc[:0])
    ordered = rows.sort_values(day, kind="stable").reset_index()
    known, past = _known(recipe, ordered.drop(columns="index")), ordered.drop(columns="index")
    days = ordered[day].dt.normalize()
    starts = np.flatnonzero(np.r_[True, days.to_numpy()[1:] != days.to_numpy()[:-1]])
    firsts = days.searchsorted(days.iloc[starts] - timedelta(recipe.history))
    prepared = [
        _prepare(recipe, code, known.iloc[start:end], past.iloc[first:start])
        for start, end, first in track(zip(starts, [*starts[1:], len(days)], firsts, strict=True), "days", len(starts))
    ]
    back = np.argsort(ordered["index"].to_numpy())
    return pd.concat(prepared, ignore_index=True).iloc[back].reset_index(drop=True)


def rows_before(recipe: Recipe, rows: pd.DataFrame, day: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a day, and those of the days before it that `prepare` may read, in the order of days."""
    days = rows[recipe.partition_by].dt.normalize()
    read = rows[(days <= day) & (days >= day - timedelta(recipe.history))]
    ordered = read.sort_values(str(recipe.partition_by), kind="stable")
    days = ordered[recipe.partition_by].dt.normalize()
    return ordered[days == day].reset_index(drop=True), ordered[days < day].reset_index(drop=True)


def _known(recipe: Recipe, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without the columns that are not known when scoring."""
    return rows.drop(columns=[name for name in recipe.withheld if name in rows.columns]).reset_index(drop=True)


def finish_features(recipe: Recipe, code: ProjectCode, prepared: pd.DataFrame) -> pd.DataFrame:
    """The features of prepared rows, and what the rule sees of them."""
    return pd.concat([_features(recipe, code, prepared), _rule_columns(recipe, code, prepared)], axis="columns")


def learn_features(recipe: Recipe, code: ProjectCode, prepared: pd.DataFrame) -> pd.DataFrame:
    """The features of prepared rows that something can be learnt of, and what the rule sees of them."""
    unknown = [] if code["features"] else unknown_season(prepared, day_left_out(recipe))
    return finish_features(recipe, code, prepared).drop(columns=unknown)


def check_row_wise(recipe: Recipe, code: ProjectCode, rows: pd.DataFrame) -> None:
    """Raise DataRejected when the features of a row depend on the rows around it."""
    function = code["features"]
    if function is None or rows.empty:
        return
    known = _known(recipe, rows)
    sample = known.sample(min(len(known), ROWS_CHECKED), random_state=0).reset_index(drop=True)
    history = rows.iloc[:0]
    prepared = _prepare(recipe, code, sample, history)
    together = _features(recipe, code, prepared)
    backwards = _features(recipe, code, prepared.iloc[::-1].reset_index(drop=True)).iloc[::-1]
    half = _features(recipe, code, prepared.iloc[: len(prepared) // 2 + 1].reset_index(drop=True))
    alone = _features(recipe, code, prepared.iloc[:1].reset_index(drop=True))
    for part in (backwards, half, alone):
        if column := first_difference(together.iloc[: len(part)], part.reset_index(drop=True)):
            name = recipe.functions["features"]
            raise DataRejected("features-not-row-wise", f"{name}: '{column}' of a row depends on its neighbours")


def check_batch_size(recipe: Recipe, code: ProjectCode, prepared: pd.DataFrame, features: pd.DataFrame) -> None:
    """Raise DataRejected when `features` gives a few rows other values than it gave them among all rows."""
    if code["features"] is None or prepared.empty:
        return
    drawn = prepared.sample(min(len(prepared), ROWS_CHECKED), random_state=1).sort_index()
    few = _features(recipe, code, drawn.reset_index(drop=True))
    among_all = features.loc[drawn.index, feature_names(features)]
    if column := first_difference(few, among_all.reset_index(drop=True)):
        name = recipe.functions["features"]
        raise DataRejected(
            "features-not-row-wise", f"{name}: '{column}' of a row is other among {len(few):,} rows than among all"
        )


def _prepare(recipe: Recipe, code: ProjectCode, rows: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    function = code["prepare"]
    if function is None:
        return rows
    rows, history = rows.reset_index(drop=True), history.reset_index(drop=True)
    prepared = _frame(
        recipe.functions["prepare"], call_function(recipe.functions["prepare"], function, rows, history), rows
    )
    for column in recipe.key:
        if column not in prepared or not prepared[column].equals(rows[column]):
            raise DataRejected(
                "features-rows", f"{recipe.functions['prepare']}: it changed the key or the order of the rows"
            )
    return prepared


def _features(recipe: Recipe, code: ProjectCode, prepared: pd.DataFrame) -> pd.DataFrame:
    function = code["features"]
    if function is not None:
        name = recipe.functions["features"]
        chosen = _frame(name, call_function(name, function, prepared), prepared)
    else:
        chosen = _choose_columns(recipe, prepared)
    forbidden = {**dict.fromkeys(recipe.withheld, "known later"), **dict.fromkeys(recipe.key, "the key")}
    forbidden[recipe.target_column] = "the target"
    forbidden |= {recipe.weight: "the weight"} if recipe.weight else {}
    for column in chosen.columns:
        if column in forbidden:
            raise Misconfigured("features-forbidden", f"features: '{column}' is {forbidden[column]}")
    if not len(chosen.columns):
        raise DataRejected("features-none", "no features are left")
    made = [each for name in chosen for each in plain_columns(str(name), chosen[name])]
    _check_names([name for name, _ in made])
    return pd.DataFrame(dict(made))


def _check_names(names: list[str]) -> None:
    for name in names:
        if name.startswith(RULE) or name in EXTRA_COLUMNS:
            raise Misconfigured("name-reserved", f"features: '{name}' is reserved by Tierra")
    if twice := [name for name in names if names.count(name) > 1]:
        raise Misconfigured("columns-conflict", f"features: '{twice[0]}' would appear twice")


def _choose_columns(recipe: Recipe, prepared: pd.DataFrame) -> pd.DataFrame:
    if recipe.columns:
        require_columns("features", recipe.columns, prepared)
        return prepared[list(recipe.columns)]
    left_out = {*recipe.key, recipe.partition_by, recipe.dates, recipe.unit}
    kept = prepared.drop(columns=[name for name in prepared.columns if name in left_out])
    return kept.assign(**calendar_of(prepared, day_left_out(recipe)))


def day_left_out(recipe: Recipe) -> str | None:
    """The date whose parts that come again are features; where `prepare` is stated, it makes those that it wants."""
    return None if recipe.columns or "prepare" in recipe.functions else recipe.dates or recipe.partition_by


def _rule_columns(recipe: Recipe, code: ProjectCode, prepared: pd.DataFrame) -> pd.DataFrame:
    if recipe.rate_by:
        require_columns("rate_by", recipe.rate_by, prepared)
        return pd.DataFrame({RULE + name: text_of(prepared[name]) for name in recipe.rate_by})
    function = code["rule"]
    if function is None:
        return pd.DataFrame(index=prepared.index)
    rule = recipe.functions["rule"]
    values = np.asarray(call_function(rule, function, prepared))
    if values.shape != (len(prepared),):
        raise DataRejected("function-result", f"{rule} returned no value for each of {len(prepared):,} rows")
    return pd.DataFrame({RULE + "value": _numbers(rule, values)}, index=prepared.index)


def _numbers(name: str, values: np.ndarray) -> np.ndarray:
    try:
        numbers = values.astype(float)
    except (TypeError, ValueError):
        raise DataRejected("function-result", f"{name} returned {values.dtype}, not numbers") from None
    if gaps := int(np.sum(~np.isfinite(numbers))):
        raise DataRejected("function-result", f"{name} returned no finite number in {gaps:,} rows")
    return numbers


def _frame(name: str, result: Any, rows: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(result, pd.DataFrame):
        raise DataRejected("function-result", f"{name} returned {type(result).__name__}, not a DataFrame")
    if len(result) != len(rows) or not result.index.equals(rows.index):
        raise DataRejected(
            "features-rows", f"{name}: {len(rows):,} rows went in, {len(result):,} came out, or their order changed"
        )
    return result


def first_difference(left: pd.DataFrame, right: pd.DataFrame, tolerance: float = 1e-12) -> str | None:
    """The first column in which two tables of features differ by more than a tolerance, relative to its values."""
    if list(left.columns) != list(right.columns):
        return ", ".join(sorted(set(left.columns) ^ set(right.columns))) or "column order"
    for name in left.columns:
        one, other = left[name], right[name]
        both_empty = one.isna() & other.isna()
        if one.dtype != other.dtype and not both_empty.all():
            return str(name)
        same = np.isclose(one, other, rtol=tolerance, atol=0) if one.dtype.kind == "f" else (one == other)
        if not (same | both_empty).all():
            return str(name)
    return None


def feature_names(columns: Iterable[str]) -> list[str]:
    """The columns that models are fitted on: all but the rule's."""
    return [name for name in columns if not name.startswith(RULE)]
