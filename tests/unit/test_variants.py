"""What makes a model smaller: each part by itself."""

import hashlib
import io
import zipfile
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from tests.cases import each
from tierra.data.labels import Labels
from tierra.errors import Misconfigured
from tierra.model.artifact import dump_model, load_model
from tierra.model.compressed import compress
from tierra.model.distilling import distil, smallest_within, students_of
from tierra.model.examples import Examples
from tierra.model.gate_spec import Challenge
from tierra.model.log_target import LogTarget
from tierra.model.parts_of_models import change_models
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.pruning import pruned
from tierra.model.rounding import rounded, threshold_field
from tierra.model.rules import Averaged
from tierra.model.spec import Model
from tierra.model.variant_spec import margin_of

RANDOM = np.random.default_rng(0)
ROWS = pd.DataFrame(RANDOM.normal(size=(900, 3)), columns=["a", "b", "c"])
CLASSES = (ROWS["a"] + ROWS["b"] ** 2 > 1).to_numpy().astype(int) + (ROWS["c"] > 1).to_numpy()
THREE = Labels(task="multiclass", classes=("x", "y", "z"))
EXAMPLES = Examples(ROWS, CLASSES.astype(float), THREE)


def test_rounded_trees_send_every_row_where_it_went() -> None:
    """A split is often a row's own number, to its last bit: that row must stay on its side."""
    values = ROWS.to_numpy()
    model = HistGradientBoostingClassifier(max_iter=15).fit(values, CLASSES)
    splits = {number for _, numbers, _ in threshold_field(model) for number in numbers}
    assert splits & set(values.ravel())
    made = rounded(model)
    assert np.abs(made.predict_proba(values) - model.predict_proba(values)).max() < 1e-7
    assert all((numbers == numbers.astype(np.float32)).all() for _, numbers, _ in threshold_field(made))
    assert {number for _, numbers, _ in threshold_field(model) for number in numbers} == splits
    assert len(compress(dump_model(made))) < 0.9 * len(compress(dump_model(model)))
    with pytest.raises(Misconfigured, match="none of the models that are rounded"):
        rounded(LogisticRegression().fit(values, CLASSES))


def test_a_compressed_file_is_the_same_model_and_the_same_file_each_time() -> None:
    model = LogisticRegression().fit(ROWS.to_numpy(), CLASSES)
    dumped = dump_model(model)
    data = compress(dumped)
    assert data == compress(dumped)
    again = load_model(data, hashlib.sha256(data).hexdigest(), "here")
    assert (again.predict_proba(ROWS.to_numpy()) == model.predict_proba(ROWS.to_numpy())).all()
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert {part.compress_type for part in file.infolist()} == {zipfile.ZIP_DEFLATED}


def test_models_are_changed_at_the_ends_of_means_pipelines_and_logarithms() -> None:
    seen: list[str] = []

    def change(model: Any) -> Any:
        seen.append(type(model).__name__)
        return "changed"

    linear = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])
    logged = Pipeline([("model", LogTarget(HistGradientBoostingRegressor()))])
    given = Averaged([linear, logged], [0.7, 0.3])
    made = change_models(given, change)
    assert seen == ["LogisticRegression", "HistGradientBoostingRegressor"]
    assert (made.models[0]["model"], made.models[1]["model"].model, made.weights) == ("changed", "changed", [0.7, 0.3])
    assert isinstance(given.models[0]["model"], LogisticRegression)


def test_a_student_learns_what_its_teacher_says_and_not_the_labels() -> None:
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression(C=0.01))]).fit(ROWS, CLASSES)
    student = students_of("multiclass")["distilled_linear"][0]
    made = distil(pipeline, student.model_copy(update={"params": {"C": 1e4}}), EXAMPLES, Preprocessing())
    # A teacher that is unsure on purpose has an unsure student, which one of the labels would not be.
    assert np.abs(made.predict_proba(ROWS) - pipeline.predict_proba(ROWS)).max() < 0.02
    assert list(made.classes_) == [0, 1, 2]


def test_the_smallest_that_is_nearly_the_best_is_taken() -> None:
    scores = {"small": 0.5, "middle": 0.79, "large": 0.8}
    each(
        [(0.0, "large"), (0.02, "middle"), (0.4, "small")],
        lambda tolerance, name: _same(smallest_within(list(scores), scores.__getitem__, tolerance), name),
    )


def test_a_candidate_is_pruned_by_the_trees_that_it_has() -> None:
    slow, many = {"max_iter": 200, "learning_rate": 0.05}, {"n_estimators": 200, "min_samples_leaf": 3}
    boosting = pruned(Model(model="hist_gradient_boosting", params=slow), EXAMPLES, 1 / 4)
    forest = pruned(Model(model="random_forest", params=many), EXAMPLES, 1 / 8)
    tree = pruned(Model(model="sklearn.tree.DecisionTreeClassifier"), EXAMPLES, 1 / 2)
    assert boosting
    assert (boosting.params["max_iter"], boosting.params["learning_rate"]) == (50, 0.2)
    assert forest
    assert forest.params == {"min_samples_leaf": 3, "n_estimators": 25, "max_leaf_nodes": 64}
    assert tree
    assert tree.params == {"ccp_alpha": 5e-4}
    assert pruned(Model(model="logistic"), EXAMPLES, 1 / 2) is None


def test_the_margin_is_stated_or_a_twentieth_of_what_is_gained_or_lost() -> None:
    routine = Challenge(challenger="noninferior", margin=0.01)

    def margin(stated: float | None, gate: Challenge, metric: str, both: tuple[float, float], expected: float) -> None:
        assert margin_of(stated, gate, metric, {metric: both[0]}, {metric: both[1]}) == pytest.approx(expected)

    each(
        [
            (0.3, routine, "roc_auc", (0.9, 0.5), 0.3),
            (None, routine, "roc_auc", (0.9, 0.5), 0.01),
            (None, Challenge(), "roc_auc", (0.9, 0.5), 0.005),  # of the error
            (None, Challenge(), "roc_auc", (0.6, 0.5), 0.005),  # of the gain
            (None, Challenge(), "log_loss", (0.1, 0.7), 0.005),
            (None, Challenge(), "mae", (900, 1000), 5),
        ],
        margin,
    )


def _same(found: Any, expected: Any) -> None:
    assert found == expected
