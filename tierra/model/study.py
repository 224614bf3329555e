"""What is looked at of the best model alone: overfitting, thresholds and costs, directions of effects, and errors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tierra.model.artifact import Predictions, predict
from tierra.model.dependence import find_dependence
from tierra.model.error_analysis import find_errors
from tierra.model.evaluation import Evaluation, Learnt
from tierra.model.examples import Examples
from tierra.model.spec import Costs
from tierra.model.thresholds import cost_curve, threshold_table
from tierra.model.training import measure

LEARNT_ROWS = 20_000
SEED = 0


@dataclass(frozen=True)
class Material:
    """What a study needs beside the test rows: the training rows, the test rows' keys, the card's costs.

    `predictions` are those of the test rows, where they are known already.
    """

    train: Examples
    keys: pd.DataFrame
    costs: Costs | None = None
    scorers: tuple[str, ...] = ()
    predictions: Predictions | None = None


def study_model(
    evaluation: Evaluation, model: Any, rows: Examples, material: Material, rule: Evaluation | None = None
) -> Evaluation:
    """The evaluation with all that is looked at of the best model alone; `rows` are the test rows.

    Overfitting is measured on at most 20,000 training rows, drawn at random.
    """
    predictions = material.predictions or predict(model, rows.table, rows.labels)
    few = material.train.sample(LEARNT_ROWS, SEED)
    ranked = [each.feature for each in evaluation.importance] or list(rows.features)
    update: dict[str, Any] = {
        "learnt": Learnt(rows=len(few.target), metrics=measure(model, few, material.scorers)),
        "dependence": find_dependence(model, rows, ranked),
        "errors": find_errors(rows, predictions, ranked, material.keys),
    }
    if rows.labels.task == "binary":
        update["thresholds"] = threshold_table(rows.target, predictions, material.costs, model.threshold)
        if material.costs:
            ruled = _rule_cost(rule, material.costs)
            update["costs"] = cost_curve(rows.target, predictions, material.costs, model.threshold, ruled)
    return evaluation.model_copy(update=update)


def _rule_cost(rule: Evaluation | None, costs: Costs) -> float | None:
    """What 100 rows cost as the rule decides them."""
    if rule is None or not rule.confusion:
        return None
    counts = np.array(rule.confusion)
    return float(100 * (costs.false_alarm * counts[0, 1] + costs.missed * counts[1, 0]) / max(counts.sum(), 1))
