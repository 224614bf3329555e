"""Preprocessing: the kind of each feature, inferred from training, and its encoding as numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler, TargetEncoder

from tierra.errors import DataRejected, Misconfigured
from tierra.model.spec import Preprocessing, Treatment
from tierra.spec import Task

FENCE = 3.0
RARE_SHARE = 0.01
FEW_TEXTS = 50
CLOSE = 3
SEED = 0
FOLDS = 5
LEFT_OUT: Final = "left out"
Needs = Literal["numbers", "scaled", "ordinal"]


@dataclass(frozen=True)
class Requirements:
    """What a model needs from its preprocessing: numbers with gaps, ordinals without, or scaled numbers."""

    needs: Needs
    task: Task
    preprocessing: Preprocessing
    rows: int
    sparse: bool = False


class Fences(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Numbers beyond Tukey's outer fences, Q1 - 3 IQR and Q3 + 3 IQR of training, clipped or flagged.

    A column whose middle half is one value has no fences. Flags are extra columns.
    """

    def __init__(self, flag: bool = False) -> None:
        self.flag = flag

    def fit(self, table: Any, target: Any = None) -> Self:
        """Learn the fences."""
        values = np.asarray(table, float)
        low, high = np.nanquantile(values, [0.25, 0.75], axis=0)
        wide = np.where(high > low, FENCE * (high - low), np.inf)
        self.low_, self.high_ = low - wide, high + wide
        self.n_features_in_ = values.shape[1]
        return self

    def transform(self, table: Any) -> np.ndarray:
        """The clipped numbers, or the numbers and their flags."""
        values = np.asarray(table, float)
        if not self.flag:
            return np.clip(values, self.low_, self.high_)
        return np.hstack([values, ((values < self.low_) | (values > self.high_)).astype(float)])


def infer_treatments(table: pd.DataFrame, preprocessing: Preprocessing) -> dict[str, Treatment]:
    """The treatment of each feature of the training part: as declared, else inferred from its values.

    Raises Misconfigured when a declared column is not a feature, or not of the declared kind.
    """
    if strange := [name for name in preprocessing.columns if name not in table]:
        raise Misconfigured("name-undeclared", f"preprocessing: '{strange[0]}' is no feature ({', '.join(table)})")
    return {
        name: _treatment(table[name], preprocessing, preprocessing.columns.get(name, Treatment())) for name in table
    }


def describe_features(table: pd.DataFrame, preprocessing: Preprocessing) -> dict[str, str]:
    """The treatment of each feature of the training part, in a few words."""
    treatments = infer_treatments(table, preprocessing)
    return {name: describe(each, table[name], preprocessing) for name, each in treatments.items()}


def describe(treatment: Treatment, values: pd.Series, preprocessing: Preprocessing) -> str:
    """A treatment of these values in a few words."""
    if treatment.kind == "left_out":
        return f"{LEFT_OUT}: {_why_left_out(values, preprocessing)}"
    if treatment.kind == "category":
        order = f" in order {', '.join(treatment.order)}" if treatment.order else ""
        return f"category: {(treatment.encode or '').replace('_', ' ')}{order}"
    outliers = f", outliers {treatment.outliers}" if treatment.outliers != "keep" else ""
    return f"number: gaps {treatment.impute}, scale {treatment.scale}{outliers}"


def build_encoder(treatments: Mapping[str, Treatment], requirements: Requirements) -> ColumnTransformer:
    """One transformer for all features, columns with the same treatment together. Raises DataRejected."""
    groups: dict[str, tuple[Treatment, list[str]]] = {}
    for name, each in treatments.items():
        if each.kind != "left_out":
            groups.setdefault(each.model_dump_json(), (each, []))[1].append(name)
    if not groups:
        raise DataRejected("features-none", "no features are left: every one is left out or has no value in training")
    steps = [
        (f"{each.kind}-{number}", _step(each, requirements, len(columns)), columns)
        for number, (each, columns) in enumerate(groups.values())
    ]
    sparse = 0.3 if requirements.needs == "scaled" and requirements.sparse else 0.0
    return ColumnTransformer(steps, verbose_feature_names_out=False, sparse_threshold=sparse)


def known_categories(encoder: ColumnTransformer) -> dict[str, np.ndarray]:
    """The categories of each encoded feature in training."""
    return {
        name: categories
        for _, fitted, columns in encoder.transformers_
        for step in ([each for _, each in fitted.steps] if isinstance(fitted, Pipeline) else [fitted])
        if hasattr(step, "categories_")
        for name, categories in zip(columns, step.categories_, strict=True)
    }


def _treatment(values: pd.Series, preprocessing: Preprocessing, stated: Treatment) -> Treatment:
    number = values.dtype.kind == "f"
    if stated.kind == "number" and not number:
        raise Misconfigured("features-kind", f"preprocessing: '{values.name}' is text, not a number")
    kind = stated.kind or ("category" if stated.encode or stated.order else _kind(values, preprocessing))
    if kind == "category":
        return Treatment(
            kind=kind, encode=stated.encode or ("ordinal" if stated.order else "one_hot"), order=stated.order
        )
    if kind == "left_out":
        return Treatment(kind=kind)
    filled = {name: getattr(stated, name) or getattr(preprocessing, name) for name in ("impute", "scale", "outliers")}
    return Treatment(kind="number", **filled)


def _kind(values: pd.Series, preprocessing: Preprocessing) -> Literal["number", "category", "left_out"]:
    present = values.dropna()
    if present.empty:  # it carries no information, and breaks boosting's binning
        return "left_out"
    if values.dtype.kind == "f":
        return "left_out" if _numbers_rows(present) else "number"
    different = present.nunique()
    return "left_out" if different > FEW_TEXTS and different > preprocessing.text * len(present) else "category"


def _why_left_out(values: pd.Series, preprocessing: Preprocessing) -> str:
    if preprocessing.columns.get(str(values.name), Treatment()).kind:
        return "as declared"
    if values.notna().sum() == 0:
        return "no value in training"
    return "numbers the rows" if values.dtype.kind == "f" else "text that is different in most rows"


def _numbers_rows(present: pd.Series) -> bool:
    """Whether the values look like row numbers: whole, distinct and close together."""
    many = len(present) > FEW_TEXTS
    return many and present.is_unique and present.max() - present.min() < CLOSE * len(present) and _whole(present)


def _whole(values: pd.Series) -> bool:
    return bool((values == np.floor(values)).all())


def _step(each: Treatment, requirements: Requirements, columns: int) -> Any:
    return _category(each, requirements, columns) if each.kind == "category" else _number(each, requirements.needs)


def _number(each: Treatment, needs: Needs) -> Any:
    steps: list[tuple[str, Any]] = []
    if each.outliers != "keep":
        steps.append(("fences", Fences(flag=each.outliers == "flag")))
    if needs != "numbers" and each.impute != "none":
        # A column without one value would be dropped by the imputer and change the width.
        imputer = SimpleImputer(strategy=each.impute, add_indicator=True, keep_empty_features=True)
        steps.append(("impute", imputer))
    if needs == "scaled" and each.scale != "none":
        steps.append(("scale", StandardScaler() if each.scale == "standard" else RobustScaler()))
    return Pipeline(steps) if steps else "passthrough"


def _category(each: Treatment, requirements: Requirements, columns: int) -> Any:
    encoder = _encoder(each, requirements, columns)
    plain = requirements.needs != "scaled" or isinstance(encoder, OneHotEncoder)
    return encoder if plain else Pipeline([("encode", encoder), ("scale", StandardScaler())])


def _encoder(each: Treatment, requirements: Requirements, columns: int) -> Any:
    rare = max(1, min(requirements.preprocessing.rare, int(RARE_SHARE * requirements.rows)))
    grouped = {"min_frequency": rare, "max_categories": requirements.preprocessing.most_categories}
    unknown = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    if each.order:
        return OrdinalEncoder(categories=[list(each.order)] * columns, **unknown)
    if each.encode == "target":
        kinds = {"regression": "continuous"}
        folds = KFold if requirements.task == "regression" else StratifiedKFold
        folded = folds(FOLDS, shuffle=True, random_state=SEED)
        return TargetEncoder(target_type=kinds.get(requirements.task, requirements.task), cv=folded)
    if each.encode == "ordinal" or requirements.needs != "scaled":
        return OrdinalEncoder(**unknown, encoded_missing_value=-2, **grouped)
    return OneHotEncoder(handle_unknown="infrequent_if_exist", **grouped)
