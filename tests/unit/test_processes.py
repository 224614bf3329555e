"""What `make up` starts lives and ends together: real processes, small ones."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from deployments.services import processes
from deployments.services.processes import MARK, Services, find_marked, stop_marked
from tests.conftest import ROOT
from tests.servers import until
from tierra.errors import Broken

SLEEP = "import time; time.sleep(300)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
# As Prefect's worker does with its runs: in a session of its own.
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True); \
print('up', flush=True); {SLEEP}"


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    (tmp_path / "server.url").write_text("http://127.0.0.1:1")
    with Services(tmp_path / "logs", os.environ, tmp_path / "server.url") as services:
        yield services


def test_what_a_service_started_in_a_session_of_its_own_ends_with_it(services: Services) -> None:
    service = services.start("parent", "-c", PARENT)
    until("both run", 20, lambda: len(find_marked(service.mark)) == 2)
    service.stop()
    assert find_marked(service.mark) == []


def test_a_service_that_does_not_listen_is_ended_by_force(services: Services) -> None:
    service = services.start("deaf", "-c", DEAF)
    until("it is deaf", 20, lambda: service.tail() == ["deaf"])
    stop_marked(service.mark, 0.5)
    assert service.process.wait(5) == -signal.SIGKILL


ENDS: dict[str, tuple[str, str]] = {
    "an exception, and a line after it": (
        "import atexit; atexit.register(print, 'bye', flush=True); raise RuntimeError('the pool is gone')",
        "worker ended with 1: RuntimeError: the pool is gone",
    ),
    "a line of a log at that level": (
        "print('ERROR: address in use', flush=True); print('Shutting down', flush=True); raise SystemExit(3)",
        "worker ended with 3: ERROR: address in use",
    ),
    "no word of an error": ("print('one'); print('two'); raise SystemExit(2)", "worker ended with 2: two"),
    "as if all were well": ("pass", "worker ended with 0: it printed nothing"),
    "killed in the middle of other things": (
        "import os; print('ERROR: of long ago', flush=True); os.kill(os.getpid(), 9)", "worker was killed by SIGKILL",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", ENDS)
def test_a_service_that_ends_is_said_in_one_line_with_the_reason(services: Services, how: str) -> None:
    services.start("other", "-c", SLEEP)
    program, said = ENDS[how]
    services.start("worker", "-c", program).process.wait()
    with pytest.raises(Broken) as caught:
        services.check()
    assert str(caught.value).startswith(f"the service {said} (")
    assert "\n" not in str(caught.value)


def revived(services: Services, seconds: float = 0.0) -> list[str]:
    """What is said while the services are kept alive for a while."""
    said, end = [], time.monotonic() + seconds
    while True:
        said += services.revive(parent_of_runs="worker")
        if time.monotonic() >= end:
            return said
        time.sleep(0.02)


def test_a_service_that_dies_is_started_again_at_once_and_the_others_live_on(services: Services) -> None:
    other, dies = services.start("other", "-c", SLEEP), services.start("mlflow", "-c", PARENT)
    until("both run", 20, lambda: len(find_marked(dies.mark)) == 2)
    before = {other.process.pid, dies.process.pid}
    dies.process.kill()
    dies.process.wait()
    assert revived(services) == ["mlflow was killed by SIGKILL", "mlflow is started again"]
    assert before & {other.process.pid, dies.process.pid} == {other.process.pid}
    until("what it left behind is gone", 20, lambda: len(find_marked(dies.mark)) == 2)
    assert revived(services) == []


def test_the_runs_of_a_worker_that_dies_live_on(services: Services) -> None:
    worker = services.start("worker", "-c", PARENT)
    until("both run", 20, lambda: len(find_marked(worker.mark)) == 2)
    (run,) = set(find_marked(worker.mark)) - {worker.process.pid}
    worker.process.kill()
    worker.process.wait()
    revived(services)
    assert run in find_marked(worker.mark)


def test_a_service_that_dies_again_and_again_is_given_up_with_its_reason(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "RESTART_DELAYS", (0.0, 0.2, 0.4))
    services.start("worker", "-c", "raise OSError('the port is taken')").process.wait()
    began = time.monotonic()
    with pytest.raises(Broken, match=r"worker died 4 times, each within a minute, and ended with 1: OSError: the"):
        revived(services, 20)
    assert time.monotonic() - began > 0.6


def test_a_death_after_a_long_life_is_the_first_one(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STABLE_AFTER", 0.0)
    service = services.start("worker", "-c", "pass")
    for _ in range(len(processes.RESTART_DELAYS) + 2):
        service.process.wait()
        assert revived(services)[-1] == "worker is started again"


def test_waiting_for_one_service_notices_the_end_of_another(services: Services) -> None:
    slow = services.start("slow", "-c", SLEEP)
    services.start("quick", "-c", "pass")
    with pytest.raises(Broken, match="quick ended with 0"):
        services.wait(slow, lambda: False)


def test_a_service_that_never_becomes_ready_is_said(services: Services) -> None:
    with pytest.raises(Broken, match=r"slow is not ready after 0 s.*service-silent"):
        services.wait(services.start("slow", "-c", SLEEP), lambda: False, seconds=0.1)


def test_a_command_is_run_to_its_end_and_its_failure_said(services: Services) -> None:
    services.finish("deploy", "-c", "pass")
    services.check()
    with pytest.raises(Broken, match="deploy ended with 1: no such pool"):
        services.finish("deploy", "-c", "raise SystemExit('no such pool')")


def test_the_log_before_this_one_is_kept(services: Services) -> None:
    for word in ("one", "two"):
        services.finish("deploy", "-c", f"print('{word}')")
    logs = services._logs
    assert [(logs / name).read_text() for name in ("deploy.previous.log", "deploy.log")] == ["one\n", "two\n"]


def test_services_end_in_the_reverse_order_of_their_start(tmp_path: Path) -> None:
    (tmp_path / "order").touch()
    note = "import signal, sys, time\ndef end(*_):\n    open({file!r}, 'a').write({name!r}); sys.exit()\n\
signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(300)"
    with Services(tmp_path, os.environ, tmp_path / "server.url") as services:
        for name in "abc":
            service = services.start(name, "-c", note.format(file=str(tmp_path / "order"), name=name))
            until("it is up", 20, lambda service=service: service.tail() == ["up"])
    assert (tmp_path / "order").read_text() == "cba"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "terminated without care"])
def test_when_we_are_killed_nothing_of_ours_is_left(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "server.url").write_text("http://127.0.0.1:1")
    us = f"""
import os, time
from pathlib import Path
from deployments.services.processes import Services
with Services(Path({str(tmp_path)!r}), os.environ, Path({str(tmp_path / "server.url")!r})) as services:
    services.start("parent", "-c", {PARENT!r})
    print(services._token, flush=True)
    time.sleep(300)
"""
    child = subprocess.Popen([sys.executable, "-c", us], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    token = child.stdout.readline().strip()
    until("both run", 20, lambda: len(find_marked(token)) == 2)
    child.send_signal(number)
    child.wait()
    child.stdout.close()
    until("none is left", 20, lambda: not find_marked(token))
    until("its address is gone", 20, lambda: not (tmp_path / "server.url").exists())


def test_ps_finds_the_same_processes_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = token_hex(8)
    child = subprocess.Popen([sys.executable, "-c", SLEEP], env={**os.environ, MARK: mark})
    try:
        assert until("it runs", 20, lambda: find_marked(mark)) == [child.pid]
        monkeypatch.setattr(processes, "_environments", processes._environments_by_ps)
        assert find_marked(mark) == [child.pid]
    finally:
        child.kill()
        child.wait()
