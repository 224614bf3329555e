"""Every way to prepare a feature keeps the promises of the one artifact, on columns as bad as they come."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.cases import each
from tierra.data.code import ProjectCode
from tierra.data.features import build_features
from tierra.data.labels import Labels
from tierra.data.recipe import Recipe
from tierra.model.artifact import check_agreement
from tierra.model.candidates import check_types, fit_candidate, unseen_categories
from tierra.model.contributions import contribute
from tierra.model.examples import Examples
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.spec import Model
from tierra.model.training import tune_threshold
from tierra.spec import Task

ROWS = 300
LABELS: dict[Task, Labels] = {
    "binary": Labels(classes=("no", "yes")),
    "multiclass": Labels(task="multiclass", classes=("a", "b", "c")),
    "regression": Labels(task="regression", classes=()),
}
MODELS: dict[str, dict[str, Any]] = {
    "linear": {}, "hist_gradient_boosting": {"max_iter": 5}, "sklearn.ensemble.GradientBoosting": {"n_estimators": 5},
}  # fmt: skip
WORDS = ("red", "old", "wide", "gate", "hill", "road", "north", "blue")


def raw_rows(rows: int, seed: int = 0, strange: bool = False) -> pd.DataFrame:
    """Rows with gaps, a constant, ties, booleans, dates in a zone and text; strange ones with unseen values."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "km": random.gamma(2, 3, rows), "ties": random.integers(0, 3, rows).astype(float), "same": np.full(rows, 7.0),
        "wet": random.integers(0, 2, rows).astype(bool),
        "zone": random.choice(["A", "B", "C", "rare"], rows, p=[0.4, 0.3, 0.28, 0.02]),
        "at": pd.Timestamp("2024-03-30", tz="Europe/Madrid") + pd.to_timedelta(random.integers(0, 5000, rows), "h"),
        "note": [" ".join(random.choice(WORDS, 4)) + f" {row}" for row in range(rows)],
        "temp": random.normal(15, 8, rows),
    })  # fmt: skip
    frame.loc[random.random(rows) < 0.15, ["km", "zone"]] = None
    frame.loc[random.random(rows) < 0.1, ["temp", "note"]] = None
    frame.loc[random.random(rows) < 0.05, "at"] = pd.NaT
    if strange:
        frame.loc[::7, "zone"], frame.loc[::5, "km"], frame.loc[::6, "same"] = "never seen", 1e9, -4.0
    return frame


def as_features(rows: pd.DataFrame) -> pd.DataFrame:
    return build_features(Recipe(target="y", target_column="y"), ProjectCode(Path()), rows, rows.iloc[:0])


def examples(task: Task, rows: int = ROWS) -> Examples:
    raw = raw_rows(rows)
    value = raw["km"].fillna(5) + (raw["zone"] == "A") * 4 + raw["wet"] * 2
    target = {"binary": (value > 8).to_numpy(float), "multiclass": np.digitize(value, [5, 9]).astype(float),
              "regression": np.exp(value / 6).to_numpy(float)}[task]  # fmt: skip
    return Examples(as_features(raw), target, LABELS[task])


def fitted(task: Task, model: str, said: dict[str, Any], rows: Examples) -> Any:
    name = {"linear": "ridge" if task == "regression" else "logistic"}.get(model, model)
    name += "" if "." not in name else "Regressor" if task == "regression" else "Classifier"
    preprocessing = Preprocessing.model_validate(said)
    candidate = Model(model=name, params=MODELS[model])
    check_types(candidate, rows, preprocessing)
    return tune_threshold(fit_candidate(candidate, rows, preprocessing), rows, None)


def on(column: str, **treatment: Any) -> dict[str, Any]:
    return {"columns": {column: treatment}}


OPTIONS: list[dict[str, Any]] = [
    {},
    *({"impute": impute} for impute in ("median", "most_frequent", "knn", "iterative")),
    {"impute": "knn", "indicator": False, "outliers": "flag"},
    on("km", impute="constant", fill=-1, indicator=False),
    on("zone", impute="most_frequent"),
    on("zone", impute="constant", fill="none", encode="target"),
    *({"scale": scale} for scale in ("standard", "robust", "min_max", "power", "quantile_normal")),
    {"scale": ["robust", "power", "quantile_normal"]},
    *({"outliers": out, "fence": fence, "fence_share": "5%"}
      for out in ("clip", "flag", "quarantine") for fence in ("iqr", "quantile", "isolation_forest")
      if (out, fence) != ("clip", "isolation_forest")),
    {"gaps": "drop"},
    on("note", gaps="drop"),
    *(on("zone", encode=encode) for encode in ("one_hot", "ordinal", "target", "hash")),
    on("zone", order=["C", "B", "A"]),
    *(on("note", kind="text", encode=encode) for encode in ("tfidf", "hash")),
    on("note", kind="category", encode="hash"),
    on("km", bins=4),
    on("temp", kind="cyclic", period=10),
    {"interactions": [["km", "temp"], ["zone", "wet"], ["km", "zone"], ["note", "at_month"]]},
    {"target": "none"},
    {"target": "log"},
]  # fmt: skip


def keeps_its_promises(task: Task, model: str, said: dict[str, Any]) -> None:
    """The artifact round-trips; single rows, shuffled rows and batches agree; reasons add up; gaps break nothing."""
    rows = examples(task)
    served = fitted(task, model, said, rows)
    later = as_features(raw_rows(8, seed=1, strange=True))
    check_agreement(served, later, rows.labels)
    assert unseen_categories(served, later).keys() <= {"zone", "note"}
    made = contribute(served, later) if "." not in model else None
    if made is not None:
        found = served.predict(later) if task == "regression" else served.predict_proba(later)
        expected = found if task != "binary" else found[:, 1]
        assert np.allclose(
            made.total, np.reshape(expected, made.total.shape), atol=1e-9 * max(1, np.abs(expected).max())
        )


def cases(options: list[dict[str, Any]], tasks: tuple[Task, ...], models: tuple[str, ...]) -> list[Any]:
    return [(task, model, said) for task in tasks for model in models for said in options]


# Several of the ways at once, as one project may state them.
MIXED: list[dict[str, Any]] = [
    {"impute": "iterative", "outliers": "flag", "interactions": [["km", "temp"], ["km", "zone"]],
     "columns": {"km": {"bins": 4}, "zone": {"encode": "hash"}, "temp": {"kind": "cyclic", "period": 10}}},
    {"impute": "knn", "gaps": "drop", "outliers": "quarantine", "fence": "isolation_forest",
     "columns": {"km": {"gaps": "fill"}, "note": {"kind": "text", "encode": "hash"}, "zone": {"encode": "target"}}},
]  # fmt: skip


def test_a_mix_of_ways_to_prepare_keeps_the_promises() -> None:
    each([("regression", "linear", MIXED[0]), ("binary", "hist_gradient_boosting", MIXED[1])], keeps_its_promises)


@pytest.mark.long
def test_every_way_to_prepare_keeps_the_promises_for_every_task_and_need() -> None:
    each(cases([*OPTIONS, *MIXED], tuple(LABELS), tuple(MODELS)), keeps_its_promises)
