"""A run whose functions quote every secret, escape codes and megabytes leaves them in none of seven places."""

import html
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from tests.builders import CLOCK, ride_spec, write_project
from tests.cases import each
from tests.conftest import ROOT
from tests.servers import call_api
from tierra.cli.commands import app
from tierra.errors import DataRejected
from tierra.redaction import LONGEST

# A secret of its own in each form that a setting can take; {} is where it stands.
SETTINGS = {
    "MLFLOW_URI": "postgresql+psycopg://127.0.0.1:9/mlflow?user=me&password={}",
    "MLFLOW_URL": "http://someone:{}@127.0.0.1:5000",
    "RECEIPTS_URL": "http://someone:{}@127.0.0.1:4300",
    "ALERT_WEBHOOK": "http://127.0.0.1:9/hook/{}",
    "CONNECTIONS__A__URL": "postgresql://someone:{}@127.0.0.1:9/nowhere",
    "CONNECTIONS__B__URL": "postgresql://127.0.0.1:9/nowhere?user=me&password={}&sslmode=require",
    "CONNECTIONS__C__URL": "someone:{}@127.0.0.1/nowhere",
    "CONNECTIONS__D__URL": "host=127.0.0.1 password={} user=me",
    "CONNECTIONS__E__URL": "sqlite:////{}/old.db",
    "S3__ACCESS_KEY_ID": "{}",
    "S3__SECRET_ACCESS_KEY": "{}",
    "S3__PROFILE": "someone:{}@profile",
}  # fmt: skip
OTHERS = {"AWS_SESSION_TOKEN": "{}", "PREFECT_API_KEY": "{}"}
SECRETS = {name: f"canary{number}@/:?&'\"<_é" for number, name in enumerate([*SETTINGS, *OTHERS])}
HOSTILE = "\x1b[31m\x1b]0;x\x07\u202e<img src=x onerror=alert(1)> [click](javascript:alert(1)) **bold** # x | y"
QUOTING = """
import html, json, os
from urllib.parse import quote, unquote

def everything():
    told = [os.environ[name] for name in sorted(os.environ) if name.startswith(("TIERRA_", "AWS_", "PREFECT_API_KEY"))]
    spelled = [spell(each) for each in told for spell in (str, unquote, quote, repr, json.dumps, html.escape)]
    return "no answer: " + "; ".join([os.environ["HOSTILE"], *spelled])

def build(rows):
    raise ValueError(everything() + "x" * 5_000_000)
"""


@pytest.fixture
def home(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose features quote the environment; every setting holds a secret."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    monkeypatch.setenv("HOSTILE", HOSTILE)
    for name, form in {**{f"TIERRA_{name}": form for name, form in SETTINGS.items()}, **OTHERS}.items():
        secret = SECRETS[name.removeprefix("TIERRA_")]
        monkeypatch.setenv(name, form.format(quote(secret, safe="") if "://" in form else quote(secret)))
    # The registry of the setting does not answer, for which a run waits through its retries.
    monkeypatch.setattr("tierra.workspace.Workspace.mlflow_address", f"sqlite:///{workspace}/mlflow.db")
    write_project(workspace / "projects" / "rides", ride_spec(features="features:build"), features=QUOTING)
    return workspace / "var"


def assert_gone(place: str, text: str) -> None:
    """Nothing of any secret but its number's place is in the text, in whatever spelling, and nothing hostile."""
    assert len(text) > 20, f"nothing was looked at: {place}"
    found = [name for name, secret in SECRETS.items() for each in spellings(secret) if each in text]
    assert found == [], place
    assert "canary" not in text, f"{place}: {text[max(text.find('canary') - 60, 0):][:120]!r}"
    assert [each for each in ("\x1b", "\u202e", "x" * 20_000) if each in text] == [], place


def spellings(secret: str) -> set[str]:
    return {secret, quote(secret), quote(secret, safe=""), html.escape(secret), json.dumps(secret)[1:-1]}


def test_seven_places_of_a_run_hold_no_secret_and_nothing_hostile(home: Path, prefect_server: str) -> None:
    from prefect.logging.handlers import APILogWorker

    from flows.train import train

    state: Any = train("rides", return_state=True)
    assert state.name == "DataRejected"
    APILogWorker.drain_all(timeout=10)
    run = {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}
    tasks = call_api(prefect_server, "POST", "/task_runs/filter", {"task_runs": run})
    artifacts = call_api(prefect_server, "POST", "/artifacts/filter", {"artifacts": run})
    logs = call_api(prefect_server, "POST", "/logs/filter", {"logs": run})
    assert "function-failed" in str(tasks) + str(logs)
    places = {
        "the run's state": state.message,
        "its result": repr(state.result(raise_on_failure=False)),
        "states of tasks": "\n".join(str(each["state"]["message"]) for each in tasks),
        "artifacts": "\n".join(f"{each['data']} {each['description']}" for each in artifacts),
        "the run's log": "\n".join(each["message"] for each in logs),
        "log files": files_of(home / "logs"),
        "receipts and records": files_of(home / "receipts"),
    }
    each_of(places)
    assert len(state.message) < LONGEST + 300
    assert [each for each in ("<img", "[click](", "**bold**") if each in places["artifacts"]] == []
    pages = [file.read_text() for file in (home / "receipts").rglob("*.html")]
    assert pages
    assert [page for page in pages if "<img" in page] == []


def each_of(places: dict[str, str]) -> None:
    each(list(places.items()), assert_gone)


def files_of(folder: Path) -> str:
    return "\n".join(file.read_text() for file in folder.rglob("*") if file.is_file())


def test_a_bug_that_quotes_them_leaves_its_traceback_without_them(
    home: Path, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.logging.handlers import APILogWorker

    from flows.train import train

    scope: dict[str, Any] = {}
    exec(QUOTING, scope)

    def broken(*_: Any) -> None:
        try:
            raise KeyError(scope["everything"]())
        except KeyError as error:
            raise OSError(5, "no answer", scope["everything"]()) from error

    monkeypatch.setattr("tasks.training.pull_sources.task.fn", broken)
    monkeypatch.setattr("tierra.steps.pull.pull_source", broken, raising=False)
    monkeypatch.setattr("tierra.data.code.load_code", broken)
    monkeypatch.setattr("tierra.workspace.Workspace.objects", property(broken))
    state: Any = train("rides", return_state=True)
    assert (state.name, state.type.value) == ("Failed", "FAILED")
    APILogWorker.drain_all(timeout=10)
    run = {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}
    logs = "\n".join(each["message"] for each in call_api(prefect_server, "POST", "/logs/filter", {"logs": run}))
    assert "Traceback" in logs
    assert "broken" in logs
    each_of({"state": state.message, "log": logs, "files": files_of(home / "logs"), "page": files_of(home / "receipts"),
             "result": repr(state.result(raise_on_failure=False))})  # fmt: skip


def test_no_command_prints_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.run.start.find_api", lambda: "")
    monkeypatch.setattr("deployments.doctor.doctor._checks", lambda *_: [broken_check])
    commands = (["train", "rides"], ["train", "rides", "--json"], ["--debug", "train", "rides"], ["try", "rides"],
                ["settings"], ["settings", "--json"], ["doctor"], ["doctor", "--json"], ["status"],
                ["status", "--json"], ["check", "rides"], ["champions", "rides"])  # fmt: skip
    each_of({" ".join(command): CliRunner().invoke(app, command).output for command in commands})


def test_a_bug_in_a_command_is_a_traceback_without_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tierra.workspace.Workspace.champions", property(lambda _: broken_check()))
    ended = CliRunner().invoke(app, ["--debug", "champions", "rides"])
    assert (ended.exit_code, "Traceback" in ended.output, "source-empty" in ended.output) == (3, True, True)
    assert_gone("an error of ours", ended.output)
    monkeypatch.setattr("tests.integration.test_leaving.DataRejected", lambda _, what: OSError(5, what))
    ended = CliRunner().invoke(app, ["champions", "rides"])
    assert (ended.exit_code, "Traceback" in ended.output, "OSError" in ended.output) == (1, True, True)
    assert_gone("a bug", ended.output)


def broken_check() -> Any:
    scope: dict[str, Any] = {}
    exec(QUOTING, scope)
    raise DataRejected("source-empty", scope["everything"]())
