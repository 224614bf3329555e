"""Balancing: what a model learns from in place of its training rows, drawn, made, weighed or left out.

The rows that a model is measured on are never touched, and nothing of it is served: preparation is fitted on the
training rows as they are, the model on what is made of them, and the artifact holds those two.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from tierra.model.balance_functions import added_rows, reasons_to_go, weights_of
from tierra.model.balance_spec import Augment, Balance, Remove, Resample, Weigh
from tierra.model.examples import Examples
from tierra.model.synthetic import draw_places, make_rows

Functions = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True)
class Changed:
    """What is learnt from: training rows by their places, with repeats, rows added to them, and weights of all."""

    places: np.ndarray
    added: pd.DataFrame | None = None
    target: np.ndarray = field(default_factory=lambda: np.zeros(0))
    weight: np.ndarray | None = None


def split_removed(balance: Balance | None, examples: Examples, functions: Functions) -> tuple[Examples, pd.Series]:
    """The rows that stay, and of those that do not why not, by their places."""
    if not isinstance(balance, Remove):
        return examples, pd.Series(dtype="str")
    reasons = reasons_to_go(balance, examples, functions)
    return examples.take(np.flatnonzero(reasons.isna())), reasons[reasons.notna()]


def change_rows(
    balance: Balance | None, examples: Examples, functions: Functions, features: list[str] | None = None
) -> Changed:
    """What a model learns from; rows are made of these features, of all when not stated."""
    every = np.arange(len(examples.target))
    plain = Changed(every, weight=examples.weight)
    match balance:
        case None | Remove():
            return plain
        case Resample(resample="smote"):
            names = list(examples.features) if features is None else features
            return _with_added(plain, *make_rows(examples.table[names], examples.target, balance))
        case Resample():
            places = draw_places(examples.target, balance)
            return Changed(places, weight=None if examples.weight is None else examples.weight[places])
        case Augment():
            return _with_added(plain, *added_rows(balance, examples, functions))
        case Weigh():
            own = _own_weights(balance, examples, functions)
            return replace(plain, weight=own if examples.weight is None else own * examples.weight)
        case _:
            assert_never(balance)


def fit_balanced(pipeline: Pipeline, examples: Examples, changed: Changed) -> Pipeline:
    """Preparation fitted on the training rows, and the model on what is made of them."""
    codes = _codes(examples, examples.target)
    prepare, model = pipeline[:-1], pipeline[-1]
    prepared = prepare.fit_transform(examples.table, codes)
    rows, target = prepared[changed.places], codes[changed.places]
    if changed.added is not None and len(changed.added):
        more = prepare.transform(changed.added.reindex(columns=examples.table.columns))
        rows = sparse.vstack([rows, more]).tocsr() if sparse.issparse(rows) else np.vstack([rows, more])
        target = np.concatenate([target, _codes(examples, changed.target)])
    model.fit(rows, target, **({} if changed.weight is None else {"sample_weight": changed.weight}))
    return pipeline


def why_not_for(balance: Balance, model: Any) -> str:
    """Why an estimator cannot be fitted so; empty where it can."""
    takes = has_fit_parameter(model, "sample_weight")
    return "" if takes or not isinstance(balance, Weigh) else f"{type(model).__name__} takes no row weights"


def _with_added(plain: Changed, added: pd.DataFrame, target: np.ndarray) -> Changed:
    """New rows weigh as much as the mean of the others."""
    if plain.weight is None:
        return replace(plain, added=added, target=target)
    more = np.full(len(target), plain.weight.mean())
    return replace(plain, added=added, target=target, weight=np.concatenate([plain.weight, more]))


def _own_weights(balance: Weigh, examples: Examples, functions: Functions) -> np.ndarray:
    if balance.functions:
        return weights_of(balance, examples, functions)
    return np.asarray(compute_sample_weight("balanced", examples.target))


def _codes(examples: Examples, target: np.ndarray) -> np.ndarray:
    return target if examples.labels.task == "regression" else target.astype(int)


def functions_needed(balances: tuple[Balance, ...]) -> dict[str, str]:
    """The project's functions that these ways call, by their names."""
    return {name: name for each in balances for name in each.functions}
