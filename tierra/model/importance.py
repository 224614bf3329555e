"""Permutation importance: how much worse the metric gets when one feature is shuffled.

After Breiman, Random Forests (2001), on rows the model has not seen, in bounded time.
"""

import time
from typing import Any

import numpy as np

from tierra.journal import advance
from tierra.model.evaluation import Importance
from tierra.model.examples import Examples
from tierra.model.gate import advantage
from tierra.model.training import measure

ROWS = 2000
ROUNDS = 5
SECONDS = 8.0
SEED = 0


def find_importance(model: Any, rows: Examples, metric: str, scorers: tuple[str, ...] = ()) -> tuple[Importance, ...]:
    """Every feature, most important first: shuffled once each, and again while there is time."""
    few, random = rows.sample(ROWS, SEED), np.random.default_rng(SEED)
    whole = measure(model, few, scorers)
    if metric not in whole:
        return ()
    losses: list[list[float]] = []
    ends = time.monotonic() + SECONDS
    while len(losses) < ROUNDS and (not losses or time.monotonic() < ends):
        advance(len(losses), ROUNDS, "rounds of shuffling")
        shuffled = (few.shuffled(feature, random) for feature in few.features)
        losses.append([advantage(metric, whole, measure(model, each, scorers)) for each in shuffled])
    means, spreads = np.mean(losses, axis=0), np.std(losses, axis=0)
    found = zip(few.features, means.tolist(), spreads.tolist(), strict=True)
    return tuple(Importance(feature=name, mean=mean, spread=spread) for name, mean, spread in sorted(found, key=_most))


def _most(found: tuple[str, float, float]) -> float:
    return -found[1]
