"""`make up` stopped in the middle of everything, then started: every run ends, each partition is published once.

ROUNDS (1) is how often it is stopped by Ctrl-C and how often by kill -9.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from deployments.services.processes import MARK, find_marked
from tests.builders import GATE, ride_spec, rides, write_project
from tests.e2e.test_up import SCHEDULE, Up, answers, make_up, processes, running
from tests.ops import ENDED
from tests.servers import Receiver, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]
ROUNDS = int(os.environ.get("ROUNDS", 1))
SCORED = ("held", "fresh", "due", "cancelled")
SERVICES = ("worker", "mlflow", "receipts", "watchdog", "prefect-server")
# While the file is there, a run stays in the middle of its work.
FEATURES = """
import time
from pathlib import Path

def prepare(rides, history):
    reached, hold = Path({reached!r}), Path({hold!r})
    while hold.exists():
        reached.touch()
        time.sleep(0.1)
    return rides
"""


@pytest.fixture(scope="module")
def up(told: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("stopped")
    up = make_up(folder, TIERRA_ALERT_WEBHOOK=told.url)
    for name in SCORED:
        code = FEATURES.format(reached=str(folder / f"{name}.reached"), hold=str(folder / f"{name}.hold"))
        spec = ride_spec(project=name, prepare="features:prepare", schedule=SCHEDULE)
        write_project(folder / "projects" / name, spec, features=code)
    gate = GATE | {"approval": "30m"}
    write_project(folder / "projects" / "asks", ride_spec(project="asks", gate=gate), rides())
    with running(up):
        for name in SCORED:
            up.run(f"train/{name}")
        yield up


def begin(up: Up, name: str, seconds: float = 0, **parameters: Any) -> str:
    """A run of a deployment that is due after some seconds."""
    due = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due}}
    which = up.get(f"deployments/name/{name}").json()["id"]
    made = up.post(f"deployments/{which}/create_flow_run", {"parameters": parameters, "state": state})
    return str(made.json()["id"])


def run(up: Up, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = up.get(f"flow_runs/{run_id}").json()
    return found


def is_in(up: Up, run_id: str, *kinds: str) -> bool:
    return run(up, run_id)["state_type"] in kinds


def in_the_middle(up: Up, day: str, while_pending: bool) -> dict[str, str]:
    """A run in every state at once; returns at the moment at which one is handed out or has just started."""
    for name in ("held", "cancelled"):
        (up.folder / f"{name}.hold").touch()
        (up.folder / f"{name}.reached").unlink(missing_ok=True)
    begun = {"asks": begin(up, "train/asks", reason=day)}
    until("it asks", 120, lambda: is_in(up, begun["asks"], "PAUSED"))
    for name in ("held", "cancelled"):
        begun[name] = begin(up, f"score/{name}", partition=day)
    for name in ("held", "cancelled"):
        until(f"{name} is in the middle", 120, (up.folder / f"{name}.reached").exists)
    time.sleep(6)  # so that the server has its heartbeat
    begun["due"] = begin(up, "score/due", seconds=20, partition=day)
    begun["fresh"] = begin(up, "score/fresh", partition=day)
    kinds = ("PENDING", "RUNNING") if while_pending else ("RUNNING",)
    until("fresh is taken", 120, lambda: is_in(up, begun["fresh"], *kinds), every=0.02)
    up.post(f"flow_runs/{begun['cancelled']}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    return begun


def manifests(up: Up, day: str) -> dict[str, int]:
    """How many generations of a day each project has."""
    folders = {name: up.home / "predictions" / name / "manifests" / day for name in SCORED}
    return {name: len(list(folder.glob("*.json"))) for name, folder in folders.items()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_stopped_in_the_middle_of_everything_it_ends_all_of_it_once(
    up: Up, told: Receiver, number: signal.Signals
) -> None:
    for again in range(ROUNDS):
        day = f"{datetime(2024, 4, 25) - timedelta(days=2 * again + (number == signal.SIGKILL)):%Y-%m-%d}"
        told.messages.clear()
        begun = in_the_middle(up, day, while_pending=again % 2 == 0)
        before = {name: run(up, each)["state_name"] for name, each in begun.items()}
        up.stop(number)
        until("nothing is left", 60, lambda: up.left() == [])
        for hold in up.folder.glob("*.hold"):
            hold.unlink()
        up.start()
        up.wait_until_healthy()
        check_what_became(up, told, day, begun, before)


def check_what_became(up: Up, told: Receiver, day: str, begun: dict[str, str], before: dict[str, str]) -> None:
    started = time.monotonic()
    until("it asks again", 180, lambda: is_in(up, begun["asks"], "PAUSED") and run(up, begun["asks"])["run_count"] == 2)
    answer = {"run_input": {"approve": "no", "name": "Ana"}}
    assert up.post(f"flow_runs/{begun['asks']}/resume", answer).json()["status"] == "ACCEPT"
    for name, each in begun.items():
        until(f"{name} ends", 240, lambda each=each: is_in(up, each, *ENDED))
    took = time.monotonic() - started
    after = {name: run(up, each)["state"] for name, each in begun.items()}
    print(f"\n{before} -> { {name: state['name'] for name, state in after.items()} } in {took:.0f} s")
    assert {name: state["type"] for name, state in after.items()} == dict.fromkeys(begun, "COMPLETED") | {
        "cancelled": "CANCELLED"
    }, after
    assert after["asks"]["name"] == "KeptChampion"
    assert manifests(up, day) == {"held": 1, "fresh": 1, "due": 1, "cancelled": 0}
    take_the_next_runs(up, day)
    # One for each model that waits for a yes; nothing of what mended itself.
    assert {each["text"].partition(": waits")[0] for each in told.messages} == {"asks: train Paused"}, told.messages
    assert len(told.messages) == 1


def take_the_next_runs(up: Up, day: str) -> None:
    """Every deployment takes a run that is due now; what was cancelled is published by it."""
    begun = {name: begin(up, f"score/{name}", partition=day) for name in SCORED}
    for name, each in begun.items():
        until(f"the next run of {name} ends", 240, lambda each=each: is_in(up, each, *ENDED))
    ended = {name: run(up, each) for name, each in begun.items()}
    assert {each["state_type"] for each in ended.values()} == {"COMPLETED"}, ended
    delays = [each["estimated_start_time_delta"] for each in ended.values()]
    print(f"the next runs began after {', '.join(f'{each:.1f}' for each in sorted(delays))} s")
    assert max(delays) < 60  # four processes that import everything at once
    assert manifests(up, day) == dict.fromkeys(SCORED, 1)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_is_killed_alone_is_started_again_within_ten_seconds(up: Up, name: str) -> None:
    pids = {each: main_process(up, each) for each in SERVICES}
    said = up.printed.count(f"{name} is started again")
    os.kill(pids[name], signal.SIGKILL)
    killed = time.monotonic()
    until("it is said", 10, lambda: up.printed.count(f"{name} is started again") > said)
    ready: dict[str, Callable[[], bool]] = {
        "mlflow": lambda: answers(up.environment["TIERRA_MLFLOW_URL"]),
        "receipts": lambda: answers(up.environment["TIERRA_RECEIPTS_URL"]),
        "prefect-server": lambda: up.get("health").status_code == 200,
    }
    until("it answers", 60, lambda: name not in ready or is_ready(ready[name]))
    print(f"\n{name} answers {time.monotonic() - killed:.1f} s after it was killed")
    assert f"{name} was killed by SIGKILL" in up.printed
    assert {each for each in SERVICES if main_process(up, each) != pids[each]} == {name}
    up.run("score/held")


def test_a_run_lives_through_a_new_server(up: Up) -> None:
    (up.folder / "held.hold").touch()
    (up.folder / "held.reached").unlink(missing_ok=True)
    begun = begin(up, "score/held", partition="2024-02-01")  # no other test publishes it
    until("it is in the middle", 120, (up.folder / "held.reached").exists)
    os.kill(main_process(up, "prefect-server"), signal.SIGKILL)
    until("the server answers", 60, lambda: is_ready(lambda: up.get("health").status_code == 200), every=1)
    lease = run(up, begun)["state"]["state_details"]["deployment_concurrency_lease_id"]
    renewed = up.post(f"v2/concurrency_limits/leases/{lease}/renew", {"lease_duration": 300})
    assert renewed.is_success, "Prefect would end the run for the slot that it lost"
    time.sleep(25)  # two looks of the watchdog
    (up.folder / "held.hold").unlink()
    until("it ends", 120, lambda: is_in(up, begun, *ENDED))
    assert (run(up, begun)["state_name"], run(up, begun)["run_count"]) == ("Published", 1)


def is_ready(ready: Callable[[], bool]) -> bool:
    """Whether it answers; not yet while nobody listens."""
    try:
        return ready()
    except httpx.HTTPError:
        return False


def main_process(up: Up, name: str) -> int:
    """The process of a service, by the mark that `make up` gave it."""
    marks = [each for _, variables in processes() if f"TIERRA_HOME={up.home}" in variables for each in variables]
    (mark,) = {each.partition("=")[2] for each in marks if each.startswith(f"{MARK}=") and each.endswith(f":{name}")}
    return min(find_marked(mark))
