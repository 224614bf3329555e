"""What importing a flow costs beside Prefect itself: side by side, interleaved, median of five."""

import resource
import statistics
import subprocess
import sys
import time

from tests.bench.measure import hold
from tests.conftest import ROOT

PREFECT = "from prefect import flow, task\n@flow\ndef f(): pass\n@task\ndef t(): pass"
OURS = ("import flows.train", "import flows.score", "import tierra.cli.commands")
ROUNDS = 5
LIMIT = 1.2


def cost(code: str) -> tuple[float, float]:
    """CPU and wall seconds of a process that runs the code."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - started


def test_imports_stay_within_the_budget() -> None:
    programs = {"prefect": PREFECT, **{code: code for code in OURS}}
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, code in programs.items():
            runs[name].append(cost(code))
    cpu = {name: statistics.median(each[0] for each in costs) for name, costs in runs.items()}
    wall = {name: statistics.median(each[1] for each in costs) for name, costs in runs.items()}
    for name in programs:
        print(f"{name:22} cpu {cpu[name]:.2f} s  wall {wall[name]:.2f} s  {cpu[name] / cpu['prefect']:.2f} x prefect")
    for name in OURS:
        hold(f"{name} by Prefect's import, CPU", cpu[name] / cpu["prefect"], LIMIT, unit=" x")
