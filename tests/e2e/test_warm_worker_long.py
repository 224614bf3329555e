"""The warm worker over hundreds of runs, and while whatever it consists of is killed."""

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from deployments.services.addresses import SERVER
from deployments.worker.linux import CAN_FORK
from tests.e2e.warm_checkout import WarmCheckout, Worker, warm_checkout
from tests.servers import until
from tests.warm import alive

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not CAN_FORK, reason="only Linux forks runs"),
]
RUNS, KILLS = int(os.environ.get("WARM_RUNS", 200)), int(os.environ.get("WARM_KILLS", 30))
VICTIMS = ("client", "child", "parent", "worker", "supervisor", "server")
ENDS = ("Published", "AlreadyPublished", "GivenUp")
VARYING = re.compile(r"[\d.]+ s$|'[\w-]+'|\S+-score-\S+|\S{36}")
# A run that a dead worker took and never started is handed out again after five minutes, once a day; then minutes more.
LONGEST = 1200


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmCheckout]:
    settings = {**SERVER, "TIERRA_HEARTBEAT_SECONDS": "30", "TIERRA_CLOCK": "2024-04-29T03:00:00+00:00"}
    with warm_checkout(tmp_path_factory.mktemp("warm"), **settings) as made:
        yield made


def test_many_runs_leave_the_parent_as_it_was_no_child_and_every_line(here: WarmCheckout) -> None:
    worker, runs, memory = here.start(), list[str](), list[int]()
    parent = worker.parent()
    for number in range(RUNS):
        runs.append(here.ops.run("score/rides", partition="2024-04-29"))
        assert here.ops.ended(runs[-1])["name"] == ("Published" if number == 0 else "AlreadyPublished")
        until("its process has ended", 30, lambda: not worker.runs(), every=0.05)
        memory.append(worker.memory())
    assert worker.parent() == parent
    grown = memory[-1] / memory[4] - 1
    print(f"\n{RUNS} runs; the parent alone: {memory[4]:,} kB, at last {memory[-1]:,} ({grown:+.1%})")
    time.sleep(5)  # Prefect's worker sends its own lines every two seconds
    lines = [Counter(VARYING.sub("", text) for _, text in here.ops.log(run)) for run in runs[1:]]
    print(f"{lines[0].total()} lines each")
    assert [
        (run, each - lines[0], lines[0] - each) for run, each in zip(runs[1:], lines, strict=True) if each != lines[0]
    ] == []
    worker.process.terminate()
    worker.process.wait(15)
    assert abs(grown) <= 0.05


def test_whatever_is_killed_at_whatever_moment_each_day_is_published_once_and_each_run_ends(here: WarmCheckout) -> None:
    chance = random.Random(seed := int(os.environ.get("WARM_SEED", time.time())))
    here.ops.call("PATCH", "/work_pools/tierra", {"concurrency_limit": 50})
    here.ops.watchdog()
    worker, runs = here.start(), dict[str, str]()
    for number in range(KILLS):
        day = f"2024-{3 + number // 28:02}-{1 + number % 28:02}"
        runs[day] = until("the server takes it", 180, partial(ask, here, day))
        victim = VICTIMS[number % len(VICTIMS)]
        if victim in ("client", "child"):
            until("there is one", 60, partial(worker.find, "client"), every=0.02)
        time.sleep(chance.uniform(0, 3))
        killed = kill_one(here, worker, victim)
        print(f"{day} {victim} {killed}", flush=True)
        if victim in ("worker", "supervisor") and killed:
            worker.process.wait(20)
            worker = here.start()
        if victim == "server":
            here.ops.server()
    began = time.monotonic()
    until("every run has ended", LONGEST, lambda: not unended(here, runs), every=5)
    print(f"\nseed {seed}: all ended after {time.monotonic() - began:.0f} s")
    print(*(f"{day} {here.ops.states(run)}" for day, run in runs.items()), sep="\n")
    # One that was hit at each of its three starts is given up, and told; a person starts it again.
    given_up = [day for day, run in runs.items() if here.ops.state(run)["name"] == "GivenUp"]
    assert {here.ops.states(runs[day]).count("AwaitingRetry") for day in given_up} <= {2}
    assert {here.publish(day)["name"] for day in given_up} <= {"Published", "AlreadyPublished"}
    assert published(here, runs) == {day: ["1"] for day in runs}
    worker.process.terminate()
    assert worker.process.wait(15) == 0
    assert [pid for pid in everything() if alive(pid)] == []


def ask(here: WarmCheckout, day: str) -> str | None:
    """The id of a new run; None while the server does not take it. A dead one is started again, as `make up` does."""
    if not here.ops.server_pids():
        here.ops.server()
    try:
        return here.ops.run("score/rides", partition=day)
    except (httpx.HTTPStatusError, httpx.TransportError):
        return None


def unended(here: WarmCheckout, runs: dict[str, str]) -> list[str]:
    """The days whose run may still publish. A server that died is started again, as `make up` does."""
    if not here.ops.server_pids():
        here.ops.server()
    return [day for day, run in runs.items() if here.ops.state(run)["name"] not in ENDS]


def published(here: WarmCheckout, runs: dict[str, str]) -> dict[str, list[str]]:
    """The generations of each day that was asked for."""
    found = [each.split("/") for each in here.published()]
    return {day: [generation for known, generation in found if known == day] for day in runs}


def kill_one(here: WarmCheckout, worker: Worker, victim: str) -> int | None:
    """The process that was killed, if there was one."""
    found = {"child": worker.runs, "parent": lambda: [worker.parent()], "supervisor": lambda: [worker.process.pid],
             "server": here.ops.server_pids}  # fmt: skip
    pids = found.get(victim, lambda: worker.find(victim))()
    if pids:
        os.kill(pids[0], signal.SIGKILL)
        return pids[0]
    return None


def everything() -> list[int]:
    """The processes of warm workers on this machine whose checkout is a test's."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words, variables = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue
        if b"worker" in words and b"TEST_GATE=" in variables:
            found.append(int(folder.name))
    return found
