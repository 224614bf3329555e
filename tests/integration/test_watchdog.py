"""The watchdog on a real server: every kind of stuck run, made with the API, ends or starts again; living ones stay."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from deployments.deploy import apply_changes, find_changes
from deployments.desired import DesiredState
from deployments.plan import Deployment
from deployments.server import open_server
from deployments.watchdog import judging
from deployments.watchdog.acting import perform
from deployments.watchdog.judging import AWAITING_SLOT, SetState
from deployments.watchdog.local import RUN_VARIABLE
from deployments.watchdog.reading import read_run, read_runs
from deployments.watchdog.watching import Watch
from tasks.server.names import COMMAND_LINE_TAG
from tests.ops import Ops, a_server, until
from tests.servers import Receiver
from tierra.status.judging import judge_watchdog

PROJECTS = ("rides", "walks", "strolls", "trips", "hikes", "tours", "laps", "jogs", "hops")
QUICK = {"PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1"}
DEAD_PID = 2**22 + 1  # no process can have it


@pytest.fixture(scope="module")
def ops(told: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    with pytest.MonkeyPatch.context() as patch, a_server(tmp_path_factory.mktemp("watchdog"), **QUICK) as server:
        form = {"type": "object", "properties": {"project": {}, "partition": {}}}
        patch.setattr("deployments.desired._parameter_form", lambda _: form)
        for name in ("RESTART_DELAY", "START_HERE", "SETTLING_TIME"):
            patch.setattr(judging, name, timedelta(0))
        listed = [Deployment("score", name, "", {"project": name}, tags=("tierra",)) for name in PROJECTS]
        desired = DesiredState(listed, told.url)
        with open_server(server.url) as api:
            current = api.read_state()
            apply_changes(find_changes(desired, current), desired, current, api)
        yield server


@pytest.fixture
def watch(ops: Ops) -> Iterator[Watch]:
    with temporary_settings({PREFECT_API_URL: ops.url}), get_client(sync_client=True) as client:
        yield Watch(client, heartbeat_seconds=3600)


def look_twice(watch: Watch) -> None:
    """What is seen twice is done."""
    watch.look()
    watch.look()
    watch.seen = frozenset()


def a_run(ops: Ops, project: str, *states: str, worker: str = "", pid: int | None = None) -> str:
    """A run of a project that went through these states, on a worker of this machine unless another is named."""
    run = ops.run(f"score/{project}")
    labels = {"prefect.worker.name": worker or socket.gethostname()}
    ops.call("PATCH", f"/flow_runs/{run}/labels", labels)
    if pid:
        ops.call("PATCH", f"/flow_runs/{run}", {"infrastructure_pid": str(pid)})
    for state in states:
        ops.set_state(run, state, state.title())
    return run


def slots(ops: Ops, project: str) -> int:
    found: int = ops.deployment(f"score/{project}")["global_concurrency_limit"]["active_slots"]
    return found


@contextmanager
def a_process(run: str) -> Iterator[int]:
    """A process as Prefect makes one for a run."""
    command = [sys.executable, "-c", "import time; time.sleep(300)"]
    process = subprocess.Popen(command, env={**os.environ, RUN_VARIABLE: run})
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_a_run_that_dies_at_each_start_is_started_again_twice_and_told_once(
    ops: Ops, watch: Watch, told: Receiver
) -> None:
    run = a_run(ops, "rides", "PENDING", "RUNNING", pid=DEAD_PID)
    for number in range(3):
        look_twice(watch)
        assert ops.state(run)["name"] == "Crashed"
        look_twice(watch)
        if number < 2:
            assert ops.state(run)["name"] == "AwaitingRetry"
            assert [each for each in told.messages if each["project"] == "rides"] == []
            ops.set_state(run, "PENDING", "Pending")
            ops.set_state(run, "RUNNING", "Running")
    state = ops.state(run)
    gone = f"Its process {DEAD_PID} on {socket.gethostname()} is gone"
    assert (state["name"], state["message"]) == ("GivenUp", f"Crashed at each of 3 starts: {gone}")
    until("it is told", 30, lambda: told.messages)
    time.sleep(3)
    assert [(each["subject"], each["reason"]) for each in told.messages] == [("rides: score GivenUp", state["message"])]
    look_twice(watch)
    assert ops.state(run)["name"] == "GivenUp"
    # A person's Retry begins anew.
    ops.set_state(run, "SCHEDULED", "AwaitingRetry")
    ops.set_state(run, "PENDING", "Pending")
    ops.set_state(run, "RUNNING", "Running")
    look_twice(watch)
    look_twice(watch)
    assert ops.state(run)["name"] == "AwaitingRetry"


def test_a_run_that_was_handed_out_and_never_started_gives_its_slot_back(ops: Ops, watch: Watch) -> None:
    run = a_run(ops, "walks", "PENDING")
    assert slots(ops, "walks") == 1
    look_twice(watch)
    assert ops.state(run)["name"] == "AwaitingRetry"
    assert slots(ops, "walks") == 0


def test_a_run_that_was_cancelled_after_its_death_is_cancelled(ops: Ops, watch: Watch) -> None:
    run = a_run(ops, "strolls", "PENDING", "RUNNING", "CANCELLING", pid=DEAD_PID)
    look_twice(watch)
    assert ops.state(run)["type"] == "CANCELLED"
    assert slots(ops, "strolls") == 0


def test_a_run_that_died_while_it_waited_for_approval_starts_again(ops: Ops, watch: Watch) -> None:
    run = a_run(ops, "trips", "PENDING", "RUNNING", "PAUSED", pid=DEAD_PID)
    look_twice(watch)
    look_twice(watch)
    assert ops.states(run)[-2:] == ["Crashed", "AwaitingRetry"]


def test_a_run_whose_process_lives_is_not_touched_whatever_its_state(ops: Ops, watch: Watch) -> None:
    watch.heartbeat_seconds = 0
    for states in (["PENDING"], ["PENDING", "RUNNING"], ["PENDING", "RUNNING", "PAUSED"]):
        run = a_run(ops, "hikes", *states)
        with a_process(run) as pid:
            ops.call("PATCH", f"/flow_runs/{run}", {"infrastructure_pid": str(pid)})
            for _ in range(4):
                watch.look()
            assert ops.state(run)["type"] == states[-1]
        look_twice(watch)
        look_twice(watch)
        assert ops.state(run)["name"] == "AwaitingRetry", "the same run, once its process is gone"


def test_a_pid_that_another_process_got_since_is_no_sign_of_life(ops: Ops, watch: Watch) -> None:
    with a_process("another run") as pid:
        run = a_run(ops, "tours", "PENDING", "RUNNING", pid=pid)
        look_twice(watch)
    assert ops.state(run)["name"] == "Crashed"


def beat(ops: Ops, run: str) -> None:
    resource = {"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.name": "a run"}
    event = {"occurred": str(datetime.now(UTC)), "event": "prefect.flow-run.heartbeat", "resource": resource}
    ops.ask("/events", [event | {"id": str(uuid4())}])


@pytest.mark.long
def test_a_run_on_another_machine_lives_as_long_as_it_is_heard(ops: Ops, watch: Watch) -> None:
    watch.heartbeat_seconds = 2
    run = a_run(ops, "laps", "PENDING", "RUNNING", worker="another-machine", pid=DEAD_PID)
    for _ in range(5):
        beat(ops, run)
        time.sleep(2)
        look_twice(watch)
        assert ops.state(run)["name"] == "Running"
    until("its silence is noticed", 20, lambda: look_twice(watch) or ops.state(run)["name"] == "Crashed", every=1)
    assert ops.state(run)["message"] == "No sign of life for 6 s: its process or its machine is gone"


def test_a_run_by_hand_that_dies_is_marked_and_stays(ops: Ops, watch: Watch) -> None:
    watch.heartbeat_seconds = 1
    flow = ops.ask("/flows/", {"name": "train"})["id"]
    by_hand, of_others = (
        ops.ask("/flow_runs/", {"flow_id": flow, "tags": given})["id"] for given in ([COMMAND_LINE_TAG], [])
    )
    for run in (by_hand, of_others):
        ops.set_state(run, "RUNNING", "Running")
    until("it is marked", 20, lambda: look_twice(watch) or ops.state(by_hand)["name"] == "Crashed", every=1)
    look_twice(watch)
    assert [ops.state(run)["name"] for run in (by_hand, of_others)] == ["Crashed", "Running"]


def test_a_suspended_run_waits_for_a_person(ops: Ops, watch: Watch) -> None:
    watch.heartbeat_seconds = 0
    run = a_run(ops, "jogs", "PENDING", "RUNNING", pid=DEAD_PID)
    ops.set_state(run, "PAUSED", "Suspended")
    look_twice(watch)
    assert ops.state(run)["name"] == "Suspended"


def test_a_slot_that_no_run_holds_is_freed(ops: Ops, watch: Watch) -> None:
    waiting = a_run(ops, "hops")
    limit = ops.deployment("score/hops")["global_concurrency_limit"]["id"]
    ops.call("PATCH", f"/v2/concurrency_limits/{limit}", {"active_slots": 1})
    ops.set_state(waiting, "SCHEDULED", AWAITING_SLOT)
    look_twice(watch)
    assert slots(ops, "hops") == 0
    holder = a_run(ops, "hops", "PENDING")
    with a_process(holder):
        look_twice(watch)
        assert slots(ops, "hops") == 1


def test_a_run_that_has_moved_on_since_it_was_seen_is_left_alone(ops: Ops, watch: Watch) -> None:
    run = a_run(ops, "rides", "PENDING", "RUNNING", pid=DEAD_PID)
    seen = read_run(watch.client, run)
    ops.set_state(run, "COMPLETED", "Published")
    for kind, name in (("CRASHED", "Crashed"), ("CANCELLED", "Cancelled"), ("SCHEDULED", "AwaitingRetry")):
        perform(watch.client, SetState(seen, kind, name, "too late"))
    assert ops.state(run)["name"] == "Published"
    # Even when it ends between our last look and our word: the server refuses.
    now = read_run(watch.client, run)
    perform(watch.client, SetState(replace(now, kind="RUNNING"), "CRASHED", "Crashed", "too late"))
    assert ops.state(run)["name"] == "Published"
    assert run not in [each.id for each in read_runs(watch.client, datetime.now(UTC))]


def test_a_server_that_was_away_is_no_silence_of_its_runs(ops: Ops, watch: Watch) -> None:
    watch.look()
    assert watch.listening_since
    nowhere: dict[Any, Any] = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(nowhere), get_client(sync_client=True) as nobody:
        away = replace(watch, client=nobody)
        away.look()
        assert away.listening_since is None


@pytest.mark.long
def test_a_machine_that_slept_has_heard_nothing_meanwhile(ops: Ops, watch: Watch) -> None:
    watch.heartbeat_seconds = 1
    run = a_run(ops, "laps", "PENDING", "RUNNING", worker="another-machine")
    time.sleep(4)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    watch.listening_since, watch.looked = long_ago, long_ago
    watch.look()
    watch.look()
    assert ops.state(run)["name"] == "Running"
    ops.set_state(run, "COMPLETED", "Published")


def test_what_is_refused_for_one_run_is_done_for_the_others(
    ops: Ops, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, other = (a_run(ops, name, "PENDING", "RUNNING", pid=DEAD_PID) for name in ("rides", "trips"))
    answer = watch.client.set_flow_run_state

    def refuse(run: str, state: Any) -> Any:
        if run == refused:
            raise ObjectNotFound(Exception("it was deleted"))
        return answer(run, state)

    monkeypatch.setattr(watch.client, "set_flow_run_state", refuse)
    look_twice(watch)
    assert [ops.state(each)["name"] for each in (refused, other)] == ["Running", "Crashed"]


def test_others_can_tell_when_it_looked_last(ops: Ops, watch: Watch) -> None:
    watch.look()
    from tasks.server.watchdog import read_trace

    now = datetime.now(UTC)
    assert judge_watchdog(read_trace(watch.client), now).level == "green"
    assert judge_watchdog(read_trace(watch.client), now + timedelta(minutes=6)).level == "amber"
