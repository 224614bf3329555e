"""Bootstrap intervals: how much a metric would differ on other rows of the same kind.

The Poisson bootstrap (Chamandy et al., Estimating Uncertainty for Massive Data Streams,
2012): each draw gives each row an independent Poisson(1) count, which for many rows is
the ordinary bootstrap, and is drawn a block at a time. The same seed gives every model
the same draws, so that differences between models on the same rows are paired.

Rows that come in groups, or follow each other in time, are not independent: there the count
is drawn for each unit, a group or a block of days, and all its rows have it (the cluster
bootstrap; Davison and Hinkley, Bootstrap Methods and their Application, 1997, 3.8).
Percentiles of few units lie too close together: the quantiles are moved out to those of
Student's t (the expanded percentile interval; Hesterberg, What Teachers Should Know About the
Bootstrap, The American Statistician 69, 2015), and along the skew of the draws (the acceleration
of Efron's BCa interval, Better Bootstrap Confidence Intervals, JASA 82, 1987, with a sixth of the
draws' skewness for it). docs/decisions/0041-evaluation-and-cards.md has the measured coverage.
"""

from collections.abc import Callable, Iterator, Sequence
from math import exp, factorial, sqrt

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.metrics import Metrics, weighted_metrics

DRAWS = 1000
LEVEL = 0.95
SEED = 0
LEAST_DRAWS = 200
# Degrees of freedom from which Student's t is the normal distribution.
MANY = 1e6
MOST_SKEWED = 0.15
TINY = 1e-9
# Weigh each class alike, or look at one class: the rarest decides how sure they are.
BY_CLASS = frozenset({"roc_auc", "average_precision", "f1", "balanced_accuracy"})
# A ratio whose draws are skewed the other way than its error is.
UNSKEWED = frozenset({"r2"})
CELLS_A_BLOCK = 400_000
CELLS_IN_ALL = 80_000_000
# The count of a Poisson(1) variable by the 65,536 values of two random bytes.
_CHANCES = np.cumsum([exp(-1) / factorial(count) for count in range(9)])
_COUNTS = np.searchsorted(_CHANCES, (np.arange(65_536) + 0.5) / 65_536).astype(np.float32)


def draw_metrics(
    target: np.ndarray,
    predictions: Predictions,
    labels: Labels,
    weight: np.ndarray | None = None,
    draws: int = DRAWS,
    units: np.ndarray | None = None,
    more: Sequence[str] = (),
) -> Metrics:
    """Each metric of the task in each draw, shape (draws,); `more` names metrics computed on request.

    `units` has the number of each row's unit, from 0; rows are drawn alone where it is None. The draws
    are fewer, but at least 200, where rows times classes are more than 80,000: the time stays within a
    few seconds, and intervals vary a little more between seeds.
    """
    metrics = weighted_metrics(target, predictions, labels, more, coarse=True)
    draws = min(draws, max(LEAST_DRAWS, CELLS_IN_ALL // max(predictions.scores.size, 1)))
    with np.errstate(invalid="ignore", divide="ignore"):
        blocks = [metrics(counts) for counts in _blocks(len(target), weight, draws, units)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def interval(draws: np.ndarray, degrees: float | None = None, metric: str = "") -> tuple[float, float] | None:
    """The 95 % interval of a metric's draws, or of a difference of them; None when half of the draws have no metric.

    `degrees` are the degrees of freedom, by `degrees_of`; the interval of few is wider. Without them it is the
    middle 95 % of very many units.
    """
    finite = draws[np.isfinite(draws)]
    if len(finite) < len(draws) / 2:
        return None
    quantile = _widened(degrees)
    skew = 0.0 if metric in UNSKEWED else _acceleration(finite)
    # Of two or three units a quantile lies so far out that the skew would turn its side.
    ends = [ndtr(end / max(1 - skew * end, TINY)) for end in (-quantile, quantile)]
    low, high = np.quantile(finite, ends)
    return float(low), float(high)


def intervals(draws: Metrics, degrees: Callable[[str], float] | None = None) -> dict[str, tuple[float, float]]:
    """The interval of each metric that has one; `degrees` gives the degrees of freedom by metric."""
    found = {name: interval(values, degrees(name) if degrees else None, name) for name, values in draws.items()}
    return {name: each for name, each in found.items() if each}


def degrees_of(metric: str, target: np.ndarray, labels: Labels, units: np.ndarray | None = None) -> float:
    """The degrees of freedom of a metric's interval on these rows: how little they say.

    Units less one; of a metric that weighs classes, not rows, those of a mean over classes, after Welch and
    Satterthwaite: the smallest class decides.
    """
    if labels.task == "regression" or metric not in BY_CLASS:
        return (len(target) if units is None else len(np.unique(units))) - 1.0
    codes, size = target.astype(int), len(target) if units is None else int(units.max(initial=0)) + 1
    held = codes if units is None else np.unique(codes * size + units) // size
    counts = np.bincount(held)[np.unique(held)].astype(float)
    if len(counts) == 0 or counts.min() < 2:
        return 1.0
    return float((1 / counts).sum() ** 2 / (1 / (counts**2 * (counts - 1))).sum())


def _widened(degrees: float | None) -> float:
    """The standard normal quantile at which to read the draws."""
    if degrees is None or degrees > MANY:
        return float(ndtri((1 + LEVEL) / 2))
    kept = max(degrees, 1.0)
    return float(sqrt((kept + 1) / kept) * stdtrit(kept, (1 + LEVEL) / 2))


def _acceleration(draws: np.ndarray) -> float:
    """A sixth of the draws' skewness, at most 0.15."""
    centred = draws - draws.mean()
    spread = float(np.sqrt((centred**2).mean()))
    if not spread > 0 or not np.isfinite(spread):
        return 0.0
    return float(np.clip(((centred / spread) ** 3).mean() / 6, -MOST_SKEWED, MOST_SKEWED))


def _blocks(rows: int, weight: np.ndarray | None, draws: int, units: np.ndarray | None) -> Iterator[np.ndarray]:
    random, drawn = np.random.default_rng(SEED), rows if units is None else int(units.max(initial=-1)) + 1
    at_once = max(1, CELLS_A_BLOCK // max(rows, 1))
    for start in range(0, draws, at_once):
        counts = _COUNTS[random.integers(0, 65_536, (min(at_once, draws - start), drawn), np.uint16)]
        counts = counts if units is None else np.take(counts, units, axis=1)
        yield counts if weight is None else counts * weight.astype(np.float32)
