"""Laws that hold for any table: of splits, snapshots, thresholds, joins and digests."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import assume, given
from hypothesis import strategies as some

from tests.cases import some_of
from tierra.data.joins import Joiner
from tierra.data.labels import Labels
from tierra.data.snapshot import take_snapshot
from tierra.data.spec import PARTS, FileSource, Join, Split
from tierra.data.split import split_rows
from tierra.data.window import EVERYTHING, Window
from tierra.errors import DataRejected
from tierra.model.metrics import choose_threshold
from tierra.model.spec import Costs
from tierra.store.objects import MemoryObjects
from tierra.store.tables import digest_rows, read_table

few = some_of(60)
FIRST = date(2024, 1, 1)
texts = some.none() | some.text("abÑ ", max_size=3)
numbers = some.none() | some.floats(-9, 9, width=16).map(lambda value: value + 0.0)  # no minus zero


class Pieces:
    """A source that hands out its rows in the pieces it was given."""

    where = "source pieces"

    def __init__(self, pieces: list[pa.Table]) -> None:
        self._pieces = pieces

    def columns(self) -> list[str]:
        return list(self._pieces[0].column_names)

    def batches(self, columns: list[str], window: Window) -> Iterator[pa.Table]:
        return (piece.select(columns) for piece in self._pieces)

    def days(self, window: Window) -> dict[date, int]:
        return {}


@few
@given(some.integers(0, 10_000), some.integers(1, 12), some.integers(1, 12), some.none() | some.integers(25, 45))
def test_a_split_parts_the_labelled_rows_in_time_and_equal_rows_together(
    seed: int, validation: int, test: int, until: int | None
) -> None:
    random = np.random.default_rng(seed)
    drawn = [pd.Timestamp(FIRST) + pd.to_timedelta(random.integers(0, 40, 400), "D"), random.choice(list("ab"), 400)]
    table = pd.DataFrame({"day": drawn[0], "text": drawn[1], "target": random.choice([0.0, 1.0, np.nan], 400)})
    table["day"] = table["day"].where(random.random(400) > 0.05)
    end = FIRST + timedelta(until) if until else None
    declared = Split(validation=f"{validation}d", test=f"{test}d", until=end)
    try:
        parts = split_rows(table["day"], table["target"], declared.with_defaults("day"), Labels())
    except DataRejected:
        assume(False)
    usable = table["target"].notna() & table["day"].notna()
    usable &= (table["day"] < pd.Timestamp(end)) if end else True
    assert (parts.notna() == usable).all()
    assert set(parts.dropna()) == set(PARTS)
    last, first = table["day"].groupby(parts).max(), table["day"].groupby(parts).min()
    assert last["train"] < first["validation"]
    assert last["validation"] < first["test"]
    sides = parts[usable].groupby([table["day"][usable], table["text"][usable]], dropna=False).nunique()
    assert sides.max() == 1


@some.composite
def a_table_twice(draw: Any) -> tuple[pa.Table, list[pa.Table], bool]:
    """A table, and the same rows in another order, cut elsewhere."""
    keyed = draw(some.booleans())
    keys = draw(some.lists(some.integers(-99, 99), min_size=1, max_size=40, unique=keyed))
    size = {"min_size": len(keys), "max_size": len(keys)}
    table = pa.table({"key": pa.array(keys, pa.int64()), "text": pa.array(draw(some.lists(texts, **size)), pa.string()),
                      "number": pa.array(draw(some.lists(numbers, **size)), pa.float64())})  # fmt: skip
    moved = table.take(pa.array(draw(some.permutations(range(len(keys))))))
    cuts = sorted({0, *draw(some.lists(some.integers(0, len(keys)), max_size=4))})
    pieces = [moved.slice(start, end - start) for start, end in zip(cuts, [*cuts[1:], len(keys)], strict=True)]
    return table, pieces, keyed


@few
@given(a_table_twice())
def test_a_snapshot_is_the_same_however_its_rows_arrive(drawn: tuple[pa.Table, list[pa.Table], bool]) -> None:
    table, pieces, keyed = drawn
    source, objects = FileSource(kind="file", path="x.csv", key=("key",) if keyed else ()), MemoryObjects()
    one = take_snapshot(objects, source, Pieces([table]), EVERYTHING)
    other = take_snapshot(objects, source, Pieces(pieces), EVERYTHING)
    assert one == other
    kept = read_table(objects, one).select(table.column_names).to_pylist()
    assert sorted(map(repr, kept)) == sorted(map(repr, table.to_pylist()))


@few
@given(
    some.lists(some.tuples(some.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]) | some.floats(0, 1), some.booleans()),
               min_size=1, max_size=30),
    some.integers(1, 9),
    some.integers(1, 9),
)  # fmt: skip
def test_no_threshold_is_cheaper(rows: list[tuple[float, bool]], false_alarm: int, missed: int) -> None:
    scores, target = (np.array(each, float) for each in zip(*rows, strict=True))

    def cost(threshold: float) -> float:
        said = scores >= threshold
        return float(false_alarm * (said & (target == 0)).sum() + missed * (~said & (target == 1)).sum())

    found = choose_threshold(target, scores, Costs(false_alarm=false_alarm, missed=missed))
    every = [-1.0, *np.unique(scores), 2.0]
    assert cost(found) == min(map(cost, every))
    below, above = scores[scores < found], scores[scores >= found]
    if len(below) and len(above) and (gap := above.min() - below.max()) > 1e-6:
        assert found - below.max() > 0.4 * gap
        assert above.min() - found > 0.4 * gap


@few
@given(
    some.lists(texts, min_size=1, max_size=30),
    some.lists(texts, max_size=10, unique=True),
    some.integers(1, 30),
)
def test_a_join_keeps_the_left_rows_their_order_and_their_number(
    left_keys: list[str | None], right_keys: list[str | None], cut: int
) -> None:
    left = pa.table({"zone": pa.array(left_keys, pa.string()), "ride": range(len(left_keys))})
    right = pa.table({"zone": pa.array(right_keys, pa.string()), "fee": pa.array(range(len(right_keys)), pa.int64())})
    join = Join(left="left", right="right", on="zone", max_orphans="100%")
    joined = Joiner([join], {"right": right}).join_checked(left)
    assert joined.select(["zone", "ride"]).equals(left)
    fees = {key: fee for fee, key in enumerate(right_keys) if key is not None}
    assert joined.column("fee").to_pylist() == [fees.get(key) for key in left_keys]
    pieces = [Joiner([join], {"right": right}).join_checked(each) for each in (left.slice(0, cut), left.slice(cut))]
    assert pa.concat_tables(pieces).equals(joined)


@few
@given(some.lists(some.tuples(texts, numbers), min_size=1, max_size=20), some.data())
def test_a_digest_changes_with_any_one_value_and_with_nothing_else(rows: list[Any], data: Any) -> None:
    def table(of: list[Any]) -> pa.Table:
        words, values = zip(*of, strict=True)
        return pa.table({"text": pa.array(words, pa.string()), "number": pa.array(values, pa.float64())})

    row, column = data.draw(some.integers(0, len(rows) - 1)), data.draw(some.integers(0, 1))
    value = data.draw((texts, numbers)[column])
    assume(value != rows[row][column])
    changed = [list(each) for each in rows]
    changed[row][column] = value
    whole = table(rows)
    assert digest_rows([whole]) != digest_rows([table(changed)])
    padded = pa.concat_tables([table([("x", 1.0)]), whole, table([("y", None)])]).slice(1, len(rows))
    assert digest_rows([padded]) == digest_rows([whole])
    assert digest_rows([whole.rename_columns(["text", "other"])]) != digest_rows([whole])
