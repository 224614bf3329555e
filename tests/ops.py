"""What ops has: a Prefect server with workers as processes of their own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tests.conftest import ROOT, free_port, wait_until_healthy
from tests.empty_databases import keep_prefect_database, put_prefect_database, put_registry
from tests.servers import call_api, until

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
OFTEN = {"PREFECT_WORKER_QUERY_SECONDS": "1"}  # how soon a worker sees a run: by default it looks every 10 s


@dataclass
class Ops:
    """A server, its workers, and the checkout that they run."""

    url: str
    folder: Path
    environment: dict[str, str]
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def worker(self, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a worker of our pool, in a session of its own so that a test can kill it with its runs."""
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "tierra", "--name", uuid4().hex[:8]]
        return self._start(command, ROOT, f"worker-{len(self.processes)}", environment)

    def watchdog(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a watchdog over our runs."""
        command = [sys.executable, "-m", "deployments.watchdog", *arguments]
        return self._start(command, ROOT, f"watchdog-{len(self.processes)}", {})

    def warm_worker(self, folder: Path = ROOT, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a worker with a warm parent, of the checkout in a folder."""
        return self._start(
            [sys.executable, "-m", "deployments.worker"], folder, f"worker-{len(self.processes)}", environment
        )

    def server(self) -> "subprocess.Popen[bytes]":
        """Start Prefect's server on our port, and wait until it answers."""
        port = str(urlsplit(self.url).port)
        command = [sys.executable, "-m", "deployments.services.prefect_server", "--host", "127.0.0.1", "--port", port]
        server = self._start(command, ROOT, "server", {})
        wait_until_healthy(self.url, server, self.folder / "server.log")
        return server

    def server_pids(self) -> list[int]:
        """The server's process, if it lives."""
        lives = [each for each in self.processes if "prefect_server" in str(each.args) and each.poll() is None]
        return [each.pid for each in lives]

    def _start(self, command: list[str], folder: Path, name: str, more: dict[str, str]) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, **self.environment, **more}
        with (self.folder / f"{name}.log").open("wb") as log:
            started = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self.processes.append(started)
        return started

    def tierra(self, *arguments: str, exit_code: int = 0, **environment: str) -> str:
        """Run our command in the checkout; what it printed."""
        done = self.command(*arguments, **environment)
        assert done.returncode == exit_code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout

    def command(
        self, *arguments: str, prepare: Callable[[], None] | None = None, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """How our command ended in the checkout; `prepare` is called in its process before it."""
        return subprocess.run(
            [sys.executable, "-c", "from tierra.cli.commands import main; main()", *arguments],
            cwd=ROOT, env={**os.environ, **self.environment, **environment}, capture_output=True, text=True,
            timeout=300, check=False, preexec_fn=prepare,
        )  # fmt: skip

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API."""
        return call_api(self.url, method, path, body)

    def ask(self, path: str, body: Any = None) -> Any:
        """POST to the API, as the UI does."""
        return self.call("POST", path, body or {})

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment by flow/name."""
        found: dict[str, Any] = self.call("GET", f"/deployments/name/{name}")
        return found

    def run(self, name: str, state: str = "SCHEDULED", tags: tuple[str, ...] = (), **parameters: Any) -> str:
        """Trigger a deployment, as the form of the UI does; returns the run's id."""
        body = {"parameters": parameters, "state": {"type": state}, "tags": [*tags, "tierra"]}
        return str(self.ask(f"/deployments/{self.deployment(name)['id']}/create_flow_run", body)["id"])

    def state(self, run: str) -> dict[str, Any]:
        """A run's state."""
        found: dict[str, Any] = self.call("GET", f"/flow_runs/{run}")["state"]
        return found

    def set_state(self, run: str, kind: str, name: str, message: str = "") -> None:
        """Say that a run is in a state, as its process would."""
        self.ask(f"/flow_runs/{run}/set_state", {"state": {"type": kind, "name": name, "message": message}})

    def states(self, run: str) -> list[str]:
        """The names of all states a run was in, in order."""
        found = self.call("GET", f"/flow_run_states/?flow_run_id={run}")
        return [each["name"] for each in sorted(found, key=lambda each: each["timestamp"])]

    def ended(self, run: str, seconds: float = 180) -> dict[str, Any]:
        """A run's last state, once it ended."""
        until(f"{run} ends", seconds, lambda: self.state(run)["type"] in ENDED)
        return self.state(run)

    def log(self, run: str) -> list[tuple[int, str]]:
        """Level and text of every line of a run's log."""
        wanted = {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC"}
        return [(line["level"], line["message"]) for line in self.ask("/logs/filter", wanted)]


@contextmanager
def a_server(folder: Path, **environment: str) -> Iterator[Ops]:
    """A Prefect server on a free port; everything started by it ends with it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    ours = {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_API_URL": url, "PREFECT_UI_URL": url[:-4],
            "PREFECT_SERVER_UI_API_URL": url, "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "TIERRA_HOME": str(folder / "var"), "TIERRA_PROJECTS": str(folder / "projects"), **OFTEN}  # fmt: skip
    ops = Ops(url, folder, {**ours, **environment})
    try:
        put_prefect_database(folder / "prefect")
        put_registry(folder / "var")
        ops.server()
        keep_prefect_database(folder / "prefect")
        yield ops
    finally:
        for process in reversed(ops.processes):
            end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process to end; kill it and its children when it does not."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """kill -9 of a process with everything it started."""
    for member in members(process.pid):
        with suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
    process.wait(10)


def members(root: int) -> list[int]:
    """A process and all that it started, and what those started."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,sid="], capture_output=True, text=True, check=True).stdout
    rows = [tuple(map(int, line.split())) for line in listed.splitlines()]
    found = {root} | {pid for pid, _, session in rows if session == root}
    while more := {pid for pid, parent, _ in rows if parent in found} - found:
        found |= more
    return sorted(found)
