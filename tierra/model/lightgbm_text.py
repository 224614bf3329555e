"""LightGBM's text format, read strictly before LightGBM reads it: its own reader trusts what it is given.

A text with one wrong count or one node that points outside its tree makes LightGBM read or write memory that is not
its own. Here only what our models write is accepted: header, plain trees of numbers, no categories, no linear leaves.
"""

import math
import re
from typing import Final

from tierra.model.boosters import BadText

END: Final = "end of trees\n"
HEADER: Final = ("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective",
                 "feature_names", "feature_infos", "tree_sizes")  # fmt: skip
OBJECTIVE: Final = re.compile(r"[a-z_0-9]+( [a-z_]+:[0-9.e+-]{1,30}| sqrt)*")
REGRESSIONS: Final = frozenset(
    {"regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie"}
)
OF_SPLITS: Final = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child",
                    "internal_value", "internal_weight", "internal_count")  # fmt: skip
OF_LEAVES: Final = ("leaf_value", "leaf_weight", "leaf_count")
TREE: Final = ("Tree", "num_leaves", "num_cat", *OF_SPLITS[:6], *OF_LEAVES, *OF_SPLITS[6:], "is_linear", "shrinkage")
CATEGORY: Final = 1
WHOLE: Final = re.compile(r"-?[0-9]{1,9}")
MOST_LEAVES: Final = 131_072


def trimmed(text: str) -> str:
    """The part of LightGBM's text that predicts: what it was trained with and how it ranked features are left out."""
    return text[: text.index(END) + len(END)]


def check_text(text: str) -> None:
    """Raise BadText unless a text is a whole model of numbers whose every reference stays inside it."""
    if not text.isascii() or "\0" in text or "\r" in text or not text.endswith(END):
        raise BadText("no text of a LightGBM model")
    head, _, body = text.removesuffix(END).partition("\n\n")
    header = _header(head)
    sizes = _whole(header["tree_sizes"])
    if any(size <= 0 for size in sizes) or sum(sizes) != len(body):
        raise BadText("tree_sizes do not fit the trees")
    features = _features(header)
    start = 0
    for number, size in enumerate(sizes):
        _check_tree(body[start : start + size], number, features)
        start += size


def _header(head: str) -> dict[str, str]:
    first, *lines = head.split("\n")
    if first != "tree":
        raise BadText("no text of a LightGBM model")
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    if tuple(found) != HEADER or len(lines) != len(HEADER):
        raise BadText(f"its header holds {', '.join(found)}"[:200])
    _check_objective(found)
    return found


def _check_objective(header: dict[str, str]) -> None:
    objective, (classes,) = header["objective"], _whole(header["num_class"])
    expected = "binary sigmoid:1" if classes == 1 else f"multiclass num_class:{classes}"
    regression = classes == 1 and objective.partition(" ")[0] in REGRESSIONS
    known = OBJECTIVE.fullmatch(objective) and (objective == expected or regression)
    if header["version"] != "v4" or not known or _whole(header["num_tree_per_iteration"]) != [classes]:
        raise BadText(f"objective {objective[:60]} of {classes} classes")


def _features(header: dict[str, str]) -> int:
    (last,) = _whole(header["max_feature_idx"])
    if not len(header["feature_names"].split(" ")) == len(header["feature_infos"].split(" ")) == last + 1:
        raise BadText("its features are not as many as it names")
    return last + 1


def _check_tree(block: str, number: int, features: int) -> None:
    lines = block.removesuffix("\n\n\n").split("\n")
    tree = dict(line.split("=", 1) for line in lines if "=" in line)
    if not block.endswith("\n\n\n") or tuple(tree) != TREE or len(lines) != len(TREE) or tree["Tree"] != str(number):
        raise BadText(f"tree {number} holds {', '.join(tree)}"[:200])
    (leaves,), splits = _whole(tree["num_leaves"]), {name: _numbers(tree[name]) for name in OF_SPLITS}
    if not 1 <= leaves <= MOST_LEAVES or (tree["num_cat"], tree["is_linear"]) != ("0", "0"):
        raise BadText(f"tree {number} has {leaves} leaves, categories or linear leaves")
    if {len(values) for values in splits.values()} != {leaves - 1}:
        raise BadText(f"tree {number}: its splits are not as many as its leaves ask for")
    _check_leaves(tree, number, leaves)
    _check_splits(tree, number, leaves, features)


def _check_leaves(tree: dict[str, str], number: int, leaves: int) -> None:
    # A tree of one leaf has no weight.
    lengths = {name: len(_numbers(tree[name])) for name in OF_LEAVES}
    if not all(map(math.isfinite, _numbers(tree["leaf_value"]))):
        raise BadText(f"tree {number} predicts no finite number")
    if lengths["leaf_value"] != leaves or any(length != leaves for length in lengths.values() if leaves > 1):
        raise BadText(f"tree {number}: its values are not as many as its leaves")
    _numbers(tree["shrinkage"])


def _check_splits(tree: dict[str, str], number: int, leaves: int, features: int) -> None:
    used, kinds = _whole(tree["split_feature"]), _whole(tree["decision_type"])
    if any(not 0 <= feature < features for feature in used):
        raise BadText(f"tree {number} splits by a feature that is none")
    if any(not 0 <= kind < 16 or kind & CATEGORY for kind in kinds):
        raise BadText(f"tree {number} splits by categories")
    left, right = _whole(tree["left_child"]), _whole(tree["right_child"])
    # Each node but the root, and each leaf, is the child of one earlier node: so there is no circle and no way out.
    if any(0 <= child <= node for each in (left, right) for node, child in enumerate(each)):
        raise BadText(f"tree {number} goes in a circle")
    if sorted([*left, *right]) != [*range(-leaves, 0), *range(1, leaves - 1)] and leaves > 1:
        raise BadText(f"tree {number}: its nodes do not form a tree")


def _whole(text: str) -> list[int]:
    words = text.split(" ") if text else []
    if not all(WHOLE.fullmatch(word) for word in words):
        raise BadText("a count or a place that is no whole number")
    return [int(word) for word in words]


def _numbers(text: str) -> list[float]:
    try:
        values = [float(word) for word in text.split(" ")] if text else []
    except ValueError:
        raise BadText("a value that is no number") from None
    # A split of rows with a value from rows without one is at infinity.
    if "_" in text or any(map(math.isnan, values)):
        raise BadText("a value that is no number")
    return values
