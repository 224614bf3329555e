"""What starts fast stays fast: heavy libraries load only when a command needs them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import write_project
from tests.conftest import ROOT
from tierra import steps

HEAVY = {"sklearn", "mlflow", "great_expectations", "pandas", "boto3", "botocore", "psycopg"}
COMMAND = "import sys; from tierra.cli.commands import app; sys.argv = {}; app(standalone_mode=False)"


def loaded_by(code: str, folder: Path) -> set[str]:
    """The heavy libraries a fresh process has loaded after running `code`."""
    report = "import sys; print('loaded', *(name for name in sys.modules if '.' not in name))"
    places = {"PYTHONPATH": str(ROOT), "TIERRA_HOME": "var", "TIERRA_PROJECTS": "projects",
              "PREFECT_HOME": str(folder / "prefect")}  # fmt: skip
    run = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], cwd=folder, env={**os.environ, **places},
                         capture_output=True, text=True)  # fmt: skip
    assert run.returncode == 0, run.stderr
    return HEAVY & set(run.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import flows.train, flows.score, flows.status",
        "import tasks.status, tierra.status.stores, tierra.status.table",
        COMMAND.format(["tierra", "--help"]),
        COMMAND.format(["tierra", "check", "rides", "--no-data"]),
        COMMAND.format(["tierra", "settings"]),
    ],
    ids=["flows", "status", "help", "check", "settings"],
)
def test_nothing_heavy_is_loaded(tmp_path: Path, code: str) -> None:
    write_project(tmp_path / "projects" / "rides")
    assert loaded_by(code, tmp_path) == set()


def test_a_look_at_the_data_loads_what_reads_it_and_no_more(tmp_path: Path) -> None:
    """Arrow loads pandas when it is given a list."""
    write_project(tmp_path / "projects" / "rides")
    assert loaded_by(COMMAND.format(["tierra", "check", "rides"]), tmp_path) <= {"pandas"}


def test_who_serves_is_found_without_scikit_learn_and_mlflow(tmp_path: Path) -> None:
    """Most runs of a night have nothing to score."""
    code = "import flows.score, tierra.steps.work, tierra.steps.champion, tierra.model.champions, tierra.data.snapshot"
    assert not {"sklearn", "mlflow"} & loaded_by(code, tmp_path)


def test_a_mistake_in_the_file_shows_before_prefect_loads(tmp_path: Path) -> None:
    write_project(tmp_path / "projects" / "rides", "project: rides\n")
    code = COMMAND.format(["tierra", "train", "rides"])
    refused = (
        f"import typer\ntry:\n    {code}\nexcept (SystemExit, typer.Exit): ...\nassert 'prefect' not in sys.modules"
    )
    assert loaded_by(refused, tmp_path) == set()


def test_every_step_that_tasks_and_flows_call_is_one_that_loads() -> None:
    """In a process where others have imported it, a step that is not named is found all the same."""
    code = "".join(file.read_text() for folder in ("tasks", "flows") for file in (ROOT / folder).rglob("*.py"))
    assert set(re.findall(r"\bsteps\.(\w+)\.", code)) <= set(steps.__all__)
