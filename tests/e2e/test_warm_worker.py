"""Runs through the warm worker on a real server: published, cancelled, refused, killed; edits are used at once."""

import os
import re
import signal
import sqlite3
from collections.abc import Iterator

import pytest

from deployments.worker.linux import CAN_FORK
from tests.builders import ride_source, ride_spec, rides, write_project, write_warehouse
from tests.e2e.warm_checkout import WarmCheckout, Worker, warm_checkout
from tests.ops import kill
from tests.servers import until
from tests.warm import alive
from tierra.report.index import read_runs

# A run through the worker of `make up` in every suite: tests/e2e/test_up.py
pytestmark = [pytest.mark.long, pytest.mark.skipif(not CAN_FORK, reason="only Linux forks runs")]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmCheckout]:
    folder = tmp_path_factory.mktemp("warm")
    lake = {"TIERRA_CONNECTIONS__LAKE__URL": f"sqlite:///{folder}/lake.db"}
    with warm_checkout(folder, TIERRA_HEARTBEAT_SECONDS="30", **lake) as made:
        (made.folder / ".env").write_text("TIERRA_CLOCK=2024-04-27T03:00:00+00:00\n")
        yield made


@pytest.fixture(scope="module")
def worker(here: WarmCheckout) -> Worker:
    return here.start()


def test_a_run_outlives_its_killed_worker_and_still_writes_its_log(here: WarmCheckout) -> None:
    worker = here.start()
    with here.waiting("2024-04-06") as run:
        os.kill(worker.find("worker")[0], signal.SIGKILL)
        assert worker.process.wait(20) == 1
    assert here.ops.ended(run)["name"] == "Published"
    until("its last line", 20, lambda: "Finished in state Published" in worker.log.read_text(), log=worker.log)


def recent(here: WarmCheckout) -> list[str]:
    """What is published of the last days."""
    return [each for each in here.published() if each > "2024-04-20"]


def test_edits_between_two_runs_are_used_by_the_second(here: WarmCheckout, worker: Worker) -> None:
    """Code that the parent has imported, the settings in .env, and the project's file."""
    # Other tests published older days by hand: those between are told as left out.
    assert here.publish()["name"].startswith("Published")
    assert recent(here) == [f"2024-04-{day}/1" for day in (25, 26, 27)]
    parent = worker.parent()
    code, spec = here.folder / "tierra" / "outcomes" / "scoring.py", here.ops.folder / "projects" / "rides"
    code.write_text(code.read_text().replace("rows in, ", "lines in, "))
    (here.folder / ".env").write_text("TIERRA_CLOCK=2024-04-28T03:00:00+00:00\n")
    file = spec / "project.yaml"
    file.write_text(file.read_text().replace("lookback: 2d", "lookback: 4d"))
    assert here.publish()["name"].startswith("Published")
    assert recent(here) == [f"2024-04-{day}/1" for day in (24, 25, 26, 27, 28)]
    assert "20 lines in, 20 scored" in here.publish("2024-04-01")["message"]
    assert worker.parent() != parent
    until("the old parent has ended", 20, lambda: not alive(parent))


def test_a_cancelled_run_ends_as_cancelled_and_the_next_one_publishes(here: WarmCheckout, worker: Worker) -> None:
    with here.waiting("2024-04-02") as run:
        (child,) = worker.runs()
        here.ops.set_state(run, "CANCELLING", "Cancelling")
        assert here.ops.ended(run)["type"] == "CANCELLED"
        until("its process has ended", 20, lambda: not alive(child))
    assert read_runs(here.ops.folder / "var/receipts/rides", "score")[0].outcome == "Cancelled"
    assert "2024-04-02/1" not in here.published()
    assert here.publish("2024-04-02")["name"] == "Published"


# Alone and as a run of a server: tests/integration/test_ways_to_run.py
def test_a_source_that_is_locked_for_a_while_is_waited_for(here: WarmCheckout, worker: Worker) -> None:
    source = ride_source(kind="sql", connection="lake", path=None, table="rides", types={"day": "date"})
    write_project(here.ops.folder / "projects" / "locked", ride_spec(project="locked", sources=source))
    write_warehouse(here.ops.folder / "lake.db", rides=rides())
    here.checkout.tierra("train", "locked")
    here.checkout.tierra("deploy")
    with sqlite3.connect(here.ops.folder / "lake.db", isolation_level=None) as held:
        held.execute("BEGIN EXCLUSIVE")
        run = here.ops.run("score/locked", partition="2024-04-20")
        until("it retries", 60, lambda: any("retry 1 of 3" in text for _, text in here.ops.log(run)))
        assert len(worker.runs()) == 1
        held.execute("ROLLBACK")
    held.close()
    assert here.ops.ended(run)["name"] == "Published"
    (kept,) = read_runs(here.ops.folder / "var/receipts/locked", "score")
    assert (kept.outcome, kept.mood, kept.retries) == ("Published", "good", 1)


@pytest.mark.parametrize("victim", ["client", "child"])
def test_a_killed_run_crashes_at_once_and_leaves_no_process(here: WarmCheckout, worker: Worker, victim: str) -> None:
    with here.waiting("2024-04-03") as run:
        (child,), (client,) = worker.runs(), worker.find("client")
        os.kill(client if victim == "client" else child, signal.SIGKILL)
        until("it crashed", 20, lambda: "Crashed" in here.ops.states(run))
        until("its process has ended", 10, lambda: not alive(child))
    assert here.ops.ended(run)["name"] in ("Published", "AlreadyPublished", "Crashed")


def told(here: WarmCheckout, run: str) -> tuple[str, str, list[tuple[int, str]]]:
    """How a run ended and what is in its log, without what differs from run to run."""
    state = here.ops.ended(run)
    end = f"Finished in state {state['name']}"  # the last lines are sent when the process ends
    until("its last line", 20, lambda: any(text.startswith(end) for _, text in here.ops.log(run)[-3:]))
    lines = here.ops.log(run)
    varying = re.compile(r"'[a-z]+-[a-z]+'|[0-9a-f]{8}-[0-9a-f-]{27}|\d{8}T\d{6}-score-\w+|(done|reused) in \d+\.\d s")
    of_worker = ("Worker '", "Flow run '")  # sent by another process, at its own time
    kept = [(level, varying.sub("...", text)) for level, text in lines if not text.startswith(of_worker)]
    return state["name"], state["message"], sorted(kept)


def test_states_and_lines_are_those_of_an_ordinary_run(here: WarmCheckout, worker: Worker) -> None:
    forms = [{"partition": "2024-04-05", "dry_run": True}, {"partition": "2013-13-45"}, {"partition": "2023-05-09"}]
    warm = [told(here, here.ops.run("score/rides", **form)) for form in forms]
    os.kill(worker.process.pid, signal.SIGSTOP)  # so that it starts no other
    os.kill(worker.parent(), signal.SIGKILL)
    os.kill(worker.find("worker")[0], signal.SIGSTOP)
    plain = here.ops.worker()
    ordinary = [told(here, here.ops.run("score/rides", **form)) for form in forms]
    kill(plain)
    for pid in (worker.find("worker")[0], worker.process.pid):
        os.kill(pid, signal.SIGCONT)
    assert [name for name, *_ in warm] == ["DryRun", "InvalidCall", "DataRejected"]
    differing = [set(one[2]) ^ set(other[2]) for one, other in zip(warm, ordinary, strict=True)]
    assert differing == [set()] * len(forms)
    assert warm == ordinary
    assert "no warm start for this run" in (here.ops.folder / f"worker-{len(here.ops.processes) - 1}.log").read_text()
    until("it has a parent again", 30, lambda: worker.find("parent"))


def test_asked_to_end_the_worker_leaves_no_process(here: WarmCheckout, worker: Worker) -> None:
    with here.waiting("2024-04-04") as run:
        children = [*worker.runs(), *worker.find("parent"), *worker.find("worker")]
        worker.process.terminate()
        assert worker.process.wait(15) == 0
        assert [each for each in children if alive(each)] == []
    print(here.ops.states(run))
