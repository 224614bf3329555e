"""Balancing: only what a model learns from changes, and it is taken where it is shown to pay."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter, ValidationError

from tests.builders import ride_spec, rides
from tests.cases import each
from tests.unit.test_project import load, refusal
from tierra.data.labels import Labels
from tierra.errors import DataRejected, Misconfigured, TierraError
from tierra.model.artifact import dump_model, from_probabilities, with_threshold
from tierra.model.balance import change_rows, split_removed, why_not_for
from tierra.model.balance_compared import WayTried, compare_ways
from tierra.model.balance_effect import effect_of
from tierra.model.balance_spec import Balance, Balances
from tierra.model.candidates import fit_candidate
from tierra.model.deciding import decide
from tierra.model.decision_spec import Decision
from tierra.model.estimators import build_model
from tierra.model.examples import Examples
from tierra.model.row_rule import matching_rows
from tierra.model.rules import ColumnRule
from tierra.model.spec import Model

LABELS = Labels(classes=("no", "yes"))
WAYS: TypeAdapter[tuple[Balance, ...]] = TypeAdapter(Balances)


def way(value: Any) -> Balance:
    return WAYS.validate_python([value])[0]


def rare(rows: int = 1200, seed: int = 0) -> Examples:
    """Rows of which a tenth are a yes, with gaps in a number and in a category."""
    table = rides(rows, seed)
    target = (table["km"] + 2 * (table["zone"] == "A") > 11).to_numpy(float)
    table = table[["km", "rain", "zone"]].astype({"zone": "str"})
    table.loc[::7, "rain"], table.loc[::11, "zone"] = np.nan, None
    return Examples(table, target, LABELS)


def counts(target: np.ndarray) -> list[int]:
    return np.bincount(target.astype(int)).tolist()


def test_each_way_gives_the_classes_the_rows_that_it_states() -> None:
    rows = rare()
    many, few = counts(rows.target)
    cases: list[tuple[Any, list[int]]] = [
        ("over", [many, many]),
        ("under", [few, few]),
        ("smote", [many, many]),
        ({"resample": "over", "ratio": 0.5}, [many, -(-many // 2)]),
        ({"resample": "under", "ratio": 0.5}, [2 * few, few]),
        ("class_weight", [many, few]),
    ]

    def check(value: Any, wanted: Any) -> None:
        changed = change_rows(way(value), rows, {})
        assert counts(np.concatenate([rows.target[changed.places], changed.target])) == wanted

    each(cases, check)
    weight = change_rows(way("class_weight"), rows, {}).weight
    assert weight is not None
    assert weight[rows.target == 1].sum() == pytest.approx(weight[rows.target == 0].sum())


def test_made_rows_lie_between_rows_of_their_class_and_hold_known_categories() -> None:
    rows = rare()
    changed = change_rows(way("smote"), rows, {})
    real = rows.table[rows.target == 1]
    assert changed.added is not None
    assert set(changed.target) == {1.0}
    assert changed.added["km"].between(real["km"].min() - 1e-9, real["km"].max() + 1e-9).all()
    assert set(changed.added["zone"].dropna()) <= set(real["zone"].dropna())
    assert changed.added["zone"].isna().any()  # a gap is a level too

    only = {kind: Examples(rows.table[names], rows.target, LABELS) for kind, names in
            {"numbers": ["km", "rain"], "categories": ["zone"]}.items()}  # fmt: skip

    def check(_: Any, examples: Any) -> None:
        assert len(change_rows(way("smote"), examples, {}).target) == counts(rows.target)[0] - counts(rows.target)[1]

    each(only.items(), check)


def test_a_class_of_one_row_has_no_neighbour_and_gets_none() -> None:
    few = Examples(pd.DataFrame({"km": np.arange(20.0)}), (np.arange(20) == 3).astype(float), LABELS)
    assert len(change_rows(way("smote"), few, {}).target) == 0


def test_the_artifact_of_a_balanced_model_is_that_of_the_model_alone() -> None:
    """A sampler matters in a fit, and is not served; preparation is fitted on the training rows as they are."""
    rows = rare()
    plain = fit_candidate(Model(model="logistic"), rows)

    def check(value: Any) -> None:
        model = fit_candidate(Model(model="logistic", balance=way(value)), rows)
        assert b"imblearn" not in dump_model(model)
        assert [name for name, _ in model.steps] == [name for name, _ in plain.steps]
        assert model.predict_proba(rows.table).shape == (len(rows.target), 2)
        if "remove" not in value:
            np.testing.assert_array_equal(model[:-1].transform(rows.table), plain[:-1].transform(rows.table))
            assert model.predict_proba(rows.table)[:, 1].mean() > 1.1 * rows.target.mean()

    each(["over", "under", "smote", "class_weight", {"remove": "km < 1"}], check)


def test_functions_of_the_project_add_weigh_and_remove() -> None:
    rows = rare()
    functions = {
        "more:noisy": lambda rows: rows[rows["target"] == "yes"].assign(km=lambda few: few["km"] * 2),
        "more:late": lambda rows: 1.0 + (rows["target"] == "yes"),
        "more:odd": lambda rows: np.where(rows["km"] < 2, "too short", None),
        "more:flag": lambda rows: (rows["rain"] > 0.9).to_numpy(),
    }
    changed = change_rows(way({"augment": "more:noisy"}), rows, functions)
    assert changed.added is not None
    assert (changed.added["km"].to_numpy() == 2 * rows.table["km"][rows.target == 1].to_numpy()).all()
    weight = change_rows(way({"weigh": "more:late"}), rows, functions).weight
    assert weight is not None
    assert set(weight[rows.target == 1]) == {2.0}
    removed = way({"remove": ["more:odd", "more:flag", "zone == 'B' and target == 'no'"]})
    kept, reasons = split_removed(removed, rows, functions)
    assert set(reasons) == {"too short", "more:flag", "zone == 'B' and target == 'no'"}
    assert len(kept.target) + len(reasons) == len(rows.target)
    assert kept.table["km"].min() >= 2
    effect = effect_of(removed, rows, functions, ["km", "zone", "rain"]).counts
    assert sum(each.rows for each in effect.removed) == len(reasons)
    assert sum(effect.before.values()) - sum(effect.after.values()) == len(reasons)


def test_classes_that_are_numbers_are_numbers_to_the_project() -> None:
    rows = rare()
    rows = replace(rows, labels=Labels(task="binary", classes=("0", "1")))
    functions = {"more:noisy": lambda rows: rows[rows["target"] == 1].assign(km=lambda few: few["km"] * 2)}
    changed = change_rows(way({"augment": "more:noisy"}), rows, functions)
    assert changed.added is not None
    assert len(changed.added) == int(rows.target.sum())
    _, reasons = split_removed(way({"remove": ["target == 0 and km < 1"]}), rows, {})
    assert len(reasons) == int(((rows.target == 0) & (rows.table["km"] < 1)).sum()) > 0


def test_what_a_function_returns_is_checked() -> None:
    rows = rare(300)
    cases: list[tuple[dict[str, str], Any, str]] = [
        ({"augment": "f:f"}, lambda rows: 3, "returned int, not a DataFrame"),
        (
            {"augment": "f:f"},
            lambda rows: rows[rows["target"] == 1],
            "no row to add to 300 (`target` is 'no' in the first",
        ),
        ({"augment": "f:f"}, lambda rows: rows.drop(columns="km"), "'km' is in the rows"),
        ({"augment": "f:f"}, lambda rows: rows.assign(target="maybe"), "'maybe', and the classes are no, yes"),
        ({"augment": "f:f"}, lambda rows: rows.assign(km="far"), "'km' is no number"),
        ({"weigh": "f:f"}, lambda rows: rows["km"] - 5, "negative"),
        ({"weigh": "f:f"}, lambda rows: rows["zone"], "not numbers"),
        ({"weigh": "f:f"}, lambda rows: rows["km"].head(3), "no value for each of 300 rows"),
        ({"remove": "f:f"}, lambda rows: rows["km"].to_numpy(), "yes or no, or a reason"),
        ({"remove": "f:f"}, lambda rows: (rows["target"] == "yes").to_numpy(), "no training row of yes is left"),
        ({"remove": "distance < 3"}, None, "'distance' is no feature (km, rain, zone, and `target` for"),
        ({"remove": "zone < 3"}, None, "zone holds text, and 3 is none"),
        ({"weigh": "f:f"}, lambda rows: 1 / 0, "ZeroDivisionError"),
    ]

    def check(value: Any, function: Any, words: Any) -> None:
        with pytest.raises(TierraError) as caught:
            fit_candidate(Model(model="logistic", balance=way(value)), rows, functions={"f:f": function})
        assert words in caught.value.what

    each(cases, check)


def test_a_condition_compares_and_runs_nothing() -> None:
    table = pd.DataFrame({"km": [1.0, 5.0, np.nan], "zone": pd.Series(["A", None, "B"], dtype="str")})
    cases = [
        ("km < 2", [True, False, False]),
        ("km != 5", [True, False, False]),  # a gap is nothing
        ("km == None", [False, False, True]),
        ("not km == None and zone in ('A', 'B')", [True, False, False]),
        ("zone in ('A', None) or km >= 5", [True, True, False]),
        ("zone not in ['A']", [False, True, True]),
        ("km > -1", [True, True, False]),
    ]

    def check(text: Any, wanted: Any) -> None:
        assert matching_rows(text, table).tolist() == wanted

    each(cases, check)

    code = ["km", "__import__('os').system('true')", "a < b", "a.b < 2", "1 < a < 3", "f(2) < 3", "a in 3", "a[0] == 1",
            "a == [1]", "a == (lambda: 1)", "a < 2j", "a := 3", "(" * 500 + "a < 1", "a if b else c"]  # fmt: skip

    def check(text: Any) -> None:
        with pytest.raises(ValidationError, match="a condition such as"):
            way({"remove": text})

    each(code, check)


class _Fixed(ColumnRule):
    """Probabilities that are a column of the table."""


def test_a_way_is_taken_where_it_is_shown_to_be_better_and_left_out_where_not() -> None:
    random = np.random.default_rng(0)
    target = (random.random(4000) < 0.1).astype(float)
    rows = Examples(pd.DataFrame({"km": np.zeros(4000)}), target, LABELS)

    def tried(signal: float, seed: int) -> WayTried:
        scores = 1 / (1 + np.exp(2 - signal * target - np.random.default_rng(seed).normal(size=4000)))
        model = with_threshold(_Fixed(column="p").fit(rows.table, target), 0.5)
        predictions = from_probabilities(model, np.column_stack([1 - scores, scores]), LABELS)
        from tierra.model.training import measure

        return WayTried(predictions, measure(model, rows, predictions=predictions), {})

    ways = {"none": tried(1.0, 1), "same": tried(1.0, 2), "better": tried(2.0, 3), "best": tried(3.0, 4)}
    compared = {each.way: each for each in compare_ways("logistic", ways, rows, "roc_auc")}
    assert [name for name, found in compared.items() if found.pays] == ["better", "best"]
    assert [name for name, found in compared.items() if found.chosen] == ["best"]
    assert compared["same"].why_not == "not shown to be better than none"
    assert compared["better"].why_not == "best gains more"
    alike = compare_ways("logistic", {"none": ways["none"], "same": ways["same"]}, rows, "roc_auc")
    assert [found.chosen for found in alike] == [True, False]
    few = rows.take(np.arange(40))
    cut = {name: WayTried(found.predictions.take(np.arange(40)), found.metrics, {}) for name, found in ways.items()}
    assert [found.chosen for found in compare_ways("logistic", cut, few, "roc_auc")] == [True, False, False, False]


def test_a_balanced_model_is_calibrated_in_a_split_by_time_too() -> None:
    rows, later = rare(2000), rare(1000, seed=1)
    model = fit_candidate(Model(model="logistic", balance=way("under")), rows)
    left = decide(model, later, Decision(), in_time=True)
    made = decide(model, later, Decision(), in_time=True, balanced=True)
    assert (left.chosen.calibration, made.chosen.calibration != "none") == ("none", True)
    assert abs(made.predictions.scores.mean() - later.target.mean()) < 0.01 < left.predictions.scores.mean() - 0.1


def test_an_estimator_without_row_weights_is_not_weighed() -> None:
    model = build_model(Model(model="sklearn.neighbors.KNeighborsClassifier"), LABELS, rare(100).target)
    assert why_not_for(way("class_weight"), model) == "KNeighborsClassifier takes no row weights"
    assert why_not_for(way("over"), model) == ""
    with pytest.raises(Misconfigured, match="takes no row weights"):
        fit_candidate(Model(model="sklearn.neighbors.KNeighborsClassifier", balance=way("class_weight")), rare(100))


def test_numbers_are_weighed_added_to_and_removed_as_classes_are() -> None:
    rows = rare()
    numbers = Examples(rows.table, rows.table["km"].to_numpy() * 3, Labels(task="regression", classes=()))
    functions = {"more:twice": lambda rows: rows, "more:odd": lambda rows: rows["target"] > 30}

    def check(value: Any) -> None:
        model = fit_candidate(Model(model="ridge", balance=way(value)), numbers, functions=functions)
        assert np.isfinite(model.predict(numbers.table)).all()

    each([{"augment": "more:twice"}, {"remove": "more:odd"}, {"remove": "target > 30"}], check)


def test_a_project_file_states_ways_as_words_or_mappings(tmp_path: Any) -> None:
    ways = ["smote", {"resample": "under", "ratio": 0.5, "name": "half"}, {"remove": "km < 1"}]
    project = load(tmp_path, ride_spec(balance=ways)).for_task("binary")
    assert [each.name for each in project.candidates] == [
        "rule", "logistic", "logistic_smote", "logistic_half", "logistic_remove",
    ]  # fmt: skip
    own = load(tmp_path, ride_spec(balance="over", candidates=[{"model": "logistic", "balance": "smote"}]))
    assert [each.name for each in own.for_task("binary").candidates] == ["rule", "logistic"]


def test_a_project_file_with_a_wrong_way_names_it(tmp_path: Any) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"balance": ["smoke"]}, "one of class_weight, over, under, smote"),
        ({"balance": [{"resample": "over", "ratio": 0}]}, "greater than 0"),
        ({"balance": ["over", {"resample": "over"}]}, "more than one way is called over"),
        ({"balance": ["over"], "task": "regression", "candidates": None, "gate": None}, "over balances classes"),
        ({"balance": ["over"], "decision": {"calibration": "none"}}, "another rate than the source"),
        ({"balance": [{"remove": "km.max() < 2"}]}, "a condition such as"),
    ]

    def check(changes: Any, words: Any) -> None:
        assert words in refusal(tmp_path, ride_spec(**changes)).what

    each(cases, check)


def test_a_removal_of_everything_is_refused() -> None:
    numbers = Examples(pd.DataFrame({"km": np.arange(9.0)}), np.arange(9.0), Labels(task="regression", classes=()))
    with pytest.raises(DataRejected, match="fewer than two"):
        split_removed(way({"remove": "km >= 0"}), numbers, {})
