"""Runs that a person starts, on a real Prefect server: wrong calls, dry runs, reasons, approval."""

import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.builders import GATE
from tests.integration.test_scoring_flow import DUE, Installation, ended, stand_in
from tests.servers import ask_api, call_api
from tierra.errors import InvalidCall
from tierra.store.local_objects import LocalObjects
from tierra.store.predictions import generations

ASKS = GATE | {"approval": "3m"}
BETTER = [{"rule": "base_rate"}, {"model": "logistic", "params": {"C": 1.0}}]
TYPED = "late <b>load</b> | **urgent**"


@pytest.fixture(scope="module")
def served(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with a champion and nothing published; tests go on from copies."""
    folder = tmp_path_factory.mktemp("served") / "here"
    with pytest.MonkeyPatch.context() as monkeypatch:
        first = stand_in(folder, monkeypatch)
        first.restate()
        assert first.train()[0] == "Promoted"
    return folder


@pytest.fixture
def here(served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setattr("tasks.approval.POLL_SECONDS", 0.3)
    return stand_in(Path(shutil.copytree(served, tmp_path / "here")), monkeypatch)


def score(**asked: Any) -> tuple[str, Any]:
    from flows.score import score as flow

    return ended(flow(**{"project": "rides", **asked}, return_state=True))


def train(**asked: Any) -> tuple[str, Any]:
    from flows.train import train as flow

    return ended(flow(**{"project": "rides", **asked}, return_state=True))


def receipt(end: Any) -> str:
    return Path(end.receipt).read_text()


def champion(here: Installation) -> Any:
    from tierra.model.champions import Champions

    return Champions(LocalObjects(here.folder / "var" / "store")).current("rides")


def tags_of(here: Installation, run: str) -> dict[str, str]:
    from mlflow import MlflowClient

    tags: dict[str, str] = MlflowClient(f"sqlite:///{here.folder / 'var' / 'mlflow.db'}").get_run(run).data.tags
    return tags


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"partition": "2013-13-45"}, "partition-invalid"), ({"rescore": "maybe"}, "call-invalid"),
     ({"project": "nowhere"}, "project-not-found"), ({"project": 7}, "call-invalid")],
    ids=str,
)  # fmt: skip
def test_a_wrong_call_ends_at_once_in_one_clear_state(here: Installation, wrong: dict[str, Any], code: str) -> None:
    here.drop(DUE[0])
    before = here.digest("store", "predictions")
    name, error = score(**wrong)
    assert (name, type(error), error.code) == ("InvalidCall", InvalidCall, code)
    assert "\n" not in str(error)
    assert here.digest("store", "predictions") == before


def test_a_wrong_call_leaves_no_traceback_in_the_run_log(prefect_server: str, here: Installation) -> None:
    from flows.score import score as flow
    from tests.integration.test_run_log import lines_of

    state = flow("rides", "2013-13-45", return_state=True)
    texts = [text for _, text in lines_of(prefect_server, state.state_details.flow_run_id)]
    assert any("'2013-13-45' is not a date. Give a date as YYYY-MM-DD. [partition-invalid]" in text for text in texts)
    assert not [text for text in texts if "Traceback" in text]


@pytest.mark.parametrize(
    ("values", "accepted"),
    [
        ({}, True),
        # What the form in the UI sends when nothing is filled in.
        ({"project": "rides", "partition": None, "rescore": False, "dry_run": False, "reason": ""}, True),
        ({"partition": "2024-04-29", "dry_run": True, "reason": "a late load"}, True),
        ({"partition": "2013-13-45"}, True),
        ({"partition": "yesterday"}, False),
        ({"rescore": "maybe"}, False),
        ({"reason": "x" * 501}, False),
        ({"project": ""}, False),
    ],
    ids=str,
)
def test_the_server_checks_a_form_by_its_schema(deployment: str, values: dict[str, Any], accepted: bool) -> None:
    answer = ask_api("POST", f"{deployment}/create_flow_run", {"parameters": values})
    assert answer.status_code == (201 if accepted else 409), answer.text


@pytest.fixture(scope="module")
def deployment(prefect_server: str) -> str:
    """The address of a deployment of the scoring flow, which no worker carries out."""
    from prefect.client.orchestration import get_client

    from flows.score import score as flow

    with get_client(sync_client=True) as client:
        made = client.create_deployment(
            flow_id=client.create_flow(flow),
            name="forms",
            parameters={"project": "rides"},
            parameter_openapi_schema=flow.parameters.model_dump_for_openapi(),
            enforce_parameter_schema=True,
        )
    return f"{prefect_server}/deployments/{made}"


def test_a_value_that_went_round_the_schema_is_refused_by_the_run_itself(deployment: str, here: Installation) -> None:
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow

    from flows.score import score as flow

    asked = {"parameters": {"partition": ["no"], "reason": "x" * 501}, "enforce_parameter_schema": False}
    made = call_api(deployment, "POST", "/create_flow_run", asked)
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(made["id"])
        run_flow(flow, flow_run=run, return_type="state")
        state = client.read_flow_run(made["id"]).state
    assert state is not None
    assert (state.name, state.type.value) == ("InvalidCall", "FAILED")
    assert "partition should be a valid string" in str(state.message)


def test_a_dry_run_says_what_would_be_published_and_publishes_nothing(here: Installation) -> None:
    name, end = score(dry_run=True, reason=TYPED)
    assert name == "DryRun"
    assert [(each.partition, each.outcome, each.generation) for each in end.partitions] == [
        (day, "WouldPublish", 1) for day in DUE
    ]
    assert (end.rows_in, end.rows_scored, end.rows_quarantined) == (40, 39, 1)
    assert here.published == {}
    page = receipt(end)
    assert "nothing was published or registered" in page
    assert "late &lt;b&gt;load&lt;/b&gt; | **urgent**" in page
    name, real = score()
    assert (name, real.rows_in, real.rows_scored, real.rows_quarantined) == ("Published", 40, 39, 1)


def test_a_dry_run_leaves_every_manifest_as_it_was(here: Installation) -> None:
    assert score()[0] == "Published"
    before = here.digest("predictions/rides/manifests")
    name, end = score(rescore=True, dry_run=True)
    assert (name, end.generation) == ("DryRun", 2)
    name, end = score(dry_run=True)
    assert (name, {each.outcome for each in end.partitions}) == ("DryRun", {"AlreadyPublished"})
    assert here.digest("predictions/rides/manifests") == before
    assert generations(here.sink) == dict.fromkeys(DUE, 1)


def test_a_dry_training_ends_with_its_verdict_and_registers_nothing(here: Installation) -> None:
    here.restate(candidates=BETTER)
    runs, models = here.versions(), here.digest("mlflow-artifacts")
    name, end = train(dry_run=True, reason=TYPED)
    assert (name, end.verdict.promote, end.champion.version) == ("DryRun", True, "1")
    assert end.reason.startswith("would promote: logistic is shown not to be worse than champion version 1")
    assert (here.versions(), here.digest("mlflow-artifacts")) == (runs, models)
    assert "would promote" in receipt(end)
    assert train()[0] == "Promoted"


def test_the_reason_of_a_training_is_a_tag_of_its_registered_run(here: Installation) -> None:
    here.restate(candidates=BETTER)
    assert train(reason=TYPED)[0] == "Promoted"
    assert tags_of(here, champion(here).run_id)["reason"] == TYPED


@contextmanager
def answering(server: str, *answers: dict[str, Any]) -> Iterator[list[Any]]:
    """A person who presses Resume on the run that waits, with each answer in turn; collects what the server said."""

    def answer() -> list[Any]:
        said: list[Any] = []
        while len(said) < len(answers):
            time.sleep(0.3)
            wanted = {"flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}}
            for run in call_api(server, "POST", "/flow_runs/filter", wanted)[:1]:
                resume, body = f"/flow_runs/{run['id']}/resume", {"run_input": answers[len(said)]}
                said.append({"run": run} | call_api(server, "POST", resume, body))
        return said

    found: list[Any] = []
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(answer)
        yield found
        found += future.result(180)


def test_a_model_serves_after_a_person_said_yes(prefect_server: str, here: Installation) -> None:
    here.restate(candidates=BETTER, gate=ASKS)
    yes = {"approve": "yes", "name": "Ana", "note": TYPED}
    with answering(prefect_server, {"name": "Ana"}, {"approve": "perhaps", "name": "Ana"}, yes) as said:
        name, end = train(reason="better features")
    assert [each["status"] for each in said] == ["REJECT", "REJECT", "ACCEPT"]
    assert said[0]["run"]["state"]["message"].startswith("waits for approval until")
    assert (name, end.champion.version) == ("Promoted", "2")
    assert f"approved by Ana: {TYPED}" in end.reason
    assert "approved by Ana: late &lt;b&gt;load" in receipt(end)
    tags = tags_of(here, champion(here).run_id)
    assert json.loads(tags["verdict"])["reasons"][-1] == f"approved by Ana: {TYPED}"
    assert tags["reason"] == "better features"


def test_the_form_shows_the_reasons_of_the_verdict(prefect_server: str, here: Installation) -> None:
    here.restate(candidates=BETTER, gate=ASKS)
    with answering(prefect_server, {"approve": "no", "name": "Ana"}) as said:
        train()
    run = said[0]["run"]
    keys = run["state"]["state_details"]["run_input_keyset"]
    shown = call_api(prefect_server, "GET", f"/flow_runs/{run['id']}/input/{keys['description']}")
    assert "champion version 1" in shown
    assert "ROC AUC" in shown


def test_a_model_that_a_person_declined_does_not_serve(prefect_server: str, here: Installation) -> None:
    here.restate(candidates=BETTER, gate=ASKS)
    with answering(prefect_server, {"approve": "no", "name": "Ana", "note": "not before the fair"}):
        name, end = train()
    assert (name, end.reason) == ("KeptChampion", "declined by Ana: not before the fair")
    assert (end.champion.version, champion(here).version) == ("1", "1")
    assert "declined by Ana: not before the fair" in receipt(end)


@pytest.mark.long
def test_when_nobody_answers_in_time_the_run_is_green_and_the_champion_stays(
    prefect_server: str, here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import approval

    waiting = approval.ask_for_approval
    monkeypatch.setattr(
        approval, "ask_for_approval", lambda run, question, _: waiting(run, question, timedelta(seconds=3))
    )
    here.restate(candidates=BETTER, gate=ASKS)
    name, end = train()
    assert (name, end.reason) == ("KeptChampion", "no one approved within 3m")
    assert champion(here).version == "1"


@pytest.mark.long
def test_the_first_model_waits_too(prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.approval.POLL_SECONDS", 0.3)
    here = stand_in(tmp_path / "new", monkeypatch)
    here.restate(gate=ASKS)
    with answering(prefect_server, {"approve": "no", "name": "Ana"}):
        name, end = train()
    assert (name, end.champion.label, champion(here)) == ("KeptChampion", "none yet", None)
    assert "none yet" in receipt(end)
    name, end = train(approved=True, reason="seen with Ana")
    assert (name, end.champion.version) == ("Promoted", "1")
    assert "approved with the call: seen with Ana" in end.reason
    assert train()[0] == "KeptChampion"  # the same inputs: there is nothing to ask
