"""Runs through the warm worker on a real server: published, cancelled, failed, killed; edits are used by the next run."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from deployments.worker.linux import CAN_FORK
from tests.e2e.warm_checkout import WarmCheckout, Worker, warm_checkout
from tests.servers import until
from tests.warm import alive

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="only Linux forks runs")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmCheckout]:
    with warm_checkout(tmp_path_factory.mktemp("warm"), TIERRA_HEARTBEAT_SECONDS="30") as made:
        (made.folder / ".env").write_text("TIERRA_CLOCK=2024-04-27T03:00:00+00:00\n")
        yield made


@pytest.fixture(scope="module")
def worker(here: WarmCheckout) -> Worker:
    return here.start()


def test_edits_between_two_runs_are_used_by_the_second(here: WarmCheckout, worker: Worker) -> None:
    """Code that the parent has imported, the settings in .env, and the project's file."""
    assert here.publish()["name"] == "Published"
    assert here.published() == [f"2024-04-{day}/1" for day in (25, 26, 27)]
    parent = worker.parent()
    code, spec = here.folder / "tierra" / "outcomes" / "scoring.py", here.ops.folder / "projects" / "rides"
    code.write_text(code.read_text().replace("rows in, ", "lines in, "))
    (here.folder / ".env").write_text("TIERRA_CLOCK=2024-04-28T03:00:00+00:00\n")
    file = spec / "project.yaml"
    file.write_text(file.read_text().replace("lookback: 2d", "lookback: 4d"))
    assert here.publish()["name"] == "Published"
    assert here.published() == [f"2024-04-{day}/1" for day in (24, 25, 26, 27, 28)]
    assert "20 lines in, 20 scored" in here.publish("2024-04-01")["message"]
    assert worker.parent() != parent
    until("the old parent has ended", 20, lambda: not alive(parent))


def test_a_cancelled_run_ends_as_cancelled_and_the_next_one_publishes(here: WarmCheckout, worker: Worker) -> None:
    with here.waiting("2024-04-02") as run:
        (child,) = worker.runs()
        here.ops.set_state(run, "CANCELLING", "Cancelling")
        assert here.ops.ended(run)["type"] == "CANCELLED"
        until("its process has ended", 20, lambda: not alive(child))
    assert "2024-04-02/1" not in here.published()
    assert here.publish("2024-04-02")["name"] == "Published"


@pytest.mark.parametrize("victim", ["client", "child"])
def test_a_killed_run_crashes_at_once_and_leaves_no_process(here: WarmCheckout, worker: Worker, victim: str) -> None:
    with here.waiting("2024-04-03") as run:
        (child,), (client,) = worker.runs(), worker.find("client")
        os.kill(client if victim == "client" else child, signal.SIGKILL)
        until("it crashed", 20, lambda: "Crashed" in here.ops.states(run))
        assert not alive(child)
    assert here.ops.ended(run)["name"] in ("Published", "AlreadyPublished", "Crashed")


def test_lines_and_outcomes_are_those_of_an_ordinary_run(here: WarmCheckout, worker: Worker) -> None:
    """The same run once through the warm parent and once through a worker without one."""


def test_asked_to_end_the_worker_leaves_no_process(here: WarmCheckout, worker: Worker) -> None:
    with here.waiting("2024-04-04") as run:
        children = [*worker.runs(), *worker.find("parent"), *worker.find("worker")]
        worker.process.terminate()
        assert worker.process.wait(15) == 0
        assert [each for each in children if alive(each)] == []
    print(here.ops.states(run))
