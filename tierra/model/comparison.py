"""The best model, the rule and the champion side by side on the same test rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tierra.errors import Misconfigured
from tierra.journal import track
from tierra.model.artifact import Predictions, predict
from tierra.model.difference import Difference, signed
from tierra.model.evaluate_model import evaluate_model, score_slices
from tierra.model.evaluation import Evaluation, SliceScores
from tierra.model.examples import Examples
from tierra.model.gate import Intervals, Scores
from tierra.model.gate_spec import Guardrails
from tierra.model.guarded import Guarded
from tierra.model.guardrails import measure_guardrails
from tierra.model.importance import find_importance
from tierra.model.metrics import Metrics
from tierra.model.paired import (
    difference_of_draws,
    difference_of_subsets,
    effective_rows,
    subsets,
    too_few,
)
from tierra.model.training import measure

RULE, CHAMPION = "rule", "champion"
Models = Mapping[str, tuple[Any, Examples]]


class Comparison(BaseModel):
    """The scores the gate judges, and the evaluations a receipt shows."""

    model_config = ConfigDict(frozen=True)

    scores: Scores
    evaluations: dict[str, Evaluation]
    warning: str = ""


def compare_models(
    best: str,
    models: Models,
    metric: str,
    scorers: Sequence[str] = (),
    slices: pd.DataFrame | None = None,
    explain: bool = True,
    guardrails: Guardrails | None = None,
    groups: pd.DataFrame | None = None,
    size: int | None = None,
) -> Comparison:
    """Evaluate each model on its features of the test rows; the best also by slice and, to explain it, by feature.

    `models` holds the best by its name, "rule", and "champion" where there is one. The rows
    are the same for all, in the same order. `guardrails` says what else is measured, with the columns of `groups`
    and, as the model's `size`, the bytes of its file.
    """
    tracked = track(list(models.items()), "models")
    evaluated = {name: evaluate_model(model, rows, scorers) for name, (model, rows) in tracked}
    evaluations = {name: evaluation for name, (evaluation, _) in evaluated.items()}
    predicted = _predict(best, models, bool(guardrails), slices is not None)
    by_slice = _slices(models[best][1], predicted, best, metric, slices)
    importance = find_importance(*models[best], metric, tuple(scorers)) if explain and best != RULE else ()
    evaluations[best] = evaluations[best].model_copy(update={"slices": by_slice, "importance": importance})
    scores = _scores(best, models, evaluations, metric, {name: each[1] for name, each in evaluated.items()})
    guarded = _guarded(best, models, predicted, guardrails, slices, groups, by_slice, size)
    return Comparison(scores=scores.model_copy(update={"guarded": guarded}), evaluations=evaluations)


def _scores(
    best: str, models: Models, found: Mapping[str, Evaluation], metric: str, draws: Mapping[str, Metrics]
) -> Scores:
    def intervals(name: str) -> Intervals:
        return found[name].intervals if name in found else {}

    def over(one: str, other: str) -> Difference | None:
        both = one in models and other in models and one != other
        return _difference(metric, models, found, draws, one, other) if both else None

    return Scores(
        rows=found[best].rows,
        best=best,
        best_metrics=found[best].metrics,
        rule_metrics=found[RULE].metrics,
        champion_metrics=found[CHAMPION].metrics if CHAMPION in found else None,
        best_intervals=intervals(best),
        rule_intervals=intervals(RULE),
        champion_intervals=intervals(CHAMPION),
        over_rule=over(best, RULE),
        over_champion=over(best, CHAMPION),
        rule_over_champion=over(RULE, CHAMPION),
        too_few=too_few(models[best][1].target, models[best][1].labels),
    )


def _difference(
    metric: str, models: Models, found: Mapping[str, Evaluation], draws: Mapping[str, Metrics], one: str, other: str
) -> Difference | None:
    """By how much one model is better than another; None where the metric or its spread is not known."""
    if metric not in found[one].metrics or metric not in found[other].metrics:
        return None
    rows = models[one][1]
    value = signed(metric, found[one].metrics[metric] - found[other].metrics[metric])
    if metric in draws[one] and metric in draws[other]:
        counts = (effective_rows(metric, rows.target, rows.labels, each) for each in (None, rows.units))
        return difference_of_draws(metric, draws[one][metric], draws[other][metric], value, *counts)
    ours, theirs = (_on_subsets(*models[name], metric) for name in (one, other))
    return difference_of_subsets(ours, theirs, value)


def _on_subsets(model: Any, rows: Examples, metric: str) -> np.ndarray:
    """A scorer's values on disjoint subsets of the rows."""
    parts = [rows.take(places) for places in subsets(len(rows.target)) if len(places)]
    return np.array([_on_few(model, part, metric) for part in parts])


def _on_few(model: Any, rows: Examples, metric: str) -> float:
    try:
        return measure(model, rows, (metric,)).get(metric, np.nan)
    except Misconfigured:  # a scorer may refuse rows of one class, as few rows can be
        return float("nan")


def _predict(best: str, models: Models, is_guarded: bool, is_sliced: bool) -> dict[str, Predictions]:
    """The predictions that are looked at row by row: of the best, and of what it is compared with there."""
    other = CHAMPION if CHAMPION in models else RULE
    names = [*((best, other) if is_guarded else ()), *((best, RULE) if is_sliced else ())]
    chosen = {name: models[name] for name in dict.fromkeys(names)}
    return {name: predict(model, rows.table, rows.labels) for name, (model, rows) in chosen.items()}


def _slices(
    rows: Examples, predicted: Mapping[str, Predictions], best: str, metric: str, slices: pd.DataFrame | None
) -> tuple[SliceScores, ...]:
    if slices is None or slices.empty:
        return ()
    return score_slices(slices, rows, predicted[best], predicted[RULE], metric)


def _guarded(
    best: str, models: Models, predicted: Mapping[str, Predictions], guardrails: Guardrails | None,
    slices: pd.DataFrame | None, groups: pd.DataFrame | None, by_slice: Sequence[SliceScores], size: int | None,
) -> Guarded:  # fmt: skip
    """What the guardrails ask for, beside the champion or, before the first, beside the rule."""
    if guardrails is None or best == RULE:
        return Guarded()
    other = CHAMPION if CHAMPION in models else RULE
    both, (model, rows) = (predicted[best], predicted[other]), models[best]
    columns = slices if groups is None else groups
    found = measure_guardrails(guardrails, model, rows, both, columns, by_slice, size)
    return found.model_copy(update={"reference": f"the {other}"})
