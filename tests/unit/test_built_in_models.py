"""Each of Tierra's models learns every task it knows, serves from its bytes, and says the same of a row alone."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.cases import each
from tests.unit.test_estimators import LABELS, TASKS, better_than_nothing, examples, fit
from tierra.data.labels import Labels
from tierra.errors import Misconfigured
from tierra.model.artifact import check_agreement, predict
from tierra.model.examples import Examples
from tierra.model.explained import has_reasons
from tierra.model.neighbours import NeighboursClassifier, NeighboursRegressor
from tierra.model.reasons import reasons_of
from tierra.model.spec import BUILT_IN_MODELS, Model
from tierra.spec import Task

FEW: dict[str, dict[str, Any]] = {
    "random_forest": {"n_estimators": 8},
    "extra_trees": {"n_estimators": 8},
    "hist_gradient_boosting": {"max_iter": 8},
    "lightgbm": {"n_estimators": 8},
    "xgboost": {"n_estimators": 8},
    "neural_network": {"max_iter": 60},
}
ONE_TASK: dict[str, tuple[Task, ...]] = {"logistic": ("binary", "multiclass"), "ridge": ("regression",)}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_each_model_learns_serves_and_agrees_with_itself_with_weights_or_without() -> None:
    def learns(model: str, task: Task) -> None:
        rows = examples(task, 300, weighted=True)
        fitted = fit(Model(model=model, params=FEW.get(model, {})), rows)
        assert better_than_nothing(fitted, rows)
        check_agreement(fitted, rows.table.head(6), rows.labels)
        scores = predict(fitted, rows.table, rows.labels)
        if has_reasons(model):
            reasons_of(fitted, rows.table, scores, rows.labels, 1)
        else:
            with pytest.raises(Misconfigured, match="reasons-unsupported"):
                reasons_of(fitted, rows.table, scores, rows.labels, 1)

    each([(model, task) for model in BUILT_IN_MODELS for task in ONE_TASK.get(model, TASKS)], learns)


def test_rows_as_near_as_the_last_neighbour_all_count_whatever_their_order() -> None:
    rows, order = np.array([[0.0], [1.0], [1.0], [1.0], [5.0]]), np.array([3, 1, 4, 0, 2])
    classes, numbers = np.array([0, 1, 0, 0, 1]), np.array([2.0, 8.0, 2.0, 2.0, 50.0])
    for places in (np.arange(5), order):
        shares = NeighboursClassifier(2).fit(rows[places], classes[places]).predict_proba([[0.2], [9.0]])
        np.testing.assert_allclose(shares, [[0.75, 0.25], [0.5, 0.5]])
        np.testing.assert_allclose(NeighboursRegressor(2).fit(rows[places], numbers[places]).predict([[0.2]]), [3.5])
    heavy = NeighboursClassifier(1).fit(rows, classes, np.array([1.0, 8, 1, 1, 1])).predict_proba([[1.1]])
    np.testing.assert_allclose(heavy, [[0.2, 0.8]])


def test_a_network_learns_a_number_in_any_unit() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=800)
    for unit in (1e-4, 1e6):
        rows = Examples(pd.DataFrame({"x": x}), (3 + np.sin(x)) * unit, LABELS["regression"])
        said = predict(fit(Model(model="neural_network"), rows), rows.table, rows.labels).scores
        assert np.sqrt(np.mean((said - rows.target) ** 2)) < 0.2 * unit


def test_boosted_trees_count_for_more_where_rows_or_classes_are_many() -> None:
    from tierra.model.estimators import build_model

    def rate(rows: int, labels: Labels = LABELS["binary"]) -> float:
        model = build_model(Model(model="hist_gradient_boosting"), labels, np.resize([0, 1], rows))
        assert model.min_samples_leaf == max(3, min(20, rows // 200))
        return float(model.learning_rate)

    assert [rate(rows) for rows in (400, 10_000, 10_001, 100_001)] == [0.03, 0.03, 0.05, 0.1]
    ten = Labels(task="multiclass", classes=tuple("abcdefghij"))
    assert [rate(1000, LABELS["multiclass"]), rate(1000, ten)] == [0.03, 0.1]
