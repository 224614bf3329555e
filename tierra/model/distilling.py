"""Distillation: a smaller student fitted on what its teacher predicts, not on the labels (Hinton et al., 2015).

A classifier learns the teacher's probabilities themselves: each row stands there once for each class, weighted by the
probability of that class.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from scipy import sparse
from sklearn.pipeline import Pipeline

from tierra.model.admission import build_admission, with_admission
from tierra.model.candidates import admit, build_pipeline
from tierra.model.examples import Examples
from tierra.model.own import NONE, OwnClasses
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.spec import Model
from tierra.model.treatments import infer_treatments
from tierra.spec import Task

MOST_ROWS: Final = 100_000
LEAST_WEIGHT: Final = 1e-3
SEED: Final = 0
TREE_LEAVES: Final = (16, 64, 256)
BOOSTINGS: Final = ((10, 8), (30, 8), (60, 15))  # trees, and leaves of each
Students = Mapping[str, tuple[Model, ...]]


def students_of(task: Task) -> Students:
    """The students of a task: by kind, each from small to large."""
    kind = "Regressor" if task == "regression" else "Classifier"
    tree, linear = f"sklearn.tree.DecisionTree{kind}", "ridge" if task == "regression" else "logistic"
    return {
        "distilled_tree": tuple(
            Model(model=tree, name="distilled_tree", params={"max_leaf_nodes": leaves, "min_samples_leaf": 5})
            for leaves in TREE_LEAVES
        ),
        "distilled_linear": (Model(model=linear, name="distilled_linear"),),
        "distilled_boosting": tuple(_boosting(trees, leaves) for trees, leaves in BOOSTINGS),
    }


def _boosting(trees: int, leaves: int) -> Model:
    params = {
        "max_iter": trees,
        "max_leaf_nodes": leaves,
        "learning_rate": min(0.3, 6 / trees),
        "early_stopping": False,
    }
    return Model(model="hist_gradient_boosting", name="distilled_boosting", params=params)


def distil(
    teacher: Any, student: Model, rows: Examples, preprocessing: Preprocessing, own: OwnClasses = NONE
) -> Pipeline:
    """The student fitted on what the teacher predicts of these rows, or of as many of them as are enough."""
    few = rows.sample(MOST_ROWS, SEED)
    treatments = infer_treatments(few.features, preprocessing, few.is_grouped)
    admission, few = admit(few, build_admission(treatments, preprocessing.fence_share))
    pipeline = build_pipeline(student, few, preprocessing, treatments, own)
    is_number = few.labels.task == "regression"
    # Encodings of the target are those of the labels: their folds must not see a row once for each class.
    codes = few.target if is_number else few.target.astype(int)
    prepared = pipeline.named_steps["prepare"].fit_transform(few.table, codes)
    fit = _fit_number if is_number else _fit_classes
    fit(pipeline.named_steps["model"], prepared, teacher, few)
    return with_admission(pipeline, admission) if admission else pipeline


def _fit_number(model: Any, prepared: Any, teacher: Any, rows: Examples) -> None:
    model.fit(prepared, teacher.predict(rows.table), **_weights(rows.weight))


def _fit_classes(model: Any, prepared: Any, teacher: Any, rows: Examples) -> None:
    chances = np.asarray(teacher.predict_proba(rows.table))
    # The likeliest class of a row stays, and of each class its likeliest row: no class may vanish.
    kept = chances >= LEAST_WEIGHT
    kept[chances.argmax(axis=0), np.arange(chances.shape[1])] = True
    place, code = np.nonzero(kept)
    weight = np.maximum(chances[place, code], LEAST_WEIGHT)
    weight = weight if rows.weight is None else weight * rows.weight[place]
    taken = sparse.csr_array(prepared)[place] if sparse.issparse(prepared) else np.asarray(prepared)[place]
    model.fit(taken, np.asarray(teacher.classes_)[code], sample_weight=weight)


def _weights(weight: np.ndarray | None) -> dict[str, np.ndarray]:
    return {} if weight is None else {"sample_weight": weight}


def smallest_within(made: list[Any], score: Callable[[Any], float], tolerance: float) -> Any:
    """The first of these, from small to large, that is no more than so much worse than the best of them."""
    scores = [score(each) for each in made]
    least = max(scores) - tolerance
    return made[next(place for place, each in enumerate(scores) if each >= least)]
