"""The best model, the rule and the champion side by side on the same test rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict

from tierra.journal import track
from tierra.model.artifact import predict
from tierra.model.bootstrap import degrees_of, interval
from tierra.model.evaluate_model import evaluate_model, score_slices
from tierra.model.evaluation import Evaluation
from tierra.model.examples import Examples
from tierra.model.gate import Intervals, Scores
from tierra.model.importance import find_importance
from tierra.model.metrics import Metrics

RULE, CHAMPION = "rule", "champion"


class Comparison(BaseModel):
    """The scores the gate judges, and the evaluations a receipt shows."""

    model_config = ConfigDict(frozen=True)

    scores: Scores
    evaluations: dict[str, Evaluation]
    warning: str = ""


def compare_models(
    best: str,
    models: Mapping[str, tuple[Any, Examples]],
    metric: str,
    scorers: Sequence[str] = (),
    slices: pd.DataFrame | None = None,
    explain: bool = True,
) -> Comparison:
    """Evaluate each model on its features of the test rows; the best also by slice and, to explain it, by feature.

    `models` holds the best by its name, "rule", and "champion" where there is one. The rows
    are the same for all, in the same order.
    """
    tracked = track(list(models.items()), "models")
    evaluated = {name: evaluate_model(model, rows, scorers) for name, (model, rows) in tracked}
    evaluations = {name: evaluation for name, (evaluation, _) in evaluated.items()}
    evaluations[best] = evaluations[best].model_copy(
        update={
            "slices": _slices(best, models, metric, slices),
            "importance": find_importance(*models[best], metric, tuple(scorers)) if explain and best != RULE else (),
        }
    )
    rows = models[best][1]
    degrees = degrees_of(metric, rows.target, rows.labels, rows.units)
    draws = {name: each[1] for name, each in evaluated.items()}
    return Comparison(scores=_scores(best, evaluations, metric, draws, degrees), evaluations=evaluations)


def _scores(
    best: str, found: Mapping[str, Evaluation], metric: str, draws: Mapping[str, Metrics], degrees: float
) -> Scores:
    def over(other: str) -> tuple[float, float] | None:
        both = other in draws and metric in draws[best] and best != other
        return interval(draws[best][metric] - draws[other][metric], degrees, metric) if both else None

    def intervals(name: str) -> Intervals:
        return found[name].intervals if name in found else {}

    return Scores(
        rows=found[best].rows,
        best=best,
        best_metrics=found[best].metrics,
        rule_metrics=found[RULE].metrics,
        champion_metrics=found[CHAMPION].metrics if CHAMPION in found else None,
        best_intervals=intervals(best),
        rule_intervals=intervals(RULE),
        champion_intervals=intervals(CHAMPION),
        over_rule=over(RULE),
        over_champion=over(CHAMPION),
    )


def _slices(best: str, models: Mapping[str, tuple[Any, Examples]], metric: str, slices: pd.DataFrame | None) -> Any:
    if slices is None or slices.empty:
        return ()
    (model, rows), (rule, same_rows) = models[best], models[RULE]
    predictions, baseline = predict(model, rows.table, rows.labels), predict(rule, same_rows.table, rows.labels)
    return score_slices(slices, rows, predictions, baseline, metric)
