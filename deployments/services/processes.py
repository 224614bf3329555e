"""Processes that are stopped together with everything they started, found by a mark in their environment."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from deployments.doctor.throwaway import find_last_error
from tierra.errors import Broken

# Children inherit it, whatever their session or group, so the runs of a worker are found too.
MARK = "TIERRA_UP"
STOP_TIMEOUT = 15.0
# Before a service that died is started again: it was killed once, or its port, database or code is at fault.
RESTART_DELAYS = (0.0, 2.0, 4.0, 8.0, 16.0)
# One that lived this long had nothing wrong with its start.
STABLE_AFTER = 60.0
LEFTOVERS_TIMEOUT = 3.0


@dataclass
class Service:
    """One process and everything it starts."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    mark: str
    process: "subprocess.Popen[bytes]" = field(init=False)
    started: float = field(default=0.0, init=False)
    deaths: int = field(default=0, init=False)  # in a row, each soon after its start
    start_again_at: float | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the process; its output goes to its log, and the last log is kept as `.previous`."""
        self.started, self.start_again_at = time.monotonic(), None
        if self.log.is_file():
            self.log.replace(self.log.with_suffix(".previous.log"))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603  a command of ours
                self.command,
                env={**self.environment, MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for `make up` alone, which stops services in order
            )

    def tail(self, lines: int = 1) -> list[str]:
        """The last lines it printed."""
        printed = self.log.read_text(errors="replace").splitlines() if self.log.is_file() else []
        return [line.strip() for line in printed if line.strip()][-lines:]

    def why_ended(self) -> str:
        """How it ended, and the last line of its log that tells of an error; else its last line."""
        code = self.process.returncode
        if code < 0:  # what it printed before says nothing about that
            return f"was killed by {signal.Signals(-code).name}"
        printed = self.tail(200)
        last = printed[-1] if printed else "it printed nothing"
        return f"ended with {code}: {find_last_error(os.linesep.join(printed)) or last}"

    def note_death(self) -> None:
        """Count a death, and set when to start again. Raises Broken when it dies again and again."""
        lived = time.monotonic() - self.started
        self.deaths = self.deaths + 1 if lived < STABLE_AFTER else 1
        if self.deaths > len(RESTART_DELAYS):
            what = f"the service {self.name} died {self.deaths} times, each within a minute, and {self.why_ended()}"
            raise Broken("service-stopped", f"{what} ({self.log})")
        self.start_again_at = time.monotonic() + RESTART_DELAYS[self.deaths - 1]

    def stop(self) -> None:
        """Stop the process and all it started, by force after a timeout."""
        stop_marked(self.mark)
        self.process.wait()


class Services:
    """Services that stop together, in the reverse order of their start."""

    def __init__(self, logs: Path, environment: Mapping[str, str], address_file: Path) -> None:
        self._logs, self._environment, self._file = logs, environment, address_file
        self._token, self._services = secrets.token_hex(8), list[Service]()

    def __enter__(self) -> "Services":
        self._logs.mkdir(parents=True, exist_ok=True)
        # The guard holds the other end of a pipe, which closes when this process is killed.
        self._guard = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "deployments.services.guard", self._token, str(self._file)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for service in reversed(self._services):
            service.stop()
        stop_marked(self._token)  # also one that was being started when the signal came
        self._guard.communicate()

    def start(self, name: str, *command: str, **environment: str) -> Service:
        """Start a service with this Python: `-m module argument ...`, and variables of its own."""
        service = self._make(name, *command, **environment)
        service.start()
        self._services.append(service)
        return service

    def wait(self, service: Service, ready: Callable[[], bool], seconds: float = 300) -> None:
        """Wait until it is ready. Raises Broken when it is not in time, or when any service ends."""
        end = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > end:
                last = (service.tail() or ["it printed nothing"])[0]
                what = f"{service.name} is not ready after {seconds:.0f} s: {last} ({service.log})"
                raise Broken("service-silent", what)
            time.sleep(0.2)

    def finish(self, name: str, *command: str) -> None:
        """Run a command to its end. Raises Broken when it fails."""
        service = self._make(name, *command)
        service.start()
        while service.process.poll() is None:
            self.check()
            time.sleep(0.1)
        if service.process.returncode:
            raise _broken(service)

    def check(self) -> None:
        """Raises Broken, with the reason, when a service has ended."""
        for service in self._services:
            if service.process.poll() is not None:
                raise _broken(service)

    def revive(self, parent_of_runs: str) -> Iterator[str]:
        """Start again what has ended; what is done, in lines for people. Raises Broken when it is of no use.

        What a service leaves behind is ended first, as it may hold its port; but not the runs of the worker, which live
        on without it.
        """
        for service in self._services:
            if service.process.poll() is None:
                continue
            if service.start_again_at is None:
                service.note_death()
                yield f"{service.name} {service.why_ended()}"
            if time.monotonic() >= (service.start_again_at or 0):
                if service.name != parent_of_runs:
                    stop_marked(service.mark, LEFTOVERS_TIMEOUT)
                service.start()
                yield f"{service.name} is started again"

    def _make(self, name: str, *command: str, **environment: str) -> Service:
        mark, log = f"{self._token}:{name}", self._logs / f"{name}.log"
        return Service(name, [sys.executable, *command], {**self._environment, **environment}, log, mark)


def _broken(service: Service) -> Broken:
    return Broken("service-stopped", f"the service {service.name} {service.why_ended()} ({service.log})")


def read_variable(name: str) -> dict[int, str]:
    """An environment variable of each process of ours, as it was at its start; empty where it was not set."""
    found = {}
    for pid, variables in _environments():
        _, _, rest = (b"\0" + variables.replace(b" ", b"\0")).partition(f"\0{name}=".encode())
        found[pid] = rest.partition(b"\0")[0].decode(errors="replace")
    return found


def find_marked(mark: str) -> list[int]:
    """The ids of the processes whose mark begins like this, without this process."""
    variable = f"{MARK}={mark}".encode()
    return [pid for pid, variables in _environments() if pid != os.getpid() and variable in variables]


def stop_marked(mark: str, timeout: float = STOP_TIMEOUT) -> None:
    """Ask every process with this mark to end, then kill what is left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in find_marked(mark):
            _send(pid, number)
        end = time.monotonic() + timeout
        while find_marked(mark):
            if time.monotonic() > end:
                break
            time.sleep(0.1)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it ended meanwhile
        os.kill(pid, number)


def _environments() -> Iterator[tuple[int, bytes]]:
    if not Path("/proc/self/environ").is_file():
        yield from _environments_by_ps()
        return
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield int(folder.name), (folder / "environ").read_bytes()
        except OSError:
            continue  # it ended meanwhile, or is another user's


def _environments_by_ps() -> Iterator[tuple[int, bytes]]:
    command = ["ps", "axeww", "-o", "pid=,command="]
    listed = subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603
    for line in listed.splitlines():
        pid, _, rest = line.strip().partition(b" ")
        yield int(pid), rest
