"""Every end of a run leaves one receipt and one summary, and the command ends with the right code."""

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.builders import CLOCK, ride_spec, write_project
from tests.cases import each
from tests.conftest import ROOT
from tests.servers import call_api
from tierra import steps
from tierra.cli.commands import app
from tierra.errors import Broken
from tierra.report.index import Run, read_runs

BUILD = "import asyncio, sys, warnings\n\n\ndef build(rows):\n    "
# What a function does, the state's name and type in Prefect, the command's exit code, and what the receipt says of it.
ENDS = [
    ("sys.exit(0)", "DataRejected", "FAILED", 3, "SystemExit: 0"),
    ("sys.exit('bye')", "DataRejected", "FAILED", 3, "SystemExit: bye"),
    ("raise KeyboardInterrupt", "Cancelled", "CANCELLED", 130, "stopped by Ctrl-C"),
    ("raise BaseException('odd')", "Failed", "FAILED", 1, "BaseException: odd (features.py:5)"),
    ("raise asyncio.CancelledError('gone')", "Failed", "FAILED", 1, "CancelledError: gone"),
    ("raise MemoryError('70 GB')", "Broken", "FAILED", 1, "no memory left: MemoryError: 70 GB"),
    ("return build(rows)", "DataRejected", "FAILED", 3, "RecursionError"),
    ("warnings.simplefilter('error'); warnings.warn('old')", "DataRejected", "FAILED", 3, "UserWarning: old"),
]  # fmt: skip


@pytest.fixture
def folder(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the one project's files lie."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    spec = ride_spec(features="features:build", candidates=[{"rule": "base_rate"}])
    return write_project(workspace / "projects" / "rides", spec, features=BUILD + "return rows[['km', 'rain']]\n")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server: the flow's body runs in the command's process."""
    monkeypatch.setattr("tasks.run.start.find_api", lambda: "")


def runs_of(folder: Path) -> list[Run]:
    return read_runs(folder.parents[1] / "var/receipts/rides")


@pytest.mark.usefixtures("alone")
def test_whatever_a_function_does_the_command_leaves_a_receipt_and_its_exit_code(folder: Path) -> None:
    def check(does: str, name: str, _: str, code: int, says: str) -> None:
        before = len(runs_of(folder))
        (folder / "features.py").write_text(BUILD + does + "\n")
        ended = CliRunner().invoke(app, ["train", "rides"])
        assert ended.exit_code == code, ended.output
        run, *earlier = runs_of(folder)
        assert (run.outcome, len(earlier)) == (name, before)
        assert says in run.error

    each(ENDS, check)


def test_whatever_a_function_does_the_server_shows_one_state_and_one_summary(folder: Path, prefect_server: str) -> None:
    from flows.train import train

    def check(does: str, name: str, kind: str, _: int, says: str) -> None:
        before = len(runs_of(folder))
        (folder / "features.py").write_text(BUILD + does + "\n")
        state: Any = train("rides", return_state=True)
        assert (state.name, state.type.value) == (name, kind)
        assert len(runs_of(folder)) == before + 1
        assert says.partition(" (")[0].partition("_")[0] in summary_of(prefect_server, state)

    each(ENDS, check)


def summary_of(server: str, state: Any) -> str:
    wanted = {
        "artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}, "key": {"any_": ["train-rides"]}}
    }
    (found,) = call_api(server, "POST", "/artifacts/filter", wanted)
    return str(found["data"])


def test_a_file_that_ends_python_while_it_is_imported_is_a_mistake_in_that_file(folder: Path) -> None:
    (folder / "features.py").write_text("import sys\nsys.exit(0)\n\n\ndef build(rows): ...\n")
    for command in ("train", "try"):
        ended = CliRunner().invoke(app, [command, "rides"])
        assert ended.exit_code == 2, command
        assert "features.py: SystemExit: 0" in ended.output, command


@pytest.fixture
def full_temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which no folder of temporary files can be made."""

    def no_folder(*_: Any, **__: Any) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkdtemp", no_folder)


@pytest.mark.usefixtures("alone", "full_temporary")
def test_a_full_temporary_folder_is_one_line_that_names_what_to_do(folder: Path) -> None:
    ended = CliRunner().invoke(app, ["train", "rides"])
    (run,) = runs_of(folder)
    assert (ended.exit_code, run.outcome) == (1, "Broken")
    assert "No space left on device" in run.error
    assert "TMPDIR" in ended.output
    assert "Traceback" not in ended.output


@pytest.mark.long
@pytest.mark.usefixtures("alone")
def test_clocks_at_the_ends_of_the_calendar_leave_their_receipts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "project.yaml").write_text((folder / "project.yaml").read_text().replace("2d", "3000d\n  horizon: 60d"))
    assert CliRunner().invoke(app, ["train", "rides"]).exit_code == 0

    def check(clock: str) -> None:
        monkeypatch.setenv("TIERRA_CLOCK", clock)
        before = len(runs_of(folder))
        for command in ("train", "score"):
            ended = CliRunner().invoke(app, [command, "rides"])
            assert ended.exit_code == 0, ended.output
        assert len(runs_of(folder)) == before + 2

    each(["9999-12-31T23:59:59-12:00", "1970-01-01T00:00:00+00:00", "0001-01-01T00:00:00+14:00"], check)


@pytest.mark.usefixtures("alone")
def test_what_was_published_before_an_error_is_on_the_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "project.yaml").write_text((folder / "project.yaml").read_text().replace("2d", "1d"))
    assert CliRunner().invoke(app, ["train", "rides"]).exit_code == 0
    real, published = steps.publish.publish_partition, []

    def failing(*arguments: Any) -> Any:
        if published:
            raise Broken("store-failed", "writing: I/O error")
        published.append(real(*arguments))
        return published[0]

    monkeypatch.setattr(steps.publish, "publish_partition", failing)
    ended = CliRunner().invoke(app, ["score", "rides"])
    assert (ended.exit_code, runs_of(folder)[0].outcome) == (1, "Broken")
    (first,) = published
    page = max((folder.parents[1] / "var/receipts/rides").glob("*-score-*.html")).read_text()
    assert f"<b>Published before it ended.</b> 1: {first.partition}, generation 1" in page


def test_settings_that_cannot_be_read_have_their_summary_all_the_same(
    folder: Path, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.train import train

    monkeypatch.setenv("TIERRA_LOG_RETENTION", "for *ever* <b>")
    state: Any = train("rides", return_state=True)
    assert state.name == "Misconfigured"
    assert "TIERRA\\_LOG\\_RETENTION" in summary_of(prefect_server, state)
