"""Permutation importance: how much worse the metric gets when one feature is shuffled.

After Breiman, Random Forests (2001), on rows the model has not seen, in bounded time. The interval holds both
what another shuffling and what other rows would change: the variance between rounds, and that of the mean when
each twentieth of the rows is left out in turn (the delete-a-group jackknife; Kott, 2001), wherever it stands.
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
from tierra.model.training import score_by

ROWS = 2000
ROUNDS = 5
SECONDS = 8.0
AT_ONCE = 8
LEVEL = 0.95
SEED = 0


def find_importance(model: Any, rows: Examples, metric: str) -> tuple[Importance, ...]:
    """Every feature, most important first: shuffled once each, and again while there is time."""
    few, random = rows.sample(ROWS, SEED), np.random.default_rng(SEED)
    look, rows_of = _Look(model, metric, _kept(few)), np.arange(len(few.target))
    whole = next(look.scores([(few, rows_of)]))
    if whole is None:
        return ()
    rounds: list[np.ndarray] = []
    ends = time.monotonic() + SECONDS
    while len(rounds) < ROUNDS and (not rounds or time.monotonic() < ends):
        advance(len(rounds), ROUNDS, "rounds of shuffling")
        orders = ((name, random.permutation(rows_of)) for name in few.features)
        shuffled = ((few.shuffled(str(name), order), order) for name, order in orders)
        rounds.append(_losses(metric, whole, look.scores(shuffled)))
    by_feature = np.array(rounds).swapaxes(0, 1)
    found = [_importance(str(name), losses) for name, losses in zip(few.features, by_feature, strict=True)]
    return tuple(sorted((each for each in found if np.isfinite(each.mean)), key=lambda each: -each.mean))


@dataclass(frozen=True)
class _Look:
    """A metric of a model on variants of the same rows: of all of them, and without each group of them."""

    model: Any
    metric: str
    kept: np.ndarray

    def scores(self, variants: Iterable[tuple[Examples, np.ndarray]]) -> Iterator[np.ndarray | None]:
        """The metric of each variant, whose feature has the values of other rows, in the order that stands beside it.

        Of a scorer of scikit-learn it is one number, else one by what is left out; None where it is none. Several
        variants are predicted at once: a call costs as much as a thousand rows.
        """
        todo = iter(variants)
        while several := list(islice(todo, AT_ONCE)):
            labels = several[0][0].labels
            if self.metric not in METRICS[labels.task] and self.metric not in REQUESTED:
                yield from (self._scored(rows) for rows, _ in several)
                continue
            table = pd.concat([rows.table for rows, _ in several], ignore_index=True)
            found = predict(self.model, table, labels)
            parts = (np.split(values, len(several)) for values in (found.scores, found.decision))
            yield from map(self._weighed, several, *parts)

    def _weighed(
        self, variant: tuple[Examples, np.ndarray], scores: np.ndarray, decision: np.ndarray
    ) -> np.ndarray | None:
        rows, order = variant
        # A row is left out with its group, and with the group that its value comes from.
        weights = (self.kept & self.kept[:, order]) * (1.0 if rows.weight is None else rows.weight)
        with np.errstate(invalid="ignore", divide="ignore"):
            metrics = weighted_metrics(rows.target, Predictions(scores, decision), rows.labels, (self.metric,))
            found = metrics(weights)[self.metric]
        return found if np.isfinite(found[0]) else None

    def _scored(self, rows: Examples) -> np.ndarray | None:
        score = score_by(self.metric, self.model, rows)
        return np.array([score]) if np.isfinite(score) else None


def _kept(few: Examples) -> np.ndarray:
    """All rows, and all but one group of the units after the other, shape (1 + groups, rows)."""
    group = few.in_groups()
    return np.vstack([np.ones(len(group), bool), *(group != left_out for left_out in np.unique(group))])


def _losses(metric: str, whole: np.ndarray, shuffled: Iterable[np.ndarray | None]) -> np.ndarray:
    """How much worse each feature's shuffling made the metric, shape (features, weightings)."""
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    return np.array([np.full_like(whole, np.nan) if each is None else sign * (whole - each) for each in shuffled])


def _importance(feature: str, losses: np.ndarray) -> Importance:
    """From the losses of one feature, shape (rounds, weightings)."""
    first, without = losses[:, 0], losses[:, 1:].mean(axis=0)
    mean, spread = float(first.mean()), float(first.std())
    between = first.var(ddof=1) / len(first) if len(first) > 1 else np.nan
    groups = max(without.size, 2)  # a scorer of scikit-learn has none
    left_out = (groups - 1) / groups * ((without - without.mean()) ** 2).sum() if without.size else 0.0
    # After Satterthwaite: five rounds say less of their variance than twenty groups of theirs.
    parts = between**2 / max(len(first) - 1, 1) + left_out**2 / (groups - 1)
    degrees = (between + left_out) ** 2 / parts if parts > 0 else groups - 1
    reach = float(stdtrit(degrees, (1 + LEVEL) / 2) * np.sqrt(between + left_out))
    known = (mean - reach, mean + reach) if np.isfinite(reach) else None
    return Importance(feature=feature, mean=mean, spread=spread, interval=known)
