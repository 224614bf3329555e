"""The target: its values, its task, and the weight of each row."""

from typing import Any

import numpy as np
import pandas as pd

from tierra.data.code import ProjectCode, call_function
from tierra.data.columns import describe_missing
from tierra.data.labels import Labels
from tierra.data.recipe import Recipe
from tierra.data.spellings import NO_VALUE, choose_positive, class_name, match_classes
from tierra.errors import DataRejected, Misconfigured
from tierra.spec import Task

FEW_VALUES = 20
MOST_CLASSES = 100
SHOWN = 3


def make_target(
    recipe: Recipe, code: ProjectCode, rows: pd.DataFrame, known: Labels | None = None
) -> tuple[pd.Series, Labels]:
    """The target as numbers, NaN where there is no label yet, and its labels.

    Classes become codes from 0 in the order of their names; those of `known` labels, a
    champion's, stay as they are however they are written today. Raises DataRejected.
    """
    values = _column(recipe, code, "target", recipe.target, rows)
    task = known.task if known else recipe.task or infer_task(values)
    if task == "regression":
        numbers = _numbers(values, recipe.target)
        if numbers.nunique() < 2:
            values_seen = numbers.dropna().unique().tolist()
            raise DataRejected("target-one-class", f"target '{recipe.target}' has one value only: {values_seen}")
        return numbers, Labels(task=task, classes=())
    texts = _texts(values)
    if known:
        texts = _as_known(texts, known, recipe, rows)
    classes = known.classes if known else _classes(texts, values, task, recipe)
    codes = texts.map({name: float(code) for code, name in enumerate(classes)})
    return codes.astype("float64"), Labels(task=task, classes=classes)


def make_weight(recipe: Recipe, code: ProjectCode, rows: pd.DataFrame) -> pd.Series | None:
    """The weight of each row; None when all are equal. Raises DataRejected."""
    if recipe.weight is None:
        return None
    weight = _numbers(_column(recipe, code, "weight", recipe.weight, rows), recipe.weight, "weight-invalid")
    if bad := int((~(weight >= 0)).sum()):
        raise DataRejected("weight-invalid", f"weight '{recipe.weight}' is negative or missing in {bad:,} rows")
    if not weight.sum() > 0:
        raise DataRejected("weight-invalid", f"weight '{recipe.weight}' is 0 in every row")
    return weight


def infer_task(values: pd.Series) -> Task:
    """The task for these values: few distinct ones are classes, other numbers a regression."""
    present = values.dropna()
    different = present.nunique()
    numeric = pd.api.types.is_numeric_dtype(present.dtype) and not pd.api.types.is_bool_dtype(present.dtype)
    whole = numeric and bool((present == np.floor(present)).all())
    if different == 2 or (different < 2 and not numeric):
        return "binary"
    return "regression" if numeric and not (whole and 2 < different <= FEW_VALUES) else "multiclass"


def _column(recipe: Recipe, code: ProjectCode, role: str, name: str, rows: pd.DataFrame) -> pd.Series:
    function = code[role]
    if function is not None:
        values = call_function(name, function, rows)
        if not isinstance(values, pd.Series | np.ndarray) or len(values) != len(rows):
            raise DataRejected("function-result", f"{name} returned no value for each of {len(rows):,} rows")
        # A column of pandas keeps its type: of its gaps numpy would make objects.
        return values.set_axis(rows.index) if isinstance(values, pd.Series) else pd.Series(values, index=rows.index)
    if name not in rows.columns:
        missing = "target-missing" if role == "target" else "column-missing"
        raise DataRejected(missing, f"{role}: {describe_missing([name], list(map(str, rows.columns)))}")
    return rows[name]


def _numbers(values: pd.Series, name: str, code: str = "target-not-numeric") -> pd.Series:
    try:
        present = values.where(values.notna(), np.nan) if values.dtype == object else values
        numbers = present.astype("float64")
    except (TypeError, ValueError):
        shown = ", ".join(map(str, values.dropna().unique()[:3]))
        raise DataRejected(code, f"'{name}' holds {values.dtype}, such as {shown}, not numbers") from None
    if infinite := int(np.isinf(numbers).sum()):
        raise DataRejected(code, f"'{name}' is infinite in {infinite:,} rows")
    return numbers


def _texts(values: pd.Series) -> pd.Series:
    """Class names: whole numbers without a decimal point, so that 1 and 1.0 are one class."""
    names = {value: class_name(value) for value in values.dropna().unique()}
    return values.map(names).where(values.notna()).astype("str")


def _as_known(texts: pd.Series, known: Labels, recipe: Recipe, rows: pd.DataFrame) -> pd.Series:
    """Class names as the release has them. Raises DataRejected for a value that is none of its classes."""
    names = texts.dropna().unique().tolist()
    class_of = match_classes(names, known.classes)
    if strange := [name for name in names if name not in class_of]:
        found = texts[texts.isin(strange)]
        values = ", ".join(map(repr, strange[:SHOWN])) + (", ..." if len(strange) > SHOWN else "")
        raise DataRejected("target-values", f"target '{recipe.target}' holds {values} in {len(found):,} rows"
                           f" ({_name_rows(recipe, rows.loc[found.index])}); the champion's classes are"
                           f" {', '.join(known.classes)}")  # fmt: skip
    if len(set(class_of.values())) < 2:
        raise DataRejected("target-one-class", f"target '{recipe.target}' has one value only: {names}")
    return texts.map(class_of).astype("str")


def _name_rows(recipe: Recipe, rows: pd.DataFrame) -> str:
    """The first of these rows, by their keys where they have any."""
    key = [name for name in recipe.key if name in rows]
    first = rows.head(SHOWN)
    each = [" ".join(map(str, row)) for row in first[key].itertuples(index=False)] if key else map(str, first.index)
    return f"{' '.join(key) or 'row'} {', '.join(each)}" + (", ..." if len(rows) > SHOWN else "")


def _classes(texts: pd.Series, values: pd.Series, task: Task, recipe: Recipe) -> tuple[str, ...]:
    """The classes in order: of two, the one to predict last. Raises DataRejected."""
    present = values.dropna()
    names = _sorted(texts.dropna().unique().tolist())
    if len(names) < 2:
        raise DataRejected("target-one-class", f"target '{recipe.target}' has one value only: {names}")
    if len(names) > 2 and recipe.task != "multiclass":
        _refuse_signs(texts, recipe)
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    if task == "binary" and len(names) > 2:
        raise DataRejected("target-not-binary", f"target '{recipe.target}' has {len(names)} values: {shown}")
    if len(names) > MOST_CLASSES or len(names) > max(len(present) // 2, 2):
        counted = f"{len(names):,} classes in {len(present):,} rows"
        raise DataRejected("target-many-classes", f"target '{recipe.target}' has {counted}: {shown}")
    if task == "multiclass":
        return tuple(names)
    positive = _positive(names, recipe)
    return (*(name for name in names if name != positive), positive)


def _refuse_signs(texts: pd.Series, recipe: Recipe) -> None:
    """Raise DataRejected for a class by whose name people mean that there is none."""
    for sign in NO_VALUE:
        if rows := int((texts == sign).sum()):
            raise DataRejected("target-gaps", f"target '{recipe.target}' is '{sign}' in {rows:,} rows, as where there"
                               f" is no value; in a file's source add `missing: ['{sign}', 'NA']`")  # fmt: skip


def _positive(names: list[str], recipe: Recipe) -> str:
    """The class to predict: the one stated, else one that means yes, else the last in order."""
    if recipe.positive is None:
        return choose_positive(names)
    if stated := match_classes([class_name(recipe.positive)], tuple(names)).get(class_name(recipe.positive)):
        return stated
    raise Misconfigured("value-invalid", f"positive: {recipe.positive!r} is not a value of the target: {names}")


def _sorted(names: list[str]) -> list[str]:
    def order(name: str) -> tuple[int, Any]:
        try:
            return (0, float(name))
        except ValueError:
            return (1, name)

    return sorted(names, key=order)
