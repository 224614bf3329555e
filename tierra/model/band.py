"""The abstain band: which rows are the most uncertain ones, and how many of them a person should decide.

How uncertain a decision is, is what it is expected to cost (Chow, 1970): with a threshold t, a yes costs t where it is
wrong, a no 1 - t. Of several classes it is the probability that the likeliest is not the right one.
"""

from typing import Final

import numpy as np
from scipy.stats import beta

from tierra.model.decision_spec import Review
from tierra.model.metrics import place_between

STEPS: Final = 20
CHANCE: Final = 0.1  # that the risk is exceeded after all
POINTS: Final = 50
EDGE: Final = 1e-9
ABOVE_ALL: Final = 2.0


def uncertainty(scores: np.ndarray, threshold: float | None) -> np.ndarray:
    """How uncertain each row's decision is; the larger, the sooner a person should look."""
    if scores.ndim == 2:
        doubt: np.ndarray = 1 - scores.max(axis=1, initial=0.0)
        return doubt
    cut = np.clip(0.5 if threshold is None else threshold, EDGE, 1 - EDGE)
    return np.minimum((1 - scores) * cut, scores * (1 - cut))


def choose_band(
    review: Review, scores: np.ndarray, is_wrong: np.ndarray, threshold: float | None
) -> tuple[float, float]:
    """The probabilities from which and below which rows are left to a person, by labelled rows.

    For a risk it is the narrowest of twenty bands whose upper bound (Clopper and Pearson, shared by the twenty) is
    not above it; all rows where there is none.
    """
    doubts, watched = uncertainty(scores, threshold), scores if scores.ndim == 1 else scores.max(axis=1, initial=0.0)
    most = _most_for_share(doubts, review.share) if review.share else _most_for_risk(doubts, is_wrong, review.risk or 0)
    if most < 0:
        return 0.0, ABOVE_ALL
    left = watched[doubts > most]
    if not len(left):
        return 0.0, 0.0
    low = place_between(watched, float(left.min())) if scores.ndim == 1 else 0.0
    return low, place_between(watched, float(np.nextafter(left.max(), ABOVE_ALL)))


def coverage_risk(scores: np.ndarray, is_wrong: np.ndarray, threshold: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Shares of rows that are decided, and the share of wrong decisions among them, the surest rows first."""
    order = np.argsort(uncertainty(scores, threshold), kind="stable")
    wrong = np.cumsum(is_wrong[order])
    kept = np.unique(np.linspace(1, len(order), POINTS).astype(int)) if len(order) else np.zeros(0, int)
    return kept / max(len(order), 1), wrong[kept - 1] / kept


def upper_bound(wrong: int, rows: int, chance: float) -> float:
    """The share of wrong rows that is not exceeded but by this chance."""
    return 1.0 if wrong >= rows else float(beta.ppf(1 - chance, wrong + 1, rows - wrong))


def _most_for_share(doubts: np.ndarray, share: float) -> float:
    """The uncertainty up to which rows are decided."""
    return float(np.quantile(doubts, 1 - share, method="lower"))


def _most_for_risk(doubts: np.ndarray, is_wrong: np.ndarray, risk: float) -> float:
    """The same; less than nothing where no band keeps the risk."""
    for step in range(STEPS, 0, -1):
        most = float(np.quantile(doubts, step / STEPS, method="lower"))
        decided = doubts <= most
        if upper_bound(int(is_wrong[decided].sum()), int(decided.sum()), CHANCE / STEPS) <= risk:
            return most
    return -1.0
