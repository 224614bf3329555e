"""Preprocessing: from the treatments of features to one transformer that makes numbers of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from tierra.errors import DataRejected
from tierra.model.encoders import Bins, Buckets, Circle, Pairs, Product, Words
from tierra.model.imputers import JointImputer
from tierra.model.outliers import Fences, Forest
from tierra.model.own import NONE, OwnClasses, build_transformer
from tierra.model.preprocessing_spec import Preprocessing, Scaling, Treatment
from tierra.model.scalers import NormalQuantiles, Power
from tierra.model.treatments import numbers_of
from tierra.spec import Task

RARE_SHARE = 0.01
# Below this share of values that are not 0, a table for a linear model holds these alone, in half of the memory.
SPARSE = 0.5
SEED = 0
FOLDS = 5
# Steps that read several features are named so; what they make belongs to all of these together.
PAIR, APART = "pair", "apart"
Needs = Literal["numbers", "scaled", "ordinal"]
Step = tuple[str, Any, list[str]]


@dataclass(frozen=True)
class Requirements:
    """What a model needs from its preprocessing: numbers with gaps, ordinals without, or scaled numbers."""

    needs: Needs
    task: Task
    preprocessing: Preprocessing
    rows: int
    sparse: bool = False
    own: OwnClasses = NONE


def build_encoder(treatments: Mapping[str, Treatment], requirements: Requirements) -> ColumnTransformer:
    """One transformer for all features, columns with the same treatment together. Raises DataRejected."""
    groups: dict[str, tuple[Treatment, list[str]]] = {}
    for name, each in treatments.items():
        if each.kind != "left_out":
            alone = name if each.transformer or each.kind == "text" else ""
            groups.setdefault(each.model_dump_json() + alone, (each, []))[1].append(name)
    if not groups:
        raise DataRejected("features-none", "no features are left: every one is left out or has no value in training")
    numbers, interactions = numbers_of(treatments), requirements.preprocessing.interactions
    steps = [
        step for number, group in enumerate(groups.values()) for step in _steps(number, *group, requirements, numbers)
    ]
    pairs = [_pair(number, pair, numbers, requirements) for number, pair in enumerate(interactions)]
    sparse = SPARSE if requirements.needs == "scaled" and requirements.sparse else 0.0
    return ColumnTransformer([*steps, *pairs], verbose_feature_names_out=False, sparse_threshold=sparse)


def known_categories(encoder: ColumnTransformer) -> dict[str, np.ndarray]:
    """The categories of each encoded feature in training."""
    return {
        name: categories
        for step, fitted, columns in encoder.transformers_
        if not step.startswith(PAIR)
        for step in ([each for _, each in fitted.steps] if isinstance(fitted, Pipeline) else [fitted])
        if hasattr(step, "categories_")
        for name, categories in zip(columns, step.categories_, strict=True)
    }


def _steps(
    number: int, each: Treatment, columns: list[str], requirements: Requirements, numbers: list[str]
) -> Iterator[Step]:
    """What is made of features with the same treatment."""
    name = f"{each.kind}-{number}"
    match each.kind:
        case _ if each.transformer:
            yield name, build_transformer(each.transformer, requirements.own), columns
        case "category":
            yield name, _category(each, requirements, len(columns)), columns
            if each.encode == "by_model" and requirements.needs == "numbers":
                beside = each.model_copy(update={"encode": "target"})
                yield f"{name}-target", _category(beside, requirements, len(columns)), columns
        case "text":
            wide = requirements.preprocessing.words if each.encode == "tfidf" else requirements.preprocessing.buckets
            yield name, Words(each.encode or "tfidf", wide), columns
        case _:
            yield from _number_steps(name, each, columns, requirements, numbers)


def _number_steps(
    name: str, each: Treatment, columns: list[str], requirements: Requirements, numbers: list[str]
) -> Iterator[Step]:
    joint = each.impute in ("knn", "iterative") and requirements.needs != "numbers"
    read = [*columns, *(other for other in numbers if other not in columns)] if joint else columns
    scalings = (each.scale or ("none",)) if requirements.needs == "scaled" and not each.bins else ("none",)
    ends = len(scalings) > 1
    # What fills gaps by all columns costs more than any scaling: it is done once, and the scalings are made of it.
    for number, some in enumerate([scalings] if joint else [(scaling,) for scaling in scalings]):
        step = _number(each, requirements, some, len(columns), not number, ends)
        yield (f"{name}-{some[0]}" if number else name), step, read
    if each.kind == "cyclic" and requirements.needs == "scaled":
        yield f"{name}-circle", Circle(each.period or 1.0), columns
    if each.outliers == "flag" and each.fence == "isolation_forest":
        yield f"{APART}-{name}", Forest(requirements.preprocessing.fence_share), columns


def _number(
    each: Treatment, requirements: Requirements, scalings: Sequence[Scaling], columns: int, is_first: bool, ends: bool
) -> Any:
    """Gaps filled, outliers clipped, numbers scaled, as far as the model needs it; flags stand in the first alone."""
    needs, fences = requirements.needs, _fences(each, requirements, is_first)
    steps = [*fences] if each.impute not in ("knn", "iterative") else []
    if each.impute != "none" and needs != "numbers":
        steps.append(("impute", _imputer(each, columns, bool(each.indicator) and is_first)))
    if each.impute in ("knn", "iterative"):
        steps += fences
    if each.bins:
        steps.append(("bins", Bins(each.bins, apart=needs == "scaled")))
    elif needs == "scaled":
        # Columns made of one number have weights against each other, which mean nothing beyond what was learnt from.
        steps += [("range", Fences(by="range"))] if ends or scalings == ("power",) else []
        steps += _scalers(scalings[0]) if len(scalings) == 1 else [("scalings", _side_by_side(scalings))]
    return Pipeline(steps) if steps else "passthrough"


def _fences(each: Treatment, requirements: Requirements, is_first: bool) -> list[tuple[str, Any]]:
    is_flag = each.outliers == "flag" and each.fence != "isolation_forest"
    if each.outliers != "clip" and not (is_flag and is_first):
        return []
    return [("fences", Fences(is_flag, each.fence or "iqr", requirements.preprocessing.fence_share))]


def _imputer(each: Treatment, columns: int, indicator: bool) -> BaseEstimator:
    if each.impute in ("knn", "iterative"):
        return JointImputer(each.impute, columns, indicator)
    # A column without one value would be dropped by the imputer and change the width.
    fill = each.fill if each.impute == "constant" else None
    return SimpleImputer(strategy=each.impute, fill_value=fill, add_indicator=indicator, keep_empty_features=True)


def _side_by_side(scalings: Sequence[Scaling]) -> FeatureUnion:
    made = {scaling: _scalers(scaling) for scaling in scalings}
    return FeatureUnion([(scaling, Pipeline(steps) if steps else "passthrough") for scaling, steps in made.items()])


def _scalers(scaling: Scaling) -> list[tuple[str, Any]]:
    match scaling:
        case "standard":
            return [("scale", StandardScaler())]
        case "robust":
            return [("scale", RobustScaler())]
        case "min_max":
            return [("scale", MinMaxScaler())]
        case "power":
            return [("scale", StandardScaler()), ("power", Power())]
        case "quantile_normal":  # scaled again: of zeros and ones the ranks are the two ends
            return [("normal", NormalQuantiles()), ("scale", StandardScaler())]
        case "none":
            return []


def _category(each: Treatment, requirements: Requirements, columns: int) -> Any:
    encoder = _encoder(each, requirements, columns)
    plain = requirements.needs != "scaled" or isinstance(encoder, OneHotEncoder | Buckets)
    steps = [("encode", encoder), *([] if plain else [("scale", StandardScaler())])]
    if each.impute and each.impute != "none":
        steps.insert(0, ("impute", SimpleImputer(strategy=each.impute, fill_value=each.fill)))
    return Pipeline(steps) if len(steps) > 1 else encoder


def _encoder(each: Treatment, requirements: Requirements, columns: int) -> Any:
    rare = max(1, min(requirements.preprocessing.rare, int(RARE_SHARE * requirements.rows)))
    grouped = {"min_frequency": rare, "max_categories": requirements.preprocessing.most_categories}
    unknown = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    if each.order:
        return OrdinalEncoder(categories=[list(each.order)] * columns, **unknown)
    if each.encode == "hash":
        return Buckets(requirements.preprocessing.buckets)
    if each.encode == "target":
        kinds = {"regression": "continuous"}
        folds = KFold(FOLDS, shuffle=True, random_state=SEED)
        return TargetEncoder(target_type=kinds.get(requirements.task, requirements.task), cv=folds)
    if each.encode == "ordinal" or requirements.needs != "scaled":
        return OrdinalEncoder(**unknown, encoded_missing_value=-2, **grouped)
    return OneHotEncoder(handle_unknown="infrequent_if_exist", **grouped)


def _pair(number: int, pair: Sequence[str], numbers: list[str], requirements: Requirements) -> Step:
    """The product of two numbers, or a category of the pairs of their values."""
    name, columns, needs = f"{PAIR}-{number}", list(pair), requirements.needs
    if not set(pair) <= set(numbers):
        encoder = _category(Treatment(kind="category", encode="one_hot"), requirements, 1)
        return name, Pipeline([("pairs", Pairs()), ("encode", encoder)]), columns
    steps: list[tuple[str, Any]] = [("product", Product())]
    if needs != "numbers":
        steps.insert(0, ("impute", SimpleImputer(keep_empty_features=True)))
    if needs == "scaled":
        steps = [*steps[:-1], ("before", StandardScaler()), steps[-1], ("scale", StandardScaler())]
    return name, Pipeline(steps), columns
