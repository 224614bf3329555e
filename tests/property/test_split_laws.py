"""Laws of splits by chance, class and group: who stays together, who stays where, and how many go where."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.cases import some_of
from tierra.data.labels import Labels
from tierra.data.recipe import Recipe
from tierra.data.spec import PARTS, Split
from tierra.data.split import _cut, split_rows, unit_of
from tierra.errors import DataRejected

few = some_of(50)
NUMBER = Labels(task="regression", classes=())
THREE = Labels(task="multiclass", classes=("a", "b", "c"))
SHUFFLED = ("random", "stratified", "group")


def a_table(seed: int, rows: int, kinds: int = 1000, unlabelled: float = 0.1) -> pd.DataFrame:
    """Rows with a key, of which many are equal when there are few kinds, some without a label."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, kinds, rows)
    table = pd.DataFrame({"key": random.permutation(rows), "kind": kind, "text": (kind % 7).astype("str")})
    return table.assign(y=(kind % 3).astype(float)).mask(
        pd.DataFrame(dict.fromkeys(["key", "kind", "text"], False), index=table.index).assign(
            y=random.random(rows) < unlabelled
        )
    )


def part(table: pd.DataFrame, by: str = "stratified", labels: Labels = THREE, **said: Any) -> pd.Series:
    split = Split(by=by, column="text" if by == "group" else None, **said).with_defaults(None)
    recipe = Recipe(target="y", target_column="y", key=("key",), unit=split.column or "")
    return split_rows(unit_of(table, recipe), table["y"], split, labels)


def by_key(table: pd.DataFrame, parts: pd.Series) -> pd.Series:
    return pd.Series(parts.to_numpy(), index=table["key"]).sort_index()


seeds = some.integers(0, 10_000)


@few
@given(seeds, some.integers(200, 600), some.sampled_from(["random", "stratified"]), some.sampled_from([THREE, NUMBER]))
def test_rows_equal_in_all_but_the_key_are_on_one_side(seed: int, rows: int, by: str, labels: Labels) -> None:
    table = a_table(seed, rows, kinds=60)
    parts = part(table, by, labels)
    assert parts.notna().equals(table["y"].notna())
    sides = parts.groupby([table["kind"], table["text"], table["y"]]).nunique()
    assert sides.max() == 1


@few
@given(seeds, some.integers(100, 500))
def test_groups_are_never_parted(seed: int, rows: int) -> None:
    table = a_table(seed, rows)
    parts = part(table, "group", NUMBER)
    assert parts.groupby(table["text"]).nunique().max() == 1
    assert set(parts.dropna()) == set(PARTS)


@few
@given(seeds)
def test_rows_of_no_group_go_their_own_ways(seed: int) -> None:
    table = a_table(seed, 400).assign(text=lambda rows: rows["text"].where(rows.index % 2 == 0))
    assert set(part(table, "group", NUMBER)[table["text"].isna()].dropna()) == set(PARTS)


@few
@given(seeds, some.sampled_from(["10%", "20%", "30%"]), some.sampled_from(["10%", "25%"]))
def test_every_class_is_in_every_part_in_its_share(seed: int, validation: str, test: str) -> None:
    table = a_table(seed, 1500)
    parts = part(table, validation=validation, test=test)
    shares = {"validation": float(validation[:-1]) / 100, "test": float(test[:-1]) / 100}
    for _, inside in parts.groupby(table["y"]):
        found = inside.value_counts(normalize=True)
        assert all(abs(found[name] - share) < 0.02 for name, share in shares.items())


@few
@given(seeds)
def test_three_rows_of_a_class_are_one_for_each_part(seed: int) -> None:
    table = a_table(seed, 300, kinds=10**9, unlabelled=0.0).assign(
        y=lambda rows: np.where(rows.index < 3, 2.0, rows.index % 2)
    )
    assert set(part(table)[:3]) == set(PARTS)


@few
@given(seeds, some.sampled_from(["random", "stratified", "group"]))
def test_a_row_stays_on_its_side_whatever_the_order(seed: int, by: str) -> None:
    table = a_table(seed, 300, kinds=80)
    moved = table.sample(frac=1, random_state=seed)
    for other in (moved, moved.reset_index(drop=True)):
        pd.testing.assert_series_equal(by_key(table, part(table, by)), by_key(other, part(other, by)))


def test_rows_appended_leave_nearly_all_others_on_their_side() -> None:
    """A cut lies at a share of the digests, so it moves by sampling noise: here at most 2 % of rows cross it."""
    table = a_table(1, 6000, kinds=10**6, unlabelled=0.0)
    for by in ("random", "stratified"):
        before, after = part(table.head(5000), by), part(table, by).head(5000)
        assert (before != after).mean() < 0.02


def test_another_seed_is_another_split() -> None:
    table = a_table(2, 2000, kinds=10**6)
    one, other = part(table, seed=0), part(table, seed=1)
    # Of two independent splits, 60 % and 20 % and 20 %, 44 % agree.
    assert (one == other)[one.notna()].mean() == pytest.approx(0.44, abs=0.05)
    pd.testing.assert_series_equal(one, part(table, seed=0))


@pytest.mark.parametrize("labels", [THREE, NUMBER], ids=["classes", "numbers"])
@pytest.mark.parametrize("by", SHUFFLED)
@pytest.mark.parametrize("rows", range(1, 11))
def test_tiny_tables_are_split_or_refused(rows: int, by: str, labels: Labels) -> None:
    for seed in range(4):
        table = a_table(seed, rows, unlabelled=0.2)
        try:
            parts = part(table, by, labels)
        except DataRejected:
            continue
        else:
            assert set(parts.dropna()) == set(PARTS)
            assert parts.notna().equals(table["y"].notna())


@few
@given(seeds, some.integers(50, 400), some.integers(1, 40))
def test_shares_by_time_cut_whole_days_near_the_share(seed: int, rows: int, days: int) -> None:
    random = np.random.default_rng(seed)
    drawn = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, days, rows), "D")
    table = pd.DataFrame({"day": drawn, "y": random.choice([0.0, 1.0, 2.0], rows)})
    split = Split(by="time", column="day", validation="20%", test="20%").with_defaults(None)
    try:
        parts = split_rows(table["day"], table["y"], split, NUMBER)
    except DataRejected:  # too few days for three parts
        assert table["day"].nunique() < 20
        return
    assert parts.groupby(table["day"]).nunique().max() == 1
    largest = table["day"].value_counts(normalize=True).max()
    shares = parts.value_counts(normalize=True)
    assert all(0.2 - 0.5 / rows - 1e-9 <= shares[name] <= 0.2 + largest + 0.5 / rows for name in ("validation", "test"))


def test_a_group_that_is_no_column_is_refused() -> None:
    recipe = Recipe(target="y", target_column="y", unit="nowhere")
    with pytest.raises(DataRejected, match=r"'nowhere'.*column-missing"):
        unit_of(pd.DataFrame({"y": [1]}), recipe)


def test_rows_are_on_the_side_where_they_always_were() -> None:
    """A split that moves between two versions makes champions look better than they are: they saw tonight's test."""
    sides = {by: "".join(name[1] for name in part(a_table(0, 40, unlabelled=0), by, NUMBER)) for by in SHUFFLED}
    assert sides == {
        "random": "rrrrrrraaererrrrraarrrreerrarreaeararerr",
        "stratified": "rraarrraeeaarrrrreearraeerraareeearererr",
        "group": "rrerraarerarreerrereerarrrrarrrearrrraar",
    }


def test_where_units_are_few_one_is_left_to_train_on() -> None:
    assert list(_cut(pd.Series([3]), 0.4, 0.4)) == ["train"]
    assert list(_cut(pd.Series([1, 3]), 0.6, 0.4)) == ["test", "train"]
