"""The best model, the rule and the champion side by side on the same test rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tierra.errors import Misconfigured
from tierra.journal import track
from tierra.model.artifact import Predictions, predict
from tierra.model.content import is_same_model
from tierra.model.difference import NONE_AT_ALL, Difference, signed
from tierra.model.evaluate_model import evaluate_model, score_slices
from tierra.model.evaluation import Evaluation, SliceScores
from tierra.model.examples import Examples
from tierra.model.gate import Intervals, Scores
from tierra.model.gate_spec import Guardrails
from tierra.model.guarded import Guarded
from tierra.model.guardrails import measure_guardrails
from tierra.model.importance import find_importance
from tierra.model.metrics import Metrics
from tierra.model.paired import difference_of_groups, difference_on, too_few
from tierra.model.training import score_by

RULE, CHAMPION = "rule", "champion"
Models = Mapping[str, tuple[Any, Examples]]


@dataclass(frozen=True)
class Comparison:
    """The scores the gate judges, the evaluations a receipt shows, and the best model's predictions."""

    scores: Scores
    evaluations: dict[str, Evaluation]
    predictions: Predictions


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
    predicted, evaluations, draws = _evaluate(models, scorers)
    by_slice = _slices(models[best][1], predicted, best, metric, slices)
    importance = find_importance(*models[best], metric) if explain and best != RULE else ()
    evaluations[best] = evaluations[best].model_copy(update={"slices": by_slice, "importance": importance})
    scores = _scores(best, models, evaluations, metric, draws)
    guarded = _guarded(best, models, predicted, guardrails, slices, groups, by_slice, size)
    return Comparison(scores.model_copy(update={"guarded": guarded}), evaluations, predicted[best])


def compare_each(
    challengers: Mapping[str, int],
    models: Models,
    metric: str,
    scorers: Sequence[str],
    guardrails: Guardrails,
    slices: pd.DataFrame | None,
    groups: pd.DataFrame,
) -> tuple[dict[str, Scores], dict[str, Predictions]]:
    """The scores of each of several challengers beside the rule and the champion, as `compare_models` has them of one.

    Each model is evaluated once, and what it predicted is returned too; `challengers` are names among `models`, with
    the bytes of their files.
    """
    predicted, evaluations, draws = _evaluate(models, scorers)
    found = dict[str, Scores]()
    for name, size in challengers.items():
        beside = {each: models[each] for each in (name, RULE, CHAMPION) if each in models}
        by_slice = _slices(models[name][1], predicted, name, metric, slices)
        scores = _scores(name, beside, {each: evaluations[each] for each in beside}, metric, draws)
        guarded = _guarded(name, beside, predicted, guardrails, slices, groups, by_slice, size)
        found[name] = scores.model_copy(update={"guarded": guarded})
    return found, predicted


def _evaluate(
    models: Models, scorers: Sequence[str]
) -> tuple[dict[str, Predictions], dict[str, Evaluation], dict[str, Metrics]]:
    """Predictions, evaluation and draws of each model."""
    predicted, evaluations, draws = dict[str, Predictions](), dict[str, Evaluation](), dict[str, Metrics]()
    for name, (model, rows) in track(list(models.items()), "models"):
        predicted[name] = predict(model, rows.table, rows.labels)
        evaluations[name], draws[name] = evaluate_model(model, rows, scorers, predicted[name])
    return predicted, evaluations, draws


def _scores(
    best: str, models: Models, found: Mapping[str, Evaluation], metric: str, draws: Mapping[str, Metrics]
) -> Scores:
    rows = models[best][1]
    measured = {name: each.metrics[metric] for name, each in found.items() if metric in each.metrics}
    # A scorer of scikit-learn has no draws.
    on_groups = {} if metric in draws[best] else {name: _on_groups(*models[name], metric) for name in measured}

    def intervals(name: str) -> Intervals:
        return found[name].intervals if name in found else {}

    def over(one: str, other: str) -> Difference | None:
        """By how much one model is better than another; None where the metric or its spread is not known."""
        if one == other or not {one, other} <= measured.keys():
            return None
        value = signed(metric, measured[one] - measured[other])
        if on_groups:
            return difference_of_groups(on_groups[one], on_groups[other], value)
        is_equal = np.array_equal(draws[one][metric], draws[other][metric], equal_nan=True)
        if is_equal and is_same_model(models[one][0], models[other][0]):
            return NONE_AT_ALL
        return difference_on(rows, metric, draws[one], draws[other], value)

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
        too_few=too_few(rows.target, rows.labels),
    )


def _on_groups(model: Any, rows: Examples, metric: str) -> np.ndarray:
    """A scorer's values on disjoint groups of the rows."""
    group = rows.in_groups()
    return np.array([_on_few(model, rows.take(group == each), metric) for each in np.unique(group)])


def _on_few(model: Any, rows: Examples, metric: str) -> float:
    try:
        return score_by(metric, model, rows)
    except Misconfigured:  # a scorer may refuse rows of one class, as few rows can be
        return float("nan")


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
