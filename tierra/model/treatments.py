"""What each feature is, and how it is prepared: as declared, else inferred from training."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from tierra.data.frames import text_of
from tierra.errors import Misconfigured
from tierra.model.preprocessing_spec import Kind, Preprocessing, Scaling, Treatment

FEW_TEXTS = 50
CLOSE = 3
FEW_NUMBERS = 12
# Scalings that pay beside the plain one, from so many rows on (docs/decisions/0044-preparation.md).
ROWS_OF_A_FEATURE, ROWS_OF_QUANTILES = 10, 1000
# From so many rows for each value of a category on, trees are given the target's means beside its places.
ROWS_OF_A_VALUE = 20
WORDS, ROWS_READ = 3, 1000
OF_NUMBERS: Final = ("scale", "outliers", "fence", "bins", "indicator")
KINDS: Final = {"category": "a category", "text": "text", "left_out": "left out"}
# The parts of dates by the end of their name: the lowest and highest value, and the length of the circle.
CIRCLES: Final = {
    "hour": (0, 23, 24.0), "minute": (0, 59, 60.0), "weekday": (0, 6, 7.0), "dayofweek": (0, 6, 7.0),
    "day_of_week": (0, 6, 7.0), "month": (1, 12, 12.0), "day": (1, 31, 31.0), "dayofyear": (1, 366, 365.25),
}  # fmt: skip


def infer_treatments(table: pd.DataFrame, preprocessing: Preprocessing, grouped: bool = False) -> dict[str, Treatment]:
    """The treatment of each feature of the training part: as declared, else inferred from its values.

    Of rows that stand in groups no target's mean of a category is inferred: it would be that of the row's own group.
    Raises Misconfigured when a declared column is not a feature, or not of the declared kind.
    """
    named = [*preprocessing.columns, *(name for pair in preprocessing.interactions for name in pair)]
    if strange := [name for name in named if name not in table]:
        raise Misconfigured("name-undeclared", f"preprocessing: '{strange[0]}' is no feature ({', '.join(table)})")
    scale = preprocessing.scale or _scalings(table)
    known = preprocessing.model_copy(update={"scale": scale})
    return {name: _treatment(table[name], known, preprocessing, grouped) for name in table}


def _scalings(table: pd.DataFrame) -> tuple[Scaling, ...]:
    """The scalings of numbers with more than a few values, by how many rows there are to learn from."""
    if len(table) < ROWS_OF_A_FEATURE * len(table.columns):
        return ("standard",)
    return ("standard", "power", *(("quantile_normal",) if len(table) >= ROWS_OF_QUANTILES else ()))


def _treatment(values: pd.Series, known: Preprocessing, preprocessing: Preprocessing, grouped: bool) -> Treatment:
    stated = preprocessing.columns.get(str(values.name), Treatment())
    kind = stated.kind or _kind_of_encoding(stated) or _kind_found(values, stated, preprocessing)
    _check_kind(values, kind)
    _check_options(values, stated, kind)
    match kind:
        case _ if stated.transformer:
            return Treatment(transformer=stated.transformer, kind=kind, gaps=stated.gaps or "fill")
        case "left_out":
            return Treatment(kind=kind)
        case "category":
            return _category(values, stated, grouped)
        case "text":
            return Treatment(kind=kind, encode=stated.encode or "tfidf", gaps=stated.gaps or "fill")
    return _number(values, stated, known, kind, is_scale_inferred=preprocessing.scale is None)


def _check_kind(values: pd.Series, kind: Kind) -> None:
    is_number, wants_number = values.dtype.kind == "f", kind in ("number", "cyclic")
    if wants_number and not is_number:
        what = "is text, not a number" if values.notna().any() else f"is empty, not a {kind}: leave it out"
        raise Misconfigured("features-kind", f"preprocessing: '{values.name}' {what}")
    if kind == "text" and is_number:
        raise Misconfigured("features-kind", f"preprocessing: '{values.name}' is a number, not text")


def _check_order(values: pd.Series, order: tuple[str, ...]) -> None:
    present = text_of(values.dropna()).unique().tolist() if order else []
    if present and not set(present) & set(order):
        what = f"no value of '{values.name}' is one of `order` ({', '.join(order)}); there is {present[0]}"
        raise Misconfigured("features-kind", f"preprocessing: {what}")


def _check_options(values: pd.Series, stated: Treatment, kind: Kind) -> None:
    """Raise Misconfigured where something is stated of a column that is of numbers alone, and it is none."""
    if kind in ("number", "cyclic") and not stated.transformer:
        return
    of_what = "has a transformer of its own" if stated.transformer else f"is {KINDS[kind]}"
    if needless := [name for name in OF_NUMBERS if getattr(stated, name) is not None]:
        what = f"'{values.name}' {of_what}, to which `{needless[0]}` does nothing"
        raise Misconfigured("features-kind", f"preprocessing: {what}")


def _kind_of_encoding(stated: Treatment) -> Kind | None:
    if stated.encode == "tfidf":
        return "text"
    if stated.period:
        return "cyclic"
    return "category" if stated.encode or stated.order else None


def _kind_found(values: pd.Series, stated: Treatment, preprocessing: Preprocessing) -> Kind:
    """The kind by the values; numbers of which something is stated are not left out."""
    kind, is_number = _kind(values, preprocessing), values.dtype.kind == "f" and values.notna().any()
    is_wanted = is_number and any(getattr(stated, name) is not None for name in OF_NUMBERS)
    return "number" if kind == "left_out" and is_wanted else kind


def _category(values: pd.Series, stated: Treatment, grouped: bool) -> Treatment:
    fill = ("missing" if stated.fill is None else stated.fill) if stated.impute == "constant" else None
    has_means = not grouped and _has_means(values)
    encode = stated.encode or ("ordinal" if stated.order else "by_model" if has_means else "one_hot")
    if stated.impute in ("mean", "median", "knn", "iterative"):
        what = f"'{values.name}' is a category, which has no {stated.impute} to impute"
        raise Misconfigured("features-kind", f"preprocessing: {what}")
    _check_order(values, stated.order)
    return Treatment(
        kind="category", encode=encode, order=stated.order, impute=stated.impute, fill=fill, gaps=stated.gaps or "fill"
    )


def _has_means(values: pd.Series) -> bool:
    """Whether the target's mean of each value says more than its place: there are some, with rows enough."""
    return 2 < values.nunique() <= len(values) / ROWS_OF_A_VALUE


def _number(
    values: pd.Series, stated: Treatment, known: Preprocessing, kind: Kind, is_scale_inferred: bool
) -> Treatment:
    names = ("gaps", "impute", "indicator", "scale", "outliers", "fence")
    filled = {name: getattr(known if getattr(stated, name) is None else stated, name) for name in names}
    if stated.scale is None and is_scale_inferred and values.nunique() <= FEW_NUMBERS:
        filled["scale"] = ("standard",)
    if filled["impute"] == "constant":
        filled["fill"] = 0.0 if stated.fill is None else stated.fill
        if isinstance(filled["fill"], str):
            raise Misconfigured("features-kind", f"preprocessing: '{values.name}' is a number, '{stated.fill}' is not")
    if filled["outliers"] == "keep":
        filled["fence"] = None
    period = (stated.period or _period(values) or float(values.max() or 1)) if kind == "cyclic" else None
    return Treatment(kind=kind, period=period, bins=stated.bins, **filled)


def _kind(values: pd.Series, preprocessing: Preprocessing) -> Kind:
    present = values.dropna()
    if present.empty:  # it carries no information, and breaks boosting's binning
        return "left_out"
    if values.dtype.kind == "f":
        return "left_out" if _numbers_rows(present) else "cyclic" if _period(values) else "number"
    different = present.nunique()
    if different <= FEW_TEXTS or different <= preprocessing.text * len(present):
        return "category"
    return "text" if words_of(present) >= WORDS else "left_out"


def _period(values: pd.Series) -> float | None:
    """The length of the circle of a number that is a part of a date by its name and its values; else none."""
    name, present = str(values.name).lower(), values.dropna()
    for part, (low, high, period) in CIRCLES.items():
        if name == part or name.endswith(f"_{part}"):
            inside = present.between(low, high).all() and _whole(present) and present.nunique() > 2
            return period if inside else None
    return None


def words_of(present: pd.Series) -> float:
    """How many words a text has on the mean."""
    few = present.iloc[:ROWS_READ]
    return float(few.str.split().str.len().mean()) if len(few) else 0.0


def _numbers_rows(present: pd.Series) -> bool:
    """Whether the values look like row numbers: whole, distinct and close together."""
    many = len(present) > FEW_TEXTS
    return many and present.is_unique and present.max() - present.min() < CLOSE * len(present) and _whole(present)


def _whole(values: pd.Series) -> bool:
    return bool((values == np.floor(values)).all())


def numbers_of(treatments: Mapping[str, Treatment]) -> list[str]:
    """The features that are prepared as numbers."""
    return [name for name, each in treatments.items() if each.kind in ("number", "cyclic") and not each.transformer]
