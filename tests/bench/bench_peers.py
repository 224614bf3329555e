"""The same eight steps under Tierra's stations, Kedro, Dagster and Metaflow, and in one plain script.

Each peer lives in a venv of its own, made once below var/peers; what does not
install is said and left out.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.bench.flights import data_folder
from tests.bench.measure import ROOT, Cost, child, interleaved, show

PEERS = ("kedro", "dagster", "metaflow")
SHARED = ("pandas", "scikit-learn", "pyarrow")
SCRIPTS = ROOT / "tests" / "bench" / "peers"
VENVS = ROOT / "var" / "peers"
ROUNDS = 3
SILENT = {"DO_NOT_TRACK": "true", "KEDRO_DISABLE_TELEMETRY": "true", "DAGSTER_DISABLE_TELEMETRY": "true"}


def install(peer: str) -> Path | None:
    """The Python of the peer's own venv; None when the peer does not install."""
    python, log = VENVS / peer / "bin" / "python", VENVS / f"{peer}.log"
    if not (VENVS / peer / "installed").is_file():
        VENVS.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENVS / peer)], check=True)
        wanted = [f"{name}=={version(name)}" for name in SHARED]
        with log.open("w") as said:
            done = subprocess.run([python, "-m", "pip", "install", "-q", peer, *wanted], stdout=said, stderr=said)
        if done.returncode:
            print(f"  {peer} does not install: {log.read_text().splitlines()[-1]}")
            return None
        (VENVS / peer / "installed").touch()
    return python


def program(name: str, python: Path | str, folder: Path) -> Callable[[], Cost]:
    """A run of the eight steps by one tool, in a scratch folder of its own."""
    scratch = folder / name
    scratch.mkdir()
    # Dagster reads its telemetry setting from the file alone.
    (scratch / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    env = {
        **SILENT, "PYTHONPATH": str(ROOT), "BENCH_DATA": str(data_folder()), "DAGSTER_HOME": str(scratch),
        "METAFLOW_HOME": str(scratch), "METAFLOW_USER": "bench", "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(scratch),
    }  # fmt: skip
    end = ["--quiet", "run"] if name == "metaflow" else [str(data_folder()), str(scratch)]
    command = [str(python), str(SCRIPTS / f"{name}_run.py"), *end]
    return lambda: child(*command, env=env, cwd=scratch)[0]


@pytest.mark.long
def test_tierra_costs_less_than_dagster_and_metaflow(prefect_server: str, tmp_path: Path) -> None:
    programs = {name: program(name, sys.executable, tmp_path) for name in ("plain", "tierra")}
    for peer in PEERS:
        if python := install(peer):
            programs[peer] = program(peer, python, tmp_path)
    costs = interleaved(programs, ROUNDS)
    plain = costs["plain"]
    above = {
        name: f"{cost.cpu - plain.cpu:+.1f} s CPU, {cost.wall - plain.wall:+.1f} s" for name, cost in costs.items()
    }
    show("Eight steps on the flights table", costs, above_plain=above)
    print(f"  cores: {os.cpu_count()}")
    assert all(costs["tierra"].cpu < costs[peer].cpu for peer in ("dagster", "metaflow") if peer in costs)
