"""Bootstrap intervals: how much a metric would differ on other rows of the same kind.

The Poisson bootstrap (Chamandy et al., Estimating Uncertainty for Massive Data Streams,
2012): each draw gives each row an independent Poisson(1) count, which for many rows is
the ordinary bootstrap, and is drawn a block at a time. The same seed gives every model
the same draws, so that differences between models on the same rows are paired.
"""

from collections.abc import Iterator
from math import exp, factorial

import numpy as np

from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.metrics import Metrics, weighted_metrics

DRAWS = 1000
LEVEL = 0.95
SEED = 0
LEAST_DRAWS = 200
CELLS_A_BLOCK = 400_000
CELLS_IN_ALL = 80_000_000
# The count of a Poisson(1) variable by the 65,536 values of two random bytes.
_CHANCES = np.cumsum([exp(-1) / factorial(count) for count in range(9)])
_COUNTS = np.searchsorted(_CHANCES, (np.arange(65_536) + 0.5) / 65_536).astype(np.float32)


def draw_metrics(
    target: np.ndarray, predictions: Predictions, labels: Labels, weight: np.ndarray | None = None, draws: int = DRAWS
) -> Metrics:
    """Each metric of the task in each draw, shape (draws,).

    The draws are fewer, but at least 200, where rows times classes are more than 80,000:
    the time stays within a few seconds, and intervals vary a little more between seeds.
    """
    metrics = weighted_metrics(target, predictions, labels)
    draws = min(draws, max(LEAST_DRAWS, CELLS_IN_ALL // max(predictions.scores.size, 1)))
    with np.errstate(invalid="ignore", divide="ignore"):
        blocks = [metrics(counts) for counts in _blocks(len(target), weight, draws)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def interval(draws: np.ndarray) -> tuple[float, float] | None:
    """The middle 95 % of the draws; None when the metric exists in too few of them."""
    finite = draws[np.isfinite(draws)]
    if len(finite) < len(draws) / 2:
        return None
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def intervals(draws: Metrics) -> dict[str, tuple[float, float]]:
    """The interval of each metric that has one."""
    found = {name: interval(values) for name, values in draws.items()}
    return {name: each for name, each in found.items() if each}


def _blocks(rows: int, weight: np.ndarray | None, draws: int) -> Iterator[np.ndarray]:
    random = np.random.default_rng(SEED)
    at_once = max(1, CELLS_A_BLOCK // max(rows, 1))
    for start in range(0, draws, at_once):
        counts = _COUNTS[random.integers(0, 65_536, (min(at_once, draws - start), rows), np.uint16)]
        yield counts if weight is None else counts * weight.astype(np.float32)
