"""Contributions to one score carried over to a function of it, so that they add up there too.

Along the straight line from the start to the row each contribution gets the function's change times its share
(integrated gradients, Sundararajan et al., 2017; Aumann and Shapley, 1974). With one output the share is that of the
score, exactly; with several the line is integrated numerically, and what is left over, some 1e-9, is divided in
proportion.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import expit, softmax

NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)
STEP: Final = 1e-4
STILL: Final = 1e-7
Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Contributions:
    """Contributions of shape (rows, features, outputs) to outputs that start at the same values for every row.

    The output is the probability of the class to predict, those of several classes, or the predicted number.
    """

    features: tuple[str, ...]
    start: np.ndarray
    parts: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """The outputs, shape (rows, outputs)."""
        total: np.ndarray = self.start + self.parts.sum(axis=1)
        return total


def carry(given: Contributions, function: Function, slope: Function) -> Contributions:
    """The same for a function of the outputs; `slope` gives its derivatives, shape (rows, outputs, new outputs)."""
    start, end = function(given.start[None, :]), function(given.total)
    moved = given.parts.sum(axis=1)
    one = given.parts.shape[2] == 1
    mean = _secant(given.start, moved, end - start, slope) if one else _mean_slope(given.start, moved, slope)
    parts = np.einsum("nfk,nkl->nfl", given.parts, mean)
    left = end - start - parts.sum(axis=1)
    size = np.abs(parts)
    sizes = size.sum(axis=1, keepdims=True)
    shares = np.divide(size, sizes, out=np.full_like(size, 1 / max(size.shape[1], 1)), where=sizes > 0)
    return replace(given, start=start[0], parts=parts + shares * left[:, None, :])


def _secant(start: np.ndarray, moved: np.ndarray, gained: np.ndarray, slope: Function) -> np.ndarray:
    """The mean derivative between two points of one output."""
    still = np.abs(moved) < STILL
    ratio = np.divide(gained, moved, out=np.zeros_like(gained), where=~still)
    return np.where(still, slope(start[None, :])[:, :, 0], ratio)[:, :, None]


def _mean_slope(start: np.ndarray, moved: np.ndarray, slope: Function) -> np.ndarray:
    """The mean derivatives on the straight line from the start, by Gauss and Legendre."""
    nodes = zip(NODES, WEIGHTS, strict=True)
    return np.sum([weight / 2 * slope(start + (node + 1) / 2 * moved) for node, weight in nodes], axis=0)


def _expit_slope(odds: np.ndarray) -> np.ndarray:
    chance = expit(odds)
    slope: np.ndarray = (chance * (1 - chance))[:, :, None]
    return slope


def _softmax(odds: np.ndarray) -> np.ndarray:
    chances: np.ndarray = softmax(odds, axis=1)
    return chances


def _softmax_slope(odds: np.ndarray) -> np.ndarray:
    chances = _softmax(odds)
    slope: np.ndarray = chances[:, :, None] * (np.eye(chances.shape[1]) - chances[:, None, :])
    return slope


def numeric_slope(function: Function) -> Function:
    """The derivatives of a function of probabilities, by differences."""

    def slope(at: np.ndarray) -> np.ndarray:
        made = []
        for output in range(at.shape[1]):
            up, down = at.copy(), at.copy()
            up[:, output] = np.minimum(at[:, output] + STEP, 1.0)
            down[:, output] = np.maximum(at[:, output] - STEP, 0.0)
            made.append((function(up) - function(down)) / (up[:, output] - down[:, output])[:, None])
        return np.stack(made, axis=1)

    return slope


def as_chances(odds: Contributions) -> Contributions:
    """Contributions to log-odds as contributions to probabilities."""
    one = odds.parts.shape[2] == 1
    return carry(odds, expit, _expit_slope) if one else carry(odds, _softmax, _softmax_slope)


def exponential(logs: Contributions) -> Contributions:
    """Contributions to a logarithm as contributions to the number."""
    return carry(logs, np.exp, lambda at: np.exp(at)[:, :, None])
