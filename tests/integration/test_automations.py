"""Each automation on a real server: whom it tells when a run fails, waits or does not come.

Most of it is waiting, so that all scenes are played at once, each with a deployment of its own.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from deployments import automations
from deployments.alert import Alert
from deployments.deploy import apply_changes, find_changes
from deployments.desired import DesiredState
from deployments.plan import Deployment
from deployments.server import open_server
from tests.ops import Ops, a_server, kill, until
from tests.servers import Receiver, call_api
from tierra.project.schedule import When

Scene = Callable[[Ops, Receiver], Any]
Played = dict[Scene, Future[Any]]
# A schedule that is overdue after forty seconds, and one whose runs a test makes itself.
OFTEN = Deployment(
    "train", "often", "", {"project": "often"}, (When(every=timedelta(seconds=30)),), timedelta(seconds=10)
)
NIGHTLY = Deployment("score", "nightly", "", {"project": "nightly"}, (When(cron="0 3 * * *"),), tags=("tierra",))
OTHERS = [
    Deployment("score", name, "", {"project": name}, tags=("tierra",)) for name in ("rides", "walks", "trips", "drives")
]
# How soon the server sees that a worker is gone and that something did not come, and shows an event that did.
QUICK = {
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT1S",
    "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "2",
    "PREFECT_SERVER_SERVICES_FOREMAN_INACTIVITY_HEARTBEAT_MULTIPLE": "2",
}


@pytest.fixture(scope="module")
def ops(told: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """A server with our automations; what it waits for minutes for, it waits 10 s for."""
    with pytest.MonkeyPatch.context() as patch, a_server(tmp_path_factory.mktemp("automations"), **QUICK) as server:
        patch.setattr(automations, "WORKER_TIMEOUT", timedelta(seconds=10))
        patch.setattr(
            "deployments.desired._parameter_form",
            lambda _: {"type": "object", "properties": {"project": {}, "partition": {}}},
        )
        desired = DesiredState([OFTEN, NIGHTLY, *OTHERS], told.url)
        with open_server(server.url) as api:
            current = api.read_state()
            apply_changes(find_changes(desired, current), desired, current, api)
        yield server


def of(told: Receiver, project: str) -> list[dict[str, Any]]:
    return [each for each in told.messages if each["project"] == project]


def settled(told: Receiver, project: str, seconds: float = 6) -> list[dict[str, Any]]:
    """The messages about a project, once none has come for a while."""
    until(f"a message about {project}", 60, lambda: of(told, project))
    before = -1
    while before != len(of(told, project)):
        before = len(of(told, project))
        time.sleep(seconds)
    return of(told, project)


def fail(ops: Ops, name: str, state: str, message: str, tags: tuple[str, ...] = (), **parameters: Any) -> str:
    run = ops.run(name, tags=tags, **parameters)
    ops.set_state(run, "RUNNING", "Running")
    ops.set_state(run, "FAILED", state, message)
    return run


@pytest.fixture(scope="module")
def played(ops: Ops, told: Receiver) -> Iterator[Played]:
    """Every scene of `make test`, begun at once."""
    yield from play(SCENES, ops, told)


@pytest.fixture(scope="module")
def played_for_long(ops: Ops, told: Receiver) -> Iterator[Played]:
    """Every scene of `make test-long`."""
    yield from play(LONG_SCENES, ops, told)


def play(scenes: tuple[Scene, ...], ops: Ops, told: Receiver) -> Iterator[Played]:
    with ThreadPoolExecutor(len(scenes)) as pool:
        yield {scene: pool.submit(scene, ops, told) for scene in scenes}


def fail_with_quotes_and_lines(ops: Ops, told: Receiver) -> tuple[str, list[dict[str, Any]]]:
    run = fail(ops, "score/rides", "Unavailable", 'the "warehouse" is locked <b>\nsecond line', partition="2024-04-29")
    return run, settled(told, "rides")


def test_a_failed_run_is_one_message_with_project_partition_reason_and_link(played: Played) -> None:
    run, (message,) = played[fail_with_quotes_and_lines].result()
    assert (message["partition"], message["reason"]) == ("2024-04-29", 'the "warehouse" is locked <b>')
    assert message["link"].endswith("/v2/artifacts/key/score-rides")  # the newest is this run's: it begins with why
    assert message["run"] == message["link"].replace("/artifacts/key/score-rides", f"/runs/flow-run/{run}")
    assert message["text"] == 'rides: score Unavailable: the "warehouse" is locked <b>'


def fail_three_times(ops: Ops, told: Receiver) -> list[dict[str, Any]]:
    for _ in range(3):
        fail(ops, "score/walks", "Broken", "the store is full")
    return settled(told, "walks")


def test_failing_again_within_the_hour_is_the_same_incident(played: Played) -> None:
    assert len(played[fail_three_times].result()) == 1


def fill_in_a_wrong_form(ops: Ops, told: Receiver) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What was told of the form, and what of the failure after it."""
    fail(ops, "score/trips", "InvalidCall", "'2013-13-45' is not a date")
    time.sleep(8)
    of_the_form = of(told, "trips")
    fail(ops, "score/trips", "DataRejected", "4 of 10 rows have no zone")
    return of_the_form, settled(told, "trips")


def test_nobody_is_told_of_a_form_filled_in_wrong(played: Played) -> None:
    of_the_form, of_the_failure = played[fill_in_a_wrong_form].result()
    assert of_the_form == []
    assert len(of_the_failure) == 1, "the form did not use up the incident"


def find_something_missing_twice(ops: Ops, told: Receiver) -> list[dict[str, Any]]:
    for name in ("Published", "PublishedIncomplete", "NothingDueIncomplete"):
        run = ops.run("score/drives")
        ops.set_state(run, "RUNNING", "Running")
        ops.set_state(run, "COMPLETED", name, "2024-04-28: 4 rows in. Incomplete: 3 rows have no day.")
    return settled(told, "drives")


def test_a_night_that_is_incomplete_is_told_once_a_day(played: Played) -> None:
    (message,) = played[find_something_missing_twice].result()
    assert (
        message["text"] == "drives: score PublishedIncomplete: 2024-04-28: 4 rows in. Incomplete: 3 rows have no day."
    )


def wait_for_a_yes(ops: Ops, told: Receiver) -> tuple[str, dict[str, Any]]:
    run = ops.run("train/often")
    ops.set_state(run, "RUNNING", "Running")
    ops.set_state(run, "PAUSED", "Paused", "waits for approval until noon")
    return run, until("it is told", 30, lambda: [each for each in of(told, "often") if "approval" in each["text"]])[0]


def test_a_model_that_waits_for_a_yes_is_told(played: Played) -> None:
    run, message = played[wait_for_a_yes].result()
    assert message["text"] == "often: train Paused: waits for approval until noon"
    assert message["link"].endswith(f"/v2/runs/flow-run/{run}")


def say_three_times_that_it_is_paused(ops: Ops, told: Receiver) -> list[dict[str, Any]]:
    which = f"prefect.deployment.{ops.deployment('score/rides')['id']}"
    for _ in range(3):
        emit(ops, "tierra.deployment.paused", which, "score/rides", "it is paused")
    return settled(told, "score/rides")


def test_a_paused_deployment_is_told_once_a_day(played: Played) -> None:
    (message,) = played[say_three_times_that_it_is_paused].result()
    assert message["text"] == "score/rides does not run: it is paused"


def emit(ops: Ops, event: str, which: str, name: str, why: str) -> None:
    from prefect.events import emit_event
    from prefect.events.worker import EventsWorker
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: ops.url}):
        emit_event(event, {"prefect.resource.id": which, "prefect.resource.name": name}, payload={"why": why})
        EventsWorker.drain_all(timeout=10)


def reject_two_nights_running(ops: Ops, told: Receiver) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What was told after the first night and a run by hand, and what after the second night."""
    fail(ops, "score/nightly", "DataRejected", "no dest", tags=("auto-scheduled",))
    fail(ops, "score/nightly", "DataRejected", "no dest, by hand")
    first = settled(told, "nightly")
    fail(ops, "score/nightly", "DataRejected", "no dest again", tags=("auto-scheduled",))
    until("the second night", 30, lambda: len(of(told, "nightly")) == 2)
    return first, of(told, "nightly")


def test_data_rejected_two_scheduled_times_running_is_told(played: Played) -> None:
    first, both = played[reject_two_nights_running].result()
    assert [each["subject"] for each in first] == ["nightly: score DataRejected"]
    assert both[1]["subject"] == "score/nightly: data rejected two nights running"


def complete_no_run(ops: Ops, told: Receiver) -> list[dict[str, Any]]:
    overdue = "no run of train/often"
    found: list[dict[str, Any]] = until(
        "it is overdue", 120, lambda: [each for each in of(told, "often") if overdue in each["text"]]
    )
    return found


def test_a_deployment_without_a_completed_run_in_time_is_told(played: Played) -> None:
    assert played[complete_no_run].result()


def lose_the_last_worker(ops: Ops, told: Receiver) -> tuple[int, int]:
    """How often it was told when the worker came back in time, and when it did not."""

    def nobody_polls() -> list[dict[str, Any]]:
        return [each for each in told.messages if "no worker polls" in each["reason"]]

    pool = f"{ops.url}/work_pools/tierra"
    call_api(pool, "PATCH", "", {"concurrency_limit": 0})  # the runs of the other scenes are not for this worker
    worker = ops.worker(PREFECT_WORKER_HEARTBEAT_SECONDS="2")
    until("the pool is ready", 60, lambda: call_api(pool, "GET", "")["status"] == "READY")
    seen = len(nobody_polls())
    say(ops, "not-ready")
    say(ops, "ready")
    time.sleep(20)
    in_time = len(nobody_polls()) - seen
    kill(worker)
    until("nobody polls", 120, lambda: len(nobody_polls()) > seen)
    return in_time, len(nobody_polls()) - seen


@pytest.mark.long
def test_a_pool_that_lost_its_last_worker_is_told(played_for_long: Played) -> None:
    in_time, for_good = played_for_long[lose_the_last_worker].result()
    assert in_time == 0
    assert for_good >= 1


def say(ops: Ops, what: str) -> None:
    """What the server says of our pool: that it has a worker, or that it lost its last."""
    pool = ops.call("GET", "/work_pools/tierra")
    resource = {"prefect.resource.id": f"prefect.work-pool.{pool['id']}", "prefect.resource.name": "tierra"}
    event = {"occurred": str(datetime.now(UTC)), "event": f"prefect.work-pool.{what}", "resource": resource}
    ops.ask("/events", [event | {"id": str(uuid4())}])


SCENES: tuple[Scene, ...] = (
    fail_with_quotes_and_lines, fail_three_times, fill_in_a_wrong_form, find_something_missing_twice, wait_for_a_yes,
    say_three_times_that_it_is_paused, reject_two_nights_running, complete_no_run,
)  # fmt: skip
LONG_SCENES: tuple[Scene, ...] = (lose_the_last_worker,)


def test_the_alert_of_another_tool_gets_the_same_words() -> None:
    listed = automations.plan_automations([NIGHTLY], Alert(uuid4(), "notification"))
    message = {each.name: each.actions[0] for each in listed}["tierra: a run failed"]
    assert message.type == "send-notification"
    assert "flow_run.parameters.partition" in message.body
