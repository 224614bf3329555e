"""The abstain band: which rows are the most uncertain ones, and how many of them a person should decide.

How uncertain a decision is, is what it is expected to cost (Chow, 1970): with a threshold t, a yes costs t where it is
wrong, a no 1 - t. Of several classes it is the probability that the likeliest is not the right one.
"""

from typing import Final

import numpy as np
from scipy.stats import beta

from tierra.model.decision_spec import Review
from tierra.model.metrics import place_between

STEPS: Final = 50
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

    For a risk, bands are tried from a wide one to ever narrower ones, in an order that no label decides, as long as the
    upper bound of Clopper and Pearson is not above it (fixed-sequence testing); all rows where the first one fails.
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
    # Of a handful of rows one that is wrong would be the whole picture.
    kept = np.unique(np.linspace(max(len(order) // POINTS, 1), len(order), POINTS).astype(int))
    return kept / len(order), wrong[kept - 1] / kept


def upper_bound(wrong: int, rows: int, chance: float) -> float:
    """The share of wrong rows that is not exceeded but by this chance."""
    return 1.0 if wrong >= rows else float(beta.ppf(1 - chance, wrong + 1, rows - wrong))


def _most_for_share(doubts: np.ndarray, share: float) -> float:
    """The uncertainty up to which rows are decided."""
    return float(np.quantile(doubts, 1 - share, method="lower"))


def _most_for_risk(doubts: np.ndarray, is_wrong: np.ndarray, risk: float) -> float:
    """The same; less than nothing where no band is shown to keep the risk."""
    ordered, most = np.sort(doubts), -1.0
    for rows in np.unique(np.linspace(_first_band(len(doubts), risk), len(doubts), STEPS).astype(int)):
        decided = doubts <= (level := float(ordered[min(rows, len(ordered)) - 1]))
        if upper_bound(int(is_wrong[decided].sum()), int(decided.sum()), CHANCE) > risk:
            break
        most = level
    return most


def _first_band(rows: int, risk: float) -> int:
    """How many of the surest rows are looked at first: as many as may hold a few wrong ones, if they are not most."""
    sizes = np.arange(1, rows + 1)
    for wrong in (2, 1, 0):
        enough = sizes[beta.ppf(1 - CHANCE, wrong + 1, np.maximum(sizes - wrong, 1)) <= risk]
        if len(enough) and (wrong == 0 or enough[0] <= rows / 2):
            return int(enough[0])
    return rows
