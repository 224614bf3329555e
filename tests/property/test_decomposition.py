"""Laws of dividing a change of a mean among factors: the terms sum to it, and what changed nothing gets nothing."""

from itertools import permutations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as some

from tests.cases import each, some_of
from tierra.data.row_changes import compare_columns, count_changes, match_rows
from tierra.data.row_numbers import ROW_NUMBER
from tierra.model.decomposition import FACTORS, Changed, Crossed, attribute

ALONE = 0.99


def crossed(
    seed: int, common: int, removed: int, added: int, changing: Changed = frozenset(FACTORS), size: float = 1.0
) -> Crossed:
    """Numbers of two tables, of which only these factors change."""
    random = np.random.default_rng(seed)
    before = random.random((2, common + removed)) * size
    after = random.random((2, common + added)) * size
    pairs = random.permutation(common + removed)[:common], random.permutation(common + added)[:common]
    if "features" not in changing:
        after[:, pairs[1]] = before[:, pairs[0]]
    if "model" not in changing:
        before[1], after[1] = before[0], after[0]
    thresholds = (0.4 * size, (0.6 if "threshold" in changing else 0.4) * size)
    return Crossed((before[0], before[1]), (after[0], after[1]), pairs, thresholds)


@given(some.integers(0, 10**6), some.integers(1, 30), some.integers(0, 9), some.integers(0, 9), some.floats(1e-6, 1e6))
@some_of(200)
def test_the_terms_sum_to_the_change(seed: int, common: int, removed: int, added: int, size: float) -> None:
    found = crossed(seed, common, removed, added, size=size)
    for each_of in (found, Crossed(found.before, found.after, found.matched)):
        total = each_of.mean(frozenset(FACTORS)) - each_of.mean(frozenset())
        assert abs(sum(attribute(each_of.mean).values()) - total) <= 1e-9 * max(1.0, size)


@given(some.integers(0, 10**6), some.sampled_from(FACTORS), some.booleans())
@some_of(200)
def test_one_factor_that_changed_gets_all_of_it(seed: int, factor: str, decided: bool) -> None:
    moved = (3, 2) if factor == "rows" else (0, 0)
    found = crossed(seed, 20, *moved, changing=frozenset([factor]))
    if not decided:
        found = Crossed(found.before, found.after, found.matched)
    terms = attribute(found.mean)
    total = found.mean(frozenset(FACTORS)) - found.mean(frozenset())
    assert abs(terms[factor] - total) <= 1e-12
    assert abs(terms[factor]) >= ALONE * abs(total)
    assert all(abs(term) <= 1e-12 for name, term in terms.items() if name != factor)


@given(some.dictionaries(some.frozensets(some.sampled_from("abc")), some.floats(-9, 9), min_size=8, max_size=8))
@some_of(100)
def test_a_term_is_the_mean_effect_over_all_orders(values: dict[frozenset[str], float]) -> None:
    effects: dict[str, list[float]] = {name: [] for name in "abc"}
    for order in permutations("abc"):
        for place, name in enumerate(order):
            effects[name].append(values[frozenset(order[: place + 1])] - values[frozenset(order[:place])])
    wanted = {name: float(np.mean(found)) for name, found in effects.items()}
    assert np.allclose(list(attribute(values.__getitem__, "abc").values()), list(wanted.values()), atol=1e-12)


def test_of_rows_and_features_it_is_the_difference_of_two_rates_as_kitagawa_has_it() -> None:
    """Two groups of keys, whose rates change for those that stay, while one of them comes and another goes."""
    before, after = np.array([0.2, 0.8]), np.array([0.3, 0.9])  # the first key stays
    found = Crossed((before, before), (after, after), (np.array([0]), np.array([0])))
    terms = attribute(found.mean)
    # Half the weight of what stays is the mean of its two shares, 1/2 and 1/2, times the change of its value.
    assert np.isclose(terms["features"], 0.5 * 0.1)
    assert np.isclose(terms["rows"], 0.5 * (0.9 - 0.8))
    assert terms["model"] == terms["threshold"] == 0


KEYS = some.lists(some.integers(0, 12), unique=True, max_size=9)


@given(KEYS, KEYS)
@some_of(100)
def test_every_row_is_matched_added_or_removed_once(before: list[int], after: list[int]) -> None:
    one, other = pa.table({"k": pa.array(before, pa.int64())}), pa.table({"k": pa.array(map(str, after), pa.string())})
    found = match_rows(one, other, ["k"])
    pairs = [(before[a], after[b]) for a, b in zip(found.before, found.after, strict=True)]
    assert all(a == b for a, b in pairs)
    assert {a for a, _ in pairs} == set(before) & set(after)
    assert sorted([*found.before, *found.removed]) == list(range(len(before)))
    assert sorted([*found.after, *found.added]) == list(range(len(after)))


CHANGES = [
    ({"a": [1, 2]}, {"a": [1, 3]}, {"a": 1}, []),
    ({"a": [1.0, None]}, {"a": [1.0, 2.0]}, {"a": 1}, []),
    ({"a": ["x", None]}, {"a": ["x", None]}, {}, []),
    ({"a": [1, 2]}, {"a": ["1", "2"]}, {}, ["column 'a' was int64 and is string"]),
    ({"a": [1, 2], "b": [1, 2]}, {"a": [1, 2], "c": [True, False]}, {},
     ["column 'b' (int64) is gone", "column 'c' (bool) is new"]),
]  # fmt: skip


def test_what_changed_is_counted_by_column_and_columns_are_compared() -> None:
    def check(before: dict[str, list], after: dict[str, list], counts: dict[str, int], lines: list[str]) -> None:
        one, other = (pa.table({"k": [7, 8], ROW_NUMBER: [0, 1], **columns}) for columns in (before, after))
        matched = match_rows(one, other, ["k"])
        assert count_changes(one, other, matched) == counts
        assert list(compare_columns(one, other)) == lines

    each(CHANGES, check)


def test_rows_without_a_key_are_matched_by_what_they_hold_wherever_they_stand() -> None:
    one = pa.table({ROW_NUMBER: [0, 1, 2, 3], "a": ["x", "y", "x", "z"], "b": [1.0, 2.0, 1.0, None]})
    other = pa.table({"b": [9.0, 1.0, None, 1.0, 1.0], "a": ["y", "x", "z", "x", "x"], ROW_NUMBER: range(5)})
    found = match_rows(one, other, [])
    assert list(zip(found.before, found.after, strict=True)) == [(0, 1), (3, 2), (2, 3)]
    assert (list(found.removed), list(found.added)) == ([1], [0, 4])
