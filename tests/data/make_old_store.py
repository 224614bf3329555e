"""Makes old_store.tar.gz: an installation left by the version before champions were pointers in the store.

    python tests/data/make_old_store.py CHECKOUT

CHECKOUT is that version's (commit aa33186, 28 November 2026), and its libraries
are those of this Python. A copy of it trains a small project and scores the two days that are due.
The SQLite file of MLflow says where the files of runs lie: HOME stands for the folder.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.builders import CLOCK, ride_spec, rides, write_project

PACKED = Path(__file__).parent / "old_store.tar.gz"
FEATURES = "def build(rows):\n    return rows[['km', 'zone', 'rain']]\n"
KEPT = ("store", "predictions", "mlflow-artifacts", "mlflow.db")
PLACES = (("experiments", "artifact_location"), ("runs", "artifact_uri"), ("model_versions", "source"),
          ("model_versions", "storage_location"), ("logged_models", "artifact_location"))  # fmt: skip


def main(checkout: str) -> None:
    """Train and score by the old code, and pack what they left."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        shutil.copytree(checkout, folder / "old", ignore=shutil.ignore_patterns(".git", ".venv", "tests", "var"))
        spec = ride_spec(features="features:build", score={"lookback": "1d"})
        write_project(folder / "projects" / "rides", spec, rides(720), features=FEATURES)
        for command in ("train", "score"):
            subprocess.run([sys.executable, "-c", "from tierra.cli import main; main()", command, "rides"],
                           cwd=folder / "old", env=environment(folder), check=True)  # fmt: skip
        shutil.copytree(folder / "var", "/tmp/champ_oldvar", dirs_exist_ok=True)
        make_portable(folder / "var" / "mlflow.db", folder / "var")
        pack(folder)


def environment(folder: Path) -> dict[str, str]:
    """Where the old code runs."""
    return {**os.environ, "PYTHONPATH": str(folder / "old"), "PREFECT_HOME": str(folder / "prefect"), "LOGNAME": "ops",
            "TIERRA_HOME": str(folder / "var"), "TIERRA_PROJECTS": str(folder / "projects"),
            "TIERRA_CLOCK": CLOCK}  # fmt: skip


def make_portable(database: Path, home: Path) -> None:
    """One file without a log beside it, small, and free of this machine's folders."""
    rewrite_places(database, home.as_uri(), "file:HOME")
    with closing(sqlite3.connect(database)) as file, file:
        file.execute("update experiments set artifact_location = 'file:HOME/mlruns' where name = 'Default'")
    with closing(sqlite3.connect(database, isolation_level=None)) as file:
        file.execute("pragma journal_mode = delete")
        file.execute("vacuum")


def rewrite_places(database: Path, old: str, new: str) -> None:
    """Put another folder in every address of MLflow's files."""
    with closing(sqlite3.connect(database)) as file, file:
        for table, column in PLACES:
            file.execute(f"update {table} set {column} = replace({column}, ?, ?)", [old, new])


def pack(folder: Path) -> None:
    """The project and what stands in its home, apart from logs and receipts."""
    for meta in (folder / "var" / "mlflow-artifacts").rglob("MLmodel"):
        meta.write_text(meta.read_text().replace((folder / "var").as_uri(), "file:HOME"))
    with tarfile.open(PACKED, "w:gz") as packed:
        packed.add(folder / "projects", "projects", filter=of_nobody)
        for name in KEPT:
            packed.add(folder / "var" / name, f"var/{name}", filter=of_nobody)


def of_nobody(file: tarfile.TarInfo) -> tarfile.TarInfo:
    """A packed file without this machine's user."""
    file.uid = file.gid = 0
    file.uname = file.gname = ""
    return file


if __name__ == "__main__":
    main(*sys.argv[1:])
