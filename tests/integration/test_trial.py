"""A trial over a store in memory and the train flow are the same training."""

import shutil
from pathlib import Path

import pytest

from tests.builders import CLOCK, ride_source, ride_spec, rides, write_project
from tests.direct import train_directly
from tierra.steps.trial import try_project
from tierra.workspace import open_workspace

CODE = """
def prepare(rows, history):
    seen = history.groupby("zone")["ride_id"].count()
    return rows.assign(seen_lately=rows["zone"].map(seen).fillna(0.0))

def build(rows):
    return rows[["km", "zone", "rain", "seen_lately"]].assign(wet_km=rows["km"] * rows["rain"])
"""
EVERY_CANDIDATE = [
    {"rule": {"rate_by": ["zone"]}},
    {"model": "logistic"},
    {"model": "hist_gradient_boosting", "params": {"max_iter": 20}},
    {"average": ["logistic", "hist_gradient_boosting"]},
]


def test_the_trial_and_the_flow_agree_to_the_last_digit(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    rows = rides()
    rows.loc[5, "km"] = -1.0
    contract = {
        "quarantine_budget": "1%",
        "expectations": [
            {"type": "expect_column_values_to_be_between", "column": "km", "min_value": 0, "on_fail": "quarantine"}
        ],
    }
    spec = ride_spec(
        sources=ride_source(history="7d"),
        contract=contract,
        prepare="features:prepare",
        features="features:build",
        candidates=EVERY_CANDIDATE,
        card={"cost": {"false_alarm": 1, "missed": 2}},
    )
    write_project(workspace / "projects" / "rides", spec, rows, features=CODE)
    shutil.rmtree(workspace / "var")
    opened = open_workspace()
    trial = try_project(opened, opened.project("rides"), None)
    assert not (workspace / "var").exists(), "a trial keeps nothing"
    end, _ = train_directly("rides")
    assert trial.scores.best == end.best.candidate
    assert trial.scores.best_metrics == end.best.metrics
    assert trial.scores.rule_metrics == end.rule.metrics
    assert trial.verdict == end.verdict
    assert trial.rows == end.rows
