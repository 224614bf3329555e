"""Leaks are found by what was planted, with evidence; what is honest is left alone."""

from pathlib import Path

import numpy as np
import pandas as pd

from tests.planted_leaks import BY_DAY, PLANTED, Project, search, visits
from tierra.data.labels import Labels
from tierra.model.examples import Examples
from tierra.model.leaks.finding import MEANINGS, REMEDIES, Acknowledged, Leak, acknowledge, name_unfound
from tierra.model.leaks.formulas import find_formulas
from tierra.model.leaks.groups import find_groups
from tierra.model.leaks.moments import find_later
from tierra.model.leaks.twins import find_twins

BINARY = Labels(classes=("no", "yes"))


def test_every_kind_has_a_meaning_a_remedy_and_a_project_that_it_is_planted_in() -> None:
    planted = {expected.partition(":")[0] for _, expected in PLANTED.values()}
    assert planted == set(MEANINGS) == set(REMEDIES)


def test_an_acknowledged_leak_stops_nothing_and_keeps_its_reason() -> None:
    leaks = [Leak(kind="twins", evidence="e"), Leak(kind="groups", columns=("patient",), evidence="e")]
    said = [Acknowledged(leak="groups:patient", reason="they come again"), Acknowledged(leak="gaps:x", reason="old")]
    twins, groups = acknowledge(leaks, said)
    assert (twins.stops, groups.stops, groups.reason) == (True, False, "they come again")
    assert "acknowledged: they come again" in groups.line
    assert name_unfound(leaks, said) == ["gaps:x"]


def halves(table: pd.DataFrame, target: np.ndarray) -> tuple[Examples, Examples]:
    place = np.random.default_rng(1).permutation(len(table)) < 0.8 * len(table)
    train, test = (Examples(table[side].reset_index(drop=True), target[side], BINARY) for side in (place, ~place))
    return train, test


def few_values(rows: int, levels: int, columns: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    shares = 1 / np.arange(1, levels + 1)
    return pd.DataFrame({f"c{number}": random.choice(levels, rows, p=shares / shares.sum()).astype(float)
                         for number in range(columns)})  # fmt: skip


def test_rows_that_repeat_because_values_are_few_are_no_copies() -> None:
    for seed in range(4):
        for levels, columns in (
            (2, 4),
            (2, 12),
            (2, 20),
            (3, 7),
            (6, 5),
            (10, 4),
            (10, 6),
            (40, 3),
            (300, 2),
            (2_000, 1),
        ):
            table = few_values(3_000, levels, columns, seed)
            target = (table.sum(axis="columns") % 2).to_numpy()  # twins share their target
            assert list(find_twins(*halves(table, target), by_time=False)) == [], (levels, columns, seed)


def test_copies_among_rows_of_few_values_are_found_all_the_same() -> None:
    for levels, columns in ((2, 20), (3, 12), (5, 8), (10, 6), (30, 5), (300, 4)):
        once, random = few_values(3_000, levels, columns, 0), np.random.default_rng(0)
        table = pd.concat([once, once.iloc[:1_000]], ignore_index=True)
        labels = (random.random(3_000) < 0.5).astype(float)
        (twins,) = find_twins(*halves(table, np.r_[labels, labels[:1_000]]), by_time=False)
        assert twins.numbers["rows"] > 100
        assert "group" in twins.proposal
        (by_time,) = find_twins(*halves(table, np.r_[labels, labels[:1_000]]), by_time=True)
        assert (by_time.severity, by_time.proposal) == ("warn", "")


def test_copies_whose_targets_are_drawn_anew_teach_a_model_nothing_of_the_test() -> None:
    random = np.random.default_rng(0)
    once = pd.DataFrame(random.normal(size=(2_000, 5))).rename(columns=str)
    table = pd.concat([once, once.iloc[:800]], ignore_index=True)
    assert list(find_twins(*halves(table, (random.random(2_800) < 0.5).astype(float)), by_time=False)) == []


def test_a_number_whose_neighbours_tell_as_much_names_no_groups() -> None:
    random = np.random.default_rng(0)
    year, part = random.integers(1900, 2000, 3_000), np.where(random.random(3_000) < 0.8, "train", "test")
    target = (year - 1900) * 3.0 + random.normal(0, 5, 3_000)
    assert list(find_groups(pd.DataFrame({"year": year}), target, part, "regression")) == []
    shuffled = random.permutation(100)[year - 1900]
    (groups,) = find_groups(pd.DataFrame({"house": shuffled}), target, part, "regression")
    assert groups.id == "groups:house"


def test_planned_times_are_known_before() -> None:
    day = pd.Series(pd.date_range("2024-01-01", periods=200).repeat(2), name="day")
    times = pd.DataFrame({"ends": day + pd.Timedelta(days=90), "paid": day + pd.Timedelta(days=9)})
    times.loc[day > "2024-07-01", "paid"] = pd.NaT
    (later,) = find_later(day, times, {"ends": "contracts", "paid": "bills"})
    assert later.id == "after-the-row:paid"
    assert "'paid' of bills" in later.evidence
    assert "9.0 days" in later.evidence


def test_a_prepare_that_fails_on_history_in_another_order_depends_on_it(tmp_path: Path) -> None:
    code = (
        "import pandas as pd\n\n\ndef prepare(rows, history):\n    history['day'].is_monotonic_increasing or 1 / 0\n"
        "    return rows\n"
    )
    found, error = search(Project({"visits": visits(0)}, BY_DAY, code).write(tmp_path))
    assert [each.id for each in found] == ["row-order"]
    assert "fails when the rows come in another order" in error


def test_a_product_that_is_mostly_0_is_no_formula_of_a_target_that_is_too() -> None:
    random, rows = np.random.default_rng(0), 5_000
    amount = np.where(random.random(rows) < 0.01, random.gamma(2, 100, rows), 0.0)
    table = pd.DataFrame({"a": random.normal(size=rows), "b": np.where(random.random(rows) < 0.005, 1.5, 0.0)})
    assert not list(find_formulas(table, amount))
    (leak,) = find_formulas(
        table.assign(share=random.random(rows)).assign(price=lambda it: amount / it["share"]), amount
    )
    assert leak.columns == ("share", "price")
