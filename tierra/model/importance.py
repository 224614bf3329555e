"""Permutation importance: how much worse the metric gets when one feature is shuffled.

After Breiman, Random Forests (2001), on rows the model has not seen, in bounded time. The interval holds both
what another shuffling and what other rows would change: the variance between rounds, and that of the mean when
each twentieth of the rows is left out in turn (the delete-a-group jackknife; Kott, 2001).
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from tierra.journal import advance
from tierra.model.artifact import Predictions, predict
from tierra.model.evaluation import Importance
from tierra.model.examples import Examples
from tierra.model.metrics import weighted_metrics
from tierra.model.spec import LOWER_IS_BETTER, METRICS, REQUESTED
from tierra.model.training import measure

ROWS = 2000
ROUNDS = 5
SECONDS = 8.0
GROUPS = 20
AT_ONCE = 8
LEVEL = 0.95
SEED = 0


def find_importance(model: Any, rows: Examples, metric: str, scorers: tuple[str, ...] = ()) -> tuple[Importance, ...]:
    """Every feature, most important first: shuffled once each, and again while there is time."""
    few, random = rows.sample(ROWS, SEED), np.random.default_rng(SEED)
    look = _Look(model, metric, scorers, _weights(few))
    whole = next(iter(look.scores([few])))
    if whole is None:
        return ()
    rounds: list[np.ndarray] = []
    ends = time.monotonic() + SECONDS
    while len(rounds) < ROUNDS and (not rounds or time.monotonic() < ends):
        advance(len(rounds), ROUNDS, "rounds of shuffling")
        shuffled = (few.shuffled(str(name), random) for name in few.features)
        rounds.append(_losses(metric, whole, look.scores(shuffled)))
    by_feature = np.array(rounds).swapaxes(0, 1)
    found = [_importance(str(name), losses) for name, losses in zip(few.features, by_feature, strict=True)]
    return tuple(sorted((each for each in found if np.isfinite(each.mean)), key=lambda each: -each.mean))


@dataclass(frozen=True)
class _Look:
    """A metric of a model on variants of the same rows: of all of them, and without each group of them."""

    model: Any
    metric: str
    scorers: tuple[str, ...]
    weights: np.ndarray

    def scores(self, variants: Iterable[Examples]) -> Iterator[np.ndarray | None]:
        """The metric by weighting; of a scorer of scikit-learn one number; None where it is none.

        Several variants are predicted at once: a call costs as much as a thousand rows.
        """
        todo = iter(variants)
        while several := list(islice(todo, AT_ONCE)):
            if self.metric not in METRICS[several[0].labels.task] and self.metric not in REQUESTED:
                yield from map(self._scored, several)
                continue
            table = pd.concat([each.table for each in several], ignore_index=True)
            found = predict(self.model, table, several[0].labels)
            parts = (np.split(values, len(several)) for values in (found.scores, found.decision))
            yield from map(self._weighed, several, *parts)

    def _weighed(self, rows: Examples, scores: np.ndarray, decision: np.ndarray) -> np.ndarray | None:
        with np.errstate(invalid="ignore", divide="ignore"):
            metrics = weighted_metrics(rows.target, Predictions(scores, decision), rows.labels, (self.metric,))
            found = metrics(self.weights)[self.metric]
        return found if np.isfinite(found[0]) else None

    def _scored(self, rows: Examples) -> np.ndarray | None:
        measured = measure(self.model, rows, self.scorers)
        return np.array([measured[self.metric]]) if self.metric in measured else None


def _weights(few: Examples) -> np.ndarray:
    """All rows, and all but one twentieth of the units after the other, as weights of shape (21, rows)."""
    units = np.arange(len(few.target)) if few.units is None else few.units
    group = np.random.default_rng(SEED).permutation(int(units.max()) + 1)[units] % GROUPS
    kept = np.vstack([np.ones(len(units)), *(group != left_out for left_out in range(GROUPS))])
    return kept if few.weight is None else kept * few.weight


def _losses(metric: str, whole: np.ndarray, shuffled: Iterable[np.ndarray | None]) -> np.ndarray:
    """How much worse each feature's shuffling made the metric, shape (features, weightings)."""
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    return np.array([np.full_like(whole, np.nan) if each is None else sign * (whole - each) for each in shuffled])


def _importance(feature: str, losses: np.ndarray) -> Importance:
    """From the losses of one feature, shape (rounds, weightings)."""
    first, without = losses[:, 0], losses[:, 1:].mean(axis=0)
    mean, spread = float(first.mean()), float(first.std())
    between = first.var(ddof=1) / len(first) if len(first) > 1 else np.nan
    left_out = (GROUPS - 1) / GROUPS * ((without - without.mean()) ** 2).sum() if without.size else 0.0
    error = float(np.sqrt(between + left_out))
    degrees = GROUPS - 1 if without.size else max(len(first) - 1, 1)
    reach = float(stdtrit(degrees, (1 + LEVEL) / 2)) * error
    known = (mean - reach, mean + reach) if np.isfinite(reach) else None
    return Importance(feature=feature, mean=mean, spread=spread, interval=known)
