"""`tierra deploy` on a real server: it holds what the projects ask for, whatever it held before."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deployments.deploy import deploy
from tests.builders import ride_spec, write_project
from tests.conftest import ROOT
from tests.ops import Ops, a_server, until
from tests.servers import ask_api
from tierra.cli.commands import app
from tierra.errors import TierraError

Show, Changes = Callable[..., str], Callable[..., list[tuple[str, str, str]]]
NIGHTLY = {"timezone": "Europe/Madrid", "score": ["0 3 * * *", {"every": "6h", "parameters": {"rescore": True}}],
           "train": "0 4 * * 1", "tags": ["nightly"]}  # fmt: skip


@pytest.fixture(scope="module")
def ops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    with a_server(tmp_path_factory.mktemp("deploy"), PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS="5") as server:
        yield server


@pytest.fixture
def projects(ops: Ops) -> Iterator[Path]:
    """One project with schedules, on a server that holds nothing of it yet."""
    folder = ops.folder / "projects"
    write_project(folder / "rides", ride_spec(schedule=NIGHTLY))
    yield folder
    shutil.rmtree(folder)
    for each in ops.ask("/deployments/filter"):
        ops.call("DELETE", f"/deployments/{each['id']}")
    for each in ops.ask("/automations/filter"):
        ops.call("DELETE", f"/automations/{each['id']}")


@pytest.fixture
def shown(ops: Ops, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Deploy as the command does, in this process; returns what was printed."""
    monkeypatch.chdir(ROOT)
    for name, value in ops.environment.items():
        monkeypatch.setenv(name, value)

    def run(dry_run: bool = False, as_json: bool = False, **environment: str) -> str:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            deploy(dry_run, as_json)
        return capsys.readouterr().out

    return run


@pytest.fixture
def changes(shown: Callable[..., str]) -> Callable[..., list[tuple[str, str, str]]]:
    """Deploy; returns verb, kind and name of what was changed."""

    def run(**options: Any) -> list[tuple[str, str, str]]:
        result = json.loads(shown(as_json=True, **options))
        return [(each["verb"], each["kind"], each["name"]) for each in result["changes"]]

    return run


def schedules(ops: Ops, name: str) -> list[tuple[Any, Any]]:
    return sorted((each["schedule"].get("cron"), each["schedule"].get("interval"))
                  for each in ops.deployment(name)["schedules"])  # fmt: skip


def coming(ops: Ops, name: str) -> list[dict[str, Any]]:
    which = {"deployments": {"id": {"any_": [ops.deployment(name)["id"]]}}}
    scheduled = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    found: list[dict[str, Any]] = ops.ask("/flow_runs/filter", which | scheduled)
    return found


def test_deploying_twice_changes_nothing_the_second_time(
    ops: Ops, projects: Path, shown: Show, changes: Changes
) -> None:
    assert ("create", "deployment", "score/rides") in changes()
    assert changes() == []
    assert "nothing to do" in shown()


def test_a_dry_run_shows_the_difference_and_changes_nothing(
    ops: Ops, projects: Path, shown: Show, changes: Changes
) -> None:
    planned = changes(dry_run=True)
    assert planned == changes(dry_run=True) != []
    assert ask_api("GET", f"{ops.url}/deployments/name/score/rides").status_code == 404


def test_every_schedule_arrives_with_its_zone_and_its_parameters(
    ops: Ops, projects: Path, shown: Show, changes: Changes
) -> None:
    shown()
    found = {each["schedule"].get("cron"): each for each in ops.deployment("score/rides")["schedules"]}
    assert found["0 3 * * *"]["schedule"]["timezone"] == "Europe/Madrid"
    assert found[None]["parameters"] == {"rescore": True}
    assert (found[None]["schedule"]["interval"], len(found)) == (6 * 3600, 2)
    assert set(ops.deployment("score/rides")["tags"]) == {"tierra", "rides", "nightly"}
    assert ops.deployment("score/rides")["concurrency_options"]["collision_strategy"] == "ENQUEUE"


def test_an_emptied_schedule_starts_no_more_runs(ops: Ops, projects: Path, shown: Show, changes: Changes) -> None:
    shown()
    until("runs are scheduled", 60, lambda: coming(ops, "score/rides"))
    write_project(projects / "rides", ride_spec(schedule={"train": "0 4 * * 1"}))
    output = shown()
    assert "~ change deployment score/rides" in output
    assert "0 3 * * *" in output
    assert (schedules(ops, "score/rides"), coming(ops, "score/rides")) == ([], [])
    until("the scheduler came by again", 60, lambda: coming(ops, "train/rides"))
    assert coming(ops, "score/rides") == []


def test_what_is_gone_from_the_projects_disappears_from_the_server(
    ops: Ops, projects: Path, shown: Show, changes: Changes
) -> None:
    write_project(projects / "walks", ride_spec(project="walks", schedule=NIGHTLY))
    shown(TIERRA_ALERT_WEBHOOK="http://127.0.0.1:9/hook")
    shutil.rmtree(projects / "walks")
    removed = changes(TIERRA_ALERT_WEBHOOK="http://127.0.0.1:9/hook")
    deployments = {name for verb, kind, name in removed if kind == "deployment"}
    assert deployments == {"train/walks", "score/walks", "rollback/walks"}
    assert {verb for verb, _, _ in removed} == {"remove"}
    assert not [each for each in ops.ask("/automations/filter") if "walks" in each["name"]]


def test_a_changed_schedule_replaces_the_old_one(ops: Ops, projects: Path, shown: Show, changes: Changes) -> None:
    shown()
    write_project(projects / "rides", ride_spec(schedule={**NIGHTLY, "score": "30 5 * * *"}))
    assert changes() == [("change", "deployment", "score/rides")]
    assert schedules(ops, "score/rides") == [("30 5 * * *", None)]


def test_what_a_person_paused_stays_paused_and_is_said(ops: Ops, projects: Path, shown: Show, changes: Changes) -> None:
    shown()
    ops.ask(f"/deployments/{ops.deployment('score/rides')['id']}/pause_deployment")
    write_project(projects / "rides", ride_spec(schedule={**NIGHTLY, "score": "30 5 * * *"}))
    assert "paused" in shown()
    assert ops.deployment("score/rides")["paused"] is True


def test_the_address_of_alerts_is_kept_as_a_secret_and_followed(
    ops: Ops, projects: Path, shown: Show, changes: Changes
) -> None:
    first, second = ("http://127.0.0.1:9/canary-71", "http://127.0.0.1:9/canary-72")
    output = shown(TIERRA_ALERT_WEBHOOK=first)
    assert "canary" not in output
    assert "+ create automation tierra: a run failed" in output
    assert changes(TIERRA_ALERT_WEBHOOK=first) == []
    assert changes(TIERRA_ALERT_WEBHOOK=second) == [("change", "alert", "tierra-alerts")]
    assert "canary" not in json.dumps(ops.ask("/automations/filter") + ops.ask("/block_documents/filter"))
    assert {kind for _, kind, _ in changes()} == {"automation"}  # without an alert nobody is told


@pytest.mark.parametrize(
    ("schedule", "environment", "code"),
    [
        ({"score": {"cron": "0 3 * * *", "parameters": {"speed": 9}}}, {}, "schedule-parameter"),
        ({"score": "0 3 * * *"}, {"TIERRA_ALERT_BLOCK": "slack-webhook/nobody"}, "alert-unknown"),
        ({"score": "0 3 * * *"}, {"PREFECT_API_URL": "http://127.0.0.1:9/api"}, "server-unavailable"),
    ],
)
def test_what_cannot_be_deployed_is_refused_and_changes_nothing(
    ops: Ops, projects: Path, shown: Show, schedule: dict[str, Any], environment: dict[str, str], code: str
) -> None:
    write_project(projects / "rides", ride_spec(schedule=schedule))
    with pytest.raises(TierraError) as refused:
        shown(**environment)
    assert refused.value.code == code
    assert ask_api("GET", f"{ops.url}/deployments/name/score/rides").status_code == 404


@pytest.mark.long
def test_the_command_says_what_it_did_or_why_not_in_one_line(
    ops: Ops, projects: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "+ create deployment score/rides" in ops.tierra("deploy")
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(app, ["deploy"], env={**ops.environment, "PREFECT_API_URL": "http://127.0.0.1:9/api"})
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1), done.output
    assert "server-unavailable" in done.stderr
