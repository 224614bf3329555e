"""Metrics of a binary classifier's probabilities, and the decision threshold."""

import numpy as np
from sklearn import metrics as sk

from tierra.model.spec import Costs

CLIP = 1e-7


def compute_metrics(target: np.ndarray, probability: np.ndarray, decision: np.ndarray) -> dict[str, float]:
    """Every metric of the project file by name. Log loss clips probabilities to [1e-7, 1 - 1e-7]."""
    return {
        "roc_auc": float(sk.roc_auc_score(target, probability)),
        "average_precision": float(sk.average_precision_score(target, probability)),
        "log_loss": float(sk.log_loss(target, np.clip(probability, CLIP, 1 - CLIP))),
        "brier": float(sk.brier_score_loss(target, probability)),
        "accuracy": float(sk.accuracy_score(target, decision)),
        "f1": float(sk.f1_score(target, decision, zero_division=0)),
    }


def choose_threshold(target: np.ndarray, probability: np.ndarray, costs: Costs | None) -> float:
    """The probability from which to say yes: the cheapest on these rows, else 0.5.

    Placed midway between neighbouring scores, so that last-bit differences
    between batch and single rows cannot flip a decision.
    """
    scores = np.unique(probability)
    edges = np.concatenate([[-np.inf], scores, [np.inf]])
    if costs is None:
        return _midway(edges, int(np.searchsorted(edges, 0.5)))
    order = np.argsort(probability, kind="stable")
    positives = np.concatenate([[0], np.cumsum(target[order])])
    below = np.searchsorted(probability[order], scores, side="left")
    below = np.append(below, len(target))
    missed = positives[below]
    alarms = (len(target) - below) - (positives[-1] - missed)
    cost = costs.false_alarm * alarms + costs.missed * missed
    return _midway(edges, int(np.argmin(cost)) + 1)


def _midway(edges: np.ndarray, index: int) -> float:
    low, high = edges[index - 1], edges[index]
    if np.isinf(low):
        return float(max(high / 2, 0.0)) if np.isfinite(high) else 0.5
    middle = (low + min(high, 1.0)) / 2
    # Nothing lies between floats that touch, nor between a certain yes and 1.
    return float(middle if middle > low else min(high, np.nextafter(low, 2.0)))
