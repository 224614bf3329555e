"""What a yes or no would find, alarm and cost, by the probability from which it is a yes."""

import numpy as np

from tierra.model.artifact import Predictions
from tierra.model.evaluation import CostCurve, Curve, Threshold
from tierra.model.spec import Costs

# Shares of the rows that are alarmed: people plan by how many they can look at.
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75)
POINTS = 100


def gains_curve(target: np.ndarray, scores: np.ndarray) -> Curve:
    """The share of all cases that is found among the rows of the highest scores, by the share of rows."""
    found = _found(target, scores)
    shares = np.linspace(0, 1, POINTS + 1)
    cases = np.interp(shares * len(target), found[:, 1], found[:, 0]) / max(found[-1, 0], 1)
    return Curve(x=tuple(shares.tolist()), y=tuple(cases.tolist()))


def precision_recall(target: np.ndarray, scores: np.ndarray) -> Curve:
    """Precision by recall; rows of one score are drawn among each other at random.

    So a constant score has the base rate everywhere, and no precision is made up where nothing is found
    (Davis and Goadrich, The Relationship Between Precision-Recall and ROC Curves, 2006).
    """
    found = _found(target, scores)
    cases = np.linspace(found[-1, 0] / POINTS, found[-1, 0], POINTS)
    # Rows of a score that finds no case are passed over: the end of the step before is the cheaper place.
    steps = np.concatenate([[True], np.diff(found[:, 0]) > 0])
    ends, begins = found[steps], np.concatenate([found[:1], found[:-1]])[steps]
    at = np.searchsorted(ends[:, 0], cases - 1e-9)
    inside = (cases - begins[at, 0]) / (ends[at, 0] - begins[at, 0])
    rows = begins[at, 1] + inside * (ends[at, 1] - begins[at, 1])
    first = cases[0] / rows[0]
    return Curve(x=(0.0, *(cases / found[-1, 0]).tolist()), y=(float(first), *(cases / rows).tolist()))


def threshold_table(
    target: np.ndarray, predictions: Predictions, costs: Costs | None, serves: float
) -> tuple[Threshold, ...]:
    """What thresholds that alarm 1 % to 75 % of the rows would do, and the one that `serves`, by rising alarms."""
    scores, decided = predictions.scores, predictions.decision == 1
    cuts = dict.fromkeys(np.quantile(scores, 1 - share, method="inverted_cdf") for share in SHARES)
    table = [_row(target, scores >= cut, float(cut), costs) for cut in cuts]
    kept = [each for each in table if each.alarms != int(decided.sum())]
    served = _row(target, decided, serves, costs).model_copy(update={"served": True})
    return tuple(sorted([*kept, served], key=lambda each: each.alarms))


def cost_curve(
    target: np.ndarray,
    predictions: Predictions,
    costs: Costs,
    serves: float,
    rule: float | None = None,
) -> CostCurve:
    """The cost of 100 rows at each threshold and at the one that `serves`, beside what the rule's decisions cost."""
    cuts = np.linspace(0, 1, POINTS + 1)
    every = tuple(_cost(target, predictions.scores >= cut, costs) for cut in cuts)
    served = (serves, _cost(target, predictions.decision == 1, costs))
    return CostCurve(curve=Curve(x=tuple(cuts.tolist()), y=every), served=served, rule=rule)


def _found(target: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Cases and rows found down to each different score, from nothing to all, shape (scores + 1, 2)."""
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    cases = np.cumsum(target[order] == 1)[last]
    return np.vstack([[0.0, 0.0], np.column_stack([cases, last + 1])])


def _row(target: np.ndarray, alarmed: np.ndarray, threshold: float, costs: Costs | None) -> Threshold:
    alarms, hits, cases = int(alarmed.sum()), int((alarmed & (target == 1)).sum()), int((target == 1).sum())
    precision = hits / alarms if alarms else None
    cost = _cost(target, alarmed, costs) if costs else None
    return Threshold(threshold=threshold, alarms=alarms, precision=precision, recall=hits / max(cases, 1), cost=cost)


def _cost(target: np.ndarray, alarmed: np.ndarray, costs: Costs) -> float:
    false, missed = (alarmed & (target != 1)).sum(), (~alarmed & (target == 1)).sum()
    return float(100 * (costs.false_alarm * false + costs.missed * missed) / max(len(target), 1))
