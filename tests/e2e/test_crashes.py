"""Runs that die, on real workers: started again elsewhere, complete exactly once, and given up with one page."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import CLOCK, ride_spec, write_project
from tests.ops import Ops, a_server, kill, until
from tests.servers import Receiver

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
# The first start after the mark is wanted hangs in mid-score; a start that must die dies there.
FEATURES = """
import os, signal, time
from pathlib import Path

def prepare(rides, history):
    mark = os.environ.get("TEST_MARK")
    if mark and not Path(mark).exists():
        Path(mark).touch()
        time.sleep(600)
    if os.environ.get("TEST_DIES"):
        os.kill(os.getpid(), signal.SIGKILL)
    return rides
"""


@pytest.fixture(scope="module")
def ops(told: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """A server in the fast profile (signs of life every 30 s) with a watchdog and a project that has a champion.

    The workers do not have the names of machines, so that signs of life are all that the watchdog has.
    """
    folder = tmp_path_factory.mktemp("crashes")
    write_project(folder / "projects" / "rides", ride_spec(prepare="features:prepare"), features=FEATURES)
    ours = {"TIERRA_CLOCK": CLOCK, "TIERRA_HEARTBEAT_SECONDS": "30", "TIERRA_ALERT_WEBHOOK": told.url}
    with a_server(folder, **ours) as server:
        server.tierra("train", "rides")
        server.tierra("deploy")
        server.watchdog()
        yield server


@pytest.fixture(autouse=True)
def _no_worker_stays(ops: Ops) -> Iterator[None]:
    """A worker of a test that failed would run what the next one dispatches."""
    yield
    for process in ops.processes[2:]:
        if process.poll() is None:
            kill(process)


def generations(ops: Ops, day: str) -> dict[str, Any]:
    """The manifests of a day by file name."""
    folder = ops.folder / "var" / "predictions" / "rides" / "manifests" / day
    return {file.name: json.loads(file.read_text()) for file in folder.glob("*.json")}


def test_a_run_killed_with_its_worker_is_completed_by_another_within_three_minutes(
    ops: Ops, told: Receiver, tmp_path: Path
) -> None:
    mark, day = tmp_path / "mark", "2024-04-29"
    first = ops.worker(TEST_MARK=str(mark))
    run = ops.run("score/rides", partition=day)
    until("the run is in mid-score", 180, mark.exists)
    second = ops.worker()
    killed = time.monotonic()
    kill(first)
    state = ops.ended(run, 300)
    until("it was started again", 300, lambda: ops.state(run)["name"] == "Published")
    took = time.monotonic() - killed
    kill(second)
    print(f"\nkilled in mid-score, published by another worker after {took:.0f} s; {ops.states(run)}", state["name"])
    assert took <= 180
    assert ops.states(run).count("Crashed") == 1
    ((name, manifest),) = generations(ops, day).items()
    assert (name, manifest["rows_in"], manifest["rows_scored"]) == ("000001.json", 20, 20)
    assert len(ops.tierra("predictions", "rides", "--partition", day).splitlines()) == 1 + 20
    assert told.messages == []


def test_a_run_that_always_dies_is_started_twice_more_and_then_told_once(ops: Ops, told: Receiver) -> None:
    worker = ops.worker(TEST_DIES="1")
    run = ops.run("score/rides", partition="2024-04-28")
    until("it is given up and somebody is told", 600, lambda: told.messages)
    time.sleep(45)  # time for one more start, were there one
    kill(worker)
    print(f"\n{ops.states(run)}")
    assert ops.states(run).count("Running") == 3
    assert generations(ops, "2024-04-28") == {}
    assert [(each["project"], each["partition"]) for each in told.messages] == [("rides", "2024-04-28")]
