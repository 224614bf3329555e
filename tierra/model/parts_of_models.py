"""Walking through a fitted model: means of models, pipelines, and the estimators at their ends."""

import copy
from collections.abc import Callable
from typing import Any

from sklearn.pipeline import Pipeline

from tierra.model.log_target import LogTarget


def change_models(model: Any, change: Callable[[Any], Any]) -> Any:
    """A copy of a fitted model with other estimators at the ends of its pipelines; all else as it is."""
    changed = copy.copy(model)
    if isinstance(model, Pipeline):
        *before, (name, last) = model.steps
        changed.steps = [*before, (name, change_models(last, change))]
    elif isinstance(model, LogTarget):
        changed.model = change_models(model.model, change)
    elif hasattr(model, "models"):
        changed.models = [change_models(each, change) for each in model.models]
    else:
        return change(model)
    return changed
