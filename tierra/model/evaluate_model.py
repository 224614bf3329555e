"""Evaluate a served model on the test rows, in all the ways a receipt shows."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from tierra.data.frames import text_of
from tierra.data.labels import Labels
from tierra.model.artifact import Predictions, predict
from tierra.model.bootstrap import degrees_of, draw_metrics, interval, intervals
from tierra.model.distributions import count_between, distribution, edges_of
from tierra.model.evaluation import Band, ClassScores, Curve, Evaluation, SliceScores
from tierra.model.examples import Examples
from tierra.model.measure_decisions import measure_decisions
from tierra.model.metrics import Metrics, compute_metrics
from tierra.model.thresholds import gains_curve, precision_recall
from tierra.model.training import measure

POINTS = 100
BINS = 20
MOST_VALUES = 8
LEAST_ROWS = 30
SLICE_DRAWS = 200
OTHERS = "all others"


def evaluate_model(
    model: Any, rows: Examples, scorers: Sequence[str] = (), predictions: Predictions | None = None
) -> tuple[Evaluation, Metrics]:
    """The metrics with their intervals, and the curves of the task; and the metrics of each bootstrap draw.

    `predictions` are those of these rows, where they are known already.
    """
    predictions = predictions or predict(model, rows.table, rows.labels)
    draws = draw_metrics(rows.target, predictions, rows.labels, rows.weight, units=rows.units, more=scorers)
    evaluation = Evaluation(
        rows=len(rows.target),
        metrics=measure(model, rows, scorers, predictions),
        intervals=intervals(draws, lambda name: degrees_of(name, rows.target, rows.labels, rows.units)),
        drawn=_drawn(rows),
        decisions=measure_decisions(model, rows.target, predictions, rows.labels),
        **_shapes(rows.target, predictions, rows.labels),
    )
    return evaluation, draws


def _drawn(rows: Examples) -> str:
    """What the intervals' draws are of: 61 days, 120 groups, 5,000 rows."""
    return f"{len(rows.target if rows.units is None else np.unique(rows.units)):,} {rows.drawn}"


def score_slices(
    columns: pd.DataFrame, rows: Examples, predictions: Predictions, rule: Predictions, metric: str
) -> tuple[SliceScores, ...]:
    """The metric on the rows of each value of each column; numbers in quarters."""
    return tuple(
        _score_slice(name, value, (values == value).to_numpy(), rows, predictions, rule, metric)
        for name in columns
        for values in [sliced(columns[name])]
        for value in dict.fromkeys([*sorted(set(values) - {OTHERS}), *(set(values) & {OTHERS})])
    )


def sliced(values: pd.Series) -> pd.Series:
    """The slice of each row: one of the most frequent values, or one of four ranges of a number."""
    numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    if numeric and values.nunique() > MOST_VALUES:
        edges = np.unique(values.quantile([0, 0.25, 0.5, 0.75, 1]))
        names = [f"{index + 1}: {low:.6g} to {high:.6g}" for index, (low, high) in enumerate(pairwise(edges))]
        ranges = pd.cut(values, edges, labels=names, include_lowest=True)
        return ranges.astype("str").where(values.notna(), "missing")
    texts = text_of(values).where(values.notna(), "missing")
    often = texts.value_counts().index[:MOST_VALUES]
    return texts.where(texts.isin(often), OTHERS)


def _score_slice(
    column: str,
    value: str,
    inside: np.ndarray,
    rows: Examples,
    predictions: Predictions,
    rule: Predictions,
    metric: str,
) -> SliceScores:
    predicted, ruled = (each.take(inside) for each in (predictions, rule))
    target, weight = rows.target[inside], None if rows.weight is None else rows.weight[inside]
    count = int(inside.sum())
    if count < LEAST_ROWS or (rows.labels.task != "regression" and len(np.unique(target)) < 2):
        return SliceScores(column=column, value=value, rows=count)
    units = None if rows.units is None else rows.units[inside]
    draws = draw_metrics(target, predicted, rows.labels, weight, SLICE_DRAWS, units, [metric])
    if metric not in draws:
        return SliceScores(column=column, value=value, rows=count)
    score, baseline = (
        compute_metrics(target, each, rows.labels, weight, [metric]).get(metric) for each in (predicted, ruled)
    )
    return SliceScores(
        column=column,
        value=value,
        rows=count,
        score=score,
        interval=interval(draws[metric], degrees_of(metric, target, rows.labels, units), metric),
        rule=baseline,
    )


def _shapes(target: np.ndarray, predictions: Predictions, labels: Labels) -> Mapping[str, Any]:
    """The curves and counts of a task."""
    scores, _ = distribution(predictions, labels)
    if labels.task == "regression":
        error = target - predictions.scores
        spread = count_between(error, edges_of(error))
        return {"residuals": spread, "residuals_by_prediction": _band(predictions.scores, error), "scores": scores}
    confusion = _confusion(target, predictions, labels)
    classes = {"classes": labels.classes, "confusion": confusion, "per_class": _per_class(confusion, labels)}
    if labels.task == "multiclass":
        return classes
    numbers = predictions.scores
    return {
        **classes,
        "roc": _roc(target, numbers),
        "precision_recall": precision_recall(target, numbers),
        "gains": gains_curve(target, numbers),
        "calibration": _calibration(target, numbers),
        "scores": scores,
    }


def _confusion(target: np.ndarray, predictions: Predictions, labels: Labels) -> tuple[tuple[int, ...], ...]:
    """Rows by actual class, then by decided class."""
    size = len(labels.classes)
    places = target.astype(int) * size + predictions.decision.astype(int)
    counts = np.bincount(places, minlength=size * size).reshape(size, size)
    return tuple(tuple(map(int, row)) for row in counts)


def _per_class(confusion: tuple[tuple[int, ...], ...], labels: Labels) -> tuple[ClassScores, ...]:
    counts = np.array(confusion, float)
    hits, called, cases = counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)
    precision, recall = hits / np.maximum(called, 1), hits / np.maximum(cases, 1)
    f1 = 2 * hits / np.maximum(called + cases, 1)
    return tuple(
        ClassScores(name=name, rows=int(cases[code]), precision=precision[code], recall=recall[code], f1=f1[code])
        for code, name in enumerate(labels.classes)
    )


def _roc(target: np.ndarray, scores: np.ndarray) -> Curve:
    """The ROC curve, thinned to a hundred points."""
    false, true, _ = roc_curve(target, scores)
    kept = np.unique(np.linspace(0, len(false) - 1, POINTS).astype(int))
    return Curve(x=tuple(false[kept].tolist()), y=tuple(true[kept].tolist()))


def _calibration(target: np.ndarray, scores: np.ndarray) -> Curve:
    """The share of cases among rows of like probability, in tenths of the rows."""
    parts = np.array_split(np.argsort(scores, kind="stable"), min(10, len(scores)))
    return Curve(x=tuple(float(scores[part].mean()) for part in parts),
                 y=tuple(float(target[part].mean()) for part in parts))  # fmt: skip


def _band(predicted: np.ndarray, error: np.ndarray) -> Band:
    """The residuals' quartiles among rows of like prediction, in twentieths of the rows."""
    parts = np.array_split(np.argsort(predicted, kind="stable"), min(BINS, len(predicted)))
    quartiles = np.array([np.quantile(error[part], [0.25, 0.5, 0.75]) for part in parts])
    x = tuple(float(predicted[part].mean()) for part in parts)
    low, middle, high = (tuple(map(float, column)) for column in quartiles.T)
    return Band(x=x, low=low, middle=middle, high=high)
