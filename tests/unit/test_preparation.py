"""Every way to prepare a feature keeps the promises of the one artifact, on columns as bad as they come."""

import hashlib
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
from tierra.errors import DataRejected, Misconfigured
from tierra.model.admission import find_set_aside
from tierra.model.artifact import check_agreement, dump_model, inner_model, load_model
from tierra.model.candidates import check_types, fit_candidate, unseen_categories
from tierra.model.contributions import contribute
from tierra.model.examples import Examples
from tierra.model.imputers import JointImputer
from tierra.model.log_target import LogTarget
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.spec import Model
from tierra.model.training import tune_threshold
from tierra.model.treatments import infer_treatments
from tierra.model.treatments_described import describe_features
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


# Every need of a model, and every task.
KINDS: list[tuple[Task, str]] = [
    ("regression", "linear"), ("multiclass", "linear"), ("binary", "hist_gradient_boosting"),
    ("multiclass", "hist_gradient_boosting"), ("regression", "sklearn.ensemble.GradientBoosting"),
]  # fmt: skip


# Several of the ways at once, as one project may state them.
MIXED: list[dict[str, Any]] = [
    {"impute": "iterative", "outliers": "flag", "interactions": [["km", "temp"], ["km", "zone"]],
     "columns": {"km": {"bins": 4}, "zone": {"encode": "hash"}, "temp": {"kind": "cyclic", "period": 10}}},
    {"impute": "knn", "gaps": "drop", "outliers": "quarantine", "fence": "isolation_forest",
     "columns": {"km": {"gaps": "fill"}, "note": {"kind": "text", "encode": "hash"}, "zone": {"encode": "target"}}},
]  # fmt: skip


def test_a_mix_of_ways_to_prepare_keeps_the_promises() -> None:
    each([("regression", "linear", MIXED[0])], keeps_its_promises)


@pytest.mark.long
@pytest.mark.parametrize(("task", "model"), KINDS)
def test_every_way_to_prepare_keeps_the_promises(task: Task, model: str) -> None:
    each([(task, model, said) for said in (*OPTIONS, *MIXED)], keeps_its_promises)


def treated(values: Any, rows: int = 1200, name: str = "x", **said: Any) -> str:
    """What is said of one feature among another."""
    table = as_features(pd.DataFrame({name: values, "other": np.random.default_rng(1).normal(size=rows)}))
    return describe_features(table, Preprocessing.model_validate(said))[name]


def test_what_is_inferred_is_said_with_its_reason() -> None:
    rows, number = np.arange(1200), "number: gaps mean, scale standard and power and quantile normal"
    cases: list[tuple[Any, str, int, str]] = [
        (np.sqrt(rows), "x", 1200, number),
        (np.sqrt(rows[:500]), "x", 500, "number: gaps mean, scale standard and power"),
        (np.sqrt(rows[:19]), "x", 19, "number: gaps mean, scale standard"),
        (rows % 12, "x", 1200, "number: gaps mean, scale standard (12 different values)"),
        (rows % 24, "dep_hour", 1200, f"{number}, on a circle of 24 (by its name and its values)"),
        (rows % 25, "dep_hour", 1200, number),
        ([f"the old road {row}" for row in rows], "x", 1200, "text: tfidf (4.0 words a row)"),
        ([f"note {row}" for row in rows], "x", 1200, "left out: text that is different in most rows"),
    ]  # fmt: skip

    def said(values: Any, name: str, count: int, expected: str) -> None:
        assert treated(values, count, name) == expected

    each(cases, said)


def test_what_is_stated_of_a_column_comes_before_what_is_stated_of_all() -> None:
    table = as_features(raw_rows(200))
    said = Preprocessing.model_validate({
        "impute": "median", "gaps": "drop", "scale": "robust", "outliers": "clip", "indicator": False,
        "columns": {"km": {"impute": "knn", "gaps": "fill", "scale": ["power"], "outliers": "keep", "indicator": True}},
    })  # fmt: skip
    found = infer_treatments(table, said)
    km, temp = found["km"], found["temp"]
    assert (km.impute, km.gaps, km.scale, km.outliers, km.indicator) == ("knn", "fill", ("power",), "keep", True)
    assert (temp.impute, temp.gaps, temp.scale, temp.outliers) == ("median", "drop", ("robust",), "clip")
    assert temp.indicator is False


@pytest.mark.parametrize("how", ["knn", "iterative"])
def test_a_gap_is_filled_by_the_other_numbers_of_its_row(how: str) -> None:
    random = np.random.default_rng(0)
    one = random.uniform(0, 10, 500)
    values = np.column_stack([3 * one + 1, one, random.normal(size=500)])
    fitted_imputer = JointImputer(how, keep=1).fit(values)
    gaps = np.array([[np.nan, 2.0, 0.0], [np.nan, 9.0, 0.5], [7.0, 2.0, 0.0]])
    made = fitted_imputer.transform(gaps)
    assert np.allclose(made[:, 0], [7, 28, 7], atol=2.5)
    assert made.shape == (3, 1), "no gaps in training, no flag"
    flagged = JointImputer(how, keep=1).fit(np.vstack([values, gaps]))
    assert flagged.transform(gaps)[:, 1].tolist() == [1, 1, 0]


def test_nearest_rows_are_the_same_for_a_row_alone_where_many_are_as_near() -> None:
    grid = np.array([[value, float(near)] for near in range(4) for value in range(40)], float)
    rows = np.column_stack([np.full(200, np.nan), np.resize([0.5, 1.5, 2.5], 200)])
    imputer = JointImputer("knn", keep=1).fit(grid)
    together = imputer.transform(rows)
    assert (together == np.vstack([imputer.transform(row[None, :]) for row in rows])).all()


def test_the_logarithm_is_inferred_for_a_positive_skewed_target_alone() -> None:
    random = np.random.default_rng(0)
    base = examples("regression", 300)
    normal = random.normal(0, 1, 300)
    targets = {
        "skewed": (np.exp(normal), True),
        "even": (normal + 10, False),
        "with a zero": (np.maximum(np.exp(normal) - 1, 0), False),
        "skewed to the left": (100 - np.exp(normal), False),
    }
    for name, (target, is_log) in targets.items():
        rows = Examples(base.features, target, base.labels)
        for params, expected in (({}, is_log), ({"loss": "poisson"}, False)):
            if params and target.min() < 0:
                continue
            model = fit_candidate(Model(model="hist_gradient_boosting", params={"max_iter": 3, **params}), rows)
            assert isinstance(model.named_steps["model"], LogTarget) == expected, (name, params)
    with pytest.raises(Misconfigured, match="log of"):
        fit_candidate(Model(model="ridge"), Examples(base.features, normal, base.labels), Preprocessing(target="log"))


def test_predictions_of_a_logarithm_are_in_the_target_s_unit_and_have_an_end() -> None:
    rows = examples("regression")
    model = fit_candidate(Model(model="ridge"), rows, Preprocessing(target="log", scale=("standard",)))
    assert np.corrcoef(model.predict(rows.table), rows.target)[0, 1] > 0.7
    far = rows.table.assign(km=1e12)
    assert model.predict(far).max() <= rows.target.max() ** 2 / rows.target.min() * (1 + 1e-9)


def test_rows_that_a_model_does_not_take_are_left_out_of_its_training_and_named() -> None:
    rows = examples("binary")
    wild = rows.table.assign(temp=rows.table["temp"].where(np.arange(ROWS) != 5, 1e9))
    rows = Examples(wild, rows.target, rows.labels)
    gaps = int(wild["km"].isna().sum())
    said = {"columns": {"km": {"gaps": "drop"}, "temp": {"outliers": "quarantine"}}}
    model = inner_model(fitted("binary", "linear", said, rows))
    reasons = find_set_aside(model, wild)
    assert (reasons != "").sum() in (gaps, gaps + 1)
    assert "temp is not between" in reasons[5]
    assert set(reasons[wild["km"].isna() & (np.arange(ROWS) != 5)]) == {"km has no value"}
    # Nothing of a row that is left out is learnt: its label may be anything.
    other = Examples(wild, np.where(reasons == "", rows.target, 1 - rows.target), rows.labels)
    again = inner_model(fitted("binary", "linear", said, other))
    kept = wild[reasons == ""]
    assert (model.predict_proba(kept) == again.predict_proba(kept)).all()
    data = dump_model(model)
    loaded = load_model(data, hashlib.sha256(data).hexdigest(), "here")
    assert (find_set_aside(loaded, wild) == reasons).all()


def test_what_is_left_to_learn_from_has_two_classes_and_is_what_a_candidate_is_tried_on() -> None:
    random, rows = np.random.default_rng(0), 1000
    table = pd.DataFrame({"km": random.random(rows), "temp": random.random(rows)})
    table.loc[:599, "km"] = np.nan  # as of a column that came later
    target, dropped = random.integers(0, 2, rows).astype(float), Preprocessing(gaps="drop")
    check_types(Model(model="logistic"), Examples(table, target, LABELS["binary"]), dropped)
    target[600:] = 0
    with pytest.raises(DataRejected, match=r"all 400 rows left to learn from are of one class, 'no'.*target-one-class"):
        fit_candidate(Model(model="hist_gradient_boosting"), Examples(table, target, LABELS["binary"]), dropped)


def test_gaps_that_stay_are_refused_by_a_model_that_takes_none() -> None:
    rows, said = examples("binary"), Preprocessing(impute="none")
    with pytest.raises(
        Misconfigured, match=r"logistic takes no gaps, and `impute: none` leaves those of 'km'.*gaps-left"
    ):
        fit_candidate(Model(model="logistic"), rows, said)
    for taken in ("hist_gradient_boosting", "random_forest"):
        fit_candidate(Model(model=taken), rows, said)


def test_a_forbidden_gap_stops_training_and_scoring_and_says_where() -> None:
    rows = examples("binary")
    said = Preprocessing.model_validate(on("km", gaps="forbid"))
    with pytest.raises(DataRejected, match=r"'km' has no value in .* of 300 rows.*features-gaps"):
        fit_candidate(Model(model="logistic"), rows, said)
    full = Examples(rows.table.assign(km=rows.table["km"].fillna(0)), rows.target, rows.labels)
    model = fit_candidate(Model(model="logistic"), full, said)
    assert (find_set_aside(model, full.table) == "").all()
    with pytest.raises(DataRejected, match="features-gaps"):
        find_set_aside(model, rows.table)
