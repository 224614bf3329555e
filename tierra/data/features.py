"""Features: the project's `prepare` and `features`, called the same way in training and scoring."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from tierra.data.code import ProjectCode
from tierra.data.recipe import Recipe
from tierra.errors import DataRejected, Misconfigured, TierraError
from tierra.journal import note

RULE = "rule__"
ROWS_CHECKED = 64


def build_features(recipe: Recipe, code: ProjectCode, rows: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """The features of a partition's rows, one row each, in the same order.

    `history` holds the earlier rows that `prepare` may look at. What the rule
    needs stands beside the features in columns that start with rule__. Raises
    DataRejected when a function fails or does not keep its promise.
    """
    return _finish(recipe, code, _prepare(recipe, code, _known(recipe, rows), history))


def build_training_features(recipe: Recipe, code: ProjectCode, rows: pd.DataFrame) -> pd.DataFrame:
    """The features of all rows: `prepare` sees each day with the days before it, as it will at night."""
    day = recipe.partition_by
    if code["prepare"] is None or not day:
        return build_features(recipe, code, rows, rows.iloc[:0])
    ordered = rows.sort_values(day, kind="stable").reset_index()
    known, past = _known(recipe, ordered.drop(columns="index")), ordered.drop(columns="index")
    days = ordered[day].dt.normalize()
    starts = np.flatnonzero(np.r_[True, days.to_numpy()[1:] != days.to_numpy()[:-1]])
    firsts = days.searchsorted(days.iloc[starts] - timedelta(recipe.history))
    prepared = [
        _prepare(recipe, code, known.iloc[start:end], past.iloc[first:start])
        for start, end, first in zip(starts, [*starts[1:], len(days)], firsts, strict=True)
    ]
    back = np.argsort(ordered["index"].to_numpy())
    return _finish(recipe, code, pd.concat(prepared, ignore_index=True).iloc[back].reset_index(drop=True))


def _known(recipe: Recipe, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as they are known when they are scored."""
    return rows.drop(columns=[name for name in recipe.withheld if name in rows.columns]).reset_index(drop=True)


def _finish(recipe: Recipe, code: ProjectCode, prepared: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([_features(recipe, code, prepared), _rule_columns(recipe, code, prepared)], axis="columns")


def check_row_wise(recipe: Recipe, code: ProjectCode, rows: pd.DataFrame) -> None:
    """Raise DataRejected when `features` gives a row other values alone than among others."""
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
        if column := _first_difference(together.iloc[: len(part)], part.reset_index(drop=True)):
            name = recipe.functions["features"]
            raise DataRejected("features-not-row-wise", f"{name}: '{column}' of a row depends on its neighbours")


def make_target(recipe: Recipe, code: ProjectCode, rows: pd.DataFrame) -> pd.Series:
    """The target as 1.0, 0.0, or NaN where there is no label yet. Raises DataRejected."""
    function = code["target"]
    if function is not None:
        values = _call(recipe.target, function, rows)
        if not isinstance(values, pd.Series | np.ndarray) or len(values) != len(rows):
            raise DataRejected("function-result", f"{recipe.target} returned no value for each of {len(rows):,} rows")
        series = pd.Series(np.asarray(values), index=rows.index)
    elif recipe.target in rows.columns:
        series = rows[recipe.target]
    else:
        there = ", ".join(rows.columns)
        raise DataRejected("target-missing", f"target '{recipe.target}' is not a column (there: {there})")
    return _as_binary(series, recipe)


def _as_binary(series: pd.Series, recipe: Recipe) -> pd.Series:
    present = series.dropna()
    values = sorted(present.unique().tolist(), key=str)
    positive = recipe.positive if recipe.positive is not None else _positive(values)
    if len(values) > 2 or (values and positive is None):
        shown = ", ".join(map(str, values[:5])) + (", ..." if len(values) > 5 else "")
        raise DataRejected("target-not-binary", f"target '{recipe.target}' has {len(values)} values: {shown}")
    if len(values) < 2:
        raise DataRejected("target-one-class", f"target '{recipe.target}' has one value only: {values}")
    if positive not in values:
        raise Misconfigured("value-invalid", f"positive: {positive!r} is not a value of the target: {values}")
    return (series == positive).astype(float).where(series.notna())


def _positive(values: list[Any]) -> Any:
    for value in values:
        if str(value).strip().lower() in {"1", "1.0", "true", "yes", "y", "t"}:
            return value
    return None


def _prepare(recipe: Recipe, code: ProjectCode, rows: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    function = code["prepare"]
    if function is None:
        return rows
    rows, history = rows.reset_index(drop=True), history.reset_index(drop=True)
    prepared = _frame(recipe.functions["prepare"], _call(recipe.functions["prepare"], function, rows, history), rows)
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
        chosen = _frame(name, _call(name, function, prepared), prepared)
    else:
        chosen = _choose_columns(recipe, prepared)
    forbidden = {**dict.fromkeys(recipe.withheld, "known later"), **dict.fromkeys(recipe.key, "the key")}
    forbidden[recipe.target_column] = "the target"
    for column in chosen.columns:
        if column in forbidden:
            raise Misconfigured("features-forbidden", f"features: '{column}' is {forbidden[column]}")
    if not len(chosen.columns):
        raise DataRejected("features-none", "no features are left")
    return pd.DataFrame({str(name): _plain(name, chosen[name]) for name in chosen.columns})


def _choose_columns(recipe: Recipe, prepared: pd.DataFrame) -> pd.DataFrame:
    if recipe.columns:
        missing = [name for name in recipe.columns if name not in prepared]
        if missing:
            there = ", ".join(prepared.columns)
            raise DataRejected("column-missing", f"features: no column '{missing[0]}' (there: {there})")
        return prepared[list(recipe.columns)]
    left_out = {*recipe.key, recipe.partition_by, recipe.dates, "row_number"}
    dates = prepared.select_dtypes(["datetime", "datetimetz"]).columns
    note(**{"features left out": ", ".join(sorted({*dates, *recipe.key} & set(prepared.columns)))})
    return prepared.drop(columns=[name for name in prepared.columns if name in left_out or name in dates])


def _rule_columns(recipe: Recipe, code: ProjectCode, prepared: pd.DataFrame) -> pd.DataFrame:
    if recipe.rate_by:
        missing = [name for name in recipe.rate_by if name not in prepared]
        if missing:
            there = ", ".join(prepared.columns)
            raise DataRejected("column-missing", f"rate_by: no column '{missing[0]}' (there: {there})")
        return pd.DataFrame({RULE + name: prepared[name].astype("str") for name in recipe.rate_by})
    function = code["rule"]
    if function is None:
        return pd.DataFrame(index=prepared.index)
    rule = recipe.functions["rule"]
    values = np.asarray(_call(rule, function, prepared))
    if values.shape != (len(prepared),):
        raise DataRejected("function-result", f"{rule} returned no value for each of {len(prepared):,} rows")
    if not ((values >= 0) & (values <= 1)).all():
        raise DataRejected("rule-range", f"{rule} returned values outside 0 and 1")
    return pd.DataFrame({RULE + "probability": values.astype(float)}, index=prepared.index)


def _call(name: str, function: Callable[..., Any], *frames: pd.DataFrame) -> Any:
    """Call a user's function on shallow copies, so that it cannot change the caller's frames."""
    try:
        return function(*(frame.copy(deep=False) for frame in frames))
    except TierraError:
        raise
    except Exception as error:  # whatever a user's function raises is one line to its owner
        line = _line_of(error, function)
        raise DataRejected("function-failed", f"{name}{line}: {type(error).__name__}: {error}") from error


def _line_of(error: Exception, function: Callable[..., Any]) -> str:
    trace, line = error.__traceback__, ""
    while trace:
        if trace.tb_frame.f_code.co_filename == function.__code__.co_filename:
            line = f" (line {trace.tb_lineno})"
        trace = trace.tb_next
    return line


def _frame(name: str, result: Any, rows: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(result, pd.DataFrame):
        raise DataRejected("function-result", f"{name} returned {type(result).__name__}, not a DataFrame")
    if len(result) != len(rows) or not result.index.equals(rows.index):
        raise DataRejected("features-rows", f"{name}: {len(rows):,} rows went in, {len(result):,} came out or moved")
    return result


def _plain(name: Any, values: pd.Series) -> pd.Series:
    """A feature as float64 or text."""
    kind = values.dtype
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_numeric_dtype(kind):
        numbers = values.astype("float64")
        return numbers.where(np.isfinite(numbers))
    if pd.api.types.is_datetime64_any_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind):
        raise DataRejected("features-type", f"feature '{name}' is {kind}")
    if isinstance(kind, pd.CategoricalDtype) or pd.api.types.is_string_dtype(kind) or kind.kind == "O":
        return values.astype("str").where(values.notna())
    raise DataRejected("features-type", f"feature '{name}' is {kind}")


def _first_difference(left: pd.DataFrame, right: pd.DataFrame) -> str | None:
    if list(left.columns) != list(right.columns):
        return ", ".join(sorted(set(left.columns) ^ set(right.columns))) or "column order"
    for name in left.columns:
        one, other = left[name], right[name]
        both_empty = one.isna() & other.isna()
        if one.dtype != other.dtype and not both_empty.all():
            return str(name)
        same = np.isclose(one, other, rtol=1e-12, atol=0) if one.dtype.kind == "f" else (one == other)
        if not (same | both_empty).all():
            return str(name)
    return None


def feature_names(columns: Sequence[str]) -> list[str]:
    """The columns that models may see: all but the rule's."""
    return [name for name in columns if not name.startswith(RULE)]
