"""`python -m deployments.worker`: a worker (here of a few lines) and its parent, started again, ended together."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.worker.linux import CAN_FORK
from deployments.worker.supervisor import worker_command
from tests.servers import until
from tests.warm import CLIENT, ROOT, alive

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="only Linux forks runs")
# As Prefect's: it starts the client of a run, says how that ended, and kills it when it is asked to end itself.
WORKER = f"""
import os, signal, subprocess, sys
print("worker", os.getpid(), flush=True)
def end(*_):
    client.kill()
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
for _ in range(int(os.environ.get("TEST_RUNS", 1))):
    client = subprocess.Popen([sys.executable, "-I", "-S", {str(CLIENT)!r}])
    print("ended with", client.wait(), flush=True)
sys.exit(int(os.environ.get("TEST_CODE", 0)))
"""
RUN = "import os, time; print('run', os.getpid(), os.getppid(), flush=True); time.sleep(60)"


class Supervised:
    """A supervisor in a process of its own, and what it and its children print."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.warm", "supervisor", WORKER], cwd=ROOT, stdout=log, stderr=log,
                env={**os.environ, "TEST_BODY": RUN, **variables},
            )  # fmt: skip

    @property
    def printed(self) -> list[str]:
        return self._log.read_text().splitlines()

    def find(self, start: str) -> str:
        """The last line that begins like this, once there is one."""
        found: list[str] = until(start, 20, lambda: [line for line in self.printed if line.startswith(start)])
        return found[-1]

    def pids(self) -> tuple[int, int, int]:
        """The worker, the run, and the parent of the run."""
        _, run, parent = self.find("run ").split()
        return int(self.find("worker ").split()[1]), int(run), int(parent)


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Any]:
    started = list[Supervised]()

    def start(**variables: str) -> Supervised:
        started.append(Supervised(tmp_path, **variables))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait(10)


def test_asked_to_end_it_ends_all_in_order_and_well(supervised: Any) -> None:
    it = supervised()
    pids = it.pids()
    it.process.terminate()
    assert it.process.wait(12) == 0
    assert [alive(each) for each in pids] == [False, False, False]


def test_killed_it_takes_the_worker_along_and_the_run_goes_on(supervised: Any) -> None:
    it = supervised(TEST_BODY=RUN.replace("60", "3"))
    worker, run, parent = it.pids()
    it.process.kill()
    until("the worker has ended", 15, lambda: not alive(worker))
    assert alive(run)
    until("the rest has ended", 15, lambda: not alive(run) and not alive(parent))


def test_when_the_worker_is_killed_its_run_goes_on_and_the_rest_says_so_and_ends(supervised: Any) -> None:
    it = supervised(TEST_BODY=RUN.replace("60", "3"))
    worker, run, parent = it.pids()
    os.kill(worker, signal.SIGKILL)
    assert it.process.wait(10) == 1
    assert "Prefect's worker ended with -9" in it.find("tierra worker: ")
    assert alive(run)
    until("the rest has ended", 15, lambda: not alive(run) and not alive(parent))


def test_a_worker_that_cannot_go_on_ends_it_with_its_code(supervised: Any) -> None:
    it = supervised(TEST_BODY="pass", TEST_CODE="4")
    assert it.process.wait(20) == 1
    assert "ended with 4" in it.find("tierra worker: ")


def test_a_worker_that_is_done_ends_it_well(supervised: Any) -> None:
    assert supervised(TEST_BODY="pass").process.wait(20) == 0


def test_a_killed_parent_is_started_again(supervised: Any) -> None:
    it = supervised(TEST_RUNS="2")
    _, run, parent = it.pids()
    os.kill(parent, signal.SIGKILL)
    assert it.find("ended with") == "ended with -9"
    until("the next run", 20, lambda: it.pids()[2] != parent)
    assert (alive(run), alive(it.pids()[1])) == (False, True)


def test_a_parent_that_cannot_start_is_tried_again_after_a_while(supervised: Any) -> None:
    it = supervised(TEST_OPEN="nothing")
    until("two attempts", 20, lambda: len([line for line in it.printed if "ended before it was ready" in line]) >= 2)
    assert it.find("tierra worker: ").endswith("the next one starts in 4 s")
    assert it.process.poll() is None  # runs start ordinarily meanwhile


def test_one_name_a_machine_unless_another_is_given() -> None:
    assert worker_command(["--with-healthcheck"])[-3:] == ["--name", socket.gethostname(), "--with-healthcheck"]
    for given in (["--name", "two"], ["--name=two"], ["-n", "two"]):
        assert worker_command(given)[-len(given) :] == given
        assert socket.gethostname() not in worker_command(given)
