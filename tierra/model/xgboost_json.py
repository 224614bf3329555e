"""A model of XGBoost as its own JSON, read strictly before XGBoost is given it.

XGBoost follows the node and column numbers of a file without looking whether they are there. So every number is
checked here, keys that we do not know are refused, and what is handed on is written anew from what was checked.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final

from tierra.model.boosters import BadText

OBJECTIVES: Final = {"binary:logistic": "reg_loss_param", "reg:squarederror": "reg_loss_param",
                     "multi:softprob": "softmax_multiclass_param"}  # fmt: skip
MOST_COLUMNS: Final = 1_000_000
MOST_CLASSES: Final = 10_000
# Of each node: whole numbers, and numbers.
WHOLE: Final = ("left_children", "right_children", "parents", "split_indices", "split_type", "default_left")
NUMBERS: Final = ("base_weights", "loss_changes", "split_conditions", "sum_hessian")
NO_CATEGORIES: Final = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
NO_PARENT: Final = 2**31 - 1
BASE: Final = re.compile(r"\[?[-+0-9.eE]+(,[-+0-9.eE]+)*\]?")


def checked(text: str, columns: int) -> bytes:
    """The same model of so many columns, written anew. Raises BadText for any other text."""
    try:
        model = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise BadText("it is nested too deeply") from None
    except ValueError as error:
        raise BadText(f"it is no JSON: {error}") from None
    learner = _keys(model, "learner", "version")["learner"]
    _need(_whole(model["version"]) and len(model["version"]) == 3, "its version is none")
    _keys(learner, "attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param",
          "objective")  # fmt: skip
    empty = not (learner["attributes"] or learner["feature_names"] or learner["feature_types"])
    _need(empty, "it has attributes or names of columns")
    _check_trees(learner["gradient_booster"], columns, _check_objective(learner, columns))
    return json.dumps(model).encode()


def _check_objective(learner: dict[str, Any], columns: int) -> int:
    """How many trees there are a round."""
    param = _keys(learner["learner_model_param"], "base_score", "boost_from_average", "num_class", "num_feature",
                  "num_target")  # fmt: skip
    name = learner["objective"].get("name") if isinstance(learner["objective"], dict) else None
    _need(isinstance(name, str) and name in OBJECTIVES, "its objective is unknown")
    own = _keys(learner["objective"], "name", OBJECTIVES[str(name)])[OBJECTIVES[str(name)]]
    classes = _count(param["num_class"], MOST_CLASSES)
    if name == "multi:softprob":
        _need(classes >= 2 and _keys(own, "num_class")["num_class"] == param["num_class"], "its classes differ")
    else:
        _need(classes == 0 and _keys(own, "scale_pos_weight")["scale_pos_weight"] == "1", "it has classes or weights")
    stated = _count(param["num_feature"], MOST_COLUMNS), param["num_target"], param["boost_from_average"]
    _need(stated in {(columns, "1", "0"), (columns, "1", "1")}, "its columns or targets are not the model's")
    outputs = max(classes, 1)
    _need(_base_scores(param["base_score"]) in (1, outputs), "its start is none")
    return outputs


def _check_trees(booster: Any, columns: int, outputs: int) -> None:
    _need(_keys(booster, "model", "name")["name"] == "gbtree", "it is not made of trees")
    model = _keys(booster["model"], "cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees")
    _need(model["cats"] == {"enc": [], "feature_segments": [], "sorted_idx": []}, "it has categories")
    trees = model["trees"]
    _need(isinstance(trees, list), "its trees are none")
    _need(model["gbtree_model_param"] == {"num_parallel_tree": "1", "num_trees": str(len(trees))}, "trees are missing")
    _need(model["iteration_indptr"] == [*range(0, len(trees) + 1, outputs)], "its rounds are not whole")
    _need(model["tree_info"] == [number % outputs for number in range(len(trees))], "its trees are of other classes")
    for number, tree in enumerate(trees):
        _check_tree(tree, number, columns)


def _check_tree(tree: Any, number: int, columns: int) -> None:
    _keys(tree, "id", "tree_param", *WHOLE, *NUMBERS, *NO_CATEGORIES)
    nodes = len(tree["left_children"]) if isinstance(tree["left_children"], list) else 0
    param = _keys(tree["tree_param"], "num_deleted", "num_feature", "num_nodes", "size_leaf_vector")
    _need(0 <= _count(param["num_deleted"], nodes) < nodes, f"tree {number} has no nodes")
    sizes = param["num_feature"], param["num_nodes"], param["size_leaf_vector"]
    _need(sizes == (str(columns), str(nodes), "1") and tree["id"] == number, f"tree {number} is of another size")
    _need(all(_whole(tree[name], nodes) for name in WHOLE), f"tree {number} has nodes that are no numbers")
    _need(all(_numbers(tree[name], nodes) for name in NUMBERS), f"tree {number} has a value that is no number")
    _need(not any(tree[name] for name in NO_CATEGORIES), f"tree {number} has categories")
    _need(not any(tree["split_type"]) and {*tree["default_left"]} <= {0, 1}, f"tree {number} has unknown splits")
    _need(all(0 <= each < columns for each in tree["split_indices"]), f"tree {number} names a column that is none")
    _check_shape(tree, number, nodes)


def _check_shape(tree: dict[str, list[int]], number: int, nodes: int) -> None:
    """Children come after their parents, each has one, and both or none are there."""
    pairs = list(zip(tree["left_children"], tree["right_children"], strict=True))
    below = [(node, child) for node, pair in enumerate(pairs) if pair != (-1, -1) for child in pair]
    _need(all(node < child < nodes for node, child in below), f"tree {number} leads to a node that is none")
    _need(len({child for _, child in below}) == len(below), f"tree {number} is not a tree")
    parents = {child: node for node, child in below}
    found = all(parents.get(node, parent) == parent for node, parent in enumerate(tree["parents"]))
    inside = all(0 <= parent < nodes or parent == NO_PARENT for parent in tree["parents"])
    _need(found and inside and tree["parents"][0] == NO_PARENT, f"tree {number} has other parents")


def _base_scores(text: Any) -> int:
    _need(isinstance(text, str) and len(text) < 40 * MOST_CLASSES and bool(BASE.fullmatch(text)), "its start is none")
    try:
        values = [float(each) for each in text.strip("[]").split(",")]
    except ValueError:
        raise BadText("its start is none") from None
    return len(values) if all(map(math.isfinite, values)) else 0


def _keys(value: Any, *names: str) -> dict[str, Any]:
    """An object that has these keys and no other."""
    if not isinstance(value, dict) or value.keys() != {*names}:
        raise BadText(f"where {', '.join(names)} should stand, something else does")
    return value


def _count(text: Any, most: int) -> int:
    if isinstance(text, str) and re.fullmatch(r"[0-9]{1,9}", text) and int(text) <= most:
        return int(text)
    raise BadText("a size is none")


def _whole(values: Any, count: int | None = None) -> bool:
    """Whether these are so many whole numbers of 32 bits."""
    return _is_list(values, count) and all(type(each) is int and abs(each) < 2**31 for each in values)


def _numbers(values: Any, count: int) -> bool:
    """Whether these are so many finite numbers of single precision."""
    return _is_list(values, count) and all(type(each) in (int, float) and abs(each) < 3.4e38 for each in values)


def _is_list(values: Any, count: int | None) -> bool:
    return isinstance(values, list) and count in (None, len(values))


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """An object; two readers may take a different one of two equal keys."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        _need(name not in found, f"it has two of {name[:40]}")
        found[name] = value
    return found


def _no_number(text: str) -> Any:
    raise BadText(f"{text} is no number")


def _need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BadText(otherwise)
