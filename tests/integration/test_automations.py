"""Each automation on a real server: whom it tells when a run fails, waits or does not come.

Most of it is waiting, so that all scenes are played at once, each with a deployment of its own.
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any, cast
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments import automations
from deployments.alert import Alert
from deployments.deploy import apply_changes, find_changes
from deployments.desired import DesiredState
from deployments.plan import Deployment
from deployments.server import open_server
from tasks.server.messages import Undelivered, find_undelivered, resend
from tasks.server.watchdog import leave_trace
from tasks.status import emit_attention
from tests.ops import Ops, a_server, kill, until
from tests.servers import REFUSE_ONCE, Receiver, call_api
from tierra.status.facts import Alarm, Status

Scene = Callable[[Ops, Receiver], Any]
Played = dict[Scene, Future[Any]]
WAITING = Deployment("train", "often", "", {"project": "often"}, tags=("tierra",))
OTHERS = [
    Deployment("score", name, "", {"project": name}, tags=("tierra",))
    for name in ("rides", "walks", "trips", "drives", "fares")
]
ONE_SCENE = RLock()
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
        for name in ("WORKER_TIMEOUT", "WATCHDOG_TIMEOUT"):
            patch.setattr(automations, name, timedelta(seconds=10))
        patch.setattr(
            "deployments.desired._parameter_form",
            lambda _: {"type": "object", "properties": {"project": {}, "partition": {}}},
        )
        desired = DesiredState([WAITING, *OTHERS], told.url)
        with open_server(server.url) as api:
            current = api.read_state()
            apply_changes(find_changes(desired, current), desired, current, api)
        yield server


def of(told: Receiver, project: str) -> list[dict[str, Any]]:
    """The messages about a project, each once: Prefect's sender may cut another off, and what is cut off is resent."""
    return list({json.dumps(each): each for each in told.messages if each["project"] == project}.values())


def arrived(ops: Ops, what: str, found: Callable[[], list[dict[str, Any]]], expected: int = 1) -> list[dict[str, Any]]:
    """The messages, once as many as expected have come; as the watchdog does, what was lost is sent again."""

    def found_or_resent() -> list[dict[str, Any]]:
        if len(messages := found()) >= expected:
            return messages
        send_again(ops)
        return []

    return cast(list[dict[str, Any]], until(what, 60, found_or_resent, every=1))


def settled(ops: Ops, told: Receiver, project: str, expected: int = 1) -> list[dict[str, Any]]:
    """The messages about a project, once as many as expected have come and then none for a while."""
    arrived(ops, f"{expected} messages about {project}", lambda: of(told, project), expected)
    before = -1
    while before != len(of(told, project)):
        before = len(of(told, project))
        time.sleep(6)
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
    return run, settled(ops, told, "rides")


def test_a_failed_run_is_one_message_with_project_partition_reason_and_link(played: Played) -> None:
    run, (message,) = played[fail_with_quotes_and_lines].result()
    assert (message["partition"], message["reason"]) == ("2024-04-29", 'the "warehouse" is locked <b>')
    assert message["link"].endswith("/v2/artifacts/key/score-rides")  # the newest is this run's: it begins with why
    assert message["run"] == message["link"].replace("/artifacts/key/score-rides", f"/runs/flow-run/{run}")
    assert message["text"] == 'rides: score Unavailable: the "warehouse" is locked <b>'


def fail_for_two_causes(ops: Ops, told: Receiver) -> list[dict[str, Any]]:
    for cause in ("the store is full", "the store is full", "no column 'km'", "the store is full"):
        fail(ops, "score/walks", "Broken", cause)
    return settled(ops, told, "walks", expected=2)


def test_an_incident_is_a_deployment_and_a_cause(played: Played) -> None:
    told_of = [each["reason"] for each in played[fail_for_two_causes].result()]
    assert sorted(told_of) == ["no column 'km'", "the store is full"]


def fill_in_a_wrong_form(ops: Ops, told: Receiver) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What was told of the form, and what of the failure after it."""
    fail(ops, "score/trips", "InvalidCall", "'2013-13-45' is not a date")
    time.sleep(8)
    of_the_form = of(told, "trips")
    fail(ops, "score/trips", "DataRejected", "4 of 10 rows have no zone")
    return of_the_form, settled(ops, told, "trips")


def test_nobody_is_told_of_a_form_filled_in_wrong(played: Played) -> None:
    of_the_form, of_the_failure = played[fill_in_a_wrong_form].result()
    assert of_the_form == []
    assert len(of_the_failure) == 1, "the form did not use up the incident"


def find_something_missing_twice(ops: Ops, told: Receiver) -> list[dict[str, Any]]:
    for name in ("Published", "PublishedIncomplete", "NothingDueIncomplete"):
        run = ops.run("score/drives")
        ops.set_state(run, "RUNNING", "Running")
        ops.set_state(run, "COMPLETED", name, "2024-04-28: 4 rows in. Incomplete: 3 rows have no day.")
    return settled(ops, told, "drives")


def test_a_night_that_is_incomplete_is_told_once_a_day(played: Played) -> None:
    (message,) = played[find_something_missing_twice].result()
    told_of, why = message["text"].split("Incomplete: ", maxsplit=1)
    assert told_of in ("drives: score Published", "drives: score NothingDue")  # whichever the server sees first
    assert why == "2024-04-28: 4 rows in. Incomplete: 3 rows have no day."


def wait_for_a_yes(ops: Ops, told: Receiver) -> tuple[str, dict[str, Any]]:
    run = ops.run("train/often")
    ops.set_state(run, "RUNNING", "Running")
    ops.set_state(run, "PAUSED", "Paused", "waits for approval until noon")
    return run, settled(ops, told, "often")[0]


def test_a_model_that_waits_for_a_yes_is_told(played: Played) -> None:
    run, message = played[wait_for_a_yes].result()
    assert message["text"] == "often: train Paused: waits for approval until noon"
    assert message["link"].endswith(f"/v2/runs/flow-run/{run}")


def say_three_times_that_it_is_overdue(ops: Ops, told: Receiver) -> list[dict[str, Any]]:
    now = datetime(2026, 11, 29, tzinfo=UTC)
    for age in (1, 2, 3):
        line = Alarm(level="red", subject="score/rides", what=f"overdue: last success {age} h ago", link="http://run")
        tell(ops, a_status(now, line))
    tell(ops, a_status(now, line.model_copy(update={"what": "3 runs are late, the first was due 2 h ago"})))
    return settled(ops, told, "score/rides", expected=2)


def test_a_red_line_is_told_once_a_day_for_each_cause(played: Played) -> None:
    messages = played[say_three_times_that_it_is_overdue].result()
    reasons = sorted(each["reason"] for each in messages)
    assert len(reasons) == 2, reasons
    late, overdue = reasons  # one of the three that are overdue, whichever is first
    assert late == "3 runs are late, the first was due 2 h ago"
    assert overdue.startswith("overdue: last success ")
    assert {(each["subject"], each["link"]) for each in messages} == {("score/rides needs attention", "http://run")}


def a_status(now: datetime, *lines: Alarm) -> Status:
    return Status(moment=now, level="red", health=(), alarms=lines, flows=())


def tell(ops: Ops, status: Status) -> None:
    with of_server(ops):
        emit_attention(status)
        EventsWorker.drain_all(timeout=10)


def lose(ops: Ops, told: Receiver, whom: str, send: Callable[[], None]) -> tuple[str, list[dict[str, Any]]]:
    """Why a message did not arrive, and what arrived of it once it was sent again, twice."""

    def lost() -> list[Undelivered]:
        with of_server(ops), get_client(sync_client=True) as client:
            return [each for each in find_undelivered(client, datetime.now(UTC)) if whom in str(each.of)]

    def heard_of() -> list[dict[str, Any]]:
        return [each for each in told.messages if whom == each["project"]]

    watch(ops)  # so that no other message is sent meanwhile
    send()
    (before,) = until("it is lost", 60, lost)
    send_again(ops)
    send_again(ops)
    until("it arrives", 60, heard_of)
    time.sleep(3)
    assert not lost()
    return before.why, heard_of()


@pytest.mark.long
def test_a_message_that_the_webhook_did_not_take_is_sent_again(ops: Ops, told: Receiver, played: Played) -> None:
    wait([*played.values()])
    why, (message,) = lose(
        ops, told, "fares",
        lambda: fail(ops, "score/fares", "Unavailable", f"{REFUSE_ONCE}: the store", partition="2024-04-29"),
    )  # fmt: skip
    assert why == "the webhook answered 500"
    assert message["link"].endswith("/v2/artifacts/key/score-fares")
    assert "/v2/runs/flow-run/" in message["run"]
    assert {name: message[name] for name in ("subject", "partition", "reason")} == {
        "subject": "fares: score Unavailable", "partition": "2024-04-29", "reason": f"{REFUSE_ONCE}: the store",
    }  # fmt: skip


def test_a_line_of_the_status_page_is_sent_again_too(ops: Ops, told: Receiver, played: Played) -> None:
    wait([*played.values()])
    line = Alarm(level="red", subject="train/fares", what=f"{REFUSE_ONCE}, it is late")
    why, (message,) = lose(ops, told, "train/fares", lambda: tell(ops, a_status(datetime.now(UTC), line)))
    assert why == "the webhook answered 500"
    assert message["text"] == f"train/fares needs attention: {REFUSE_ONCE}, it is late"


def send_again(ops: Ops) -> None:
    with of_server(ops):
        resend(datetime.now(UTC))
        EventsWorker.drain_all(timeout=10)


@contextmanager
def of_server(ops: Ops) -> Iterator[None]:
    """Of this server, one scene at a time: they share the thread that sends events, and each ends it."""
    with ONE_SCENE, temporary_settings({PREFECT_API_URL: ops.url}):
        yield


def watch(ops: Ops) -> None:
    with of_server(ops), get_client(sync_client=True) as client:
        leave_trace(client, datetime.now(UTC))
        EventsWorker.drain_all(timeout=10)


def watch_no_more(ops: Ops, told: Receiver) -> list[dict[str, Any]]:
    watch(ops)
    return arrived(ops, "it is told", lambda: [each for each in told.messages if "no watchdog" in each["reason"]])


def test_a_watchdog_that_is_not_heard_of_is_told(played: Played) -> None:
    assert played[watch_no_more].result()[0]["subject"] == "the watchdog is silent"


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
    fail_with_quotes_and_lines, fail_for_two_causes, fill_in_a_wrong_form, find_something_missing_twice, wait_for_a_yes,
    say_three_times_that_it_is_overdue, watch_no_more,
)  # fmt: skip
LONG_SCENES: tuple[Scene, ...] = (lose_the_last_worker,)


def test_the_alert_of_another_tool_gets_the_same_words() -> None:
    listed = automations.plan_automations([WAITING], Alert(uuid4(), "notification"))
    message = {each.name: each.actions[0] for each in listed}["tierra: a run failed"]
    assert message.type == "send-notification"
    assert "flow_run.parameters.partition" in message.body
