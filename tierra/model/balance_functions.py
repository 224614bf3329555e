"""The project's own functions that balance: called on the training rows, and what they return, checked."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tierra.data.code import call_function
from tierra.data.frames import text_of
from tierra.errors import DataRejected, Misconfigured
from tierra.model.balance_spec import Augment, Remove, Weigh
from tierra.model.examples import Examples
from tierra.model.row_rule import columns_of, matching_rows
from tierra.spec import FUNCTION

Functions = Mapping[str, Callable[..., Any]]
TARGET = "target"
WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")


def rows_shown(examples: Examples) -> pd.DataFrame:
    """The training rows as a function sees them: features, and the target beside them as `target`."""
    rows = examples.features.reset_index(drop=True)
    if TARGET in rows:
        raise Misconfigured("columns-conflict", f"balance: a feature is called '{TARGET}', as what is predicted is")
    return rows.assign(**{TARGET: _named(examples)})


def weights_of(balance: Weigh, examples: Examples, functions: Functions) -> np.ndarray:
    """The weight of each training row. Raises DataRejected."""
    values = _each(balance.weigh, _call(balance.weigh, functions, rows_shown(examples)), len(examples.target))
    try:
        weight = values.astype(float)
    except (TypeError, ValueError):
        raise DataRejected("function-result", f"{balance.weigh} returned {values.dtype}, not numbers") from None
    if bad := int((~(weight >= 0) | np.isinf(weight)).sum()):
        raise DataRejected("weight-invalid", f"{balance.weigh}: negative, infinite or missing in {bad:,} rows")
    if not weight.sum() > 0:
        raise DataRejected("weight-invalid", f"{balance.weigh} is 0 in every row")
    return weight


def added_rows(balance: Augment, examples: Examples, functions: Functions) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows that the project's function adds, and their targets. Raises DataRejected."""
    shown, name = rows_shown(examples), balance.augment
    made = _call(name, functions, shown)
    if not isinstance(made, pd.DataFrame):
        raise DataRejected("function-result", f"{name} returned {type(made).__name__}, not a DataFrame")
    if odd := sorted(set(map(str, made.columns)) ^ set(shown.columns)):
        raise DataRejected("function-result", f"{name}: '{odd[0]}' is in the rows it was given or in those it returned,"
                           " not in both")  # fmt: skip
    if made.empty:
        known = f" (`{TARGET}` is {shown[TARGET].iloc[0]!r} in the first row it was given)"
        raise DataRejected("function-result", f"{name} returned no row to add to {len(shown):,}{known}")
    made = made[list(shown.columns)].reset_index(drop=True)
    features = {each: _like(name, shown[each], made[each]) for each in shown if each != TARGET}
    return pd.DataFrame(features), _targets(name, made[TARGET], examples)


def reasons_to_go(balance: Remove, examples: Examples, functions: Functions) -> pd.Series:
    """Why each training row goes, and no value where it stays: the first that applies. Raises DataRejected."""
    rows = rows_shown(examples)
    reasons = pd.Series(np.nan, index=rows.index, dtype="str")
    for rule in balance.remove:
        found = _call_rule(rule, rows, functions) if FUNCTION.match(rule) else _condition(rule, rows)
        reasons = reasons.where(reasons.notna(), found)
    _check_left(reasons.isna().to_numpy(bool), examples)
    return reasons


def require_known(rule: str, columns: Sequence[str]) -> None:
    """Raise Misconfigured where a condition reads what is neither a feature nor the target."""
    if strange := sorted(columns_of(rule) - {*columns, TARGET}):
        known = f"{', '.join(each for each in columns if each != TARGET)}, and `{TARGET}` for what is predicted"
        raise Misconfigured("name-undeclared", f"balance: remove: '{strange[0]}' is no feature ({known})")


def _call(name: str, functions: Functions, rows: pd.DataFrame) -> Any:
    return call_function(name, functions[name], rows)


def _call_rule(name: str, rows: pd.DataFrame, functions: Functions) -> pd.Series:
    values = _each(name, _call(name, functions, rows), len(rows))
    if values.dtype.kind == "b":
        return _reasons(values, name)
    texts = pd.Series(values, dtype="object")
    if strange := [each for each in texts.dropna().unique() if not isinstance(each, str | bool)]:
        raise DataRejected("function-result", f"{name} returned {strange[0]!r}: yes or no, or a reason as text")
    return texts.map(lambda each: name if each is True else each if isinstance(each, str) and each else np.nan
                     ).astype("str")  # fmt: skip


def _condition(rule: str, rows: pd.DataFrame) -> pd.Series:
    require_known(rule, list(rows.columns))
    try:
        return _reasons(matching_rows(rule, rows), rule)
    except TypeError as error:
        raise Misconfigured("value-invalid", f"balance: remove: {rule}: {error}") from None


def _reasons(goes: np.ndarray, reason: str) -> pd.Series:
    return pd.Series([reason if each else None for each in goes], dtype="str")


def _check_left(stays: np.ndarray, examples: Examples) -> None:
    target = examples.target
    if examples.labels.task == "regression":
        if stays.sum() < 2:
            raise DataRejected("balance-empty", "balance: remove: fewer than two training rows are left")
        return
    if gone := [code for code in np.unique(target) if not stays[target == code].any()]:
        lost = examples.labels.classes[int(gone[0])]
        raise DataRejected("balance-empty", f"balance: remove: no training row of {lost} is left")


def _each(name: str, values: Any, rows: int) -> np.ndarray:
    if not isinstance(values, pd.Series | np.ndarray) or len(values) != rows:
        raise DataRejected("function-result", f"{name} returned no value for each of {rows:,} rows")
    return np.asarray(values)


def _named(examples: Examples) -> Any:
    """The target as the source has it: the names of classes, or numbers, also where those are the classes."""
    if examples.labels.task == "regression":
        return examples.target
    names = examples.labels.classes
    classes = np.array(_numbers(names)) if _numbers(names) else np.asarray(names, dtype=object)
    return classes[examples.target.astype(int)]


def _numbers(names: Sequence[str]) -> list[int]:
    """The classes as the whole numbers that they are; nothing where one is another text."""
    return [int(name) for name in names] if all(WHOLE.fullmatch(name) for name in names) else []


def _like(name: str, known: pd.Series, values: pd.Series) -> pd.Series:
    """A column as the training rows have it."""
    if known.dtype.kind != "f":
        return text_of(values)
    try:
        numbers = values.astype("float64")
    except (TypeError, ValueError):
        raise DataRejected("function-result", f"{name}: '{known.name}' is no number in every row") from None
    return numbers.where(np.isfinite(numbers))


def _targets(name: str, values: pd.Series, examples: Examples) -> np.ndarray:
    if examples.labels.task == "regression":
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(float)
        if gaps := int((~np.isfinite(numbers)).sum()):
            raise DataRejected("function-result", f"{name} returned no target in {gaps:,} rows")
        return numbers
    names = examples.labels.classes
    codes: dict[Any, float] = {label: float(code) for code, label in enumerate(_numbers(names) or names)}
    found = values.map(codes)
    if strange := values[found.isna()].unique().tolist():
        known = ", ".join(names)
        raise DataRejected("function-result", f"{name} returned the target {strange[0]!r}, and the classes are {known}")
    return found.to_numpy(float)
