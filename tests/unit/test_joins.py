"""Joins keep the left rows, and refuse what would multiply or lose them."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest

from tierra.data.joins import Joiner
from tierra.data.spec import Join
from tierra.errors import DataRejected

RIDES = pa.table({"ride": [1, 2, 3, 4], "zone": ["B", "A", None, "B"]})
ZONES = pa.table({"zone": ["A", "B"], "fee": [1.5, 2.5]})


def join(left: pa.Table = RIDES, right: pa.Table = ZONES, **rest: Any) -> pa.Table:
    declared = Join(**{"left": "rides", "right": "zones", "on": "zone", "max_orphans": "100%", **rest})
    return Joiner([declared], {"zones": right}).join_checked(left)


def code_of(**rest: Any) -> str:
    with pytest.raises(DataRejected) as caught:
        join(**rest)
    return caught.value.code


def test_left_rows_keep_their_order_and_gaps_stand_where_nothing_matches() -> None:
    assert join().to_pylist() == [
        {"ride": 1, "zone": "B", "fee": 2.5},
        {"ride": 2, "zone": "A", "fee": 1.5},
        {"ride": 3, "zone": None, "fee": None},
        {"ride": 4, "zone": "B", "fee": 2.5},
    ]


def test_an_empty_key_never_matches_an_empty_key() -> None:
    right = pa.table({"zone": ["A", None], "fee": [1.5, 9.9]})
    assert join(right=right).column("fee").to_pylist() == [None, 1.5, None, None]


def test_an_empty_part_of_a_key_never_matches() -> None:
    left = pa.table({"zone": ["A", "A"], "hour": [1, None]})
    right = pa.table({"zone": ["A", "A"], "hour": [1, None], "fee": [1.0, 2.0]})
    assert join(left, right, on=["zone", "hour"]).column("fee").to_pylist() == [1.0, None]


def test_a_right_side_that_repeats_a_key_is_refused() -> None:
    assert code_of(right=pa.concat_tables([ZONES, ZONES])) == "join-fan-out"


def test_one_to_one_refuses_a_left_side_that_repeats_a_key() -> None:
    assert code_of(cardinality="one_to_one") == "join-fan-out"
    assert join(RIDES.slice(0, 2), cardinality="one_to_one").num_rows == 2


def test_orphans_up_to_the_limit_pass_and_one_more_does_not() -> None:
    assert join(max_orphans="25%").num_rows == 4
    assert code_of(max_orphans="24%") == "join-orphans"


def test_orphans_are_counted_over_all_batches() -> None:
    joiner = Joiner([Join(left="rides", right="zones", on="zone", max_orphans="25%")], {"zones": ZONES})
    for batch in (RIDES.slice(2, 1), RIDES.slice(0, 2), RIDES.slice(3, 1)):
        joiner.join(batch)
    joiner.check()


def test_keys_of_different_types_are_refused() -> None:
    assert code_of(right=pa.table({"zone": [1.0, 2.0], "fee": [1.0, 2.0]})) == "join-types"


def test_keys_of_different_types_are_refused_in_a_key_of_two_columns_too() -> None:
    left = pa.table({"zone": ["A"], "hour": ["1"]})
    right = pa.table({"zone": ["A"], "hour": [True], "fee": [1.0]})
    assert code_of(left=left, right=right, on=["zone", "hour"]) == "join-types"


def test_keys_written_as_text_match_whole_numbers_digit_by_digit() -> None:
    left = pa.table({"zone": ["A", "A", "A"], "hour": ["1", "01", None]})
    right = pa.table({"zone": ["A"], "hour": [1], "fee": [1.5]})
    assert join(left, right, on=["zone", "hour"]).column("fee").to_pylist() == [1.5, None, None]
    assert join(
        right.drop_columns(["fee"]), left.slice(0, 2).append_column("fee", [[2.5, 3.5]]), on=["zone", "hour"]
    ).column("fee").to_pylist() == [2.5]


def test_a_gap_among_the_right_side_s_long_keys_changes_none_of_them() -> None:
    first, second = 1_700_000_000_000_000_000, 1_700_000_000_000_000_001
    right = pa.table({"zone": [first, None, second], "fee": [1.0, 2.0, 3.0]})
    assert join(pa.table({"zone": [second, None]}), right).column("fee").to_pylist() == [3.0, None]


def test_a_gap_in_a_key_of_integers_does_not_change_its_type() -> None:
    left, right = pa.table({"zone": [1, None, 2]}), pa.table({"zone": [1, 2], "fee": [1.5, 2.5]})
    assert join(left, right).column("fee").to_pylist() == [1.5, None, 2.5]


def test_a_name_both_sides_have_is_refused_unless_prefixed() -> None:
    right = ZONES.rename_columns(["zone", "ride"])
    assert code_of(right=right) == "join-columns"
    assert join(right=right, prefix="zone_").column_names == ["ride", "zone", "zone_ride"]


def test_a_side_without_the_key_column_is_named() -> None:
    assert code_of(on="borough") == "column-missing"


RATES = pa.table({
    "zone": ["A", "A", "A", "B", None, "A"],
    "at": pa.array([datetime(2024, 5, day, 12) if day else None for day in (3, 1, 9, 2, 1, 0)], pa.timestamp("us")),
    "fee": [3.0, 1.0, 9.0, 2.0, 7.0, 8.0],
})  # fmt: skip


def at(*days: float | None, zone: str | None = "A") -> pa.Table:
    """Rides of a zone at these days of May, as fractions of a day."""
    moments = [None if day is None else datetime(2024, 5, 1) + timedelta(days=day - 1) for day in days]
    zones = pa.array([zone] * len(days), pa.string())
    return pa.table({"zone": zones, "at": pa.array(moments, pa.timestamp("us"))})


def fees(left: pa.Table, right: pa.Table = RATES, **rest: Any) -> list[float | None]:
    return join(left, right, **{"as_of": "at", **rest}).column("fee").to_pylist()


def test_the_newest_row_of_the_key_at_or_before_the_moment_is_taken_and_none_of_later() -> None:
    assert fees(at(3.5, 1.5, 1.49999, 9.49999, 9.5, 3.49999)) == [3.0, 1.0, None, 3.0, 9.0, 1.0]
    assert fees(at(2.5, 30, zone="B")) == [2.0, 2.0]
    assert fees(at(None, 30, zone=None)) == [None, None]
    assert fees(at(30, zone="C")) == [None]
    assert fees(at(30, None)) == [9.0, None]


def test_a_match_older_than_the_tolerance_is_none() -> None:
    assert fees(at(3.5, 10.5, 10.50001, 8.4), tolerance="7d") == [3.0, 9.0, 9.0, 3.0]
    assert fees(at(8.4, 4.5, 4.50001), tolerance="1d") == [None, 3.0, None]


def test_without_a_key_the_newest_row_of_all_is_taken() -> None:
    right = RATES.drop_columns(["zone"]).slice(0, 5).filter(pa.array([True, True, True, True, False]))
    assert fees(at(2.4, 2.5, 3.5).drop_columns(["zone"]), right, on=()) == [1.0, 2.0, 3.0]


def test_a_day_is_known_when_it_is_over() -> None:
    days = RATES.set_column(1, "at", RATES.column("at").cast(pa.date32(), safe=False))
    assert fees(at(3.5, 3.99, 4.0, 9.99, 10), days) == [1.0, 1.0, 3.0, 3.0, 9.0]
    own = at(3, 1, 9, 8)
    assert fees(own.set_column(1, "at", own.column("at").cast(pa.date32())), days) == [3.0, 1.0, 9.0, 3.0]


def test_a_row_of_later_changes_nothing_that_was_joined_before() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        hours = np.sort(random.choice(5_000, 60, replace=False))
        zones = random.choice(list("AB"), 60)
        right = pa.table({"zone": zones, "at": _hours(hours), "fee": np.arange(60.0)})
        left = pa.table({"zone": random.choice(list("AB"), 50), "at": _hours(random.integers(0, 5_000, 50))})
        shuffled, cut = right.take(pa.array(random.permutation(60))), int(random.integers(1, 5_000))
        before = shuffled.filter(pa.compute.less(shuffled.column("at"), _hours([cut])[0]))
        known = left.filter(pa.compute.less(left.column("at"), _hours([cut])[0]))
        whole = fees(known, shuffled)
        assert whole == fees(known, before)
        for row, fee in zip(known.to_pylist(), whole, strict=True):
            own = [value for zone, moment, value in zip(zones, right.column("at").to_pylist(), range(60), strict=True)
                   if zone == row["zone"] and moment <= row["at"]]  # fmt: skip
            assert fee == (max(own) if own else None)


def _hours(hours: Any) -> pa.Array:
    return pa.array([datetime(2024, 1, 1) + timedelta(hours=int(each)) for each in hours], pa.timestamp("us"))


def test_two_rows_of_one_moment_and_times_of_other_kinds_are_refused() -> None:
    assert code_of(left=at(3), right=pa.concat_tables([RATES, RATES.slice(0, 1)]), as_of="at") == "join-fan-out"
    zoned = RATES.set_column(1, "at", RATES.column("at").cast(pa.timestamp("us", "UTC")))
    assert code_of(left=at(3), right=zoned, as_of="at") == "join-types"
    assert code_of(left=at(3), right=RATES, as_of={"left": "at", "right": "fee"}) == "join-types"
    assert code_of(left=at(3), right=RATES, as_of={"left": "at", "right": "when"}) == "column-missing"
    for wrong in ({"on": []}, {"tolerance": "7d"}, {"as_of": "at", "cardinality": "one_to_one"}):
        with pytest.raises(ValueError, match="as_of"):
            Join(**{"left": "rides", "right": "zones", "on": "zone", **wrong})


def test_the_right_moment_stays_beside_the_row_under_a_name_of_its_own() -> None:
    right = RATES.rename_columns(["zone", "measured", "fee"])
    joined = join(at(3.5), right, as_of={"left": "at", "right": "measured"}, prefix="rate_")
    assert joined.column_names == ["zone", "at", "rate_measured", "rate_fee"]
