"""Features: the same call in training and in scoring, over what is known when scoring."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.builders import rides
from tierra.data.code import ProjectCode
from tierra.data.features import build_features, build_training_features, check_row_wise, feature_names, learn_features
from tierra.data.plain_columns import plain_columns
from tierra.data.recipe import Recipe
from tierra.data.target import make_target
from tierra.errors import DataRejected, Misconfigured


def rows(count: int = 240) -> pd.DataFrame:
    return rides(count).assign(day=lambda table: pd.to_datetime(table["day"]))


def recipe(**changes: Any) -> Recipe:
    made = {"target": "tipped", "target_column": "tipped", "key": ("ride_id",), "dates": "day", "partition_by": "day",
            "withheld": ("tipped", "rain")}  # fmt: skip
    return Recipe(**{**made, **changes})


def code(**functions: Any) -> ProjectCode:
    return ProjectCode(Path(), functions)


def named(**changes: Any) -> Recipe:
    return recipe(functions={role: f"features:{role}" for role in ("prepare", "features", "target", "rule")}, **changes)


def past_rain(table: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    return table.assign(past_rain=history["rain"].mean(), past_days=history["day"].nunique())


def test_prepare_sees_history_in_full_but_not_what_is_known_later_of_the_day() -> None:
    seen: list[set[str]] = []

    def prepare(table: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
        seen.append({*table.columns})
        assert {"rain", "tipped"} <= {*history.columns}
        return past_rain(table, history)

    build_training_features(named(history=7), code(prepare=prepare), rows())
    assert len(seen) == 120
    assert not {"rain", "tipped"} & set.union(*seen)


def test_training_shows_prepare_the_days_scoring_will_show_it() -> None:
    table, last = rows(), pd.Timestamp("2024-04-29")
    trained = build_training_features(named(history=7), code(prepare=past_rain), table)
    today, before = (
        table[table["day"] == last],
        table[(table["day"] < last) & (table["day"] >= last - pd.Timedelta(days=7))],
    )
    scored = build_features(named(history=7), code(prepare=past_rain), today, before)
    assert scored["past_days"].unique().tolist() == [7.0]
    pd.testing.assert_frame_equal(trained.loc[today.index].reset_index(drop=True), scored)


def test_training_features_stand_in_the_order_of_the_rows() -> None:
    shuffled = rows().sample(frac=1, random_state=1).reset_index(drop=True)
    built = build_training_features(named(history=7), code(prepare=past_rain), shuffled)
    assert built["km"].tolist() == shuffled["km"].tolist()


def test_a_function_cannot_change_the_callers_frames() -> None:
    def prepare(table: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
        for frame in (table, history):
            frame["km"] = -1.0
            frame.loc[0, "zone"] = "X"
        return table

    def features(table: pd.DataFrame) -> pd.DataFrame:
        table["zone"] = "Y"
        return table[["km", "zone"]]

    def target(table: pd.DataFrame) -> pd.Series:
        table["zone"] = "Z"
        return table["tipped"] == "yes"

    today, before = rows(8), rows(16)
    copies = today.copy(), before.copy()
    built = build_features(named(rate_by=("zone",)), code(prepare=prepare, features=features), today, before)
    make_target(named(), code(target=target), today)
    assert built["rule__zone"].tolist() == ["X", *copies[0]["zone"][1:]]
    pd.testing.assert_frame_equal(today, copies[0])
    pd.testing.assert_frame_equal(before, copies[1])


def test_without_a_function_every_column_but_keys_dates_and_the_withheld_is_a_feature() -> None:
    assert list(build_features(recipe(), code(), rows(), rows(0))) == ["km", "zone", "day_weekday", "day_dayofyear"]


def test_what_the_rule_needs_stands_beside_the_features() -> None:
    built = build_features(recipe(rate_by=("zone",)), code(), rows(), rows(0))
    assert list(built) == ["km", "zone", "day_weekday", "day_dayofyear", "rule__zone"]
    assert feature_names(list(built)) == ["km", "zone", "day_weekday", "day_dayofyear"]


def test_a_number_too_large_for_a_32_bit_float_is_a_gap_as_an_infinite_one_is() -> None:
    largest = float(np.finfo(np.float32).max)
    for kept, gaps in (([1.0, largest, -largest], []), ([1.0], [np.inf, 3.5e38, -1e300]), ([], [10**300])):
        ((_, made),) = plain_columns("km", pd.Series([*kept, *gaps, np.nan], dtype=float))
        assert list(made.dropna()) == kept
        assert np.isfinite(made.dropna().to_numpy(np.float32)).all()


def test_every_feature_is_a_float_or_text() -> None:
    built = build_features(named(), code(features=lambda table: pd.DataFrame({
        "whole": table["km"].astype(int), "far": table["km"] > 3, "endless": np.inf,
        "zone": table["zone"].astype("category").where(table.index > 0)})), rows(), rows(0))  # fmt: skip
    assert [built[name].dtype.kind for name in ("whole", "far", "endless")] == ["f", "f", "f"]
    assert built["endless"].isna().all()
    assert pd.isna(built["zone"][0])


NEIGHBOURS = {
    "shift": lambda table: table[["km"]].shift(1),
    "rank": lambda table: table[["km"]].rank(),
    "mean": lambda table: table[["km"]] - table[["km"]].mean(),
    "fill-with-median": lambda table: table[["km"]].where(table["km"] > 2).fillna(table["km"].median()),
    "dummies": lambda table: pd.get_dummies(table["zone"]),
    "codes": lambda table: pd.DataFrame({"zone": table["zone"].astype("category").cat.codes}),
    "position": lambda table: pd.DataFrame({"n": np.arange(len(table))}),
}


@pytest.mark.parametrize("function", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_a_feature_that_looks_at_other_rows_is_refused(function: Any) -> None:
    with pytest.raises(DataRejected, match="features-not-row-wise"):
        check_row_wise(named(), code(features=function), rows())


def test_a_feature_of_its_own_row_passes_with_gaps_too() -> None:
    own = code(features=lambda table: pd.DataFrame({"log": np.log1p(table["km"].where(table["km"] > 2)),
                                                    "zone": table["zone"].str.lower()}))  # fmt: skip
    check_row_wise(named(), own, rows())


def test_prepare_may_look_at_other_rows() -> None:
    def prepare(table: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
        return table.assign(share=table["km"].rank(pct=True))

    check_row_wise(named(), code(prepare=prepare, features=lambda table: table[["share"]]), rows())


@pytest.mark.parametrize("column", ["ride_id", "rain", "tipped"])
def test_a_forbidden_column_is_refused_even_when_a_function_makes_it(column: str) -> None:
    with pytest.raises(Misconfigured, match="features-forbidden"):
        build_features(named(), code(features=lambda table: table[["km"]].assign(**{column: 1})), rows(), rows(0))


def test_an_error_of_a_function_names_its_line() -> None:
    def features(table: pd.DataFrame) -> pd.DataFrame:
        return table[["no such column"]]

    line = features.__code__.co_firstlineno + 1
    with pytest.raises(DataRejected, match=rf"features:features \(line {line}\): KeyError.*function-failed"):
        build_features(named(), code(features=features), rows(), rows(0))


def test_a_target_is_one_zero_or_unknown() -> None:
    table = pd.DataFrame({"tipped": ["yes", "no", None]})
    assert make_target(recipe(), code(), table)[0].fillna(-1).tolist() == [1, 0, -1]
    assert make_target(recipe(positive="no"), code(), table)[0].fillna(-1).tolist() == [0, 1, -1]


@pytest.mark.parametrize("values", [[True, False], [1, 0], [1.0, 0.0], ["Y", "n"], ["TRUE", "FALSE"], ["1", "0"]])
def test_the_usual_ways_to_write_yes_need_no_positive(values: list[Any]) -> None:
    assert make_target(recipe(), code(), pd.DataFrame({"tipped": values}))[0].tolist() == [1.0, 0.0]


def test_of_the_date_left_out_the_weekday_stays_in_training_and_at_night() -> None:
    table, last = rows(), pd.Timestamp("2024-04-29")
    for dates in ({}, {"dates": None}, {"dates": None, "partition_by": None, "unit": "day"}):
        trained = build_training_features(recipe(**dates), code(), table)
        names = set(feature_names(trained.columns))
        assert "day" not in names
        assert ("day_weekday" in names) == (dates.get("partition_by", "day") == "day")
    trained = build_training_features(recipe(), code(), table)
    assert trained["day_weekday"].tolist() == table["day"].dt.day_of_week.tolist()
    night = build_features(recipe(), code(), table[table["day"] == last], table.iloc[:0])
    assert set(night["day_weekday"]) == {0.0}
    undated = build_features(recipe(partition_by=None), code(), table.drop(columns="day"), table.iloc[:0])
    assert undated["day_weekday"].isna().all()
    own = table.assign(day_weekday=9.0)
    assert set(build_training_features(recipe(), code(), own)["day_weekday"]) == {9.0}


def test_the_day_of_the_year_is_learnt_of_two_years_and_more() -> None:
    for days, is_learnt in ((700, False), (730, True)):
        span = pd.date_range("2022-01-01", periods=2, freq=f"{days}D")
        table = rows(len(span)).drop(columns=["tipped", "rain"]).assign(day=span)
        assert ("day_dayofyear" in learn_features(recipe(), code(), table)) == is_learnt
        night = build_features(recipe(), code(), table[:1], table.iloc[:0])
        assert night["day_dayofyear"].tolist() == [1.0]  # whatever a champion was trained on finds it
    own = table.assign(day_dayofyear=9.0)[:1]
    assert learn_features(recipe(), code(), own)["day_dayofyear"].tolist() == [9.0]
