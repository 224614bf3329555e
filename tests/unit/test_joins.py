"""Joins keep the left rows, and refuse what would multiply or lose them."""

from typing import Any

import pyarrow as pa
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
