"""Guardrails: what a challenger must keep to besides being better, measured on the test rows.

Against the champion, or the rule before there is one, differences are tested; a floor or another limit that a project
declares binds the measured value itself, with its interval beside it.
"""

import time
from collections.abc import Iterator, Sequence
from math import sqrt
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from tierra.data.columns import require_columns
from tierra.data.frames import text_of
from tierra.model.artifact import Predictions, predict
from tierra.model.difference import Difference
from tierra.model.evaluation import SliceScores
from tierra.model.examples import Examples
from tierra.model.gate_spec import Fairness, Guardrails
from tierra.model.guarded import ClassGuarded, Gap, Guarded
from tierra.model.slice_search import LEAST_ROWS, find_worst, row_losses

BINS = 10
CALLS = 25


def measure_guardrails(
    rails: Guardrails, model: Any, rows: Examples, both: tuple[Predictions, Predictions],
    slices: pd.DataFrame | None, scores: Sequence[SliceScores], size: int | None,
) -> Guarded:  # fmt: skip
    """What the guardrails ask for, of a challenger's predictions and those of what it would replace.

    `slices` are the declared columns of the test rows, `scores` the metric in each slice of them, `size` the bytes of
    the model's file. Raises DataRejected for a column of groups that there is not.
    """
    ours, _ = both
    declared = pd.DataFrame(index=range(len(rows.target))) if slices is None else slices
    every = _beside(declared, rows.features)
    looked_at = every if rails.slices.find else declared
    losses, before = (row_losses(rows.target, each, rows.labels) for each in both)
    is_probability = rows.labels.task != "regression"
    return Guarded(
        slices=find_worst(looked_at, losses, before, rails.slices.drop, rows.weight, rows.units),
        floors=tuple(scores) if rails.slices.floor is not None else (),
        classes=tuple(_by_class(rows, *both)) if rails.classes and is_probability else (),
        gaps=tuple(_gaps(rails.fairness, rows, ours, every)) if rails.fairness else (),
        calibration=calibration_error(rows, ours) if rails.calibration and is_probability else None,
        latency_ms=_milliseconds(model, rows) if rails.latency_ms else None,
        size_mb=size / 1e6 if rails.size_mb and size is not None else None,
    )


def calibration_error(rows: Examples, predictions: Predictions) -> Difference:
    """The mean distance between stated probability and what came true, over tenths of the rows in their order.

    Of several classes, of the likeliest.
    """
    target, scores = rows.target.astype(int), predictions.scores
    true = target == 1
    if scores.ndim == 2:
        likeliest = scores.argmax(axis=1)
        true, scores = likeliest == target, scores.max(axis=1)
    parts = np.array_split(np.argsort(scores, kind="stable"), min(BINS, len(scores)))
    apart = true - scores
    shares = np.array([len(part) / len(scores) for part in parts])
    distances = np.array([abs(apart[part].mean()) for part in parts])
    errors = np.array([apart[part].std() / sqrt(len(part)) for part in parts])
    spread = float(np.sqrt(((shares * errors) ** 2).sum()))
    return Difference(value=float(shares @ distances), error=spread, freedom=max(len(scores) - BINS, 1))


def _beside(declared: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """The declared columns, and the features that are none of them."""
    more = features[[name for name in features if name not in declared]].reset_index(drop=True)
    return pd.concat([declared.reset_index(drop=True), more], axis="columns")


def _by_class(rows: Examples, ours: Predictions, theirs: Predictions) -> Iterator[ClassGuarded]:
    for code, name in enumerate(rows.labels.classes):
        inside = rows.target == code
        if (count := int(inside.sum())) < 2:
            continue
        found, before = (each.decision[inside] == code for each in (ours, theirs))
        units = None if rows.units is None else rows.units[inside]
        fall = before.astype(float) - found
        yield ClassGuarded(name=name, rows=count, recall=_mean(found, units), fall=_mean(fall, units))


def _gaps(fairness: Fairness, rows: Examples, ours: Predictions, columns: pd.DataFrame) -> Iterator[Gap]:
    values, inside = _compared(fairness.of, rows, ours)
    require_columns("gate.fairness", fairness.by, columns)
    for column in fairness.by:
        groups = text_of(columns[column]).where(columns[column].notna(), "missing").to_numpy()[inside]
        units = np.arange(len(inside)) if rows.units is None else rows.units
        means = {name: _mean(values[inside][groups == name], units[inside][groups == name])
                 for name in np.unique(groups) if (groups == name).sum() >= LEAST_ROWS}  # fmt: skip
        if len(means) > 1:
            low, high = (pick(means, key=lambda name: means[name].value) for pick in (min, max))
            error = float(np.hypot(means[low].error, means[high].error))
            freedom = min(means[low].freedom, means[high].freedom)
            gap = Difference(value=means[high].value - means[low].value, error=error, freedom=freedom)
            yield Gap(column=column, low=low, high=high, gap=gap)


def _compared(of: str, rows: Examples, ours: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """The number of each row whose mean groups are compared by, and which rows count."""
    every = np.ones(len(rows.target), bool)
    if rows.labels.task == "regression":
        return np.abs(ours.scores - rows.target), every
    if of == "decided":
        return (ours.decision == 1).astype(float), every
    right = ours.decision == rows.target
    return (right.astype(float), rows.target == 1) if of == "recall" else ((~right).astype(float), every)


def _mean(values: np.ndarray, units: np.ndarray | None) -> Difference:
    """A mean with its standard error, by units where rows are not independent; two rows more than there are."""
    mean, places = values.mean(), np.arange(len(values)) if units is None else np.unique(units, return_inverse=True)[1]
    apart, count = np.bincount(places, values - mean), int(places.max()) + 1
    spread = float(np.sqrt((apart**2).sum() * count / max(count - 1, 1))) / len(values)
    return Difference(
        value=float(mean), error=float(np.hypot(spread, sqrt(2) / (len(values) + 2))), freedom=max(count - 1, 1)
    )


def _milliseconds(model: Any, rows: Examples) -> float:
    """The time that one row takes on this machine, the median of a few."""
    one, times = rows.table.head(1), []
    for _ in range(CALLS):
        begun = time.perf_counter()
        predict(model, one, rows.labels)
        times.append(1000 * (time.perf_counter() - begun))
    return float(median(times))
