"""Choosing among fitted candidates, and measuring them on the same rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer

from tierra.data.labels import Labels
from tierra.errors import Misconfigured, first_line
from tierra.model.artifact import Predictions, predict
from tierra.model.bootstrap import degrees_of, draw_metrics, intervals
from tierra.model.deciding import decide
from tierra.model.decision_spec import Decision
from tierra.model.examples import Examples
from tierra.model.gate import advantage
from tierra.model.metrics import compute_metrics
from tierra.model.scorers import SCORERS
from tierra.model.spec import METRICS, REQUESTED, Costs, Gate


def choose_candidate(validation: Mapping[str, Mapping[str, float]], gate: Gate) -> str:
    """The name of the model that is best on validation; the rule when there is no model."""
    models = [name for name in validation if name != "rule"]
    best = models[0] if models else "rule"
    for name in models[1:]:
        if advantage(gate.metric_name, dict(validation[name]), dict(validation[best])) > 0:
            best = name
    return best


def tune_threshold(model: Any, later: Examples, costs: Costs | None) -> Any:
    """The model ready to serve: for two classes, with the threshold that is cheapest on these rows."""
    return decide(model, later, Decision(calibration="none"), costs).model


def measure(
    model: Any, rows: Examples, scorers: Sequence[str] = (), predictions: Predictions | None = None
) -> dict[str, float]:
    """Every metric of the task, and the named scorers, of a served model on labelled rows.

    The metrics are those of other predictions, where they are given.
    """
    predictions = predictions or predict(model, rows.table, rows.labels)
    metrics = compute_metrics(rows.target, predictions, rows.labels, rows.weight, scorers)
    scored = {name: score_by(name, model, rows) for name in scorers if name in SCORERS and name not in metrics}
    return metrics | {name: value for name, value in scored.items() if np.isfinite(value)}


def measure_intervals(
    model: Any, rows: Examples, scorers: Sequence[str] = (), predictions: Predictions | None = None
) -> dict[str, tuple[float, float]]:
    """The 95 % interval of every metric that `measure` has one of: of the task's own, and of those on request."""
    predictions = predictions or predict(model, rows.table, rows.labels)
    draws = draw_metrics(rows.target, predictions, rows.labels, rows.weight, units=rows.units, more=scorers)
    return intervals(draws, lambda name: degrees_of(name, rows.target, rows.labels, rows.units))


def scorers_of(labels: Labels, gate: Gate, more: Iterable[str]) -> list[str]:
    """The metrics to compute beside the task's own: scorers of scikit-learn, and ours that are computed on request."""
    named = dict.fromkeys([gate.metric_name, *more])
    return [name for name in named if name in SCORERS | REQUESTED.keys() and name not in METRICS[labels.task]]


def score_by(name: str, model: Any, rows: Examples) -> float:
    """What a scorer of scikit-learn says of a served model on labelled rows. Raises Misconfigured where it fails."""
    weight = {} if rows.weight is None else {"sample_weight": rows.weight}
    try:
        return float(get_scorer(name)(model, rows.table, rows.target, **weight))
    except Exception as error:  # a scorer may raise anything for a task or a model it does not fit
        raise Misconfigured("metric-failed", f"scorer {name}: {first_line(error)}") from error
