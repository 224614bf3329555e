"""Of which feature each encoded column was made."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from tierra.model.preprocessing import APART, PAIR


def owned_features(encoder: ColumnTransformer, features: Sequence[str]) -> tuple[str, ...]:
    """The features that columns are made of: the given ones, and those that are made of several together."""
    return (*features, *(_name(step, columns) for step, _, columns in _joint(encoder)))


def owners_of(encoder: ColumnTransformer, features: Sequence[str]) -> np.ndarray:
    """The place among the owned features of the one that each column of the encoder comes from."""
    width = max(place.stop for place in encoder.output_indices_.values())
    owner, places = np.zeros(width, int), {name: place for place, name in enumerate(features)}
    joint = {step: len(features) + number for number, (step, _, _) in enumerate(_joint(encoder))}
    for name, step, columns in encoder.transformers_:
        made = encoder.output_indices_[name]
        if name in joint:
            owner[made] = joint[name]
        elif step != "drop":
            owners = _made_of(step, np.array([places[column] for column in columns]))
            # A transformer of the project's own is given one feature.
            owner[made] = owners if len(owners) == made.stop - made.start else owners[0]
    return owner


def _joint(encoder: ColumnTransformer) -> list[Any]:
    return [each for each in encoder.transformers_ if each[0].startswith((PAIR, APART))]


def _name(step: str, columns: Sequence[str]) -> str:
    return " x ".join(columns) if step.startswith(PAIR) else f"{', '.join(columns)} together"


def _made_of(step: Any, owner: np.ndarray) -> np.ndarray:
    """Of what each column is made that a step makes of columns with these owners."""
    match step:
        case Pipeline():
            for _, each in step.steps:
                owner = _made_of(each, owner)
            return owner
        case FeatureUnion():
            return np.concatenate([_made_of(each, owner) for _, each in step.transformer_list])
        case OneHotEncoder():
            rare = step.infrequent_categories_ if step.min_frequency or step.max_categories else [None] * len(owner)
            counts = [len(known) - (0 if few is None else len(few) - 1)
                      for known, few in zip(step.categories_, rare, strict=True)]  # fmt: skip
            return np.repeat(owner, counts)
        case SimpleImputer():
            return np.concatenate([owner, owner[step.indicator_.features_]]) if step.indicator_ else owner
        case TargetEncoder():
            return np.repeat(owner, len(step.classes_)) if step.target_type_ == "multiclass" else owner
        case _:
            return step.made_of(owner) if hasattr(step, "made_of") else owner
