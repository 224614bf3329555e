"""Which labels are likely wrong: by what a model says of rows that it was not fitted on.

The suspicion of a class is one less the probability of the label that the row has; its hundred most suspicious rows
were the same as those of confident learning (Northcutt et al., 2021) in what was tried. That of a number is how far it
lies from the prediction, in robust standard deviations of all such distances.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from tierra.data.labels import Labels

AS_DEVIATION: Final = 1.4826  # times the median distance from the median, for a normal distribution
NAMED: Final = 3


def suspicion_of(scores: np.ndarray, target: np.ndarray, labels: Labels) -> np.ndarray:
    """How suspicious each label is, by scores as a candidate's: shape (rows,), or (rows, classes) of several."""
    if labels.task == "regression":
        apart = np.abs(target - scores)
        found: np.ndarray = apart / max(spread_of(target - scores), np.finfo(float).tiny)
        return found
    codes = target.astype(int)
    if labels.task == "binary":
        return np.where(codes == 1, 1 - scores, scores)
    return 1 - scores[np.arange(len(codes)), codes]


def spread_of(residuals: np.ndarray) -> float:
    """The robust standard deviation of residuals."""
    return float(AS_DEVIATION * np.median(np.abs(residuals - np.median(residuals))))


def says(scores: np.ndarray, labels: Labels) -> np.ndarray:
    """What the model says instead: the likeliest class by its name, or the number."""
    if labels.task == "regression":
        return scores
    codes = (scores >= 0.5).astype(int) if labels.task == "binary" else scores.argmax(axis=1)
    return np.array(labels.classes, dtype=object)[codes]


def contradictions(features: pd.DataFrame, target: np.ndarray, tolerance: float) -> dict[int, list[int]]:
    """Of each row, the places of a few others with the very same features and another label.

    Numbers are other labels where they differ by more than the tolerance.
    """
    alike = features.groupby([features[name] for name in features], dropna=False, observed=True, sort=False).indices
    found: dict[int, list[int]] = {}
    for places in (np.asarray(each) for each in alike.values() if len(each) > 1):
        if np.ptp(target[places]) > tolerance:
            found.update(_others(places, target[places], tolerance))
    return found


def _others(places: np.ndarray, target: np.ndarray, tolerance: float) -> Iterator[tuple[int, list[int]]]:
    for place, own in zip(places, target, strict=True):
        others = places[np.abs(target - own) > tolerance]
        if len(others):
            yield int(place), [int(each) for each in others[:NAMED]]
