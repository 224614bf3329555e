"""What is inferred or declared of each feature, said in a few words."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from tierra.data.frames import text_of
from tierra.model.preprocessing_spec import Preprocessing, Treatment
from tierra.model.treatments import FEW_NUMBERS, infer_treatments, words_of

LEFT_OUT: Final = "left out"


def describe_features(table: pd.DataFrame, preprocessing: Preprocessing, grouped: bool = False) -> dict[str, str]:
    """The treatment of each feature of the training part, in a few words."""
    treatments = infer_treatments(table, preprocessing, grouped)
    return {name: describe(each, table[name], preprocessing) for name, each in treatments.items()}


def describe(treatment: Treatment, values: pd.Series, preprocessing: Preprocessing) -> str:
    """A treatment of these values in a few words, and why it is inferred where it is."""
    stated = preprocessing.columns.get(str(values.name), Treatment())
    if treatment.transformer:
        return f"{treatment.transformer}, as declared"
    match treatment.kind:
        case "left_out":
            return f"{LEFT_OUT}: {_why_left_out(values, preprocessing)}"
        case "category":
            return f"{_describe_category(treatment)}{_describe_without_place(treatment, values)}"
        case "text":
            words = "" if stated.kind else f" ({words_of(values.dropna()):.1f} words a row)"
            return f"text: {treatment.encode}{words}{_describe_gaps(treatment)}"
    circle = ""
    if treatment.kind == "cyclic":
        is_stated = stated.kind or stated.period
        circle = f", on a circle of {treatment.period:g}" + ("" if is_stated else " (by its name and its values)")
    different = values.nunique()
    is_inferred = not (stated.scale or preprocessing.scale or treatment.bins)
    few = f" ({different} different values)" if is_inferred and different <= FEW_NUMBERS else ""
    return f"number: {_describe_number(treatment)}{few}{circle}"


def _describe_category(treatment: Treatment) -> str:
    order = f" in order {', '.join(treatment.order)}" if treatment.order else ""
    fill = f", gaps {_fill(treatment)}" if treatment.impute else ""
    encode = "one hot, for trees ordinal and target" if treatment.encode == "by_model" else treatment.encode or ""
    return f"category: {encode.replace('_', ' ')}{order}{fill}{_describe_gaps(treatment)}"


def _describe_without_place(treatment: Treatment, values: pd.Series) -> str:
    """The values that an order has no place for, and their share of the rows."""
    texts = text_of(values.dropna()) if treatment.order else pd.Series(dtype=str)
    others = texts[~texts.isin(treatment.order)].value_counts()
    if others.empty:
        return ""
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return f"; '{others.index[0]}'{more} ({others.sum() / len(values):.1%} of the rows) have no place in it"


def describe_pairs(treatments: Mapping[str, str], preprocessing: Preprocessing) -> dict[str, str]:
    """The stated pairs of features, and what is made of each."""
    made = {True: "the product of both", False: "each pair of their values; a number is in one of five bins"}
    return {" x ".join(pair): made[all(treatments[name].startswith("number") for name in pair)]
            for pair in preprocessing.interactions}  # fmt: skip


def _describe_number(treatment: Treatment) -> str:
    scale = " and ".join(name.replace("_", " ") for name in treatment.scale or ())
    made = f"{treatment.bins} bins" if treatment.bins else f"scale {scale}"
    fence = {"iqr": "", "quantile": " by quantile", "isolation_forest": " by isolation forest"}[
        treatment.fence or "iqr"
    ]
    outliers = f", outliers {treatment.outliers}{fence}" if treatment.outliers != "keep" else ""
    return f"gaps {_fill(treatment)}, {made}{outliers}{_describe_gaps(treatment)}"


def _fill(treatment: Treatment) -> str:
    constant = treatment.impute == "constant"
    return f"constant {treatment.fill}" if constant else (treatment.impute or "").replace("_", " ")


def _describe_gaps(treatment: Treatment) -> str:
    return {"drop": ", rows with a gap set aside", "forbid": ", gaps forbidden"}.get(treatment.gaps or "", "")


def _why_left_out(values: pd.Series, preprocessing: Preprocessing) -> str:
    if preprocessing.columns.get(str(values.name), Treatment()).kind:
        return "as declared"
    if values.notna().sum() == 0:
        return "no value in training"
    return "numbers the rows" if values.dtype.kind == "f" else "text that is different in most rows"
