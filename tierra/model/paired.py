"""Differences of two models on the same rows: how large, and how sure.

The standard error is that of the paired bootstrap draws. Two things make it honest where rows are few, where the
bootstrap alone promotes too often: Student's t in place of the normal, and for metrics between 0 and 1 two rows more,
one in favour of each model (Bonett and Price, Adjusted Wald intervals for a difference of binomial proportions based
on paired data, 2012). Two models that agree on all of few rows are so never taken for equal with certainty.
docs/decisions/0038-the-gate.md has what was measured.
"""

from math import ceil, hypot, sqrt

import numpy as np

from tierra.data.labels import Labels
from tierra.model.bootstrap import degrees_of
from tierra.model.comparison_checks import LEAST_OF_A_CLASS, LEAST_ROWS
from tierra.model.difference import Difference
from tierra.model.examples import Examples
from tierra.model.metrics import Metrics
from tierra.model.spec import METRICS

# Metrics of single rows. The others rank rows, or take the mean of classes, and hang on how many there are of each.
OF_ROWS = frozenset({"accuracy", "brier", "log_loss", "rmse", "mae", "median_error", "mape", "r2"})
BOUNDED = frozenset({"roc_auc", "average_precision", "accuracy", "balanced_accuracy", "f1", "brier"})


def drawn_metric(metric: str, draws: Metrics, labels: Labels) -> str:
    """The metric, or the task's own where there are no draws of it, as of a scorer of scikit-learn."""
    return metric if metric in draws else next(iter(METRICS[labels.task]))


def difference_on(rows: Examples, metric: str, ours: Metrics, theirs: Metrics, value: float) -> Difference | None:
    """The difference of two models on these rows, whose value is known, of the draws of both."""
    counts = [effective_rows(metric, rows.target, rows.labels, units) for units in (None, rows.units)]
    return difference_of_draws(metric, ours[metric], theirs[metric], value, *counts)


def difference_of_draws(
    metric: str, ours: np.ndarray, theirs: np.ndarray, value: float, rows: float, units: float | None = None
) -> Difference | None:
    """The difference whose value is known, of the draws of both; `rows` and `units` as `effective_rows` counts them.

    None where the metric exists in too few of the draws.
    """
    draws, count = (ours - theirs)[np.isfinite(ours - theirs)], units or rows
    if len(draws) <= len(ours) / 2 or count <= 1:
        return None
    spread = float(draws.std(ddof=1)) * sqrt(count / (count - 1))
    unlike = sqrt(2) / (rows + 2) if metric in BOUNDED else 0.0
    # The draws themselves are a sample: their spread is known the less well the fewer they are.
    freedom = 1 / (1 / (count - 1) + 1 / (len(draws) - 1))
    return Difference(value=value, error=hypot(spread, unlike), freedom=freedom)


def difference_of_groups(ours: np.ndarray, theirs: np.ndarray, value: float) -> Difference | None:
    """The same of a metric that has no draws: from its values on disjoint groups of the rows."""
    apart = (ours - theirs)[np.isfinite(ours - theirs)]
    if len(apart) <= len(ours) / 2 or len(apart) < 2:
        return None
    return Difference(value=value, error=float(apart.std(ddof=1)) / sqrt(len(apart)), freedom=len(apart) - 1)


def effective_rows(metric: str, target: np.ndarray, labels: Labels, units: np.ndarray | None = None) -> float:
    """How many rows, or units of rows, a metric hangs on: all, or what the rarest classes leave of them."""
    if units is not None:
        return degrees_of(metric, target, labels, units) + 1
    if labels.task == "regression" or metric in OF_ROWS:
        return float(len(target))
    counts = np.unique(target, return_counts=True)[1]
    return float(len(counts) ** 2 / (1 / counts).sum())


def too_few(target: np.ndarray, labels: Labels) -> str:
    """Why nothing can be told from so few rows; empty where they are enough to try."""
    if len(target) < LEAST_ROWS:
        return f"{len(target):,} test rows decide nothing: at least {LEAST_ROWS} are needed"
    if labels.task == "regression":
        return ""
    counts = np.sort(np.unique(target, return_counts=True)[1])[::-1]
    second = int(counts[1]) if len(counts) > 1 else 0
    rows = ceil(len(target) * LEAST_OF_A_CLASS / max(second, 1))
    if second < LEAST_OF_A_CLASS:
        return (f"{second:,} of {len(target):,} test rows are not of the most frequent class, and"
                f" {LEAST_OF_A_CLASS} are needed: about {rows:,} rows would have them")  # fmt: skip
    return ""
