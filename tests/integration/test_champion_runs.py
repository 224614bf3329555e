"""Real runs over the champion's pointers: a history, an alias moved by hand, MLflow lost and set back by a week."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Completed, Running
from typer.testing import CliRunner

from tasks.training import register_model
from tests.integration.test_scoring_flow import DUE, Installation, stand_in
from tests.servers import call_api
from tierra.cli.commands import app
from tierra.data.profile import Profile
from tierra.errors import Unavailable
from tierra.model.champions import Champions
from tierra.model.view import alias_of
from tierra.status.seen import Check
from tierra.status.stores import read_stores
from tierra.steps.evaluate import read_evaluations
from tierra.steps.profile import read_drift
from tierra.store.values import read_value
from tierra.workspace import open_workspace

STRENGTHS, BETTER = (0.00001, 0.0001, 0.01), 1.0


def candidates(strength: float) -> list[dict[str, Any]]:
    return [{"rule": "base_rate"}, {"model": "logistic", "params": {"C": strength}}]


@pytest.fixture(scope="module")
def three(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation that trained three times, each time better; `week_old.db` is MLflow after the first."""
    folder = tmp_path_factory.mktemp("three") / "here"
    with pytest.MonkeyPatch.context() as monkeypatch:
        here = stand_in(folder, monkeypatch)
        for number, strength in enumerate(STRENGTHS, 1):
            here.restate(candidates=candidates(strength))
            name, end = here.train()
            assert (name, end.champion.version) == ("Promoted", str(number))
            if number == 1:
                shutil.copy(folder / "var" / "mlflow.db", folder / "week_old.db")
    return folder


@pytest.fixture
def here(three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    return stand_in(Path(shutil.copytree(three, tmp_path / "here")), monkeypatch)


def shown() -> str | None:
    """The version that MLflow's alias names."""
    return alias_of(open_workspace().mlflow_address, ["rides"]).get("rides")


def command(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def registry_check() -> Check:
    (check,) = [each for each in read_stores(open_workspace()).checks if each.name == "registry"]
    return check


def test_every_promotion_shows_its_cards_as_artifacts(prefect_server: str, here: Installation) -> None:
    wanted = {"artifacts": {"key": {"any_": ["model-card-rides", "data-card-rides"]}}, "sort": "CREATED_DESC"}
    found = call_api(prefect_server, "POST", "/artifacts/filter", wanted)
    told = {each["description"]: each["data"] for each in found}
    for version in ("1", "2", "3"):
        assert told[f"Model card of version {version}"].startswith(f"# Model card: rides, version {version}")
        assert told[f"Data card of version {version}"].startswith(f"# Data card: rides, version {version}")


def test_three_trainings_are_three_champions_with_their_history(here: Installation) -> None:
    history = open_workspace().champions.history("rides")
    assert [(each.number, each.version, each.candidate) for each in history] == [
        (number, str(number), "logistic") for number in (1, 2, 3)
    ]
    assert sorted(each.when for each in history) == [each.when for each in history]
    assert {each.who.count("@") for each in history} == {1}
    assert "champion version 2" in history[2].verdict.reasons[-1]
    assert (shown(), registry_check().level) == ("3", "green")
    said = json.loads(command("champions", "rides", "--json"))
    assert (said["project"], [each["number"] for each in said["champions"]]) == ("rides", [1, 2, 3])
    assert said["champions"][2]["verdict"]["promote"] is True
    table = command("champions", "rides")
    assert "logistic beats" in " ".join(table.split())
    assert max(map(len, table.splitlines())) <= 120


def test_an_alias_moved_by_hand_is_told_changes_nothing_and_is_set_back(here: Installation) -> None:
    workspace = open_workspace()
    workspace.recorder().show("rides", "1")
    check = registry_check()
    assert check.level == "amber"
    assert "names version 1, and version 3 serves" in check.what
    warnings = json.loads(command("check", "rides", "--json"))["warnings"]
    assert [each for each in warnings if "names version 1, and version 3 serves" in each]
    name, end = here.score()
    assert (name, end.model_version) == ("Published", "3")
    name, end = here.train()
    assert (name, end.champion.version, shown()) == ("KeptChampion", "3", "3")
    assert "names version 1, and version 3 serves; it was set back" in Path(end.receipt).read_text().replace(
        "&#x27;", "'"
    )
    assert registry_check().level == "green"


def test_a_rollback_and_a_promotion_move_the_alias_too(here: Installation) -> None:
    said = json.loads(command("rollback", "rides", "--reason", "a test", "--json"))
    assert (said["outcome"], said["version"], shown()) == ("RolledBack", "2", "2")
    command("promote", "rides", "1", "--reason", "older still")
    assert (shown(), registry_check().level) == ("1", "green")
    assert [each.did for each in open_workspace().champions.history("rides")[3:]] == ["rolled back", "promoted"]


def test_no_rollback_while_a_run_of_the_project_publishes(here: Installation) -> None:
    from flows.score import score

    with get_client(sync_client=True) as client:
        other = client.create_flow_run(score, parameters={"project": "walks"}, state=Running())
        run = client.create_flow_run(score, parameters={"project": str(here.folder / "rides")}, state=Running())
        before = here.digest("store", "predictions")
        refused = CliRunner().invoke(app, ["rollback", "rides", "--reason", "a test"])
        assert (refused.exit_code, here.digest("store", "predictions")) == (2, before)
        assert f"rides: run {run.name} is publishing. Wait until that run ends" in refused.output
        client.set_flow_run_state(run.id, Completed(), force=True)
        assert "RolledBack" in command("rollback", "rides", "--reason", "a test")
        client.set_flow_run_state(other.id, Completed(), force=True)


def test_mlflow_lost_or_set_back_by_a_week_takes_nothing_from_what_serves(here: Installation) -> None:
    database = here.folder / "var" / "mlflow.db"
    database.unlink()
    shutil.rmtree(here.folder / "var" / "mlflow-artifacts")
    name, end = here.score(DUE[0])
    assert (name, end.model_version) == ("Published", "3")
    assert (registry_check().level, database.exists()) == ("amber", False)
    shutil.copy(here.folder / "week_old.db", database)
    assert shown() == "1"
    name, end = here.score(DUE[1])
    assert (name, end.model_version) == ("Published", "3")
    name, end = here.train()
    assert (name, end.champion.version) == ("KeptChampion", "3")
    assert "MLflow does not show version 3 as champion" in Path(end.receipt).read_text()
    here.restate(candidates=candidates(BETTER))
    name, end = here.train()
    assert name == "Promoted"
    latest = open_workspace().champions.latest("rides")
    assert latest
    assert (latest.number, latest.version) == (4, shown())


def test_an_mlflow_that_cannot_be_compared_is_amber_and_stops_no_scoring(here: Installation) -> None:
    (here.folder / "var" / "mlflow.db").write_text("no database at all, " * 99)
    assert "MLflow cannot be compared" in registry_check().what
    assert registry_check().level == "amber"
    assert [
        each for each in json.loads(command("check", "rides", "--json"))["warnings"] if "cannot be compared" in each
    ]
    assert here.score()[0] == "Published"


def test_of_two_trainings_at_once_the_second_keeps_the_first_s_champion(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.champions import keep_champion
    from tierra.model.recorder import Recorder

    register = Recorder.register

    def overtaken(self: Recorder, *arguments: Any) -> Any:
        assert keep_champion(open_workspace().objects, after=3, version="77")
        return register(self, *arguments)

    monkeypatch.setattr(Recorder, "register", overtaken)
    here.restate(candidates=candidates(BETTER))
    name, end = here.train()
    assert (name, end.champion.version) == ("KeptChampion", "77")
    assert end.reason == "another training promoted version 77 first"
    assert shown() == "3", "who lost shows nothing"


def test_a_promotion_whose_station_is_tried_again_is_still_a_promotion(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pointer was put, then the store did not answer: the retry finds its own champion."""
    appoint, failed = Champions.appoint, []

    def answer_lost(self: Champions, *arguments: Any) -> Any:
        champion = appoint(self, *arguments)
        if not failed:
            failed.append(champion)
            raise Unavailable("store-unavailable", "the answer was lost")
        return champion

    monkeypatch.setattr(Champions, "appoint", answer_lost)
    monkeypatch.setattr(register_model.task, "retry_delay_seconds", [0.1, 0.1, 0.1])
    here.restate(candidates=candidates(BETTER))
    name, end = here.train()
    assert (len(failed), name, end.champion.version, shown()) == (1, "Promoted", "4", "4")
    assert here.train()[0] == "KeptChampion"


def test_a_damaged_profile_of_the_training_costs_the_comparison_not_the_night(here: Installation) -> None:
    champion = open_workspace().champions.current("rides")
    assert champion
    assert champion.release.profile
    file = here.folder / "var" / "store" / champion.release.profile.name
    file.write_bytes(file.read_bytes() + b" ")
    name, end = here.score(DUE[0])
    assert name == "Published"
    assert "is gone or damaged" in Path(end.receipt).read_text()


def test_a_store_that_is_empty_takes_the_champion_over_from_mlflow(here: Installation) -> None:
    before = open_workspace().champions.current("rides")
    assert before
    shutil.rmtree(here.folder / "var" / "store")
    name, end = here.score(DUE[0])
    assert (name, end.model_version) == ("Published", "3")
    after = open_workspace().champions.current("rides")
    assert after
    assert (after.number, after.who, after.release) == (1, "MLflow", before.release)


def test_what_a_receipt_shows_of_drift_and_evaluation_can_be_asked_for_later(here: Installation) -> None:
    assert here.score(DUE[0])[0] == "Published"
    workspace = open_workspace()
    champion = workspace.champions.current("rides")
    assert champion
    evaluations = read_evaluations(workspace, champion)
    assert evaluations["logistic"].metrics == champion.release.metrics
    assert {"logistic", "rule", "champion"} <= set(evaluations), "the champion before is among them"
    drift = read_drift(workspace, "rides", DUE[0])
    assert drift
    assert (drift.partition, drift.training) == (DUE[0], champion.release.profile)
    assert read_value(workspace.objects, drift.profile, Profile).rows > 0
    assert read_drift(workspace, "rides", "1999-01-01") is None
