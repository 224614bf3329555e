"""How much of a change in a mean each factor makes: Shapley's value over the factors.

The method: L. S. Shapley, A value for n-person games, 1953, as applied to differences of statistics by
A. F. Shorrocks, Decomposition procedures for distributional analysis, Journal of Economic Inequality 11, 2013.
Of two factors it is E. M. Kitagawa, Components of a difference between two rates, JASA 50, 1955.
docs/decisions/0035-why.md says why this one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

ROWS, FEATURES, MODEL, THRESHOLD = "rows", "features", "model", "threshold"
FACTORS: Final = (ROWS, FEATURES, MODEL, THRESHOLD)
Changed = frozenset[str]


@dataclass(frozen=True)
class Crossed:
    """One number a row for the rows before and after, each by the model before and after.

    `matched` are the places of keys that are in both tables, pair by pair. `thresholds`, of the model before and
    after, make decisions of the numbers; None leaves them as they are.
    """

    before: tuple[np.ndarray, np.ndarray]
    after: tuple[np.ndarray, np.ndarray]
    matched: tuple[np.ndarray, np.ndarray]
    thresholds: tuple[float, float] | None = None

    def mean(self, changed: Changed) -> float:
        """The mean when these factors are as they are after, and all others as before.

        Rows of a key that is in one table alone have their features from there, whatever `features` is.
        """
        model, values = int(MODEL in changed), int(FEATURES in changed)
        tables = (self._numbers(self.before[model], changed), self._numbers(self.after[model], changed))
        side = int(ROWS in changed)
        alone = np.delete(tables[side], self.matched[side])
        shared = tables[values][self.matched[values]]
        return float(alone.sum() + shared.sum()) / (len(alone) + len(shared))

    def _numbers(self, scores: np.ndarray, changed: Changed) -> np.ndarray:
        if self.thresholds is None:
            return scores
        return (scores >= self.thresholds[int(THRESHOLD in changed)]).astype(float)


def attribute(value: Callable[[Changed], float], factors: Sequence[str] = FACTORS) -> dict[str, float]:
    """What each factor contributes to value(all of them) - value(none): its mean effect over all their orders.

    The contributions sum to that difference; a factor that changes nothing in any order contributes nothing.
    """
    subsets = [frozenset(each) for size in range(len(factors) + 1) for each in combinations(factors, size)]
    values = {each: value(each) for each in subsets}
    return {factor: _contribution(values, factor, len(factors)) for factor in factors}


def _contribution(values: Mapping[Changed, float], factor: str, factors: int) -> float:
    return math.fsum(
        _weight(len(without), factors) * (values[without | {factor}] - values[without])
        for without in values
        if factor not in without
    )


def _weight(before: int, factors: int) -> float:
    """The share of the orders in which exactly these factors come first."""
    return math.factorial(before) * math.factorial(factors - before - 1) / math.factorial(factors)
