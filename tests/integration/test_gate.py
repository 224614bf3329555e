"""The gate in whole trainings: whom it judges on which rows, how often, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.builders import CLOCK, ride_spec, rides, write_project
from tests.direct import train_directly, without_prefect
from tierra.journal import open_journal
from tierra.model.gate_checks import HEADS
from tierra.outcomes.training import Trained
from tierra.workspace import open_workspace

SUPERIOR = {"metric": "roc_auc"}
WEAK = "def build(rows):\n    return rows[['rain']]\n"
# Knows more than the weak one, and takes what it knows the wrong way round in zone D: short rides for long ones, and in
# the same range, or a model could tell by the values alone that they are of D.
BAD_IN_D = """
def build(rows):
    km = rows["km"].where(rows["zone"] != "D", 26 / rows["km"].clip(1))
    return rows[["rain", "zone"]].assign(km=km)
"""
GOOD = "def build(rows):\n    return rows[['rain', 'zone', 'km']]\n"


@pytest.fixture(autouse=True)
def _clock(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)


def train(workspace: Path, table: pd.DataFrame, code: str, dry_run: bool = False, **changes: Any) -> Trained:
    stated = {
        "features": "features:build",
        "gate": SUPERIOR,
        "candidates": [{"rule": "base_rate"}, {"model": "logistic"}],
    }
    write_project(workspace / "projects" / "rides", ride_spec(**{**stated, **changes}), table, features=code)
    if not dry_run:
        return train_directly("rides")[0]
    with without_prefect("train") as body, open_journal():
        end: Trained = body(open_workspace(), "rides", dry_run=True)
        return end


def checks(end: Trained) -> dict[str, Any]:
    return {each.check: each for each in end.verdict.checks}


def uses() -> int:
    return len(open_workspace().objects.names("uses/rides"))


@pytest.mark.long
def test_a_better_model_with_a_bad_slice_is_refused_by_state_exit_code_and_name(workspace: Path) -> None:
    table = rides(9000)
    assert train(workspace, table, WEAK).outcome == "Promoted"
    refused = train(workspace, table, BAD_IN_D)
    assert (refused.outcome, refused.exit_code, refused.champion.version) == ("Refused", 6, "1")
    assert checks(refused)["better than the champion"].outcome == "passed"
    assert "in the slice zone = D" in refused.reason
    assert "% above that of the champion" in refused.sentence
    good = train(workspace, table, GOOD)
    assert (good.outcome, good.exit_code, good.champion.version) == ("Promoted", 0, "2")


def test_a_use_of_the_test_part_is_counted_once_and_a_dry_run_is_none(workspace: Path) -> None:
    table = rides(2400)
    first = train(workspace, table, GOOD)
    assert (uses(), "uses of the test part" in checks(first)) == (0, False)
    for strength, dry, counted, times in ((0.5, True, 0, 1), (0.5, False, 1, 1), (0.5, False, 1, 1), (0.4, True, 1, 2)):
        candidates = [{"rule": "base_rate"}, {"model": "logistic", "params": {"C": strength}}]
        end = train(workspace, table, GOOD, dry, candidates=candidates)
        assert end.outcome == ("DryRun" if dry else "KeptChampion"), strength
        assert (uses(), checks(end)["uses of the test part"].value) == (counted, times), (strength, dry)
    assert "alpha / 6" in checks(end)["uses of the test part"].reason


@pytest.mark.long
def test_rows_that_the_champion_learnt_from_are_left_out_where_they_change_sides(workspace: Path) -> None:
    split = {"by": "random", "validation": "20%", "test": "20%"}
    table = rides(4000)
    first = train(workspace, table.iloc[:2400], GOOD, split=split)
    assert first.outcome == "Promoted"
    again = train(workspace, table, GOOD, split=split)
    seen, rows = checks(again)["rows it learnt from"].value, checks(again)["rows of the test part"].value
    assert 0 < seen < 100  # those near the boundary of the test part
    assert rows == again.rows["test"] - seen
    # A store that was filled again from MLflow's copy lacks what the champion learnt from.
    for file in (workspace / "var" / "store" / "learnt").iterdir():
        file.rename(file.with_suffix(".away"))
    lost = train(workspace, table, GOOD, split=split | {"seed": 2})
    assert checks(lost)["rows it learnt from"].outcome == "not known"
    for file in (workspace / "var" / "store" / "learnt").iterdir():
        file.rename(file.with_suffix(".units"))
    # Another seed draws other test rows, of which the champion learnt from four fifths or so of those it knew.
    other = train(workspace, table, GOOD, split=split | {"seed": 1})
    seen = checks(other)["rows it learnt from"].value
    assert 0.4 < seen / other.rows["test"] < 0.56
    # All rows of the first table are its own: with another seed nearly nothing is left to judge on.
    few = train(workspace, table.iloc[:300], GOOD, split={"by": "random", "validation": "10%", "test": "3%", "seed": 5})
    assert (few.outcome, few.exit_code) == ("Refused", 6)
    assert "the champion learnt from" in few.reason


def test_two_test_rows_with_a_perfect_area_decide_nothing(workspace: Path) -> None:
    table = rides(120).assign(tipped=["yes", "no"] * 60, km=[9.0, 1.0] * 60)
    known = {"acknowledged": [{"leak": "target-in-feature:km", "reason": "planted"}]}
    end = train(workspace, table, GOOD, split={"by": "stratified", "validation": "20%", "test": "2%"}, leaks=known)
    assert end.rows["test"] < 5
    assert (end.outcome, end.champion.candidate) == ("Promoted", "rule")
    assert end.reason.startswith("the rule serves: ")
    assert "test rows decide nothing: at least 20 are needed" in end.reason
    (shown,) = (workspace / "var").rglob("gate.json")
    table = json.loads(shown.read_text())
    assert table == {"columns": list(HEADS), "data": [list(each.cells) for each in end.verdict.checks]}
    assert json.loads(end.model_dump_json())["verdict"]["checks"][0]["outcome"] == "failed"
