"""From a fitted model to ONNX, where the converter supports it: linear models in double precision, and trees."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from tierra.errors import Misconfigured
from tierra.model.explained import BOOSTED, FORESTS, SINGLE_TREES
from tierra.model.onnx_model import OnnxClassifier, OnnxRegressor, check_onnx, import_extra
from tierra.model.parts_of_models import change_models
from tierra.model.rounding import threshold_field

LINEAR: Final = frozenset({"ElasticNet", "Lasso", "LinearRegression", "LogisticRegression", "Ridge"})


def as_onnx(model: Any) -> Any:
    """A fitted model whose last steps are in ONNX; the preprocessing stays. Raises Misconfigured where one has none."""
    return change_models(model, _converted)


def _converted(model: Any) -> Any:
    name = type(model).__name__
    if name not in LINEAR | BOOSTED | FORESTS | SINGLE_TREES or isinstance(model, Pipeline):
        raise Misconfigured("onnx-unsupported", f"{name} has no conversion")
    if getattr(model, "is_categorical_", None) is not None:
        raise Misconfigured("onnx-unsupported", f"{name} splits by sets of categories")
    given: dict[str, Any] = {}
    if name not in LINEAR:
        model, given["edges"], given["starts"] = _by_places(model)
        given["single"] = name not in BOOSTED
    data = _convert(model, is_linear=name in LINEAR)
    check_onnx(data)
    if is_classifier(model):
        return OnnxClassifier(data, classes=np.asarray(model.classes_), **given)
    return OnnxRegressor(data, **given)


def _convert(model: Any, is_linear: bool) -> bytes:
    skl2onnx, types = import_extra("skl2onnx"), import_extra("skl2onnx.common.data_types")
    tensor = types.DoubleTensorType if is_linear else types.FloatTensorType
    options = {id(model): {"zipmap": False}} if is_classifier(model) else None
    try:
        with _whole_attributes():
            made = skl2onnx.to_onnx(
                model, initial_types=[("rows", tensor([None, model.n_features_in_]))], options=options
            )
    except Exception as error:  # the converter may raise anything for a model it does not know
        what = f"{type(model).__name__} cannot be converted: {type(error).__name__}"
        raise Misconfigured("onnx-unsupported", what) from error
    _let_gaps_go_left(made, model)
    data: bytes = made.SerializeToString()
    return data


def _let_gaps_go_left(made: Any, model: Any) -> None:
    """Say of each split of a forest where gaps go: the converter leaves that out of it."""
    if type(model).__name__ not in FORESTS | SINGLE_TREES:
        return
    trees = [each.tree_ for each in getattr(model, "estimators_", [model])]
    for node in made.graph.node:
        found = {each.name: each for each in node.attribute}
        if "nodes_treeids" in found:
            both = zip(found["nodes_treeids"].ints, found["nodes_nodeids"].ints, strict=True)
            left = [int(trees[tree].missing_go_to_left[place]) for tree, place in both]
            found["nodes_missing_value_tracks_true"].ints[:] = left


@contextmanager
def _whole_attributes() -> Iterator[None]:
    """While it lasts, truth values among a node's attributes are whole numbers, as protobuf wants them."""
    helper = import_extra("onnx.helper")
    make = helper.make_attribute

    def whole(key: str, value: Any, *more: Any, **named: Any) -> Any:
        if isinstance(value, list | tuple | np.ndarray):
            value = [int(each) if isinstance(each, bool | np.bool_) else each for each in value]
        return make(key, int(value) if isinstance(value, bool | np.bool_) else value, *more, **named)

    helper.make_attribute = whole
    try:
        yield
    finally:
        helper.make_attribute = make


def _by_places(model: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """The trees with the place of each split in place of its number, and the splits of each column in order."""
    changed = copy.deepcopy(model)
    found: list[list[np.ndarray]] = [[] for _ in range(model.n_features_in_)]
    for column, numbers, _ in threshold_field(changed):
        for each in np.unique(column):
            found[each].append(numbers[column == each])
    splits = [np.unique(np.concatenate(each)) if each else np.zeros(0) for each in found]
    for column, numbers, write in threshold_field(changed):
        write(np.array([np.searchsorted(splits[one], number)
                        for one, number in zip(column, numbers, strict=True)], float))  # fmt: skip
    starts = np.cumsum([0, *map(len, splits)])
    return changed, np.concatenate([*splits, np.zeros(0)]), starts
