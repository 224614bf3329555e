"""Lines arrive from wherever code of a run logs, and none is lost when it ends at once."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from loguru import logger
from prefect import flow

from tasks.run.log import set_up_run_logs
from tests.conftest import ROOT
from tests.integration.speaking_child import LINES, SOURCES
from tests.integration.test_run_log import lines_of
from tests.servers import call_api

SPEAK = "import sys; from tests.integration.speaking_child import speak; print(*(speak(each) for each in sys.argv[1:]))"
EXPECTED = {f"line {number}" for number in range(LINES)}


def said_by(server: str, run: str) -> set[str]:
    """The lines of a run that are there now."""
    wanted = {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200}
    answer = call_api(server, "POST", "/logs/filter", wanted)
    return {line["message"] for line in answer if line["message"].startswith("line ")}


def run_child(folder: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    places = {"TIERRA_HOME": str(folder / "var"), "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *command], cwd=ROOT, env={**os.environ, **places, **environment},
                          capture_output=True, text=True, timeout=300)  # fmt: skip


@pytest.fixture(scope="module")
def spoken(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The run of each source, all in one process, one after the other."""
    done = run_child(tmp_path_factory.mktemp("spoken"), "-c", SPEAK, *SOURCES)
    assert done.returncode == 0, done.stderr
    return dict(zip(SOURCES, done.stdout.split()[-len(SOURCES) :], strict=True))


@pytest.mark.long
@pytest.mark.parametrize("source", SOURCES)
def test_every_line_arrives_in_its_own_run_from(source: str, spoken: dict[str, str], prefect_server: str) -> None:
    assert said_by(prefect_server, spoken[source]) == EXPECTED


def test_runs_beside_each_other_do_not_mix_their_lines(prefect_server: str, workspace: object) -> None:
    together = Barrier(2)

    @flow(name="beside")
    def beside(name: str) -> None:
        set_up_run_logs()
        together.wait(60)
        logger.info("{} itself", name)
        thread = Thread(target=lambda: logger.info("{} from a thread", name))
        thread.start()
        thread.join()
        together.wait(60)

    def run(name: str, context: Context) -> Any:
        return context.run(beside, name, return_state=True)

    with ThreadPoolExecutor(2) as pool:
        states = list(pool.map(run, ["first", "second"], [copy_context(), copy_context()]))
    for state, own, other in zip(states, ("first", "second"), ("second", "first"), strict=True):
        texts = [text for _, text in lines_of(prefect_server, state.state_details.flow_run_id)]
        assert f"{own} itself" in texts
        assert not [text for text in texts if text.startswith(other)]


def fail_fast(server: str, folder: Path, runs: int) -> list[set[str]]:
    """What arrived of runs that fail within their first tenth of a second, each as a worker starts it."""
    from prefect.client.orchestration import get_client
    from prefect.deployments.runner import RunnerDeployment

    entrypoint = "tests/integration/speaking_child.py:speak_and_fail"
    deployment: Any = RunnerDeployment.from_entrypoint(entrypoint, name="fast").apply()
    with get_client(sync_client=True) as client, ThreadPoolExecutor(2) as pool:
        made = [str(client.create_flow_run_from_deployment(deployment).id) for _ in range(runs)]
        list(pool.map(lambda run: run_child(folder, "-m", "prefect.engine", PREFECT__FLOW_RUN_ID=run), made))
        assert {str(client.read_flow_run(run).state.type.value) for run in made} == {"FAILED"}
    return [said_by(server, run) for run in made]


def test_the_last_lines_of_a_run_that_fails_at_once_are_there(prefect_server: str, tmp_path: Path) -> None:
    assert fail_fast(prefect_server, tmp_path, 2) == [EXPECTED] * 2


@pytest.mark.long
def test_no_line_is_lost_in_many_runs_that_fail_at_once(prefect_server: str, tmp_path: Path) -> None:
    """Eight, or as many as FAILING_RUNS says."""
    runs = int(os.environ.get("FAILING_RUNS", 8))
    assert fail_fast(prefect_server, tmp_path, runs) == [EXPECTED] * runs
