"""Candidates: each fits, predicts, and survives being written, read and asked row by row."""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from tests.builders import rides
from tests.fitting import fit_any
from tierra.data.labels import Labels
from tierra.errors import Broken, Misconfigured
from tierra.journal import Warned, at_station, open_journal
from tierra.model.artifact import check_agreement, load_model, predict, with_threshold
from tierra.model.candidates import check_types, fit_candidate, unseen_categories
from tierra.model.examples import Examples
from tierra.model.metrics import compute_metrics
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.spec import Average, Model, RateBy, Rule

CANDIDATES: dict[str, Any] = {
    "base_rate": Rule(rule="base_rate"),
    "rate_by": Rule(rule=RateBy(rate_by=("zone",))),
    "function": Rule(rule="features:by_hand"),
    "logistic": Model(model="logistic"),
    "hist_gradient_boosting": Model(model="hist_gradient_boosting", params={"max_iter": 20}),
    "average": Average(average=("logistic", "hist_gradient_boosting")),
}


def a_table(rows: int = 1200, **changes: Any) -> tuple[pd.DataFrame, np.ndarray]:
    table = rides(rows)
    features = table[["km", "rain", "zone"]].assign(rule__zone=table["zone"], rule__value=0.4, **changes)
    return features, (table["tipped"] == "yes").to_numpy(float)


def fit(name: str, table: pd.DataFrame, target: np.ndarray) -> Any:
    members = CANDIDATES[name].average if name == "average" else ()
    fitted = {each: fit(each, table, target) for each in members}
    return fit_any(CANDIDATES[name], Examples(table, target, Labels()), fitted)


@pytest.fixture(params=CANDIDATES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_each_candidate_predicts_a_probability_a_row(name: str) -> None:
    table, target = a_table()
    probability = fit(name, table, target).predict_proba(table)
    assert probability.shape == (1200, 2)
    assert ((probability >= 0) & (probability <= 1)).all()


def test_a_model_reads_the_features_and_not_the_rules_columns() -> None:
    table, target = a_table()
    model = fit("logistic", table, target)
    other = table.assign(rule__zone="A", rule__value=0.9)
    np.testing.assert_array_equal(model.predict_proba(table), model.predict_proba(other))
    assert compute_metrics(target, predict(with_threshold(model, 0.5), table, Labels()), Labels())["roc_auc"] > 0.7


def test_the_rate_of_a_group_is_its_training_rate_and_the_overall_one_where_unseen() -> None:
    table, target = a_table()
    found = fit("rate_by", table, target).predict_proba(table.assign(rule__zone="nowhere").head(1))[0, 1]
    assert found == pytest.approx(target.mean())
    seen = fit("rate_by", table, target).predict_proba(table)[(table["zone"] == "A").to_numpy(), 1]
    assert seen == pytest.approx(target[table["zone"] == "A"].mean())


def test_an_average_is_the_mean_of_its_members() -> None:
    table, target = a_table()
    members = [fit(each, table, target).predict_proba(table) for each in CANDIDATES["average"].average]
    np.testing.assert_allclose(fit("average", table, target).predict_proba(table), np.mean(members, axis=0))


def test_the_same_rows_give_the_same_model_to_the_last_bit(name: str) -> None:
    table, target = a_table()
    first, second = (fit(name, table, target).predict_proba(table) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_an_artifact_agrees_with_itself_written_shuffled_and_row_by_row(name: str) -> None:
    table, target = a_table()
    gaps = table.assign(km=table["km"].where(table.index % 7 > 0), zone=table["zone"].where(table.index % 5 > 0))
    check_agreement(with_threshold(fit(name, gaps, target), 0.47), gaps.head(60), Labels())


def test_a_model_that_looks_at_other_rows_does_not_agree() -> None:
    class Ranked(BaseEstimator):
        threshold = 0.5

        def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
            share = table["km"].rank(pct=True).to_numpy()
            return np.column_stack([1 - share, share])

    with pytest.raises((Broken, Misconfigured)):
        check_agreement(Ranked(), a_table()[0], Labels())


@pytest.mark.parametrize("name", ["logistic", "hist_gradient_boosting", "average"])
def test_unseen_categories_are_counted_and_scored(name: str) -> None:
    table, target = a_table()
    model = with_threshold(fit(name, table, target), 0.5)
    strange = table.assign(zone=["Z", "Z", None, *table["zone"][3:]])
    assert unseen_categories(model, strange) == {"zone": 2}
    assert unseen_categories(model, table) == {}
    assert np.isfinite(model.predict_proba(strange)).all()


def test_numbers_that_are_categories_are_known_by_their_value() -> None:
    table, target = a_table()
    numbered = table.assign(zone=[float(number % 3) for number in range(len(table))])
    preprocessing = Preprocessing.model_validate({"columns": {"zone": {"encode": "one_hot"}}})
    fitted = fit_candidate(Model(model="logistic"), Examples(numbered, target, Labels()), preprocessing)
    model = with_threshold(fitted, 0.5)
    assert unseen_categories(model, numbered) == {}
    assert unseen_categories(model, numbered.assign(zone=[7.0, np.nan, *numbered["zone"][2:]])) == {"zone": 1}


@pytest.mark.parametrize("empty", [np.nan, None], ids=["number", "text"])
@pytest.mark.parametrize("name", ["logistic", "hist_gradient_boosting", "average"])
def test_a_feature_without_one_value_survives(name: str, empty: Any) -> None:
    table, target = a_table()
    table = table.assign(empty=pd.Series([empty] * len(table), dtype="float64" if empty is np.nan else "str"))
    model = fit(name, table, target)
    assert np.isfinite(model.predict_proba(table)).all()
    filled = table.assign(empty="x" if empty is None else 1.0)
    np.testing.assert_array_equal(model.predict_proba(table), model.predict_proba(filled))


def test_a_type_that_is_not_allowed_is_refused_before_training_and_before_loading() -> None:
    table, target = a_table(300)
    stranger = Model(model="logistic", params={"C": 1.0, "class_weight": _Strange({0: 1.0, 1: 2.0})})
    with pytest.raises(Misconfigured, match="types-not-allowed"):
        check_types(stranger, Examples(table, target, Labels()))


def test_bytes_that_are_not_the_registered_ones_are_not_opened() -> None:
    with pytest.raises(Broken, match="artifact-tampered"):
        load_model(b"anything", hashlib.sha256(b"other").hexdigest(), "model.skops")


def test_a_tampered_artifact_with_a_fitting_digest_is_still_refused_for_its_types() -> None:
    from skops.io import dumps

    data = dumps({"model": _Strange()})
    with pytest.raises(Broken, match=r"_Strange.*artifact-unsafe"):
        load_model(data, hashlib.sha256(data).hexdigest(), "model.skops")


@pytest.mark.parametrize("params", [{"C": -1}, {"C": "many"}, {"depth": 3}])
def test_parameters_a_model_does_not_take_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match=r"candidate logistic.*fit-failed"):
        fit_candidate(Model(model="logistic", params=params), Examples(*a_table(300), Labels()))


class _Strange(dict[Any, Any]):
    """A type of nobody's allow-list."""


def test_what_a_library_warns_of_is_noticed_once_in_the_candidate_s_name(recwarn: pytest.WarningsRecorder) -> None:
    table, target = a_table()
    rows, weary = Examples(table, target, Labels()), Model(model="logistic", params={"max_iter": 1})
    with open_journal() as journal, at_station("fit"):
        check_types(weary, rows)
        assert not journal.facts(Warned), "a few rows say nothing of a fit"
        for _ in range(2):
            fit_candidate(weary, rows)
    (noticed,) = [each.text for each in journal.facts(Warned)]
    assert noticed.startswith("candidate logistic: ")
    assert noticed.endswith("or give it a higher `max_iter`")
    assert not recwarn.list
