"""Measuring: CPU and wall seconds and the highest memory, side by side, interleaved, medians."""

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Not from tests.conftest, which clears the environment that a child was given.
ROOT = Path(__file__).parents[2]
ROUNDS = 5

# What was measured beside its goal, for the list at the end.
FIGURES: list[str] = []


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU, seconds on the clock, and, of a process of its own, the most memory it held in MB."""

    cpu: float
    wall: float
    peak: float = 0.0


def here(work: Callable[[], Any]) -> Cost:
    """What the work takes in this process, threads included."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


def child(*command: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> tuple[Cost, Any]:
    """What a process takes, and the JSON of its last line, if that is JSON."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    said = last_line(done.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, wall, said.get("peak", 0.0) if isinstance(said, dict) else 0.0), said


def last_line(text: str) -> Any:
    """The last line as JSON; None when it is something else."""
    lines = text.strip().splitlines()
    return json.loads(lines[-1]) if lines and lines[-1][:1] in "{[" else None


def python(*arguments: str, env: Mapping[str, str] | None = None) -> tuple[Cost, Any]:
    """A child that runs Python as this process does."""
    return child(sys.executable, *arguments, env=env)


def peak_memory() -> float:
    """The most memory this process held, in MB; unlike ru_maxrss without what its parent held."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


@contextmanager
def a_second_run() -> Iterator[None]:
    """Another process that works all the while."""
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.second_run"], cwd=ROOT)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def beside_a_second_run(program: Callable[[], Cost]) -> Cost:
    """What a program costs while another run is under way."""
    with a_second_run():
        return program()


def interleaved(programs: Mapping[str, Callable[[], Cost]], rounds: int = ROUNDS) -> dict[str, Cost]:
    """The median cost of each program; the machine's mood meets all of them alike."""
    runs: dict[str, list[Cost]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            runs[name].append(program())
    return {name: median(costs) for name, costs in runs.items()}


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure by itself."""
    return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in ("cpu", "wall", "peak")))


def show(title: str, costs: Mapping[str, Cost], **also: Mapping[str, str]) -> None:
    """Print a table: a line a program, and the columns in `also` beside its costs."""
    print(f"\n{title}\n  {'':38} {'cpu s':>8} {'wall s':>8} {'peak MB':>8}  {'  '.join(also)}")
    for name, cost in costs.items():
        peak = f"{cost.peak:8.0f}" if cost.peak else f"{'':8}"
        beside = "  ".join(each.get(name, "") for each in also.values())
        print(f"  {name:38} {cost.cpu:8.2f} {cost.wall:8.2f} {peak}  {beside}")


def hold(what: str, found: float, goal: float, line: float | None = None, unit: str = "", least: bool = False) -> None:
    """Say whether a figure meets its goal, and fail when it is beyond the line.

    The line is the goal; where the goal is not reached, what is reached today with
    head room, so that a step back fails. `least`: the larger, the better.
    """
    bound = goal if line is None else line
    met, held = (found >= goal, found >= bound) if least else (found <= goal, found <= bound)
    word = "at least" if least else "at most"
    said = f"{'met' if met else 'missed'}: {found:.2f}{unit} against goal {word} {goal:.3g}{unit}"
    FIGURES.append(f"{what:58} {said}" + ("" if met else f" (held to {word} {bound:.3g}{unit})"))
    print(f"  {FIGURES[-1]}")
    assert held, FIGURES[-1]
