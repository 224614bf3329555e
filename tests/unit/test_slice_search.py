"""The worst slices: found when planted, seldom when not, and measured as a share of what is lost anyway."""

import numpy as np
import pandas as pd
import pytest

from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.slice_search import find_worst, row_losses

ROWS = 4000


def a_table(random: np.random.Generator) -> pd.DataFrame:
    zone = random.choice(["A", "B", "C", "D"], ROWS, p=[0.4, 0.3, 0.2, 0.1])
    return pd.DataFrame({"zone": zone, "km": random.gamma(2, 3, ROWS), "rain": random.random(ROWS)})


def test_the_planted_slice_is_the_worst_and_its_growth_is_told() -> None:
    random = np.random.default_rng(0)
    table, theirs = a_table(random), random.gamma(2, 0.1, ROWS)
    bad = (table["zone"] == "D").to_numpy()
    ours = np.where(bad, 1.5 * theirs, 0.9 * theirs)
    found = find_worst(table, ours, theirs, 0.1)
    assert found.looked == 12
    worst = found.worst[0]
    assert (worst.name, worst.rows) == ("zone = D", bad.sum())
    assert worst.growth == pytest.approx(0.5)
    assert worst.beyond.value == pytest.approx(0.4)
    assert worst.beyond.interval(0.05 / 12)[0] > 0
    assert found.worst[1].beyond.interval(0.05 / 12)[0] < 0


def test_where_nothing_is_worse_one_in_twenty_runs_finds_a_slice() -> None:
    random, alarms, runs = np.random.default_rng(1), 0, 200
    table = a_table(random)
    for _ in range(runs):
        ours, theirs = random.gamma(0.5, 0.1, (2, ROWS))  # skewed, as losses are
        found = find_worst(table[["zone", "km"]], ours, theirs, 0.0)
        alarms += any(each.beyond.interval(0.05 / found.looked)[0] > 0 for each in found.worst)
    assert alarms <= 18  # 99 % of what a true 5 % gives in 200 runs


def test_a_slice_of_few_rows_is_not_looked_at_and_neither_is_the_whole() -> None:
    table = pd.DataFrame({"one": ["a"] * ROWS, "two": ["b"] * (ROWS - 20) + ["c"] * 20})
    found = find_worst(table, np.ones(ROWS), np.ones(ROWS), 0.1)
    assert [each.value for each in found.worst] == ["b"]


def test_weights_count_rows_as_often_as_they_say() -> None:
    random = np.random.default_rng(2)
    table, (ours, theirs) = a_table(random)[["zone"]], random.random((2, ROWS))
    weight = random.integers(1, 4, ROWS)
    repeated = find_worst(table.loc[table.index.repeat(weight)].reset_index(drop=True), np.repeat(ours, weight),
                          np.repeat(theirs, weight), 0.0)  # fmt: skip
    weighted = find_worst(table, ours, theirs, 0.0, weight.astype(float))
    same = {each.value: each.growth for each in repeated.worst}
    assert {each.value: pytest.approx(each.growth) for each in weighted.worst} == same


def test_losses_lie_between_nothing_and_one_for_classes() -> None:
    binary, three = Labels(task="binary"), Labels(task="multiclass", classes=("a", "b", "c"))
    sure = Predictions(np.array([0.0, 1.0, 0.5]), np.array([0, 1, 1]))
    assert row_losses(np.array([1, 1, 1]), sure, binary).tolist() == [1.0, 0.0, 0.25]
    scores = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert row_losses(np.array([0, 2]), Predictions(scores, scores.argmax(1)), three).tolist() == [0.0, 1.0]
    numbers = Predictions(np.array([1.0, 5.0]), np.array([1.0, 5.0]))
    assert row_losses(np.array([2.0, 2.0]), numbers, Labels(task="regression", classes=())).tolist() == [1.0, 3.0]


def test_rows_of_one_group_are_not_taken_for_independent() -> None:
    random, alarms, apart, runs = np.random.default_rng(3), 0, 0, 100
    units = np.arange(ROWS) // 50
    table = pd.DataFrame({"zone": random.choice(["A", "B", "C"], 80)[units]})  # a group lies in one zone
    for _ in range(runs):
        ours, theirs = random.gamma(2, 0.1, (2, 80))[:, units] + random.random((2, ROWS)) / 10
        for known, count in ((units, "together"), (None, "apart")):
            found = find_worst(table, ours, theirs, 0.0, units=known)
            worst = any(each.beyond.interval(0.05 / found.looked)[0] > 0 for each in found.worst)
            alarms, apart = (alarms + worst, apart) if count == "together" else (alarms, apart + worst)
    assert alarms <= 11  # 99 % of what a true 5 % gives in 100 runs
    assert apart > 50  # which rows taken for independent would give
