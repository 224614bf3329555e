"""Counts and quantiles: their models pass the allow-list, and their metrics have values, directions and intervals."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance

from tests.cases import each
from tierra.data.labels import Labels
from tierra.model.artifact import Predictions, check_agreement
from tierra.model.candidates import check_types, fit_candidate
from tierra.model.evaluate_model import evaluate_model, score_slices
from tierra.model.examples import Examples
from tierra.model.gate import advantage
from tierra.model.importance import find_importance
from tierra.model.metrics import compute_metrics
from tierra.model.spec import Gate, Model, heading
from tierra.model.training import measure, scorers_of

NUMBER = Labels(task="regression", classes=())


def counts(rows: int = 900, seed: int = 0) -> Examples:
    random = np.random.default_rng(seed)
    table = pd.DataFrame({"a": random.normal(size=rows), "zone": random.choice(["x", "y"], rows)})
    expected = np.exp(0.6 * table["a"] + (table["zone"] == "x") + 0.5).to_numpy()
    return Examples(table, random.poisson(expected).astype(float), NUMBER)


@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("hist_gradient_boosting", {"loss": "quantile", "quantile": 0.9}),
        ("hist_gradient_boosting", {"loss": "poisson"}),
        ("sklearn.ensemble.HistGradientBoostingRegressor", {"loss": "poisson"}),
        ("sklearn.linear_model.QuantileRegressor", {"quantile": 0.9, "alpha": 0}),
        ("sklearn.linear_model.PoissonRegressor", {}),
    ],
)
def test_models_of_counts_and_quantiles_are_allowed_and_evaluated(model: str, params: dict[str, Any]) -> None:
    candidate, rows = Model(model=model, params=params, name="it"), counts()
    check_types(candidate, rows)
    fitted = fit_candidate(candidate, rows)
    check_agreement(fitted, rows.table.head(60), NUMBER)
    metric = "pinball_90" if "quantile" in params else "poisson_deviance"
    found, draws = evaluate_model(fitted, rows, [metric])
    low, high = found.intervals[metric]
    assert low < found.metrics[metric] < high
    assert metric in draws
    if "quantile" in params:
        assert np.mean(rows.target <= fitted.predict(rows.table)) == pytest.approx(0.9, abs=0.05)


def test_a_slice_is_scored_by_their_metrics_too() -> None:
    rows = counts()
    said, rule = (Predictions(scores, scores) for scores in (rows.target + 1, np.full(len(rows.target), 2.0)))
    for found in score_slices(rows.table[["zone"]], rows, said, rule, "pinball_90"):
        assert found.score == pytest.approx(0.1), "a tenth of what is too much"
        assert found.interval
        assert found.rule


def test_their_metrics_are_those_of_scikit_learn_with_weights_too() -> None:
    rows, random = counts(), np.random.default_rng(2)
    said, weight = random.gamma(2, 2, len(rows.target)) + 0.1, random.random(len(rows.target))

    def check(name: str, theirs: float) -> None:
        found = compute_metrics(rows.target, Predictions(said, said), NUMBER, weight, (name,))
        assert found[name] == pytest.approx(theirs)

    each(
        [
            ("poisson_deviance", mean_poisson_deviance(rows.target, said, sample_weight=weight)),
            ("pinball_90", mean_pinball_loss(rows.target, said, alpha=0.9, sample_weight=weight)),
            ("pinball_5", mean_pinball_loss(rows.target, said, alpha=0.05, sample_weight=weight)),
        ],
        check,
    )


def test_they_are_computed_where_they_are_named_and_smaller_is_better() -> None:
    gate = Gate(metric="pinball_90")
    assert scorers_of(NUMBER, gate, ["poisson_deviance", "rmse"]) == ["pinball_90", "poisson_deviance"]
    assert advantage("pinball_90", {"pinball_90": 1.0}, {"pinball_90": 3.0}) == 2.0
    assert heading("pinball_90") == "pinball loss, 90%"
    rows = counts()
    model = fit_candidate(Model(model="sklearn.linear_model.PoissonRegressor"), rows)
    assert "poisson_deviance" not in measure(model, rows)
    assert "poisson_deviance" in measure(model, rows, ["poisson_deviance"])
    first, *_ = find_importance(model, rows, "poisson_deviance")
    assert first.interval and 0 < first.interval[0] < first.mean < first.interval[1]  # noqa: PT018


def test_a_count_that_is_predicted_below_zero_has_no_deviance() -> None:
    rows = counts()
    said = np.full(len(rows.target), -1.0)
    assert "poisson_deviance" not in compute_metrics(
        rows.target, Predictions(said, said), NUMBER, more=("poisson_deviance",)
    )
