"""Our prefect.yaml on a real server, and a schedule that a real worker carries out."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from deployments.plan import Deployment
from deployments.render import render
from tasks.server.names import POOL
from tests.builders import ride_spec, rides, write_project
from tests.conftest import ROOT
from tests.e2e.checkout import make_checkout
from tests.ops import OFTEN
from tests.servers import call_api, until
from tierra.project.schedule import When

# In make test: tests/integration/test_deploy.py, and runs through a worker in tests/e2e/test_up.py.
pytestmark = pytest.mark.long
LAST_DAY = date(2024, 4, 29)
CLOCK = f"{LAST_DAY}T03:00:00+00:00"


def prefect(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def runs_of(server: str, deployment: str) -> list[dict[str, Any]]:
    wanted = {"deployments": {"name": {"any_": [deployment]}}, "sort": "EXPECTED_START_TIME_ASC"}
    found: list[dict[str, Any]] = call_api(server, "POST", "/flow_runs/filter", wanted)
    return found


@pytest.fixture(scope="module")
def pool(prefect_server: str) -> str:
    prefect("work-pool", "create", POOL, "--type", "process", "--overwrite")  # another module may have made it
    return prefect_server


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a worker, which may wait for ever when it is asked to while a run is being handed out."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(30)


@pytest.fixture
def worker(pool: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    environment = {
        "TIERRA_HOME": str(tmp_path / "var"),
        "TIERRA_PROJECTS": str(tmp_path / "projects"),
        "TIERRA_CLOCK": CLOCK,
        **OFTEN,
    }
    log = (tmp_path / "worker.log").open("wb")
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=log, stderr=log)
    try:
        yield environment
    finally:
        end(process)
        log.close()


def test_every_schedule_of_our_prefect_yaml_appears_as_scheduled_runs(pool: str) -> None:
    prefect("deploy", "--all")
    scheduled = until(
        "runs of both flows", 240, lambda: len({run["flow_id"] for run in runs_of(pool, "flight_delays")}) == 2
    )
    assert scheduled
    assert {run["state_type"] for run in runs_of(pool, "flight_delays")} == {"SCHEDULED"}
    # Nothing of this deployment shall run while later tests have a worker.
    for flow in ("train", "score"):
        prefect("deployment", "delete", f"{flow}/flight_delays")


@pytest.mark.timeout(1200)
def test_a_cron_publishes_the_day_that_is_due_and_then_nothing(
    pool: str, worker: dict[str, str], tmp_path: Path
) -> None:
    write_project(tmp_path / "projects" / "rides", ride_spec(), rides())
    checkout = make_checkout(tmp_path / "checkout", **worker)
    assert checkout.call_json("train", "rides")["outcome"] == "Promoted"
    for day in ("2024-04-27", "2024-04-28"):
        assert checkout.call_json("score", "rides", "--partition", day)["outcome"] == "Published"
    file = tmp_path / "prefect.yaml"
    planned = [Deployment("score", "every_minute", "a test", {"project": "rides"}, (When(cron="* * * * *"),))]
    file.write_text(render(planned))
    prefect("deploy", "--prefect-file", str(file), "--all")

    def ended() -> list[dict[str, Any]]:
        return [run for run in runs_of(pool, "every_minute") if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED")]

    ends = until("two runs of the schedule", 600, lambda: len(ended()) >= 2 and ended())
    prefect("deployment", "delete", "score/every_minute")
    assert [run["state_name"] for run in ends[:2]] == ["Published", "NothingDue"], (tmp_path / "worker.log").read_text()
    printed = checkout.call("predictions", "rides", "--partition", str(LAST_DAY)).stdout
    assert len(printed.splitlines()) == 1 + 20
