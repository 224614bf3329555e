"""A training that a worker carries out waits for a person, alive, and goes on with the answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.plan import Deployment
from deployments.render import render
from tests.builders import GATE, ride_spec, rides, write_project
from tests.e2e.test_deployments import pool, prefect, until, worker  # noqa: F401  fixtures
from tests.servers import call_api

ASKS = GATE | {"approval": "30m"}


@pytest.fixture
def deployment(worker: dict[str, str], pool: str, tmp_path: Path) -> Iterator[str]:  # noqa: F811
    """The address of a training deployment whose project asks for approval."""
    write_project(tmp_path / "projects" / "rides", ride_spec(gate=ASKS), rides())
    file = tmp_path / "prefect.yaml"
    file.write_text(render([Deployment("train", "waiting", "a test", {"project": "rides"})]))
    prefect("deploy", "--prefect-file", str(file), "--all")
    made = call_api(pool, "GET", "/deployments/name/train/waiting")
    yield f"{pool}/deployments/{made['id']}"
    prefect("deployment", "delete", "train/waiting")


def run_of(server: str, run: str) -> dict[str, Any]:
    found: dict[str, Any] = call_api(server, "GET", f"/flow_runs/{run}")
    return found


def heartbeats(server: str, run: str) -> list[str]:
    wanted = {"event": {"name": ["prefect.flow-run.heartbeat"]}, "any_resource": {"id": [f"prefect.flow-run.{run}"]}}
    answer = call_api(server, "POST", "/events/filter", {"filter": wanted})
    return [each["occurred"] for each in answer["events"]]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_run_of_a_worker_waits_alive_and_promotes_after_a_yes(
    deployment: str, pool: str, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    asked = {"parameters": {"reason": "a test"}, "job_variables": {"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}}}
    run = call_api(deployment, "POST", "/create_flow_run", asked)["id"]
    until("the run waits", 300, lambda: run_of(pool, run)["state_type"] == "PAUSED")
    waiting = run_of(pool, run)["state"]["timestamp"]
    until("a heartbeat while it waits", 90, lambda: any(each > waiting for each in heartbeats(pool, run)))
    answer = {"run_input": {"approve": "yes", "name": "Ana"}}
    said = call_api(pool, "POST", f"/flow_runs/{run}/resume", answer)
    assert said["status"] == "ACCEPT"
    until("the run ended", 120, lambda: run_of(pool, run)["state_type"] in ("COMPLETED", "FAILED", "CRASHED"))
    state = run_of(pool, run)["state"]
    assert state["name"] == "Promoted"
    assert "approved by Ana" in state["message"]
