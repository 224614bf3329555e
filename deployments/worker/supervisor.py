"""A Prefect worker, unmodified, and the warm parent of its runs; started and ended together."""

import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from deployments.services.processes import MARK
from deployments.worker.client import SOCKET_VARIABLE
from deployments.worker.linux import CAN_FORK, end_with
from tasks.server.names import POOL
from tierra.environment import QUIET

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# A run that was asked for in the UI would wait for up to 13 s, and of many the next four each time.
OFTEN = {"PREFECT_WORKER_QUERY_SECONDS": "2"}
# Both together are less than what `make up` and `docker stop` wait before they kill.
WORKER_TIMEOUT, PARENT_TIMEOUT = 6.0, 3.0
# A parent that ends before it is ready is started again after a pause that doubles; runs start ordinarily meanwhile.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0


def worker_command(arguments: Sequence[str]) -> list[str]:
    """Prefect's worker for our pool. One name a machine: else each start would leave one more on the pool's page."""
    named = any(each.startswith("--name") or each in ("-n",) for each in arguments)
    name = [] if named else ["--name", socket.gethostname()]
    return [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, *name, *arguments]


def run_worker(arguments: Sequence[str]) -> int:
    """Run a worker until it ends or this process is asked to end. Returns the exit code."""
    if not CAN_FORK:
        say(f"runs start the ordinary way: processes cannot be forked safely on {sys.platform}")
        os.execv(sys.executable, worker_command(arguments))  # noqa: S606
    with tempfile.TemporaryDirectory(prefix="tierra-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "warm"  # only we may enter the folder
        listener.bind(str(path))
        listener.listen(128)
        supervisor = Supervisor(worker_command(arguments), listener, path)
        try:
            return supervisor.run()
        finally:
            supervisor.close()


@dataclass
class Supervisor:
    """Starts a worker and, again and again, a parent."""

    command: Sequence[str]
    listener: socket.socket
    path: Path
    parent: Sequence[str] = (sys.executable, "-m", "deployments.worker.parent")
    stopping: bool = False
    pause: float = FIRST_PAUSE

    def __post_init__(self) -> None:
        # Those of `make up` are asked to end by their mark. Ours are asked by us, once and in order.
        variables = {name: value for name, value in os.environ.items() if name != MARK}
        self.environment: Mapping[str, str] = {**QUIET, **OFTEN, **variables}
        self._selector, self._wakeup = selectors.DefaultSelector(), os.pipe()
        self._old, self._due = list[subprocess.Popen[bytes]](), time.monotonic()
        self._serving: Serving | None = None

    def run(self) -> int:
        """Supervise until the worker ends. Returns what this process should end with."""
        self._listen_to_signals()
        # A worker without us could not be asked to end. Killed, it leaves its runs alone; asked to end, it would not.
        ours = os.getpid()
        worker = self._start(
            self.command, {SOCKET_VARIABLE: str(self.path)}, preexec_fn=lambda: end_with(ours, signal.SIGKILL)
        )
        while worker.poll() is None and not self.stopping:
            if not self._serving and time.monotonic() >= self._due:
                self._start_parent()
            self._wait(max(0.0, self._due - time.monotonic()) if not self._serving else None)
        if self.stopping:
            _end(worker, WORKER_TIMEOUT)
            return 0
        if code := worker.returncode:
            say(f"Prefect's worker ended with {code}; what it runs goes on. Start this again.")
        return 1 if code else 0

    def close(self) -> None:
        """When we were asked to end, end the parents with what they run; otherwise they finish that and end."""
        parents = [*self._old, *([self._serving.process] if self._serving else [])]
        for each in parents if self.stopping else ():
            each.send_signal(signal.SIGTERM)
        for each in parents if self.stopping else ():
            _end(each, PARENT_TIMEOUT)

    def _listen_to_signals(self) -> None:
        for descriptor in self._wakeup:
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wakeup[1])
        self._selector.register(self._wakeup[0], selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in SIGNALS:
            signal.signal(number, self._stop)

    def _stop(self, _: int, __: FrameType | None) -> None:
        self.stopping = True

    def _start(self, command: Sequence[str], more: Mapping[str, str], **options: Any) -> "subprocess.Popen[bytes]":
        # In a session of its own: Ctrl-C in the terminal is for this process, which passes it on once.
        environment = {**self.environment, **more}
        return subprocess.Popen(command, env=environment, start_new_session=True, **options)  # noqa: S603

    def _start_parent(self) -> None:
        line, theirs = socket.socketpair()
        with theirs:
            descriptors = (self.listener.fileno(), theirs.fileno())
            process = self._start([*self.parent, *map(str, descriptors)], {}, pass_fds=descriptors)
        self._serving = Serving(process, line)
        self._selector.register(line, selectors.EVENT_READ)

    def _wait(self, seconds: float | None) -> None:
        for key, _ in self._selector.select(seconds):
            if key.fd == self._wakeup[0]:
                os.read(self._wakeup[0], 4096)
            else:
                self._hear()
        self._old = [each for each in self._old if each.poll() is None]

    def _hear(self) -> None:
        """A parent says that it is ready; its line closes when it takes no more runs, or has ended."""
        assert self._serving
        if self._serving.line.recv(1):
            self._serving.ready = True
            return
        self._selector.unregister(self._serving.line)
        self._serving.line.close()
        self._old.append(self._serving.process)
        self.pause = FIRST_PAUSE if self._serving.ready else min(2 * self.pause, LONGEST_PAUSE)
        if not self._serving.ready:
            say(f"the warm parent ended before it was ready; the next one starts in {self.pause:.0f} s")
        self._due = time.monotonic() + (0 if self._serving.ready else self.pause)
        self._serving = None


@dataclass
class Serving:
    """The parent that takes runs, and the line to it."""

    process: "subprocess.Popen[bytes]"
    line: socket.socket
    ready: bool = field(default=False)


def say(what: str) -> None:
    """One line in the worker's log."""
    print(f"tierra worker: {what}", file=sys.stderr, flush=True)


def _end(process: "subprocess.Popen[bytes]", timeout: float) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
