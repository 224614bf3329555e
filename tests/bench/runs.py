"""What runs on a worker cost and how long they wait: the CPU of the worker with everything it starts, from /proc."""

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

from tests.bench.measure import Cost
from tests.e2e.warm_checkout import WarmCheckout, Worker
from tests.ops import ENDED, Ops, members
from tests.servers import until

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(root: int) -> float:
    """Seconds of CPU of a process, of what it has started, and of what has ended below it."""
    return sum(_ticks(pid) for pid in members(root)) / TICKS


@dataclass
class Meter:
    """Costs of runs on one worker, less what that uses while it waits."""

    here: WarmCheckout
    worker: Worker
    idle: float = 0.0

    def rest(self, seconds: float = 15) -> float:
        """Measure what the worker uses a second while it waits."""
        before = cpu_of(self.worker.process.pid)
        time.sleep(seconds)
        self.idle = (cpu_of(self.worker.process.pid) - before) / seconds
        return self.idle

    def run(self, name: str, expected: tuple[str, ...], **parameters: Any) -> Cost:
        """The cost of a run of a deployment, from its request until its process has ended."""
        before, began = cpu_of(self.worker.process.pid), time.perf_counter()
        run = self.here.ops.run(name, **parameters)
        state = self.here.ops.ended(run, 300)
        until("its process has ended", 30, lambda: not busy(self.worker), every=0.05)
        wall = time.perf_counter() - began
        assert state["name"] in expected, state
        return Cost(cpu_of(self.worker.process.pid) - before - self.idle * wall, wall)


def busy(worker: Worker) -> bool:
    """Whether a run of the worker is under way, forked or not."""
    return bool(worker.runs() or worker.find("client") or worker.find("engine"))


def schedule(ops: Ops, name: str, when: datetime, **parameters: Any) -> str:
    """A run that is due at a moment, as the scheduler makes it; its id."""
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": when.isoformat()}}
    body = {"state": state, "tags": ["tierra", "auto-scheduled"], "parameters": parameters}
    return str(ops.ask(f"/deployments/{ops.deployment(name)['id']}/create_flow_run", body)["id"])


def delays(ops: Ops, runs: dict[str, datetime], seconds: float = 1800) -> list[float]:
    """How long after its moment each run began, once all have ended."""
    found = {run: until(f"{run} ends", seconds, lambda run=run: _if_ended(ops, run), every=1) for run in runs}
    return [(datetime.fromisoformat(found[run]["start_time"]) - when).total_seconds() for run, when in runs.items()]


def p95(values: list[float]) -> float:
    """The value that one of twenty exceeds."""
    return quantiles(values, n=20, method="inclusive")[-1]


def now() -> datetime:
    """This moment, as the server counts it."""
    return datetime.now(UTC)


def _if_ended(ops: Ops, run: str) -> Any:
    found = ops.call("GET", f"/flow_runs/{run}")
    return found if found["state_type"] in ENDED else None


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))
