"""Walking through a fitted model: means of models, pipelines, and the estimators at their ends."""

import copy
from collections.abc import Callable
from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline


def change_models(model: Any, change: Callable[[Any], Any]) -> Any:
    """A copy of a fitted model with other estimators at the ends of its pipelines; all else as it is."""
    if isinstance(model, Pipeline):
        *before, (name, last) = model.steps
        return Pipeline([*before, (name, change_models(last, change))])
    inside = {name: getattr(model, name) for name in ("models", "regressor_") if hasattr(model, name)}
    if not inside or (not isinstance(model, TransformedTargetRegressor) and "regressor_" in inside):
        return change(model)
    changed = copy.copy(model)
    for name, value in inside.items():
        made = [change_models(each, change) for each in value] if name == "models" else change_models(value, change)
        setattr(changed, name, made)
    return changed
