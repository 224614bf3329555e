"""A checkout of its own, with a project, a server and a warm worker; and what the worker consists of."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.builders import ride_spec, rides, write_project
from tests.conftest import ROOT
from tests.e2e.checkout import Checkout
from tests.ops import Ops, a_server, members
from tests.servers import until

PACKAGES = ("tierra", "tasks", "flows", "deployments")
# The scoring of a day waits in its middle while a file is there, and says so by another.
FEATURES = """
import os, time
from pathlib import Path

def prepare(rides, history):
    wait = Path(os.environ.get("TEST_GATE", "/nowhere"), f"{str(rides['day'].iloc[0])[:10]}.wait")
    if wait.exists():
        wait.with_suffix(".waiting").touch()
        while wait.exists():
            time.sleep(0.05)
    return rides
"""


@dataclass
class WarmCheckout:
    """A server whose deployments run the code of a folder, where it may be edited."""

    ops: Ops
    folder: Path
    checkout: Checkout = field(init=False)

    def __post_init__(self) -> None:
        for name in PACKAGES:
            shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", self.folder)
        (self.ops.folder / "gate").mkdir()
        self.ops.environment |= {"PYTHONPATH": str(self.folder), "TEST_GATE": str(self.ops.folder / "gate")}
        self.checkout = Checkout(self.folder, self.ops.environment)

    def start(self, **environment: str) -> "Worker":
        """A warm worker that is ready for runs."""
        process = self.ops.warm_worker(self.folder, **environment)
        log = self.ops.folder / f"worker-{len(self.ops.processes) - 1}.log"
        until("the worker has started", 120, lambda: "started!" in log.read_text())
        until("the parent is ready", 120, lambda: "has imported" in log.read_text())
        return Worker(process, log)

    def publish(self, day: str | None = None, **parameters: Any) -> dict[str, Any]:
        """How a scoring ended."""
        return self.ops.ended(self.ops.run("score/rides", **({"partition": day} if day else {}), **parameters))

    @contextmanager
    def waiting(self, day: str) -> Iterator[str]:
        """A run that stays in its middle until the block ends."""
        wait = self.ops.folder / "gate" / f"{day}.wait"
        wait.touch()
        try:
            run = self.ops.run("score/rides", partition=day)
            until("the run is in its middle", 60, wait.with_suffix(".waiting").exists)
            yield run
        finally:
            for suffix in (".wait", ".waiting"):
                wait.with_suffix(suffix).unlink(missing_ok=True)

    def published(self) -> list[str]:
        """Every manifest, as partition/generation."""
        folder = self.ops.folder / "var" / "predictions" / "rides" / "manifests"
        return sorted(f"{file.parent.name}/{int(file.stem)}" for file in folder.glob("*/*.json"))


@dataclass
class Worker:
    """A supervisor with everything that it has started."""

    process: Any
    log: Path

    def find(self, what: str) -> list[int]:
        """The ids of its processes of one kind: worker, parent, client; children are found as parents too."""
        words = {"worker": "prefect worker start", "parent": "deployments.worker.parent", "client": "worker/client.py",
                 "engine": "-m prefect."}  # fmt: skip
        return [pid for pid in members(self.process.pid) if words[what] in _command(pid)]

    def parent(self) -> int:
        """The newest parent."""
        return max(pid for pid in self.find("parent") if _parent_of(pid) == self.process.pid)

    def runs(self) -> list[int]:
        """The forked children."""
        return [pid for pid in self.find("parent") if _parent_of(pid) != self.process.pid]

    def memory(self) -> int:
        """The memory of the parent that is no file's, in kB."""
        text = Path(f"/proc/{self.parent()}/status").read_text()
        return sum(int(found) for found in re.findall(r"(?:RssAnon|VmSwap):\s+(\d+) kB", text))


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@contextmanager
def warm_checkout(folder: Path, rows: int = 2400, **environment: str) -> Iterator[WarmCheckout]:
    """A server with one project that has a champion, deployed from a checkout of its own."""
    write_project(folder / "projects" / "rides", ride_spec(prepare="features:prepare"), rides(rows), features=FEATURES)
    with a_server(folder, **environment) as ops:
        made = WarmCheckout(ops, folder / "checkout")
        made.checkout.tierra("train", "rides")
        made.checkout.tierra("deploy")
        # A run that died must not hold up the next for half a minute.
        score = ops.deployment("score/rides")["id"]
        ops.call("PATCH", f"/deployments/{score}", {"concurrency_limit": 100})
        yield made
