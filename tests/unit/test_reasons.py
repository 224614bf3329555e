"""The reasons of a prediction add up to it, whatever the model, its preprocessing, its correction and its task."""

import json
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.tree import DecisionTreeRegressor

from tests.builders import ride_spec, write_project
from tests.cases import each
from tests.fitting import fit_any
from tests.unit.test_estimators import examples
from tierra.errors import Misconfigured
from tierra.model.artifact import predict
from tierra.model.candidates import check_types, fit_candidate
from tierra.model.contributions import contribute
from tierra.model.deciding import decide
from tierra.model.decision_spec import Decision, Review
from tierra.model.examples import Examples
from tierra.model.owners import owners_of
from tierra.model.preprocessing import Requirements, build_encoder
from tierra.model.preprocessing_spec import Preprocessing, Treatment
from tierra.model.reasons import reasons_of
from tierra.model.scoring import published_columns
from tierra.model.spec import Average, Model, RateBy, Rule
from tierra.model.treatments import infer_treatments
from tierra.model.tree_paths import contributions_of, plain_tree
from tierra.project.project import load_project

TREES, FEW = {"n_estimators": 3}, {"max_iter": 6}
MODELS: dict[str, list[Any]] = {
    "binary": [Model(model="logistic"), Model(model="hist_gradient_boosting", params=FEW),
               Model(model="random_forest", params=TREES),
               Model(model="sklearn.discriminant_analysis.LinearDiscriminantAnalysis")],
    "multiclass": [Model(model="logistic"), Model(model="hist_gradient_boosting", params=FEW),
                   Model(model="random_forest", params=TREES)],
    "regression": [Model(model="ridge"), Model(model="hist_gradient_boosting", params={"loss": "poisson", **FEW}),
                   Model(model="sklearn.ensemble.ExtraTreesRegressor", params=TREES)],
}  # fmt: skip
CORRECTIONS: dict[str, tuple[Any, ...]] = {
    "binary": ("none", "sigmoid", "isotonic"), "multiclass": ("none", "temperature", "vector"), "regression": ("none",),
}  # fmt: skip
# Every kind of preprocessing that makes more columns than it is given, or fewer.
WIDE = Preprocessing(
    rare=40, columns={"km": Treatment(outliers="flag", impute="median"), "zone": Treatment(encode="one_hot")}
)
TARGET = Preprocessing(columns={"zone": Treatment(encode="target"), "rain": Treatment(kind="left_out")})


def added_up(text: str, row: dict[str, Any]) -> float:
    said = json.loads(text)
    return abs(said["bias"] + sum(said["features"].values()) + said["others"] - row[said["of"]])


def adds_up(task: Any, correction: Any, preprocessing: Preprocessing) -> None:
    rows, fitted = examples(task, 300), dict[str, Any]()
    average = Average(average=tuple(model.name for model in MODELS[task][:2]))
    for candidate in (*MODELS[task], average, Rule(rule=RateBy(rate_by=("zone",))), Rule(rule="base_rate")):
        fitted[candidate.name] = fit_any(candidate, rows, fitted, preprocessing)
        review = None if task == "regression" else Review(share=0.2)
        served = decide(fitted[candidate.name], rows, Decision(calibration=correction, review=review)).model
        predictions = predict(served, rows.table, rows.labels)
        total = contribute(served, rows.table).total
        assert np.abs(total - predictions.scores.reshape(total.shape)).max() < 1e-9, candidate.name
        columns = published_columns(predictions, rows.labels, None)
        published = pa.table(columns | {"reasons": reasons_of(served, rows.table, predictions, rows.labels, 1)})
        assert max(added_up(row["reasons"], row) for row in published.to_pylist()) < 1e-9, candidate.name


def test_reasons_add_up_to_what_is_published() -> None:
    each(
        [("binary", "isotonic", WIDE), ("multiclass", "temperature", TARGET), ("regression", "none", WIDE)],
        adds_up,
    )


@pytest.mark.long
def test_reasons_add_up_for_every_correction_and_preprocessing() -> None:
    cases = [(task, *both) for task in MODELS for both in product(CORRECTIONS[task], (WIDE, TARGET))]
    each(cases, adds_up)


def test_a_feature_that_decides_alone_is_the_reason_and_its_encoded_parts_are_one() -> None:
    random = np.random.default_rng(0)
    table = pd.DataFrame({"noise": random.normal(size=400), "zone": random.choice(list("ABCD"), 400)})
    rows = Examples(table, table["zone"].isin(["A", "B"]).to_numpy(float), examples("binary").labels)
    for model in ("logistic", "hist_gradient_boosting", "random_forest"):
        served = decide(fit_candidate(Model(model=model), rows), rows, Decision(calibration="none")).model
        made = contribute(served, table)
        assert made.features == ("noise", "zone")
        noise, zone = np.abs(made.parts[:, :, 0]).mean(axis=0)
        assert zone > 0.3 > 0.05 > noise, model
        assert (made.parts[:, 1, 0] > 0).tolist() == (rows.target == 1).tolist(), model


def test_a_path_is_split_as_it_is_by_hand() -> None:
    table = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    tree = DecisionTreeRegressor().fit(table, [0.0, 0.0, 0.0, 0.0, 15.0, 45.0])
    root, parts = contributions_of(plain_tree(tree.tree_, slice(0, 1)), np.array([0, 1]), 2)
    assert np.allclose(root, [10.0]), "of six rows, four have 0"
    ends = parts[tree.tree_.apply(table.astype(np.float32))][:, :, 0]
    assert np.allclose(ends[[0, 1, 4, 5]], [[-10, 0], [-10, 0], [20, -15], [20, 15]])


def test_each_encoded_column_is_known_by_the_feature_that_it_was_made_of() -> None:
    """Two features of each kind, so that none is right by being the only one; moving one moves its columns alone."""
    random = np.random.default_rng(0)
    table = pd.DataFrame({"plain": random.normal(size=200), "few": random.choice(list("ab"), 200),
                          "gaps": random.normal(size=200), "many": random.choice(list("abcdefgh"), 200)})  # fmt: skip
    table = table.assign(gaps=table["gaps"].where(random.random(200) < 0.8), other=random.normal(size=200))
    target = random.integers(0, 2, 200)
    treated = {"other": Treatment(outliers="flag"), "few": Treatment(encode="target")}
    for needs, columns in product(("scaled", "ordinal", "numbers"), ({}, treated)):
        preprocessing = Preprocessing(columns=columns)
        encoder = build_encoder(
            infer_treatments(table, preprocessing), Requirements(needs, "binary", preprocessing, 200)
        ).fit(table, target)
        owner, before = owners_of(encoder, list(table)), np.nan_to_num(encoder.transform(table))
        assert len(owner) == before.shape[1]
        for place, name in enumerate(table):
            moved = table.assign(**{name: table[name].iloc[::-1].to_numpy()})
            changed = (np.nan_to_num(encoder.transform(moved)) != before).any(axis=0)
            assert set(owner[changed]) == {place}, (needs, name)


def test_rows_are_explained_alike_alone_and_together() -> None:
    rows = examples("binary", 200)
    for model in MODELS["binary"]:
        served = fit_candidate(model, rows)
        together = contribute(served, rows.table).parts
        alone = np.concatenate([contribute(served, rows.table.iloc[[place]]).parts for place in range(20)])
        assert np.abs(together[:20] - alone).max() < 1e-12


def test_many_rows_are_explained_in_pieces_that_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = examples("binary", 200)
    served = decide(fit_candidate(MODELS["binary"][1], rows), rows, Decision(calibration="none")).model
    made = predict(served, rows.table, rows.labels)
    whole = reasons_of(served, rows.table, made, rows.labels, 2)
    monkeypatch.setattr("tierra.model.reasons.CELLS", 1)
    monkeypatch.setattr("tierra.model.reasons.LEAST", 7)
    assert reasons_of(served, rows.table, made, rows.labels, 2).equals(whole)


def test_no_rows_have_no_reasons() -> None:
    rows = examples("binary", 200)
    served = decide(fit_candidate(Model(model="logistic"), rows), rows, Decision(calibration="none")).model
    none = rows.table.head(0)
    assert reasons_of(served, none, predict(served, none, rows.labels), rows.labels, 3).to_pylist() == []


def test_a_model_without_reasons_is_refused_before_it_is_fitted(tmp_path: Any) -> None:
    nearest = Model(model="sklearn.naive_bayes.GaussianNB")
    with pytest.raises(Misconfigured, match=r"^candidate gaussiannb: GaussianNB offers no reasons .*reasons-unsupp"):
        check_types(nearest, examples("binary"), reasons=True)
    check_types(nearest, examples("binary"))
    check_types(Model(model="logistic"), examples("binary"), reasons=True)
    candidates = [{"rule": "base_rate"}, {"model": "sklearn.neural_network.MLPClassifier"}]
    spec = ride_spec(candidates=candidates, score={"reasons": 3})
    with pytest.raises(Misconfigured, match=r"candidates\.1: sklearn.neural_network.MLPClassifier offers no reasons"):
        load_project(str(write_project(tmp_path / "rides", spec)))
