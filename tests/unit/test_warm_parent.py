"""The warm parent and its clients: real processes, whose runs are a few lines instead of Prefect's engine."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.worker import client
from deployments.worker.child import Origin
from deployments.worker.client import SOCKET_VARIABLE, NotTaken
from deployments.worker.linux import CAN_FORK
from deployments.worker.run import Run
from deployments.worker.sources import read_state
from tests.cases import each
from tests.servers import until
from tests.warm import CLIENT, ROOT, Warm, alive, warm

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="only Linux forks runs")
# How a process describes itself; what it writes last is written by its end.
DESCRIBE = """
import atexit, json, os, random, signal, sys, threading
print(json.dumps({
    "folder": os.getcwd(), "input": sys.stdin.read(), "variable": os.environ["TEST_OWN"],
    "path": [each for each in sys.path if "site-packages" not in each][1:],
    "signals": [str(signal.getsignal(each)) for each in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)],
    "threads": threading.active_count(),
    "open": sorted(int(each) for each in os.listdir("/proc/self/fd"))[:4],
}))
print("to stderr", file=sys.stderr)
atexit.register(print, "at exit")
threading.Timer(.3, print, ["by a thread"]).start()
"""
WAIT = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAIT}"
ENDS = {
    "pass": 0,
    "raise SystemExit(3)": 3,
    "raise SystemExit('a reason')": 1,
    "raise ValueError('wrong')": 1,
    "import os; os._exit(7)": 7,
    "import os; os.kill(os.getpid(), 15)": -signal.SIGTERM,
    "import os; os.kill(os.getpid(), 9)": -signal.SIGKILL,
    "raise KeyboardInterrupt": -signal.SIGINT,
}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Warm]:
    with warm(tmp_path) as made:
        yield made


def start(here: Warm, body: str = WAIT, **variables: str) -> tuple["subprocess.Popen[str]", int]:
    """A client whose run is under way, and the run's process."""
    started = here.client(body, **variables)
    assert started.stdout
    return started, int(started.stdout.readline())


def test_a_client_ends_as_a_process_of_its_own_would(here: Warm) -> None:
    here.parent()

    def same(body: str, code: int) -> None:
        own = subprocess.run([sys.executable, "-c", body], capture_output=True, text=True)
        ended, _, error = here.run(body)
        assert (ended, own.returncode) == (code, code)
        # The last line says why, above it are the lines of the traceback.
        assert error.splitlines()[-1:] == own.stderr.splitlines()[-1:]

    each(ENDS.items(), same)


def test_a_run_finds_what_a_process_of_its_own_would(here: Warm) -> None:
    here.parent()
    variables = {"TEST_OWN": "one = two\nthree \udce9", "PYTHONPATH": f"{ROOT}:/nowhere"}
    here.environment["PYTHONPATH"] = variables["PYTHONPATH"]
    here.parent()  # the first was started with another PYTHONPATH
    here.processes[0].kill()
    here.processes[0].wait()
    forked = here.client(DESCRIBE, **variables)
    own = subprocess.Popen(
        [sys.executable, "-c", DESCRIBE], cwd=here.folder, text=True, env={**os.environ, **variables},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    (found, *rest), error = [text.splitlines() for text in forked.communicate("typed", timeout=30)]
    (wanted, *others), other_error = [text.splitlines() for text in own.communicate("typed", timeout=30)]
    assert json.loads(found) == json.loads(wanted)
    assert (rest, error) == (others, other_error) == (["by a thread", "at exit"], ["to stderr"])


def test_runs_are_random_each_in_its_own_way(here: Warm) -> None:
    here.parent()
    assert len({here.run("import random; print(random.random())")[1] for _ in range(3)}) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_run_which_may_end_in_its_own_way(here: Warm, number: signal.Signals) -> None:
    here.parent()
    started, _ = start(here, f"import signal, sys; signal.signal({int(number)}, lambda *_: sys.exit(5)); {WAIT}")
    started.send_signal(number)
    assert started.wait(10) == 5


def test_the_run_of_a_killed_client_is_asked_to_end_and_then_killed(here: Warm) -> None:
    here.parent()
    for body, at_least, at_most in ((WAIT, 0, 3), (DEAF, 4, 9)):
        started, run = start(here, body)
        started.kill()
        began = time.monotonic()
        until("the run has ended", 15, lambda run=run: not alive(run), every=0.05)
        assert at_least <= time.monotonic() - began <= at_most


def test_the_runs_of_a_killed_parent_end_with_it_and_their_clients_say_so(here: Warm) -> None:
    parent, _ = here.parent()
    started, run = start(here)
    parent.kill()
    assert started.wait(10) == -signal.SIGKILL
    until("the run has ended", 10, lambda: not alive(run))


def test_a_parent_that_is_asked_to_end_ends_its_runs(here: Warm) -> None:
    parent, _ = here.parent()
    started, run = start(here)
    parent.terminate()
    assert parent.wait(10) == 0
    assert not alive(run)
    assert started.wait(10) == -signal.SIGKILL  # nobody is left to report it


def test_changed_code_is_used_by_the_next_run_and_the_one_under_way_ends_in_peace(here: Warm) -> None:
    old, line = here.parent()
    finishes, run = start(here, "import os, sys; print(os.getpid(), flush=True); sys.exit(len(sys.stdin.read()))")
    here.state.write_text("changed")
    second = here.client("import os; print(os.getppid())")
    assert line.recv(1) == b""  # so the supervisor knows
    new, _ = here.parent()
    assert second.communicate(timeout=20)[0] == f"{new.pid}\n"
    assert alive(run)
    finishes.communicate("four")
    assert (finishes.returncode, old.wait(10)) == (4, 0)
    assert "code or settings have changed" in here.said


def test_an_idle_parent_notices_a_change_before_a_run_has_to_wait(here: Warm) -> None:
    parent, _ = here.parent()
    here.state.write_text("changed")
    assert parent.wait(15) == 0


def test_after_many_runs_a_new_parent_takes_over(here: Warm) -> None:
    parent, line = here.parent(TEST_LIMIT="2")
    assert [here.run("pass")[0] for _ in range(2)] == [0, 0]
    third = here.client("pass")
    assert (line.recv(1), parent.wait(10)) == (b"", 0)
    here.parent()
    assert third.wait(10) == 0


def test_a_parent_whose_supervisor_is_gone_finishes_its_run_and_ends(here: Warm) -> None:
    parent, line = here.parent()
    started, run = start(here, "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()")
    line.close()
    with pytest.raises(subprocess.TimeoutExpired):
        parent.wait(1)
    assert alive(run)
    started.communicate("", timeout=10)
    assert (started.returncode, parent.wait(10)) == (0, 0)


def test_a_run_that_waits_as_the_supervisor_goes_is_still_taken(here: Warm) -> None:
    parent, line = here.parent()
    started, run = start(here, "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()")
    os.kill(parent.pid, signal.SIGSTOP)  # so that it learns of both at once
    until("it stands still", 5, lambda: Path(f"/proc/{parent.pid}/stat").read_text().split()[2] == "T", every=0.01)
    line.close()
    here.state.write_text("changed")  # nobody would start another parent
    waiting = here.client("print('taken')")
    time.sleep(0.5)
    os.kill(parent.pid, signal.SIGCONT)
    assert waiting.communicate(timeout=10)[0] == "taken\n"
    until("it takes no more runs", 10, lambda: "supervisor has ended" in here.said)
    assert alive(run)
    started.communicate("", timeout=10)
    assert (started.returncode, parent.wait(10)) == (0, 0)


def test_an_ordinary_start_survives_that_nobody_reads_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "__init__.py").touch()
    (tmp_path / "prefect" / "engine.py").write_text("import sys; print('a line', flush=True); sys.exit(6)")
    reading, writing = os.pipe()
    os.close(reading)
    variables = {**os.environ, "PYTHONPATH": str(tmp_path), SOCKET_VARIABLE: "/nowhere/socket"}
    command = [sys.executable, "-I", "-S", str(CLIENT)]
    assert subprocess.run(command, env=variables, stdout=writing, stderr=writing).returncode == 6
    os.close(writing)


@pytest.mark.parametrize("kind", ["thread", "socket"])
def test_nothing_is_forked_while_a_library_has_something_open(here: Warm, kind: str) -> None:
    parent, _ = here.parent(TEST_OPEN=kind)
    with socket.socket(socket.AF_UNIX) as ours:
        client.hand_over(ours, here.path)
        with pytest.raises(NotTaken, match=r"another thread: a-pool|open socket"):
            client.follow(ours)
    assert parent.wait(10) == 0  # the next one may be better


def test_a_run_that_does_not_fit_is_told_why_and_starts_the_ordinary_way(
    here: Warm, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    here.parent()
    started = list[list[str]]()
    monkeypatch.setattr(os, "execv", lambda _, command: started.append(command))
    monkeypatch.setattr(client, "PATIENCE", 0.5)

    def falls_back(path: str | None, variables: dict[str, str], reason: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(SOCKET_VARIABLE, path) if path else patch.delenv(SOCKET_VARIABLE, raising=False)
            for name, value in variables.items():
                patch.setenv(name, value)
            started.clear()
            client.main()
        assert started == [[sys.executable, "-m", "prefect.engine"]]
        (line,) = capfd.readouterr().err.splitlines()
        assert reason in line

    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(nobody := f"{here.path}-silent")
        silent.listen()
        cases = (
            (None, {}, "not started with python -m deployments.worker"),
            ("/nowhere/socket", {}, "does not answer: [Errno 2]"),
            (nobody, {}, "does not answer: timed out"),
            (here.path, {"OMP_NUM_THREADS": "77"}, "it sets OMP_NUM_THREADS"),
        )
        each(cases, falls_back)


def test_a_run_of_another_checkout_is_not_taken() -> None:
    origin = Origin("/here", {}, [])
    assert origin.misfit(Run("/here", "/", {}, [])) is None
    assert "another checkout, /there" in str(origin.misfit(Run("/there", "/", {}, [])))


def test_whoever_stopped_waiting_has_started_nothing(here: Warm, tmp_path: Path) -> None:
    impatient = socket.socket(socket.AF_UNIX)
    impatient.connect(here.path)
    impatient.close()
    here.parent()
    assert here.run("import os; print(os.getppid())")[:2] == (0, f"{here.processes[0].pid}\n")
    assert "takes no more" not in here.said


def test_what_changes_in_a_checkout_is_seen(tmp_path: Path) -> None:
    for name in ("flows", "tasks", "deployments"):
        (tmp_path / name).mkdir()
    code, settings = tmp_path / "flows" / "score.py", tmp_path / ".env"
    code.write_text("a = 1")
    states = [read_state(tmp_path)]
    (tmp_path / "flows" / "__pycache__").mkdir()
    (tmp_path / "flows" / "__pycache__" / "score.pyc").write_text("")
    assert read_state(tmp_path) == states[0]
    for change in (
        lambda: code.write_text("a = 12"),
        lambda: settings.write_text("TIERRA_HOME=/data"),
        lambda: (tmp_path / "poetry.lock").touch(),
        lambda: code.rename(code.with_name("other.py")),
        lambda: settings.unlink(),
    ):
        change()
        states.append(read_state(tmp_path))
    assert len(set(states)) == len(states)
