"""Estimators: from a name in the project file to a scikit-learn object."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNetCV, LogisticRegression, Ridge

from tierra.data.labels import Labels
from tierra.errors import Misconfigured
from tierra.model.class_weights import class_weights
from tierra.model.lightgbm_model import LightGBMClassifier, LightGBMRegressor, lightgbm
from tierra.model.neighbours import NeighboursClassifier, NeighboursRegressor
from tierra.model.network import NetworkClassifier, NetworkRegressor
from tierra.model.parameters import require_parameters
from tierra.model.preprocessing import Needs
from tierra.model.preprocessing_spec import Treatment
from tierra.model.spec import Model
from tierra.model.xgboost_model import XGBoostClassifier, XGBoostRegressor, xgboost
from tierra.spec import Task

SEED = 0
# Rows from which boosted trees count for more.
MANY, VERY_MANY = 10_000, 100_000
# Passes of a network over its rows, and how many rows it sees in all of them.
LEAST_PASSES, PASSES, MOST_PASSES, SEEN = 5, 60, 100, 600_000
# Features up to which the second derivatives of a linear model are few.
NARROW = 50
CLASSES: dict[tuple[str, bool], type[BaseEstimator]] = {
    ("logistic", False): LogisticRegression,
    ("ridge", True): Ridge,
    ("elastic_net", False): LogisticRegression,
    ("elastic_net", True): ElasticNetCV,
    ("extra_trees", False): ExtraTreesClassifier,
    ("extra_trees", True): ExtraTreesRegressor,
    ("nearest_neighbours", False): NeighboursClassifier,
    ("nearest_neighbours", True): NeighboursRegressor,
    ("neural_network", False): NetworkClassifier,
    ("neural_network", True): NetworkRegressor,
    ("lightgbm", False): LightGBMClassifier,
    ("lightgbm", True): LightGBMRegressor,
    ("xgboost", False): XGBoostClassifier,
    ("xgboost", True): XGBoostRegressor,
    ("hist_gradient_boosting", False): HistGradientBoostingClassifier,
    ("hist_gradient_boosting", True): HistGradientBoostingRegressor,
    ("random_forest", False): RandomForestClassifier,
    ("random_forest", True): RandomForestRegressor,
}
# Trees that take numbers with gaps, and trees that take ordinals but no gaps; all others are given scaled numbers.
WITH_GAPS = ("HistGradientBoosting", "LightGBM", "XGBoost", "RandomForest", "ExtraTrees", "DecisionTree")
TREES = ("GradientBoosting", "AdaBoost", "Bagging", "ExtraTree")


def build_model(candidate: Model, labels: Labels, target: np.ndarray) -> BaseEstimator:
    """The estimator with Tierra's defaults under the candidate's parameters. Raises Misconfigured.

    The defaults of trees follow the training part's size.
    """
    cls = _class(candidate, labels.task)
    require_parameters(candidate, cls, candidate.params)
    stated = {**class_weights(candidate, labels), **candidate.params}
    try:
        return cls(**{**_defaults(candidate.model, cls, target, labels), **stated})
    except TypeError as error:
        raise Misconfigured("fit-failed", f"candidate {candidate.name}: {error}") from None


def check_model(candidate: Model, task: Task | None) -> None:
    """Raise Misconfigured for a class that there is not, or not for this task, and parameters that it does not have.

    Where the task is not known any task's will do.
    """
    tasks: list[Task] = [task] if task else ["binary", "regression"]
    cls = _class(candidate, next((each for each in tasks if _predicts(candidate, each)), tasks[0]))
    space = candidate.search.space if candidate.search else None
    require_parameters(candidate, cls, [*candidate.params, *(space or ())])


def needs_of(model: BaseEstimator) -> Needs:
    """What a model needs from its preprocessing."""
    name = type(model).__name__
    return "numbers" if name.startswith(WITH_GAPS) else "ordinal" if name.startswith(TREES) else "scaled"


def solver_for(candidate: Model, labels: Labels, rows: int, treatments: Mapping[str, Treatment]) -> str:
    """A solver that takes few passes over many rows of few columns, for two classes; empty where the default is it."""
    if candidate.model != "logistic" or labels.task != "binary" or rows < MANY or len(treatments) > NARROW:
        return ""
    stated = any(name in candidate.params for name in ("solver", "penalty", "l1_ratio"))
    has_words = any(each.kind == "text" for each in treatments.values())
    return "" if stated or has_words else "newton-cholesky"


def _predicts(candidate: Model, task: Task) -> bool:
    try:
        return bool(_class(candidate, task))
    except Misconfigured:
        return False


def _class(candidate: Model, task: Task) -> type[BaseEstimator]:
    if candidate.model == "lightgbm":
        lightgbm()  # said before anything is fitted
    if candidate.model == "xgboost":
        xgboost()
    number = task == "regression"
    found = CLASSES.get((candidate.model, number)) or _imported(candidate)
    fits = is_regressor if number else is_classifier
    if not (isinstance(found, type) and issubclass(found, BaseEstimator) and _is(found, fits)):
        raise Misconfigured(
            "task-mismatch", f"candidate {candidate.name}: {candidate.model} cannot predict a {task} target"
        )
    return found


def _is(cls: Any, fits: Any) -> bool:
    try:
        return bool(fits(cls()))
    except TypeError:  # an estimator made of other estimators
        return False


def _imported(candidate: Model) -> Any:
    module, _, name = candidate.model.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise Misconfigured("model-unknown", f"candidate {candidate.name}: there is no {candidate.model}") from None


def _defaults(name: str, cls: type[BaseEstimator], target: np.ndarray, labels: Labels) -> dict[str, Any]:
    number, rows = labels.task == "regression", len(target)
    match name:
        case "logistic":
            return {"max_iter": 500, "C": 0.3}
        case "ridge":
            return {"alpha": 1.0}
        case "elastic_net" if number:
            return {"l1_ratio": [0.2, 0.6, 1.0], "cv": 5, "max_iter": 5000}
        case "elastic_net":
            return {"solver": "saga", "l1_ratio": 0.5, "C": 0.3, "max_iter": 500, "tol": 1e-3, "random_state": SEED}
        case "extra_trees" if not number:
            return {**_extra_trees(rows), "random_state": SEED}
        case "random_forest" | "extra_trees":
            return {"n_estimators": 200, "min_samples_leaf": max(1, min(20, rows // 500)), "random_state": SEED}
        case "nearest_neighbours":
            return {"n_neighbors": 10 if number else 25}
        case "neural_network":
            return {**_network(rows, number), "random_state": SEED}
        case "lightgbm":
            shape = _shape(rows)
            return {"n_estimators": shape.trees, "learning_rate": shape.rate, "num_leaves": 31, "colsample_bytree": 0.5,
                    "min_child_samples": shape.least}  # fmt: skip
        case "xgboost":
            shape = _shape(rows)
            return {"n_estimators": shape.trees, "learning_rate": shape.rate, "colsample_bytree": 0.5}
        case "hist_gradient_boosting":  # tierra.model.rounds finds how many trees, where they are not stated
            classes = 1 if number else len(labels.classes)
            return {"learning_rate": _rate(rows, classes), "max_leaf_nodes": 31, "max_features": 0.4,
                    "min_samples_leaf": _least(rows), "early_stopping": False, "random_state": SEED}  # fmt: skip
        case _:
            return {key: value for key, value in (("random_state", SEED), ("probability", True)) if _takes(cls, key)}


@dataclass(frozen=True)
class _Shape:
    """How many boosted trees, how much each counts, and the least rows of a leaf."""

    trees: int
    rate: float
    least: int


def _shape(rows: int) -> _Shape:
    return _Shape(400, 0.03, _least(rows)) if rows <= MANY else _Shape(600, 0.05, _least(rows))


def _rate(rows: int, classes: int) -> float:
    """Small steps are better by little, and cost as many more trees; of each step there is a tree a class."""
    by_rows = 0.03 if rows <= MANY else 0.05 if rows <= VERY_MANY else 0.1
    return max(by_rows, min(0.1, 0.01 * classes))


def _least(rows: int) -> int:
    return max(3, min(20, rows // 200))


def _extra_trees(rows: int) -> dict[str, Any]:
    """Trees with small leaves that may look at most columns, each at as many rows as make it large enough."""
    sample = {"bootstrap": True, "max_samples": MANY / rows} if rows > MANY else {}
    return {"n_estimators": 100, "max_features": 0.8, "min_samples_leaf": 2, **sample}


def _network(rows: int, number: bool) -> dict[str, Any]:
    """How large a network is, how much its weights are shrunk, and how often it sees each row.

    Its early stopping keeps a tenth of the rows back, and of classes looks at accuracy, which rests where one is rare.
    """
    layers = {"hidden_layer_sizes": (128, 64) if rows <= MANY else (64, 32)}
    if not number:
        return {**layers, "alpha": 1.0, "max_iter": max(LEAST_PASSES, min(PASSES, SEEN // rows))}
    if rows <= MANY:
        return {**layers, "alpha": 0.1, "max_iter": PASSES}
    return {**layers, "alpha": 0.01, "max_iter": MOST_PASSES, "early_stopping": True}


def _takes(cls: type[BaseEstimator], parameter: str) -> bool:
    return parameter in cls._get_param_names()
