"""What each split on a row's way through a tree contributes (Saabas, 2014): the change of the expected value.

The expected value of a node is the mean of its leaves, weighted by the training rows in them. Expected value of the
root and contributions add up to the leaf's value, exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor


@dataclass(frozen=True)
class Tree:
    """A fitted tree: children and split column of each node, -1 in leaves; values of leaves, and rows of each node."""

    left: np.ndarray
    right: np.ndarray
    column: np.ndarray
    values: np.ndarray
    rows: np.ndarray

    @property
    def levels(self) -> Iterator[np.ndarray]:
        """The nodes that split, from the root down."""
        level = np.array([0])
        while len(level := level[self.left[level] >= 0]):
            yield level
            level = np.concatenate([self.left[level], self.right[level]])


def contributions_of(tree: Tree, owner: np.ndarray, features: int) -> tuple[np.ndarray, np.ndarray]:
    """The root's expected values, and what each feature contributes to the value of each node.

    `owner` is the feature that each column was made of. Shapes (outputs,) and (nodes, features, outputs).
    """
    levels, expected = list(tree.levels), tree.values.astype(float)
    for level in reversed(levels):
        left, right = tree.left[level], tree.right[level]
        share = (tree.rows[left] / (tree.rows[left] + tree.rows[right]))[:, None]
        expected[level] = share * expected[left] + (1 - share) * expected[right]
    table = np.zeros((len(expected), features, expected.shape[1]))
    for level in levels:
        for child in (tree.left[level], tree.right[level]):
            table[child] = table[level]
            table[child, owner[tree.column[level]]] += expected[child] - expected[level]
    return expected[0], table


def plain_tree(fitted: Any, outputs: slice) -> Tree:
    """A tree of scikit-learn, some of its outputs."""
    values = fitted.value[:, 0, outputs]
    return Tree(fitted.children_left, fitted.children_right, fitted.feature, values, fitted.weighted_n_node_samples)


def boosted_tree(fitted: TreePredictor) -> Tree:
    """A tree of histogram gradient boosting."""
    nodes = fitted.nodes
    leaf = nodes["is_leaf"].astype(bool)
    left, right = (np.where(leaf, -1, nodes[side].astype(int)) for side in ("left", "right"))
    return Tree(left, right, nodes["feature_idx"].astype(int), nodes["value"][:, None], nodes["count"].astype(float))


def numbered(fitted: TreePredictor) -> TreePredictor:
    """The same tree whose leaves hold their own numbers, so that what it predicts is where a row ends."""
    nodes = fitted.nodes.copy()
    nodes["value"] = np.arange(len(nodes))
    return TreePredictor(nodes, fitted.binned_left_cat_bitsets, fitted.raw_left_cat_bitsets)
