"""Scores become decisions by what was chosen on validation, and what is served keeps every promise of an artifact."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from tests.cases import each
from tests.unit.test_estimators import LABELS, examples
from tierra.data.labels import Labels
from tierra.errors import DataRejected
from tierra.model.artifact import check_agreement, inner_model, predict, with_threshold
from tierra.model.band import choose_band, coverage_risk, uncertainty
from tierra.model.calibration import Calibrated, correct, fit_correction
from tierra.model.candidates import fit_candidate
from tierra.model.conformal import choose_width
from tierra.model.deciding import decide
from tierra.model.decision_spec import Decision, Review
from tierra.model.examples import Examples
from tierra.model.metrics import choose_threshold
from tierra.model.review import Reviewed
from tierra.model.rules import ColumnRule, ColumnValue
from tierra.model.scoring import published_columns
from tierra.model.spec import Costs, Model

BINARY, THREE = LABELS["binary"], LABELS["multiclass"]


def passing() -> ColumnRule:
    """A classifier whose probability is a column."""
    return ColumnRule(column="p").fit(pd.DataFrame(), np.zeros(0))


def rows(count: int, bent: float = 1.0, seed: int = 0) -> Examples:
    """Rows whose classifier gives log-odds that are `bent` times the true ones."""
    random = np.random.default_rng(seed)
    odds = random.normal(0, 1.5, count)
    target = (random.random(count) < 1 / (1 + np.exp(-odds))).astype(float)
    return Examples(pd.DataFrame({"p": 1 / (1 + np.exp(-bent * odds))}), target, BINARY)


def test_auto_corrects_what_pays_and_leaves_alone_what_does_not() -> None:
    straight = decide(passing(), rows(2000), Decision())
    assert (straight.chosen.calibration, straight.chosen.why_not) == ("none", "none is shown to be better")
    assert not isinstance(straight.model.estimator_.estimator, Calibrated)
    bent = decide(passing(), rows(2000, bent=3), Decision())
    assert bent.chosen.calibration in ("sigmoid", "isotonic")
    losses = {tried.method: tried.loss for tried in bent.chosen.tried}
    assert losses[bent.chosen.calibration] == min(losses.values()) < losses["none"] - 0.1
    fresh = rows(20_000, bent=3, seed=1)
    true = 1 / (1 + np.exp(-np.log(fresh.table["p"] / (1 - fresh.table["p"])) / 3))
    assert np.abs(predict(bent.model, fresh.table, BINARY).scores - true).mean() < 0.03


def test_in_a_split_by_time_only_a_stated_method_corrects() -> None:
    later = rows(2000, bent=3)
    left = decide(passing(), later, Decision(), in_time=True)
    assert left.chosen.calibration == "none"
    assert left.chosen.why_not.startswith("the split is by time")
    assert (left.predictions.scores == later.table["p"]).all()
    assert decide(passing(), later, Decision(calibration="sigmoid"), in_time=True).chosen.calibration == "sigmoid"


def test_few_rows_of_a_class_are_corrected_by_nothing_and_it_says_so() -> None:
    few = rows(40, bent=3)
    few = Examples(few.table, (np.arange(40) < 3).astype(float), BINARY)
    chosen = decide(passing(), few, Decision(calibration="isotonic")).chosen
    assert (chosen.calibration, chosen.why_not) == ("none", "a class has fewer rows held out than there are folds")


def test_a_balanced_model_gets_its_rates_back_however_few_rows_a_class_has() -> None:
    draw = np.random.default_rng(0)
    for task, rates in (("binary", [0.96, 0.04]), ("multiclass", [0.9, 0.08, 0.02])):
        labels = Labels(task=task, classes=("a", "b", "c")[: len(rates)])
        codes = draw.choice(len(rates), 150, p=rates)
        signal = np.eye(len(rates))[codes] + draw.normal(0, 0.6, (150, len(rates)))
        table = pd.DataFrame(signal, columns=list(labels.classes))
        model = LogisticRegression(class_weight="balanced").fit(table, codes)
        later = Examples(table, codes.astype(float), labels)
        plain = log_loss(codes, model.predict_proba(table))
        decided = decide(model, later, Decision(), balanced=True)
        made = decided.predictions.scores
        assert decided.chosen.calibration in ("sigmoid", "isotonic", "vector")
        assert log_loss(codes, made if task == "multiclass" else np.column_stack([1 - made, made])) < 0.7 * plain
        assert np.allclose(decided.model.predict_proba(table).mean(axis=0), np.bincount(codes) / 150, atol=0.02)


def test_without_costs_the_threshold_is_a_half_and_no_last_bit_decides() -> None:
    for scores in ([0.1, 0.2, 0.3], [0.7, 0.9], [0.2, 0.499, 0.501]):
        assert choose_threshold(np.zeros(len(scores)), np.array(scores), None) == 0.5
    for halves in ([0.5], [0.5 - 1e-16, 0.5 + 1e-16]):
        found = choose_threshold(np.zeros(4), np.array([0.2, *halves, 0.8][:4]), None)
        assert 0.499 < found < 0.5 - 1e-9, "all of them are a yes, whatever their last bits"


def test_a_correction_never_turns_two_rows_around() -> None:
    later = rows(500, bent=-1)  # a model that is worse than none
    sorted_scores = np.linspace(0.001, 0.999, 997)
    for method in ("sigmoid", "isotonic"):
        parameters = fit_correction(method, passing().predict_proba(later.table), later.target.astype(int))
        made = correct(method, parameters, np.column_stack([1 - sorted_scores, sorted_scores]))[:, 1]
        assert (np.diff(made) >= 0).all()
        assert 0 < made.min() <= made.max() < 1


def test_every_task_is_served_whole_corrected_and_with_its_band_or_interval() -> None:
    def agrees(task: Any, model: str, decision: Decision) -> None:
        some = examples(task, 600)
        decided = decide(fit_candidate(Model(model=model), some), some, decision, None)
        check_agreement(decided.model, some.table, some.labels)
        assert not hasattr(inner_model(decided.model), "threshold")
        served, no_rows = (predict(decided.model, table, some.labels) for table in (some.table, some.table.head(0)))
        assert served.present.keys() == no_rows.present.keys()
        columns = [published_columns(made, some.labels, None) for made in (served, no_rows)]
        assert {name: values.type for name, values in columns[0].items() if name != "decision" or task != "multiclass"}
        assert [each.type for each in columns[0].values()] == [each.type for each in columns[1].values()]

    review = Review(share=0.1)
    each(
        [
            ("binary", "logistic", Decision(calibration="sigmoid", review=review)),
            ("binary", "hist_gradient_boosting", Decision(calibration="isotonic", review=review)),
            ("binary", "random_forest", Decision(calibration="temperature")),
            ("multiclass", "logistic", Decision(calibration="temperature", review=Review(risk=0.2))),
            ("multiclass", "logistic", Decision(calibration="vector")),
            ("regression", "ridge", Decision(interval=0.9)),
        ],
        agrees,
    )


def test_the_threshold_is_chosen_on_honest_probabilities_and_lies_between_served_ones() -> None:
    later = rows(4000, bent=3)
    decided = decide(passing(), later, Decision(calibration="isotonic"), Costs(false_alarm=1, missed=4))
    served = predict(decided.model, later.table, BINARY).scores
    assert decided.model.threshold not in served
    assert abs(decided.model.threshold - 0.2) < 0.08
    assert not np.allclose(decided.predictions.scores, served), "validation is measured by cross-fitted probabilities"


def test_the_share_asked_for_is_left_to_a_person_around_the_threshold() -> None:
    later = rows(2000)
    for costs in (None, Costs(false_alarm=1, missed=3)):
        model = decide(passing(), later, Decision(review=Review(share=0.1)), costs).model
        made = predict(model, later.table, BINARY)
        assert made.review is not None
        assert made.review.sum() == 200
        assert model.low < model.threshold < model.high
        left = made.scores[made.review]
        assert uncertainty(left, model.threshold).min() >= uncertainty(made.scores[~made.review], model.threshold).max()
    names = published_columns(made, BINARY, None)["decision"].to_pylist()
    assert set(names) == {"no", "yes", "review"}
    assert names.count("review") == 200


def test_a_risk_that_no_band_keeps_leaves_every_row_to_a_person() -> None:
    base = Examples(pd.DataFrame({"p": np.full(400, 0.4)}), rows(400).target, BINARY)
    model = decide(passing(), base, Decision(review=Review(risk=0.05))).model
    assert isinstance(model, Reviewed)
    assert model.is_uncertain(np.array([0.0, 0.4, 1.0])).all()


def test_a_risk_is_kept_on_fresh_rows_and_no_more_rows_are_left_than_needed() -> None:
    later, fresh = rows(4000), rows(40_000, seed=1)
    model = decide(passing(), later, Decision(review=Review(risk=0.15))).model
    made = predict(model, fresh.table, BINARY)
    assert made.review is not None
    assert (made.decision != fresh.target)[~made.review].mean() <= 0.15
    assert 0.2 < made.review.mean() < 0.65
    shares, risks = coverage_risk(made.scores, made.decision != fresh.target, model.threshold)
    assert shares[-1] == 1.0
    assert risks[0] < risks[-1] == pytest.approx((made.decision != fresh.target).mean())


def test_the_curve_of_a_few_rows_reaches_the_last_of_them() -> None:
    for count in (1, 3, 30, 49, 51):
        shares, risks = coverage_risk(np.linspace(0.1, 0.9, count), np.arange(count) == 0, 0.5)
        assert (shares[-1], risks[-1]) == (1.0, 1 / count)


def test_rows_of_weight_zero_correct_nothing() -> None:
    later = rows(400)
    weight, probabilities = (later.table["p"].to_numpy() > 0.1).astype(float), later.table["p"].to_numpy()
    both = np.column_stack([1 - probabilities, probabilities])
    found = fit_correction("isotonic", both, later.target.astype(int), weight)
    kept = weight > 0
    np.testing.assert_array_equal(found, fit_correction("isotonic", both[kept], later.target[kept].astype(int)))


def test_of_several_classes_the_least_likely_are_left() -> None:
    scores = np.array([[0.4, 0.35, 0.25], [0.9, 0.05, 0.05], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]])
    low, high = choose_band(Review(share=0.25), scores, np.zeros(4, bool), None)
    assert Reviewed(None, low, high).is_uncertain(scores).tolist() == [True, False, False, False]


def test_an_interval_has_the_finite_sample_rank_and_too_few_rows_are_refused() -> None:
    errors = np.arange(1.0, 100.0)
    assert choose_width(errors, np.zeros(99), 0.9) == 90.0
    assert choose_width(errors, np.zeros(99), 0.99) == 99.0
    assert choose_width(errors[:10], np.zeros(10), 0.9) == 10.0, "one more than the share of the rows"
    with pytest.raises(DataRejected, match=r"98 rows held out are too few for 0.99, at least 99\. .*interval-rows"):
        choose_width(errors[:98], np.zeros(98), 0.99)
    later = Examples(pd.DataFrame({"p": np.zeros(99)}), errors, Labels(task="regression", classes=()))
    made = predict(
        decide(ColumnValue(column="p").fit(later.table, errors), later, Decision(interval=0.9)).model,
        later.table,
        later.labels,
    )
    columns = published_columns(made, later.labels, None)
    assert list(columns) == ["prediction", "prediction_low", "prediction_high"]
    assert set(columns["prediction_high"].to_pylist()) == {90.0}


def test_a_project_that_states_nothing_is_served_as_before() -> None:
    some = examples("binary", 600)
    model = fit_candidate(Model(model="logistic"), some)
    before = predict(with_threshold(model, 0.5), some.table, BINARY)
    decided = decide(model, some, Decision(calibration="none"))
    after = predict(decided.model, some.table, BINARY)
    assert type(decided.model).__name__ == "FixedThresholdClassifier"
    assert (after.scores == before.scores).all()
    assert list(published_columns(after, BINARY, None)) == ["probability", "decision"]
    assert str(published_columns(after, BINARY, None)["decision"].type) == "int8"
