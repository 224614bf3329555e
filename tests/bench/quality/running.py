"""Running a peer on a data set: in its own environment, once; what was measured is kept and read again."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.measure import ROOT, child
from tests.bench.quality.data import Data

HOME = ROOT / "var" / "quality"
PEERS = Path(__file__).parent / "peers"
# Nothing reports home; threads that wait do not spin, which on a busy machine costs several times the work.
SILENT = {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
          "GX_ANALYTICS_ENABLED": "false", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT)}  # fmt: skip


@dataclass(frozen=True)
class Peer:
    """A competitor: its script, and what is installed for it; nothing where Tierra's own environment has it."""

    title: str
    script: str
    requirements: tuple[str, ...] = ()
    written: int = 3

    @property
    def lines(self) -> int:
        """The lines its user writes for a data set."""
        lines = [line.strip() for line in (PEERS / f"{self.script}.py").read_text().splitlines()]
        if "# to here" not in lines:
            return self.written
        return sum(bool(line) for line in lines[lines.index("# what the user writes") + 1 : lines.index("# to here")])


ALL = {
    "tierra": Peer("Tierra, three lines", "tierra_run"),
    "tierra_all": Peer("the same, `refit: all`", "tierra_run", written=4),
    "boosting": Peer("hist gradient boosting", "boosting"),
    "linear": Peer("tuned logistic or ridge", "linear"),
    # The package named xgboost brings 469 MB for graphics cards; xgboost-cpu is the same without them.
    "flaml": Peer("FLAML", "flaml_run", ("flaml", "lightgbm", "xgboost-cpu<3", "pandas", "scikit-learn")),
    "autogluon": Peer("AutoGluon", "autogluon_run", ("autogluon.tabular[lightgbm]", "xgboost-cpu")),
}


def install(name: str) -> Path | None:
    """The Python of a peer's own environment, made by pip once; None where it does not install."""
    if not ALL[name].requirements:
        return Path(sys.executable)
    venv = HOME / "environments" / name
    log = venv.with_suffix(".log")
    if not (venv / "installed").is_file():
        venv.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        with log.open("w") as output:
            done = subprocess.run([venv / "bin/python", "-m", "pip", "install", "-q", *ALL[name].requirements],
                                  stdout=output, stderr=output)  # fmt: skip
        if done.returncode:
            return None
        (venv / "installed").touch()
    return venv / "bin" / "python"


def lay_out(name: str, data: Data, budget: int) -> Path:
    """The folder of a data set: rows to learn from, rows held out with and without their target, and the facts."""
    folder = HOME / "data" / name
    folder.mkdir(parents=True, exist_ok=True)
    train, test = data.cut()
    train.to_csv(folder / "train.csv", index=False)
    test.drop(columns=data.target).to_csv(folder / "test.csv", index=False)
    test[[data.target, *([data.order] if data.order else [])]].to_csv(folder / "truth.csv", index=False)
    facts = {"target": data.target, "task": data.task, "metric": data.metric, "order": data.order, "budget": budget}
    (folder / "facts.json").write_text(json.dumps(facts))
    return folder


def read_kept(peer: str, data: str) -> dict[str, Any]:
    """What was measured before; that it was not, where it was not."""
    file = HOME / "results" / data / peer / "result.json"
    return dict(json.loads(file.read_text())) if file.is_file() else {"failed": "not run"}


def run(peer: str, data: str, folder: Path, again: bool = False) -> dict[str, Any]:
    """What a peer took on a data set, kept beside its predictions; why not, where it failed."""
    out = HOME / "results" / data / peer
    kept = out / "result.json"
    if kept.is_file() and not again:
        return read_kept(peer, data)
    python = install(peer)
    if python is None:
        return {"failed": "does not install"}
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    result = _measured(peer, python, folder, out)
    kept.write_text(json.dumps(result))
    shutil.rmtree(out / "models", ignore_errors=True)
    return result


def _measured(peer: str, python: Path, folder: Path, out: Path) -> dict[str, Any]:
    try:
        cost, said = child(
            str(python), str(PEERS / f"{ALL[peer].script}.py"), str(folder), str(out), env=SILENT, cwd=out
        )
    except AssertionError as failure:
        return {"failed": (str(failure).strip().splitlines() or ["no output"])[-1][:300], "at": time.time()}
    return {"wall": cost.wall, "cpu": cost.cpu, "at": time.time(), "load": os.getloadavg()[1], **said}
