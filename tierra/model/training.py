"""Choosing among fitted candidates, and measuring what may serve on the same rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tierra.model.artifact import predict, with_threshold
from tierra.model.gate import advantage
from tierra.model.metrics import choose_threshold, compute_metrics
from tierra.model.spec import Costs, Gate


def choose_candidate(validation: Mapping[str, Mapping[str, float]], gate: Gate) -> str:
    """The name of the model that is best on validation; the rule when it stands alone."""
    models = [name for name in validation if name != "rule"]
    best = models[0] if models else "rule"
    for name in models[1:]:
        if advantage(gate.metric, dict(validation[name]), dict(validation[best])) > 0:
            best = name
    return best


def tune_threshold(model: Any, table: pd.DataFrame, target: np.ndarray, costs: Costs | None) -> Any:
    """The model with the threshold that is cheapest on these rows."""
    return with_threshold(model, choose_threshold(target, model.predict_proba(table)[:, 1], costs))


def measure(model: Any, table: pd.DataFrame, target: np.ndarray) -> dict[str, float]:
    """Every metric of a served model on labelled rows."""
    return compute_metrics(target, *predict(model, table))


def in_order(candidates: Sequence[Any]) -> list[Any]:
    """The rule first, then models, then averages, whose members must be fitted before them."""
    rank = {"Rule": 0, "Model": 1, "Average": 2}
    return sorted(candidates, key=lambda candidate: rank[type(candidate).__name__])
