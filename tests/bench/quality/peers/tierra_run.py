"""Tierra: a project of three lines, trained and scored by its own commands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.measure import ROOT
from tests.bench.quality.peers.given import Given, given

COMMAND = "from tierra.cli.commands import main; main()"


def project_file(has: Given) -> str:
    """What the user writes: three lines, and one more for the date of rows that follow each other in time.

    Under the name of `tierra_all` what serves is fitted on the rows of the verdict too.
    """
    lines = [f"project: {has.folder.name}", "source: rows.csv", f"target: {has.target}"]
    lines += [f"split: {{column: {has.order}}}"] if has.order else []
    lines += ["refit: all"] if has.out.name == "tierra_all" else []
    return "\n".join(lines) + "\n"


def tierra(has: Given, *arguments: str) -> None:
    """One command in the folder of the results, where the environment says that everything lies."""
    done = subprocess.run([sys.executable, "-c", COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True)
    (has.out / f"{arguments[0]}.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        raise SystemExit(f"tierra {' '.join(arguments)}: exit {done.returncode}: {(done.stdout + done.stderr)[-1500:]}")


def main() -> None:
    """Train on the rows to learn from, then score the rows held out, which stand where those stood."""
    has = given()
    os.environ |= {"TIERRA_HOME": str(has.out / "var"), "TIERRA_PROJECTS": str(has.out / "projects"),
                   "PREFECT_HOME": str(has.out / "prefect"), "PREFECT_API_URL": ""}  # fmt: skip
    folder = has.out / "projects" / has.folder.name
    folder.mkdir(parents=True)
    (folder / "project.yaml").write_text(project_file(has))
    shutil.copy(has.folder / "train.csv", folder / "rows.csv")
    tierra(has, "train", has.folder.name)
    shutil.copy(has.folder / "test.csv", folder / "rows.csv")
    tierra(has, "score", has.folder.name)
    hand_in(has)


def hand_in(has: Given) -> None:
    """The published predictions in the order of the rows, and the size of the model that serves."""
    from tierra.reading import read_predictions

    published = read_predictions(has.folder.name, "all").sort_values("row_number")
    columns = [name for name in published if name.startswith(("probability", "prediction"))]
    models = sorted((has.out / "var").rglob("champions/**/*.json"), key=lambda file: file.stat().st_mtime)
    has.hand_in(published[columns], model_size(models[-1]))


def model_size(champion: Path) -> int:
    """How large the champion's artifact is."""
    import json

    name = json.loads(champion.read_text())["model"]["name"]
    return next(file.stat().st_size for file in champion.parents[2].rglob(Path(name).name))


main()
