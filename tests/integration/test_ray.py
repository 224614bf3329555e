"""Candidates, folds and due partitions on two nodes of Ray, one of which is killed in the middle."""

import os
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.builders import CLOCK, GATE, ride_source, ride_spec, write_project
from tests.conftest import ROOT
from tests.direct import score_directly, train_directly
from tests.ray_cluster import two_nodes
from tests.ray_work import fit_and_look
from tierra.engine import spread
from tierra.facts import CandidatesFitted, ParametersSearched, PartitionPublished
from tierra.store.predictions import generations, read_published
from tierra.workspace import Workspace, open_workspace

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
CODE = "def past(rows, history):\n    return rows.assign(seen=float(len(history)))\n"
LAST = date(2024, 4, 29)
DAYS = [str(LAST - timedelta(number)) for number in range(49, -1, -1)]


def spec() -> dict[str, Any]:
    trees = {"model": "hist_gradient_boosting", "params": {"max_iter": 40}}
    return ride_spec(
        sources=ride_source(history="3d"), prepare="features:past", effort="normal", gate=GATE | {"beat_rule_by": 0.0},
        candidates=[{"rule": "base_rate"}, {"model": "logistic"}, trees, {"average": ["logistic", trees["model"]]}],
        score={"lookback": "49d", "ready": {"min_rows": 15}},
    )  # fmt: skip


@pytest.fixture
def rides(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    return write_project(workspace / "projects" / "rides", spec(), features=CODE)


def train_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, Any]]:
    """The champion's candidate in a new home, and what was measured of all on the rows held out."""
    monkeypatch.setenv("TIERRA_HOME", str(home))
    trained, journal = train_directly("rides")
    champion = open_workspace().champions.current("rides")
    assert trained.outcome == "Promoted"
    assert champion
    return champion.release.candidate, {**journal.facts(CandidatesFitted)[0].validation}


def our_folders() -> set[Path]:
    """The temporary folders of this process."""
    return set(Path(tempfile.gettempdir()).glob(f"tierra-{os.getpid()}-*"))


def published(day: str) -> Any:
    """What is published of a day, in the home of the settings."""
    workspace = open_workspace()
    return read_published(workspace.sink(workspace.project("rides")), day)


def test_with_a_node_killed_in_the_middle_the_champion_is_the_same_and_each_partition_is_published_once(
    rides: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = train_in(workspace / "here", monkeypatch)
    score_directly("rides", DAYS[0])
    expected = published(DAYS[0])
    monkeypatch.setenv("TIERRA_HOME", str(workspace / "var"))
    with two_nodes() as nodes:
        with nodes.killing_at(lambda progress: progress.unit == "fits" and progress.done == 2):
            there = train_in(workspace / "var", monkeypatch)
        assert nodes.killed
        assert there == here
        nodes.killed.clear()
        nodes.second = nodes.cluster.add_node(num_cpus=1)
        with nodes.killing_at(lambda progress: progress.unit == "partitions" and progress.done == 1):
            scored, journal = score_directly("rides")
        assert nodes.killed
    assert {each.partition: each.outcome for each in scored.partitions} == dict.fromkeys(DAYS, "Published")
    sink = open_workspace().sink(open_workspace().project("rides"))
    assert generations(sink) == dict.fromkeys(DAYS, 1)
    assert sorted(fact.partition for fact in journal.facts(PartitionPublished)) == DAYS
    assert published(DAYS[0]).equals(expected)  # the same champion, to the bit


def test_a_ray_of_our_own_has_nothing_of_prefect_on_a_worker_and_leaves_nothing(
    rides: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIERRA_ENGINE", "ray")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    before = our_folders()  # such as that of the champions this process has served
    seen: list[tuple[str, list[str]]] = []

    def looking(workspace: Workspace, work: Any, pieces: Any, **more: Any) -> Iterator[Any]:
        seen.extend(spread(workspace, fit_and_look, pieces))
        return spread(workspace, work, pieces, **more)

    monkeypatch.setattr("tierra.steps.fold_scores.spread", looking)
    searching = {"model": "logistic", "search": {"trials": 2, "space": {"C": [0.1, 0.3]}}}
    write_project(rides, spec() | {"candidates": [{"rule": "base_rate"}, searching]}, features=CODE)
    trained, journal = train_directly("rides")
    assert trained.outcome == "Promoted"
    searched = journal.facts(ParametersSearched)[0].searches[0]
    assert (searched.engine, len(searched.trials)) == ("ray-optuna", 2)
    assert {name for name, _ in seen} == {"rule", "logistic"}
    assert not [found for _, found in seen if found]
    left = {each.name() for each in psutil.Process().children(recursive=True)}
    assert not left & {"raylet", "gcs_server"}
    assert our_folders() == before
