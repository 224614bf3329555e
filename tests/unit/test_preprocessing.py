"""Preprocessing: what each feature is, and how it becomes numbers, as inferred and as stated."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler, TargetEncoder

from tierra.data.code import ProjectCode
from tierra.data.features import build_features
from tierra.data.recipe import Recipe
from tierra.errors import DataRejected, Misconfigured
from tierra.model.preprocessing import Fences, Needs, Requirements, build_encoder
from tierra.model.preprocessing_spec import Preprocessing, Treatment
from tierra.model.treatments import infer_treatments
from tierra.model.treatments_described import describe_features, describe_pairs

ROWS = 400
_NOTHING = ProjectCode(Path())


def a_table(**columns: Any) -> pd.DataFrame:
    random = np.random.default_rng(0)
    plain = {"km": random.gamma(2, 3, ROWS), "zone": random.choice(list("ABCD"), ROWS)}
    return pd.DataFrame({**plain, **columns})


def infer(table: pd.DataFrame, **said: Any) -> dict[str, Treatment]:
    return infer_treatments(table, Preprocessing(**said))


def encode(table: pd.DataFrame, needs: Needs = "scaled", later: pd.DataFrame | None = None, **said: Any) -> np.ndarray:
    """The numbers of `later`, or of the table itself, as the model sees them."""
    encoder = build_encoder(infer(table, **said), Requirements(needs, "binary", Preprocessing(**said), len(table)))
    target = np.resize([0, 1, 1], len(table))
    made = encoder.fit(table, target).transform(table if later is None else later)
    return np.asarray(made.toarray() if hasattr(made, "toarray") else made, float)


def steps_of(stated: dict[str, Any], needs: Needs = "scaled", column: str = "km") -> list[Any]:
    table = a_table()[[column]]
    wanted = Requirements(needs, "binary", Preprocessing(), len(table))
    encoder = build_encoder(infer(table, columns={column: stated}), wanted)
    step = encoder.transformers[0][1]
    return [each for _, each in step.steps] if isinstance(step, Pipeline) else [step]


NUMBERS, TEXTS = np.arange(ROWS, dtype=float), pd.Series([f"v{number}" for number in range(ROWS)])
KINDS: dict[str, tuple[Any, str]] = {
    "numbers": (np.random.default_rng(1).normal(size=ROWS), "number"),
    "whole numbers that repeat": (NUMBERS % 50, "number"),
    "zeros and ones": (NUMBERS % 2, "number"),
    "one number": (np.ones(ROWS), "number"),
    "categories": (pd.Series(["a", "b"] * (ROWS // 2)), "category"),
    "one text": (pd.Series(["same"] * ROWS), "category"),
    "text, other in each row": (TEXTS, "left_out"),
    "text, other in fewer than half of the rows": (pd.Series([f"v{n % 150}" for n in range(ROWS)]), "category"),
    "numbers of the rows": (NUMBERS, "left_out"),
    "numbers of the rows, shuffled and from a thousand on": (NUMBERS[::-1] + 1000, "left_out"),
    "numbers of every other row": (np.where(NUMBERS % 2, NUMBERS, np.nan), "left_out"),
    "whole numbers far apart": (NUMBERS**2, "number"),
    "no number": (np.full(ROWS, np.nan), "left_out"),
    "no text": (pd.Series([None] * ROWS, dtype="str"), "left_out"),
}


@pytest.mark.parametrize(("values", "kind"), KINDS.values(), ids=KINDS)
def test_what_a_feature_is_follows_from_its_values(values: Any, kind: str) -> None:
    assert infer(a_table(x=values))["x"].kind == kind


def test_fifty_rows_are_too_few_to_leave_a_number_or_a_text_out() -> None:
    table = pd.DataFrame({"n": np.arange(50.0), "t": [f"v{number}" for number in range(50)]})
    assert [each.kind for each in infer(table).values()] == ["number", "category"]


def test_what_is_stated_comes_before_what_is_inferred() -> None:
    table = a_table(id=NUMBERS, note=TEXTS, code=NUMBERS % 3)
    stated = {
        "id": {"kind": "number"},
        "note": {"kind": "category"},
        "code": {"kind": "category"},
        "km": {"kind": "left_out"},
    }
    assert {name: each.kind for name, each in infer(table, columns=stated).items()} == {
        "km": "left_out", "zone": "category", "id": "number", "note": "category", "code": "category"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stated", "classes"),
    [
        ({}, [SimpleImputer, Fences, StandardScaler]),
        ({"scale": "standard"}, [SimpleImputer, StandardScaler]),
        ({"scale": "robust"}, [SimpleImputer, RobustScaler]),
        ({"scale": "none"}, [SimpleImputer]),
        ({"outliers": "clip", "scale": "standard"}, [Fences, SimpleImputer, StandardScaler]),
        ({"outliers": "flag", "scale": "none"}, [Fences, SimpleImputer]),
        ({"impute": "none", "scale": "none"}, [str]),
    ],
    ids=str,
)
def test_a_number_is_prepared_as_stated(stated: dict[str, Any], classes: list[type]) -> None:
    assert [type(each) for each in steps_of(stated)] == classes


@pytest.mark.parametrize(
    ("stated", "needs", "classes"),
    [
        ({}, "scaled", [OneHotEncoder]),
        ({}, "numbers", [OrdinalEncoder]),
        ({"encode": "ordinal"}, "scaled", [OrdinalEncoder, StandardScaler]),
        ({"encode": "target"}, "scaled", [TargetEncoder, StandardScaler]),
        ({"encode": "target"}, "numbers", [TargetEncoder]),
        ({"order": ["D", "C", "B", "A"]}, "numbers", [OrdinalEncoder]),
    ],
    ids=str,
)
def test_a_category_is_encoded_as_stated(stated: dict[str, Any], needs: Needs, classes: list[type]) -> None:
    assert [type(each) for each in steps_of(stated, needs, "zone")] == classes


def test_an_order_makes_numbers_from_low_to_high_and_the_unknown_is_below_all() -> None:
    table = a_table()
    later = pd.DataFrame({"km": [1.0] * 3, "zone": ["D", "A", "Z"]})
    made = encode(table[["zone"]], "numbers", later, columns={"zone": {"order": ["D", "C", "B", "A"]}})
    assert made[:, 0].tolist() == [0.0, 3.0, -1.0]


def test_gaps_are_filled_and_flagged_where_a_model_takes_none() -> None:
    km = pd.Series([1.0, 2.0, 9.0, np.nan] * 100)
    table = pd.DataFrame({"km": km})
    for impute, value in (("mean", 4.0), ("median", 2.0)):
        made = encode(table, impute=impute, scale="none")
        assert made[3].tolist() == [value, 1.0]
    assert np.isnan(encode(table, "numbers")[3, 0])


def test_rare_categories_are_one_and_so_are_the_ones_beyond_the_most() -> None:
    many = pd.DataFrame({"zone": ["A"] * 200 + ["B"] * 190 + ["C"] * 3 + ["D"] * 3 + ["E"] * 4})
    assert encode(many, rare=20).shape[1] == 4  # 1 % of 400 rows is 4: only C and D are rare
    assert encode(many, rare=1).shape[1] == 5
    spread = pd.DataFrame({"zone": [f"v{number % 40}" for number in range(4000)]})
    assert encode(spread).shape[1] == 40
    assert encode(spread, most_categories=10).shape[1] == 10


def test_a_rare_category_counts_as_the_others_and_an_unseen_one_too() -> None:
    table = pd.DataFrame({"zone": ["A"] * 1000 + ["B"] * 990 + ["C"] * 5 + ["D"] * 5})
    later = pd.DataFrame({"zone": ["C", "D", "never seen", "A"]})
    rare, other, unseen, frequent = encode(table, later=later).tolist()
    assert rare == other == unseen != frequent


NOTHING = pd.Series([None] * ROWS, dtype="str")


@pytest.mark.parametrize(
    ("table", "stated", "code"),
    [
        (a_table(), {"columns": {"nowhere": {"kind": "number"}}}, "name-undeclared"),
        (a_table(), {"columns": {"zone": {"kind": "number"}}}, "'zone' is text, not a number"),
        (
            a_table(zone=pd.Series([None] * ROWS, dtype="str")),
            {"columns": {"zone": {"kind": "number"}}},
            "'zone' is empty",
        ),
        (a_table(), {"columns": {"km": {"encode": "tfidf"}}}, "'km' is a number, not text"),
        (a_table(), {"columns": {"zone": {"order": ["low", "high"]}}}, "no value of 'zone' is one of `order`"),
        (a_table(), {"columns": {"km": {"order": ["low", "high"]}}}, "no value of 'km' is one of `order`"),
        (
            a_table(),
            {"columns": {"zone": {"kind": "category", "impute": "mean"}}},
            "'zone' is a category, which has no mean",
        ),
    ],
)
def test_a_column_that_is_not_what_is_stated_is_refused(table: pd.DataFrame, stated: Any, code: str) -> None:
    with pytest.raises(Misconfigured, match=code):
        infer(table, **stated)


def test_a_product_too_large_for_a_32_bit_float_is_held() -> None:
    table = a_table(big=np.full(ROWS, 1e30), far=np.full(ROWS, -1e30))
    made = encode(table, "ordinal", interactions=[["big", "far"]])
    assert np.isfinite(made.astype(np.float32)).all()


def test_without_a_feature_left_there_is_nothing_to_fit() -> None:
    with pytest.raises(DataRejected, match="features-none"):
        encode(pd.DataFrame({"x": np.full(9, np.nan)}))


def test_dates_are_their_calendar_parts_and_booleans_are_numbers() -> None:
    rows = pd.DataFrame({"at": pd.to_datetime(["2024-02-29 23:30", None]), "wet": [True, False],
                         "gap": [True, None], "took": pd.to_timedelta(["90s", "1D"])})  # fmt: skip
    made = build_features(Recipe(target="y", target_column="y"), _NOTHING, rows, rows.iloc[:0])
    assert made.filter(like="at_").iloc[0].to_dict() == {
        "at_year": 2024, "at_month": 2, "at_day": 29, "at_weekday": 3, "at_hour": 23
    }  # fmt: skip
    assert made.filter(like="at_").iloc[1].isna().all()
    assert made["wet"].tolist() == [1.0, 0.0]
    assert made["took"].tolist() == [90.0, 86_400.0]


def test_fences_clip_what_lies_far_out_and_only_that() -> None:
    table = pd.DataFrame({"x": np.r_[np.linspace(0, 4, 401), np.nan], "same": np.r_[np.full(401, 7.0), 900.0]})
    fences = Fences().fit(table)
    made = fences.transform(pd.DataFrame({"x": [1e9, -1e9, 9.9, np.nan], "same": [1e9, -1e9, 7.0, np.nan]}))
    np.testing.assert_allclose(made[:, 0], [9.0, -5.0, 9.0, np.nan])  # Q3 + 3 IQR = 3 + 6
    np.testing.assert_array_equal(made[:, 1], [1e9, -1e9, 7.0, np.nan])  # no middle half, no fence


def test_flags_stand_beside_the_numbers_as_they_were() -> None:
    table = pd.DataFrame({"x": np.linspace(0, 4, 401)})
    made = Fences(flag=True).fit(table).transform(pd.DataFrame({"x": [1e9, 2.0, np.nan]}))
    np.testing.assert_array_equal(made, [[1e9, 1.0], [2.0, 0.0], [np.nan, 0.0]])


@pytest.mark.parametrize("outliers", ["keep", "clip"])
def test_an_outlier_storm_stays_near_only_where_it_is_clipped(outliers: str) -> None:
    table = a_table()[["km"]]
    storm = encode(table, later=table * 1e6, outliers=outliers, scale="standard")
    calm = encode(table, outliers=outliers, scale="standard")
    assert np.isfinite(storm).all()
    assert (np.abs(storm).max() <= np.abs(calm).max() + 10) == (outliers == "clip")


def test_scalings_side_by_side_end_where_training_ends() -> None:
    table = a_table()[["km"]]
    storm, ends = encode(table, later=table * 1e6 + 1e6), encode(table)
    assert storm.shape[1] == 2
    assert (storm == ends[[table["km"].argmax()]]).all()


def test_a_treatment_is_said_in_a_few_words_and_why_a_feature_is_left_out() -> None:
    rows = 200
    table = pd.DataFrame({
        "km": np.linspace(0, 1, rows), "zone": ["A", "B"] * 100, "grade": ["a", "b"] * 100, "dull": "x",
        "note": [f"note {row}" for row in range(rows)], "number": np.arange(rows, dtype=float), "empty": np.nan,
    })  # fmt: skip
    columns = {
        "km": Treatment(impute="median", scale="robust", outliers="clip"),
        "grade": Treatment(order=("a", "b")),
        "dull": Treatment(kind="left_out"),
    }
    assert describe_features(table, Preprocessing(columns=columns)) == {
        "km": "number: gaps median, scale robust, outliers clip",
        "zone": "category: one hot",
        "grade": "category: ordinal in order a, b",
        "dull": "left out: as declared",
        "note": "left out: text that is different in most rows",
        "number": "left out: numbers the rows",
        "empty": "left out: no value in training",
    }


def test_trees_see_the_means_of_a_category_beside_its_places_where_rows_say_them() -> None:
    few = infer(a_table(grade=np.resize(["a", "b"], ROWS), town=[f"t{row % 25}" for row in range(ROWS)]))
    assert [few[name].encode for name in ("zone", "grade", "town")] == ["by_model", "one_hot", "one_hot"]
    said = describe_features(a_table(), Preprocessing())["zone"]
    assert said == "category: one hot, for trees ordinal and target"
    assert describe_features(a_table(), Preprocessing(), grouped=True)["zone"] == "category: one hot"
    stated = Preprocessing(columns={"zone": {"encode": "by_model"}})
    assert infer_treatments(a_table(), stated, grouped=True)["zone"].encode == "by_model"
    means = encode(a_table()[["zone"]], "numbers")
    assert means.shape == (ROWS, 2)
    assert len(np.unique(means, axis=0)) == len(np.unique(means[:, 1])) == 4
    for needs, columns in (("scaled", 4), ("ordinal", 1)):
        assert encode(a_table()[["zone"]], needs).shape == (ROWS, columns)
    assert encode(a_table()[["zone"]], "numbers", columns={"zone": {"encode": "one_hot"}}).shape == (ROWS, 1)


def test_a_number_like_a_row_number_is_one_where_something_is_stated_of_it() -> None:
    table = pd.DataFrame({"serial": np.arange(300.0), "zone": ["a", "b", "c"] * 100})
    for stated, kind in (({}, "left_out"), ({"scale": ["standard"]}, "number"), ({"outliers": "clip"}, "number")):
        known = Preprocessing.model_validate({"columns": {"serial": stated}})
        assert infer_treatments(table, known)["serial"].kind == kind


def test_what_is_stated_is_described_as_stated_and_what_an_order_leaves_out_is_named() -> None:
    table = pd.DataFrame({"km": np.arange(90.0) % 7, "size": ["S", "M", "XL"] * 30})
    known = Preprocessing.model_validate({
        "columns": {"km": {"period": 12.0}, "size": {"order": ["S", "M"]}},
        "interactions": [["km", "size"], ["km", "km2"]],
    })  # fmt: skip
    said = describe_features(table.assign(km2=table["km"] ** 2), known)
    assert said["km"].endswith("on a circle of 12")
    assert said["size"].endswith("in order S, M; 'XL' (33.3% of the rows) have no place in it")
    assert describe_pairs(said, known) == {
        "km x size": "each pair of their values; a number is in one of five bins", "km x km2": "the product of both",
    }  # fmt: skip
