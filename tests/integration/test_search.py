"""A search is killed with -9 and taken up; the same spec runs under each engine; two processors are busy."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.builders import ride_spec, rides, write_project
from tests.conftest import ROOT
from tests.direct import train_directly
from tierra.facts import ParametersSearched
from tierra.model.search_found import SearchDone
from tierra.model.tracking import open_client
from tierra.workspace import open_workspace

TRIALS = 8
FINISHED = (1, 2)  # complete or pruned, as a journal writes it
SPACE = {"learning_rate": {"low": 0.01, "high": 0.3, "log": True}, "max_leaf_nodes": {"low": 3, "high": 40}}


def write(workspace: Path, table: Any = None, **search: Any) -> None:
    stated = {"trials": TRIALS, "space": SPACE, **search}
    model = {"model": "hist_gradient_boosting", "search": stated, "params": {"max_iter": 150}}
    spec = ride_spec(candidates=[{"rule": "base_rate"}, model])
    write_project(workspace / "projects" / "rides", spec, rides(4000) if table is None else table)


def searched() -> SearchDone:
    _, journal = train_directly("rides")
    return journal.facts(ParametersSearched)[0].searches[0]


def ended(workspace: Path) -> int:
    """How many trials are finished in the studies."""
    logs = (workspace / "var" / "searches").glob("*.log")
    lines = [json.loads(line) for file in logs for line in file.read_text().splitlines() if line.endswith("}")]
    return sum(each.get("state") in FINISHED for each in lines)


def kill_after(workspace: Path, trials: int) -> None:
    """Start a training and kill it with -9, its processes too, when so many trials are finished."""
    child = subprocess.Popen([sys.executable, "-m", "tests.integration.searching_child", "rides"], cwd=workspace,
                             env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL,
                             start_new_session=True)  # fmt: skip
    try:
        until = time.monotonic() + 240
        while ended(workspace) < trials:
            assert child.poll() is None, "the training ended before it was killed"
            assert time.monotonic() < until, "no trial was finished"
            time.sleep(0.05)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def test_a_search_finds_parameters_that_are_served_and_shown_trial_by_trial(workspace: Path) -> None:
    model = {"model": "logistic", "search": 2}
    spec = ride_spec(candidates=[{"rule": "base_rate"}, model], effort="quick")
    write_project(workspace / "projects" / "rides", spec, rides(1200))
    trained, journal = train_directly("rides")
    (done,) = journal.facts(ParametersSearched)[0].searches
    assert (len(done.trials), done.reused, done.counts) == (2, 0, {"complete": 2})
    assert done.params == max(done.trials, key=lambda each: each.value or 0.0).params
    assert trained.searches == (done.line,)
    champion = open_workspace().champions.current("rides")
    assert champion is not None
    assert done.params["C"] == open_workspace().champions.load(champion).estimator.estimator[-1].C
    client = open_client(open_workspace().mlflow_address)
    runs = client.search_runs([champion.experiment_id], f"tags.`mlflow.parentRunId` = '{champion.run_id}'")
    assert {each.info.run_name: each.data.metrics["roc_auc"] for each in runs} == {
        f"logistic-{each.number}": each.value for each in done.trials
    }


@pytest.mark.long
def test_more_trials_take_the_study_up_and_other_rows_begin_another(workspace: Path) -> None:
    write(workspace, trials=3)
    done = searched()
    write(workspace, trials=4)
    more = searched()
    assert (len(more.trials), more.reused) == (4, 3)
    assert more.trials[:3] == done.trials
    write(workspace, rides(3000), trials=3)
    assert searched().reused == 0


@pytest.mark.long
def test_a_search_killed_in_the_middle_ends_with_the_same_number_of_trials(workspace: Path) -> None:
    write(workspace)
    kill_after(workspace, 3)
    done = searched()
    assert len(done.trials) == TRIALS
    assert 3 <= done.reused < TRIALS
    assert 1 <= done.again <= done.processes
    assert f"{done.reused} of them finished by a run before" in done.line


@pytest.mark.long
@pytest.mark.parametrize("engine", ["ray-optuna", "ray-hyperopt"])
def test_the_same_spec_runs_on_ray_and_is_taken_up_after_a_kill(workspace: Path, engine: str) -> None:
    pytest.importorskip("ray")
    write(workspace, engine=engine)
    kill_after(workspace, 2)
    done = searched()
    assert (len(done.trials), done.engine) == (TRIALS, engine)
    assert 2 <= done.reused < TRIALS
    assert all(SPACE["max_leaf_nodes"]["low"] <= each.params["max_leaf_nodes"] <= 40 for each in done.trials)
    assert done.params in [each.params for each in done.trials if each.state == "complete"]
