"""A warm parent that imports nothing and whose children run a few lines, its clients, and a supervisor of it.

`python -m tests.warm parent LISTENER LINE` and `python -m tests.warm supervisor CODE`, where the code is a worker's.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployments.worker.child import Origin, adopt
from deployments.worker.client import SOCKET_VARIABLE
from deployments.worker.parent import Parent
from deployments.worker.sources import State, read_state
from deployments.worker.supervisor import Supervisor

ROOT = Path(__file__).parent.parent
CLIENT = ROOT / "deployments" / "worker" / "client.py"


@dataclass
class Warm:
    """A listener, and the parents that serve on it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    processes: list["subprocess.Popen[Any]"] = field(default_factory=list)
    lines: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = self.folder / "state"
        self.state.write_text("as it was")
        self.path = tempfile.mkdtemp(prefix="warm-") + "/socket"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()

    def parent(self, **variables: str) -> tuple["subprocess.Popen[Any]", socket.socket]:
        """A parent that is ready, and our end of the line to it."""
        ours, theirs = socket.socketpair()
        with theirs:
            descriptors = (self.listener.fileno(), theirs.fileno())
            command = [sys.executable, "-m", "tests.warm", "parent", *map(str, descriptors)]
            environment = {**os.environ, **self.environment, "TEST_STATE": str(self.state), **variables}
            with (self.folder / "parents").open("ab") as log:
                process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=descriptors, stderr=log)
        self.processes.append(process)
        self.lines.append(ours)
        ours.settimeout(30)
        assert ours.recv(1)
        return process, ours

    def client(self, body: str, **variables: str) -> "subprocess.Popen[str]":
        """The client of a run whose process executes these lines."""
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(CLIENT)], cwd=self.folder, text=True,
            env={**os.environ, SOCKET_VARIABLE: self.path, **self.environment, "TEST_BODY": body, **variables},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def run(self, body: str, **variables: str) -> tuple[int, str, str]:
        """How such a run ended, and what it wrote."""
        client = self.client(body, **variables)
        out, error = client.communicate(timeout=30)
        return client.returncode, out, error

    @property
    def said(self) -> str:
        """What the parents have said."""
        return (self.folder / "parents").read_text()

    def end(self) -> None:
        """End what is left."""
        for each in (self.listener, *self.lines):
            each.close()
        shutil.rmtree(Path(self.path).parent)
        for process in self.processes:
            process.kill()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
            process.wait(10)


@contextmanager
def warm(folder: Path) -> Iterator[Warm]:
    """A listener in a folder; what serves on it or asks it ends with the block."""
    made = Warm(folder)
    try:
        yield made
    finally:
        made.end()


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def parent(listener: str, line: str) -> None:
    """Serve; a child executes the lines of its run's TEST_BODY."""
    origin, state = Origin.here(str(ROOT.resolve())), os.environ.get("TEST_STATE")

    def read() -> State:
        return frozenset({("state", 0, len(Path(state).read_text()))}) if state else read_state()

    limit = int(os.environ.get("TEST_LIMIT", 100))
    serving = Parent(socket.socket(fileno=int(listener)), socket.socket(fileno=int(line)), origin, read, limit)
    match os.environ.get("TEST_OPEN"):
        case "thread":
            threading.Thread(target=threading.Event().wait, name="a-pool", daemon=True).start()
        case "socket":
            serving.kept = socket.socketpair()  # type: ignore[attr-defined]
        case "nothing":
            sys.exit(3)
    serving.open()
    if run := serving.serve():
        adopt(run, origin)
        exec(os.environ["TEST_BODY"], {"__name__": "body"})


def supervisor(code: str) -> None:
    """Supervise a worker that executes these lines, and our parent."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/socket")
        listener.listen()
        ours = [sys.executable, "-m", "tests.warm", "parent"]
        made = Supervisor([sys.executable, "-c", code], listener, Path(folder, "socket"), ours)
        try:
            sys.exit(made.run())
        finally:
            made.close()


if __name__ == "__main__":
    {"parent": parent, "supervisor": supervisor}[sys.argv[1]](*sys.argv[2:])
