"""Distributions of predictions, in bins that later rows can be counted into."""

from typing import TYPE_CHECKING

import numpy as np

from tierra.data.labels import Labels
from tierra.model.decision_spec import REVIEW
from tierra.model.evaluation import Histogram

if TYPE_CHECKING:
    from tierra.model.artifact import Predictions

BINS = 20
PROBABILITIES = tuple(place / BINS for place in range(BINS + 1))


def distribution(
    predictions: "Predictions", labels: Labels, edges: tuple[float, ...] | None = None
) -> tuple[Histogram | None, dict[str, int]]:
    """Scores counted between the edges, those beyond in the outer bins; and rows counted by decision.

    Without edges, probabilities lie between 0 and 1 and numbers are given twenty bins of their own.
    Several classes have no single score, and a regression has no decisions. Rows for a person are `review`.
    """
    decided: dict[str, int] = {}
    if labels.task != "regression":
        review = np.zeros(len(predictions.decision), bool) if predictions.review is None else predictions.review
        codes, rows = np.unique(predictions.decision[~review], return_counts=True)
        decided = {labels.classes[code]: int(count) for code, count in zip(codes, rows, strict=True)}
        decided |= {REVIEW: int(review.sum())} if review.any() else {}
    if labels.task == "multiclass":
        return None, decided
    own = labels.task == "regression"
    return count_between(predictions.scores, edges or (edges_of(predictions.scores) if own else PROBABILITIES)), decided


def edges_of(values: np.ndarray) -> tuple[float, ...]:
    """The edges of twenty bins over the range of the values."""
    return tuple(map(float, np.histogram_bin_edges(values, BINS)))


def count_between(values: np.ndarray, edges: tuple[float, ...]) -> Histogram:
    """Values counted between neighbouring edges, those beyond in the outer bins."""
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    return Histogram(edges=edges, counts=tuple(map(int, counts)))
