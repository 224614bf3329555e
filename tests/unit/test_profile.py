"""A profile says of a table what pandas says of it, in one pass and bounded memory."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tierra.data import counting
from tierra.data.differences import compare_profiles, hardly_read
from tierra.data.profile import ColumnProfile, Difference, Profile
from tierra.data.profile_table import profile_table


def profile(rows: int | None = None, key: tuple[str, ...] = (), pieces: int = 1, **columns: Any) -> Profile:
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    size = max(-(-table.num_rows // pieces), 1)
    batches = [table.slice(start, size) for start in range(0, max(table.num_rows, 1), size)]
    return profile_table(batches, "table", key)


def column(values: Any) -> ColumnProfile:
    return profile(x=values).columns[0]


def moved(now: Any, then: Any, key: tuple[str, ...] = ()) -> tuple[Difference, ...]:
    return compare_profiles(profile(key=key, x=now), profile(key=key, x=then))


def test_exact_figures_are_those_of_pandas() -> None:
    random = np.random.default_rng(1)
    values = pd.Series(random.gamma(2, 3, 5000)).where(random.random(5000) > 0.1)
    seen = profile(pieces=7, x=pa.array(values, from_pandas=True)).columns[0]
    assert (seen.missing, seen.distinct) == (values.isna().sum(), pytest.approx(values.nunique(), rel=0.06))
    assert (seen.minimum, seen.maximum) == (values.min(), values.max())
    assert (seen.mean, seen.std) == pytest.approx((values.mean(), values.std()), rel=1e-12)


def test_correlations_are_those_of_pandas_where_both_are_there() -> None:
    random = np.random.default_rng(2)
    frame = pd.DataFrame({"a": random.normal(size=900), "c": 1.0})
    frame["b"] = (frame["a"] + random.normal(size=900)).where(random.random(900) > 0.3)
    found = profile(**{name: pa.array(frame[name], from_pandas=True) for name in frame}).correlations
    assert found.columns == ("a", "b")
    assert found.values[0][1] == pytest.approx(frame["a"].corr(frame["b"]), abs=1e-4)


def test_a_text_goes_with_the_numbers_and_texts_it_decides() -> None:
    zone = ["north", "south", "west"] * 200
    random = np.random.default_rng(3)
    noise = random.choice(list("xy"), 600)
    seen = profile(zone=zone, twin=[each[0] for each in zone], km=[len(each) for each in zone], noise=noise.tolist())
    where = seen.correlations.columns.index
    by_pair = seen.correlations.values
    assert by_pair[where("zone")][where("twin")] == pytest.approx(1)
    assert by_pair[where("zone")][where("km")] == pytest.approx(1)
    assert by_pair[where("zone")][where("noise")] < 0.2


def test_duplicates_are_rows_equal_in_all_but_the_key() -> None:
    seen = profile(key=("id",), id=[1, 2, 3, 4], x=[1.0, 1.0, None, None], y=["a", "a", "b", "c"])
    assert (seen.duplicates, seen.duplicates_exact) == (1, True)
    assert profile(key=("id",), id=[1, 2]).duplicates is None


def test_missing_values_are_not_a_zero_nor_an_empty_text() -> None:
    assert profile(x=[0.0, None], y=["", None]).duplicates == 0


def test_duplicates_beyond_memory_are_estimated_and_none_stay_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "KEPT_ROWS", 1000)
    twice = np.repeat(np.arange(20_000), 2)
    seen = profile(pieces=9, x=twice)
    assert seen.duplicates == pytest.approx(20_000, rel=0.1)
    assert not seen.duplicates_exact
    assert profile(pieces=9, x=np.arange(40_000)).duplicates == 0


def test_distinct_values_are_exact_while_few_then_estimated_and_said() -> None:
    few, many = column(np.arange(4096)), profile(pieces=5, x=np.arange(200_000)).columns[0]
    assert (few.distinct, few.distinct_exact) == (4096, True)
    assert many.distinct == pytest.approx(200_000, rel=0.06)
    assert not many.distinct_exact


def test_frequent_values_are_counted_exactly_and_long_texts_that_begin_alike_stay_apart() -> None:
    long = "ñ" * 5000
    seen = column([long + "a"] * 3 + [long + "b"] * 2 + ["short"])
    assert [each.rows for each in seen.frequent] == [3, 2, 1]
    assert seen.complete
    assert max(len(each.value) for each in seen.frequent) == counting.LONGEST_TEXT + 1


@pytest.mark.parametrize(
    "values",
    [
        pa.array([], pa.float64()),
        pa.array([None, None], pa.float64()),
        pa.array([None], pa.string()),
        pa.nulls(3),
        pa.array([7.0] * 9),
        pa.array([float("inf"), float("-inf"), float("nan"), 1.0]),
        pa.array([1.7e308, -1.7e308, 5e-324]),
        pa.array([True, None, False]),
        pa.array([2**63 - 1, -(2**63)]),
        pa.array([2**64 - 1], pa.uint64()),
        pa.array(["\u202eabc", "\U0001d518\x00<script>", "x" * 100_000]),
        pa.array([-719_162, 2_932_896], pa.int32()).cast(pa.date32()),
        pa.array([-(2**62), 2**62], pa.timestamp("us", "Asia/Tokyo")),
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.array([[1], [2]]),
    ],
    ids=lambda values: str(values.type),
)
def test_no_column_is_too_strange(values: pa.Array) -> None:
    seen = profile(**{"<b>\u0000 ñ": values})
    again = Profile.model_validate_json(seen.model_dump_json())
    assert again == seen
    assert compare_profiles(again, seen) == ()


def test_infinities_are_counted_and_kept_out_of_the_figures() -> None:
    seen = column([1.0, 3.0, float("inf"), float("nan")])
    assert (seen.missing, seen.infinite, seen.minimum, seen.maximum, seen.mean) == (1, 1, 1.0, 3.0, 2.0)


def test_dates_show_their_bounds() -> None:
    seen = column(pa.array(pd.to_datetime(["2024-02-01", "2024-01-01 12:00"], format="ISO8601")))
    assert (seen.kind, seen.minimum, seen.maximum) == (
        "date", "2024-01-01T12:00:00.000000", "2024-02-01T00:00:00.000000"
    )  # fmt: skip


def test_a_table_without_batches_has_an_empty_profile() -> None:
    assert profile_table([], "nothing", ()).rows == 0


def test_a_thousand_columns_make_a_small_profile() -> None:
    random = np.random.default_rng(0)
    seen = profile(**{f"c{number}": random.normal(size=500) for number in range(1000)})
    assert len(seen.columns) == 1000
    assert len(seen.correlations.columns) == 40
    assert len(seen.model_dump_json()) < 3_000_000


def test_nothing_moved_between_two_samples_of_one_source() -> None:
    random = np.random.default_rng(0)
    for rows in (30, 300, 9000):
        one, other = ({"km": random.gamma(2, 3, rows), "zone": random.choice(list("ABCDE"), rows)} for _ in range(2))
        assert compare_profiles(profile(**one), profile(**other)) == ()


def test_missing_values_are_named_with_both_shares() -> None:
    then = [1.0] * 999 + [None]
    found, *_ = moved([None] * 302 + [1.0] * 698, then)
    assert (found.what, found.severity) == ("missing in 30.2 % of rows, 0.1 % in training", "strong")


def test_a_shift_is_named_with_its_medians_and_its_index() -> None:
    random = np.random.default_rng(0)
    (found,) = moved(random.normal(0.8, 1, 4000), random.normal(0, 1, 4000))
    assert found.severity == "strong"
    assert found.what.startswith("distributed differently: the median is 0.7")
    assert found.psi == pytest.approx(0.64, abs=0.15)  # (0.8)^2 for normals, by its definition


def test_a_constant_that_changes_is_a_strong_difference() -> None:
    assert [each.severity for each in moved([5.0] * 500, [4.0] * 500)] == ["strong"]


def test_values_never_seen_are_named() -> None:
    then = ["a", "b"] * 500
    (found,) = moved([*then[:980], *["<new>"] * 20], then)
    assert (found.what, found.severity) == ("'<new>' in 2.0 % of rows, never in training", "notable")


def test_an_outlier_storm_is_named() -> None:
    random = np.random.default_rng(0)
    then, now = random.normal(size=5000), random.normal(size=5000)
    now[:300] = 1e6
    assert "far outside the usual range in 6.0 % of rows, 0.0 % in training" in [each.what for each in moved(now, then)]


def test_columns_that_come_go_or_change_their_type_are_named() -> None:
    found = compare_profiles(profile(a=[1], c=["x"]), profile(b=[1], c=[1]))
    assert {(each.column, each.severity) for each in found} == {("a", "notable"), ("b", "strong"), ("c", "strong")}


def test_the_key_and_dates_move_on_every_day_and_are_passed_over() -> None:
    assert moved([*range(1000, 2000)], [*range(1000)], key=("x",)) == ()
    days = pd.date_range("2024-01-01", periods=50)
    assert moved(pa.array(days + pd.Timedelta("99D")), pa.array(days)) == ()


def test_a_column_that_is_mostly_missing_is_said_in_one_line() -> None:
    full, half, most = ([*range(10 - gaps), *[None] * gaps] for gaps in (0, 5, 8))
    for now, before, said in (
        (most, full, "column 'x' is missing in 80.0 % of rows, 0.0 % in training"),
        (half, full, "column 'x' is missing in 50.0 % of rows, 0.0 % in training"),
        (most, half, ""),
        (full, most, ""),
    ):
        assert "; ".join(hardly_read(profile(x=now), profile(x=before))) == said


def test_a_column_of_values_never_seen_and_of_infinite_numbers_is_said_in_one_line() -> None:
    def said(now: list[Any], before: list[Any], key: tuple[str, ...] = ()) -> list[str]:
        return list(hardly_read(profile(x=now, key=key), profile(x=before, key=key)))

    assert said(["q"] * 9, ["a", "b"] * 9) == ["column 'x': 'q' in 100.0 % of rows, never in training"]
    assert said(["q", "a", "b", "a"] * 9, ["a", "b"] * 9) == [], "a quarter stands on the receipt"
    assert said(["q"] * 9, ["a", "b"] * 9, key=("x",)) == []
    assert said([1.0, math.inf], [1.0, 2.0]) == ["column 'x': infinite in 1 rows, never in training"]
    assert said([1.0, math.inf], [1.0, math.inf]) == []
