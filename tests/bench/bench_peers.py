"""The same eight steps under Tierra's stations, Kedro, Dagster and Metaflow, and in one plain script.

Each peer lives in a venv of its own, made once below var/peers; what does not
install is said and left out.
"""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.bench.flights import data_folder
from tests.bench.measure import ROOT, Cost, child, hold, interleaved, show

PEERS = ("kedro", "dagster", "metaflow")
# What Tierra is to stay below; it is held to the last of them.
RIVALS = ("dagster", "metaflow")
SHARED = ("pandas", "scikit-learn", "pyarrow")
SCRIPTS = ROOT / "tests" / "bench" / "peers"
VENVS = ROOT / "var" / "peers"
ROUNDS = 3
LEAN = "plain, in a peer's venv"
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


def program(name: str, python: Path | str, folder: Path, scratch_name: str = "") -> Callable[[], Cost]:
    """A run of the eight steps by one tool, in a scratch folder of its own."""
    scratch = folder / (scratch_name or name)
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
def test_tierra_adds_less_than_metaflow(prefect_server: str, tmp_path: Path) -> None:
    """Each is measured against the plain script in a venv like its own: what else is installed shows in imports."""
    programs = {name: program(name, sys.executable, tmp_path) for name in ("plain", "tierra")}
    installed = {peer: python for peer in PEERS if (python := install(peer))}
    if installed:
        programs[LEAN] = program("plain", next(iter(installed.values())), tmp_path, "lean")
    programs |= {peer: program(peer, python, tmp_path) for peer, python in installed.items()}
    costs = interleaved(programs, ROUNDS)
    beside = dict.fromkeys(installed, LEAN) | {"tierra": "plain"}
    added = {name: costs[name].cpu - costs[plain].cpu for name, plain in beside.items()}
    above = {name: f"{cpu:+.1f} s CPU" for name, cpu in added.items()}
    show("Eight steps on the flights table", costs, above_plain=above)
    if rivals := [added[peer] for peer in RIVALS if peer in added]:
        what = f"eight steps, CPU above plain, by the leanest of {' and '.join(RIVALS)}"
        hold(what, added["tierra"], min(rivals), added.get("metaflow"), " s")
