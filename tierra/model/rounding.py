"""Boosted trees in less precision: splits and leaves rounded to single precision, what no prediction needs cleared.

They are computed as before, in double precision: only the file is smaller, as rounded numbers compress well. The trees
of a forest split at numbers of single precision, or half-way between two, from the beginning.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tierra.errors import Misconfigured
from tierra.model.explained import BOOSTED
from tierra.model.parts_of_models import change_models

Splits = tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], None]]


def rounded(model: Any) -> Any:
    """A fitted model with its boosted trees rounded. Raises Misconfigured where it has none."""
    changed: list[bool] = []
    made = change_models(model, lambda each: _rounded(each, changed))
    if not changed:
        raise Misconfigured(
            "variant-needless", f"it has none of the models that are rounded ({', '.join(sorted(BOOSTED))})"
        )
    return made


def threshold_field(model: Any) -> Iterator[Splits]:
    """Of each tree the column and the number of its numeric splits, and what writes other numbers there."""
    for table, column, number, is_split in _tables(model):

        def write(values: np.ndarray, table: Any = table, number: str = number, where: Any = is_split) -> None:
            _field(table, number)[where] = values

        columns, numbers = _field(table, column), _field(table, number)
        yield columns[is_split].astype(int), numbers[is_split].astype(float), write


def _rounded(model: Any, changed: list[bool]) -> Any:
    if type(model).__name__ not in BOOSTED:
        return model
    changed.append(True)
    made = copy.deepcopy(model)
    for _, numbers, write in threshold_field(made):
        write(_up(numbers))
    for nodes, *_ in _tables(made):
        nodes["value"] = nodes["value"].astype(np.float32)
        nodes["gain"], nodes["bin_threshold"] = 0, 0
    return made


def _up(numbers: np.ndarray) -> np.ndarray:
    """To single precision, never below: a split is often a row's own number, which goes left."""
    near = numbers.astype(np.float32)
    higher: np.ndarray = np.where(near < numbers, np.nextafter(near, np.float32(np.inf)), near).astype(float)
    return higher


def _tables(model: Any) -> Iterator[tuple[Any, str, str, np.ndarray]]:
    """The nodes of each tree, the fields of a split's column and number, and which nodes are numeric splits."""
    if type(model).__name__ in BOOSTED:
        for each in (tree for trees in model._predictors for tree in trees):
            nodes = each.nodes
            yield nodes, "feature_idx", "num_threshold", (nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)
        return
    for each in model.estimators_ if hasattr(model, "estimators_") else [model]:
        yield each.tree_, "feature", "threshold", each.tree_.children_left >= 0


def _field(table: Any, name: str) -> np.ndarray:
    field: np.ndarray = table[name] if isinstance(table, np.ndarray) else getattr(table, name)
    return field
