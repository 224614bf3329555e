from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score

from tests.fitting import fit_any
from tierra.data.labels import Labels
from tierra.model.artifact import Predictions, check_agreement
from tierra.model.ensemble_spec import Average, Selection, Stack
from tierra.model.ensembles import cross_mix, learn_blend, select_greedily
from tierra.model.examples import Examples
from tierra.model.preference import is_shown_better
from tierra.model.recorded import scores_of
from tierra.model.rules import Averaged
from tierra.model.spec import Model
from tierra.model.training import tune_threshold
from tierra.spec import Task

LABELS: dict[Task, Labels] = {
    "binary": Labels(),
    "multiclass": Labels(task="multiclass", classes=("a", "b", "c")),
    "regression": Labels(task="regression", classes=()),
}
METRIC = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
ROWS = 900
NAMES = ("first", "second", "noise")


def predicted(task: Task, seed: int = 0) -> tuple[Examples, list[np.ndarray]]:
    """Rows, and what two members that know a half each and one that knows nothing predict of them."""
    random = np.random.default_rng(seed)
    known = random.normal(size=(ROWS, 2))
    table = pd.DataFrame(known, columns=["one", "two"])
    if task == "regression":
        target = known.sum(axis=1) + random.normal(size=ROWS) * 0.2
        return Examples(table, target, LABELS[task]), [*known.T, random.normal(size=ROWS)]
    if task == "binary":
        target = (known.sum(axis=1) + random.logistic(size=ROWS) > 0).astype(float)
        scores = 1 / (1 + np.exp(-np.column_stack([known, random.normal(size=ROWS)])))
        return Examples(table, target, LABELS[task]), [*scores.T]
    target = np.digitize(known.sum(axis=1) + random.normal(size=ROWS) * 0.3, [-0.7, 0.7]).astype(float)
    members = [softened(np.digitize(column, [-0.4, 0.4])) for column in known.T]
    return Examples(table, target, LABELS[task]), [*members, softened(random.integers(0, 3, ROWS))]


def softened(codes: np.ndarray) -> np.ndarray:
    return np.full((ROWS, 3), 0.2) + 0.4 * np.eye(3)[codes]


def loss(task: Task, rows: Examples, scores: np.ndarray) -> float:
    if task == "binary":
        return -float(roc_auc_score(rows.target, scores))
    return float(log_loss(rows.target, scores) if task == "multiclass" else mean_squared_error(rows.target, scores))


@pytest.mark.parametrize("ensemble", [Selection(selection=NAMES), Stack(stack=NAMES)], ids=lambda found: found.name)
def test_what_is_combined_is_better_than_each_member_on_rows_of_its_own(ensemble: Selection | Stack) -> None:
    for task in LABELS:
        rows, scores = predicted(task)
        fresh, others = predicted(task, seed=1)
        blend = learn_blend(ensemble, scores, rows, METRIC[task])
        assert loss(task, fresh, blend.mix(others)) < min(loss(task, fresh, one) for one in others)
        mixed = cross_mix(ensemble, scores, rows, METRIC[task])
        assert loss(task, rows, mixed) < min(loss(task, rows, one) for one in scores)


def test_a_member_that_knows_nothing_gets_little_weight_and_one_that_is_right_all() -> None:
    rows, scores = predicted("regression")
    weights = select_greedily(scores, rows, "rmse")
    assert sum(weights) == pytest.approx(1)
    assert weights[2] < 0.1 < min(weights[:2])
    assert select_greedily([rows.target, *scores], rows, "mae") == (1, 0, 0, 0)


def test_an_average_weighs_all_alike() -> None:
    rows, scores = predicted("multiclass")
    blend = learn_blend(Average(average=NAMES), scores, rows, "log_loss")
    np.testing.assert_allclose(blend.mix(scores), np.mean(scores, axis=0))


def test_no_label_is_seen_by_the_blend_that_mixes_its_row() -> None:
    rows, scores = predicted("binary")
    before = cross_mix(Stack(stack=NAMES), scores, rows, "log_loss")
    rows.target[0] = 1 - rows.target[0]
    group = rows.in_groups() % 5
    changed = cross_mix(Stack(stack=NAMES), scores, rows, "log_loss") != before
    assert not changed[group == group[0]].any()
    assert changed[group != group[0]].any()


def test_a_served_ensemble_predicts_as_its_blend_mixes_and_goes_through_the_one_artifact() -> None:
    for task in LABELS:
        rows, _ = predicted(task)
        kinds = ("ridge" if task == "regression" else "logistic", "random_forest")
        few: dict[str, dict[str, Any]] = {"random_forest": {"n_estimators": 8}}
        models = [fit_any(Model(model=kind, params=few.get(kind, {})), rows, {}) for kind in kinds]
        scores = [scores_of(model, rows.table, rows.labels) for model in models]
        for ensemble in (Selection(selection=kinds), Stack(stack=kinds)):
            blend = learn_blend(ensemble, scores, rows, METRIC[task])
            needed = [model for kind, model in zip(kinds, models, strict=True) if kind in blend.needed(kinds)]
            served = tune_threshold(blend.of(needed, task == "regression"), rows, None)
            np.testing.assert_allclose(scores_of(served, rows.table, rows.labels), blend.mix(scores), atol=1e-9)
            check_agreement(served, rows.table.head(12), rows.labels)


def test_an_average_of_before_has_no_weights() -> None:
    old = Averaged([])
    del old.__dict__["weights"]
    assert old.weights is None


def test_a_member_is_shown_better_where_it_is_and_not_where_it_is_luck() -> None:
    for task in LABELS:
        rows, (first, second, noise) = predicted(task)
        ours, theirs, luck = (as_predictions(task, each) for each in (first, noise, (first + second) / 2))
        assert is_shown_better(METRIC[task], ours, theirs, rows)
        assert not is_shown_better(METRIC[task], theirs, ours, rows)
        assert not is_shown_better(METRIC[task], ours, luck, rows)


def as_predictions(task: Task, scores: np.ndarray) -> Predictions:
    if task == "regression":
        return Predictions(scores, scores)
    return Predictions(scores, scores >= 0.5 if task == "binary" else scores.argmax(axis=1))


def test_a_class_of_a_single_row_is_mixed_as_the_others_are_and_ranks_nothing_where_it_is_not() -> None:
    """In a fifth of the rows nothing is learnt of it: there the members' mean stands in."""
    for task in ("binary", "multiclass"):
        rows, scores = predicted(task)
        last = rows.target.max()
        rare = np.where(rows.target == last, 0.0, rows.target)
        rare[7] = last
        for ensemble in (Stack(stack=NAMES), Selection(selection=NAMES)):
            mixed = cross_mix(ensemble, scores, replace(rows, target=rare), METRIC[task])
            assert mixed.shape == scores[0].shape
            assert np.isfinite(mixed).all()
        without = replace(rows, target=np.where(rows.target == last, 0.0, rows.target))
        assert learn_blend(Stack(stack=NAMES), scores, without, METRIC[task]).weights == (1 / 3,) * 3
