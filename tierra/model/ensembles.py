"""Ensembles: one prediction of several candidates' predictions, learnt on rows that none of them was fitted on.

Greedy selection with replacement is after Caruana, Niculescu-Mizil, Crew and Ksikes (2004); stacking after
Wolpert (1992), with weights of a regression that are not negative after Breiman (1996).
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

import numpy as np
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression

from tierra.model.ensemble_spec import Average, Ensemble, Selection, Stack
from tierra.model.examples import Examples
from tierra.model.rules import Averaged, AveragedValue
from tierra.model.stacking import CLIP, Stacked, StackedValue, as_features, as_logits

ROUNDS: Final = 30
ROWS: Final = 20_000
GROUPS: Final = 5
STEPS: Final = 1000
SEED: Final = 0
Loss = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Blend:
    """How the scores of members become one: by weights, or by a fitted linear model."""

    weights: tuple[float, ...] = ()
    final: Any = None

    def mix(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """One score of each row, of as many arrays of one shape as there are members."""
        if self.final is None:
            return np.average(scores, axis=0, weights=self.weights)
        if not hasattr(self.final, "classes_"):
            return np.asarray(self.final.predict(as_features(scores)), float)
        chances: np.ndarray = self.final.predict_proba(as_logits(scores))
        return chances[:, 1] if scores[0].ndim == 1 else chances

    def needed(self, members: Sequence[str]) -> list[str]:
        """The members without those of no weight."""
        return [name for name, weight in zip(members, self.weights or (1.0,) * len(members), strict=True) if weight > 0]

    def of(self, models: Sequence[Any], is_number: bool) -> Any:
        """The ensemble of the fitted members that it needs; of one it is that."""
        if self.final is not None:
            return (StackedValue if is_number else Stacked)(list(models), self.final)
        if len(models) == 1:
            return models[0]
        weights = [weight for weight in self.weights if weight > 0]
        return (AveragedValue if is_number else Averaged)(list(models), weights).fit()


def learn_blend(ensemble: Ensemble, scores: Sequence[np.ndarray], rows: Examples, metric: str) -> Blend:
    """How an ensemble combines its members, by what they predicted of rows that they were not fitted on."""
    match ensemble:
        case Average():
            return Blend((1 / len(scores),) * len(scores))
        case Selection():
            return Blend(select_greedily(scores, rows, metric))
        case Stack():
            return _stack(scores, rows)
        case _:
            assert_never(ensemble)


def cross_mix(ensemble: Ensemble, scores: Sequence[np.ndarray], rows: Examples, metric: str) -> np.ndarray:
    """The ensemble's score of each row, by a blend that has not seen the row's label nor that of its unit."""
    if isinstance(ensemble, Average):
        return learn_blend(ensemble, scores, rows, metric).mix(scores)
    mixed, group = np.empty_like(scores[0]), rows.in_groups() % GROUPS
    for each in range(GROUPS):
        inside = group == each
        blend = learn_blend(ensemble, [score[~inside] for score in scores], rows.take(~inside), metric)
        mixed[inside] = blend.mix([score[inside] for score in scores])
    return mixed


def select_greedily(scores: Sequence[np.ndarray], rows: Examples, metric: str) -> tuple[float, ...]:
    """Weights of members: one after the other is added, with replacement, that makes the mean best by the metric.

    On at most 20,000 rows, drawn at random. What was best of all rounds is kept.
    """
    places = np.arange(len(rows.target))
    if len(places) > ROWS:
        places = np.sort(np.random.default_rng(SEED).choice(places, ROWS, replace=False))
    few, loss = [each[places] for each in scores], loss_of(rows.take(places), metric)
    chosen: list[int] = []
    total, losses = np.zeros_like(few[0]), []
    for number in range(1, ROUNDS + 1):
        tried = [loss((total + each) / number) for each in few]
        chosen.append(int(np.argmin(tried)))
        total = total + few[chosen[-1]]
        losses.append(tried[chosen[-1]])
    kept = chosen[: int(np.argmin(losses)) + 1]
    return tuple(kept.count(member) / len(kept) for member in range(len(scores)))


def loss_of(rows: Examples, metric: str) -> Loss:
    """What selection makes small: the metric itself, or its task's log loss or squared error."""
    target, weight = rows.target, np.ones(len(rows.target)) if rows.weight is None else rows.weight
    if rows.labels.task == "regression":
        power = 1 if metric in ("mae", "median_error", "mape") else 2
        return lambda values: float(np.average(np.abs(values - target) ** power, weights=weight))
    if rows.labels.task == "binary" and metric == "roc_auc":
        return lambda chances: -_area(chances, target == 1)
    codes = target.astype(int)

    def log_loss(chances: np.ndarray) -> float:
        is_binary = chances.ndim == 1
        given = np.where(codes == 1, chances, 1 - chances) if is_binary else chances[np.arange(len(codes)), codes]
        return float(np.average(-np.log(np.clip(given, CLIP, 1.0)), weights=weight))

    return log_loss


def _area(chances: np.ndarray, is_positive: np.ndarray) -> float:
    """The area under the ROC curve, by ranks."""
    positives = int(is_positive.sum())
    negatives = len(is_positive) - positives
    if not positives * negatives:  # nothing is ranked before anything: all chances are alike
        return 0.5
    ranks = float(rankdata(chances)[is_positive].sum())
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def _stack(scores: Sequence[np.ndarray], rows: Examples) -> Blend:
    """A linear model of the scores; their mean where a class is in none of the rows, of which it would know nothing."""
    if rows.labels.task == "regression":
        return Blend(final=LinearRegression(positive=True).fit(as_features(scores), rows.target, rows.weight))
    codes = rows.target.astype(int)
    if len(np.unique(codes)) < len(rows.labels.classes):
        return Blend((1 / len(scores),) * len(scores))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # where models part the classes it could go on for ever
        return Blend(final=LogisticRegression(max_iter=STEPS).fit(as_logits(scores), codes, rows.weight))
