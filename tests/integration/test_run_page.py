"""What ops reads on a run's page in the UI: one summary, what was retried, and how far it is."""

import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.builders import CLOCK, ride_spec, rides, write_project, write_warehouse
from tests.conftest import ROOT
from tests.integration.test_run_log import WARNING, lines_of
from tests.servers import call_api
from tierra.journal import Entry, Watcher, watching
from tierra.report.index import read_runs
from tierra.settings import Settings

DAY = "2024-04-29"
SOURCE = {"kind": "sql", "connection": "warehouse", "table": "rides", "key": "ride_id", "partition_by": "day",
          "types": {"day": "date"}}  # fmt: skip


class Lock(Watcher):
    """Somebody holds the warehouse's database while a station is tried for the first times."""

    def __init__(self, file: Path, station: str, times: int) -> None:
        self.held = sqlite3.connect(file, isolation_level=None)
        self.station, self.left, self.tried = station, times, 0

    def begin(self, entry: Entry) -> None:
        if entry.station == self.station:
            self.tried += 1
            if self.tried == 1:
                self.held.execute("begin exclusive")

    def end(self, entry: Entry) -> None:
        if entry.station == self.station and self.tried == self.left and self.held.in_transaction:
            self.held.execute("rollback")


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)
    url = f"sqlite:///{folder}/warehouse.db?timeout=0.1"
    places = {"HOME": folder / "var", "PROJECTS": folder / "projects", "CONNECTIONS__WAREHOUSE__URL": url}
    for name, value in {**places, "CLOCK": CLOCK}.items():
        monkeypatch.setenv(f"TIERRA_{name}", str(value))
    return folder


@pytest.fixture(scope="module")
def trained(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project over a table of a database, its champion trained."""
    from flows.train import train

    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = stand_in(tmp_path_factory.mktemp("page") / "here", monkeypatch)
        write_project(folder / "projects" / "my_rides", ride_spec(project="my_rides", sources={"rides": SOURCE}))
        write_warehouse(folder / "warehouse.db", rides=rides())
        assert train("my_rides", return_state=True).name == "Promoted"
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, where retries do not wait."""
    from tasks.scoring import pull_partition

    monkeypatch.setattr(pull_partition.task, "retry_delay_seconds", [0.1, 0.1, 0.1])
    return stand_in(Path(shutil.copytree(trained, tmp_path / "here")), monkeypatch)


def score(*watchers: Watcher) -> Any:
    from flows.score import score as flow

    with watching(watchers[0] if watchers else Watcher()):
        return flow("my_rides", DAY, return_state=True)


def artifacts_of(server: str, run: Any) -> dict[str, dict[str, Any]]:
    wanted = {"artifacts": {"flow_run_id": {"any_": [str(run)]}}, "sort": "CREATED_DESC"}
    found = call_api(server, "POST", "/artifacts/filter", wanted)
    return {each["key"]: each for each in reversed(found)}


def summary_of(server: str, state: Any) -> str:
    text: str = artifacts_of(server, state.state_details.flow_run_id)["score-my-rides"]["data"]
    return text


def test_a_source_that_fails_twice_and_then_works_leaves_a_green_run_that_says_so(
    here: Path, prefect_server: str
) -> None:
    state = score(Lock(here / "warehouse.db", "pull-partition", 2))
    assert state.name == "Published", state.message
    warnings = [text for level, text in lines_of(prefect_server, state.state_details.flow_run_id) if level == WARNING]
    assert [text[:12] for text in warnings] == ["retry 1 of 3", "retry 2 of 3"]
    summary = summary_of(prefect_server, state)
    assert re.search(r"\*\*Retries:\*\* 2 retries: pull-partition: .*locked", summary), summary
    run = read_runs(here / "var/receipts/my_rides", "score")[0]
    assert (run.retries, run.outcome, run.model_version, run.quarantined) == (2, "Published", "1", 0)
    assert run.flow_run_id == str(state.state_details.flow_run_id)
    assert "2 retries: pull-partition" in Path(state.result().receipt).read_text()


def test_settings_are_read_once_a_run(here: Path, prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read, real = [], Settings.__init__
    monkeypatch.setattr(Settings, "__init__", lambda self, **values: (read.append(1), real(self, **values))[1])
    assert score().name == "Published"
    assert len(read) == 1


def test_a_source_that_never_works_ends_in_one_line_after_three_retries(here: Path, prefect_server: str) -> None:
    state = score(Lock(here / "warehouse.db", "pull-partition", 99))
    assert (state.type.value, state.name) == ("FAILED", "Unavailable")
    assert "\n" not in state.message
    summary = summary_of(prefect_server, state)
    assert "3 retries: pull-partition" in summary
    assert "**What to do:**" in summary
    assert "`database-unavailable`" in summary
    run = read_runs(here / "var/receipts/my_rides", "score")[0]
    assert (run.retries, run.mood) == (3, "bad")
    assert run.error == state.message.partition("\n")[0]


def test_a_run_is_set_beside_the_last_ones_and_links_to_its_pages(
    here: Path, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = summary_of(prefect_server, score())
    assert "the first that ended Published" in first
    assert re.search(r"\*\*Champion:\*\* version 1, logistic, (new|\d+ minutes? old)", first), first
    assert "`experiment " in first
    assert "retries:** none" in first.lower()
    monkeypatch.setenv("TIERRA_RECEIPTS_URL", "http://127.0.0.1:4300/")
    monkeypatch.setenv("TIERRA_MLFLOW_URL", "http://127.0.0.1:5000")
    from flows.score import score as flow

    with_links = [summary_of(prefect_server, flow("my_rides", DAY, True, return_state=True)) for _ in range(2)][-1]
    assert re.search(r"s; median of the last 2 that ended Published: .* s, slowest .* s", with_links), with_links
    assert re.search(r"\]\(http://127.0.0.1:4300/my_rides/\d+T\d+-score-\w+\.html\)", with_links)
    assert re.search(r"\]\(http://127.0.0.1:5000/#/experiments/\d+/runs/\w{32}\)", with_links)


def test_a_bar_shows_how_far_a_run_is_and_a_run_needs_none(
    here: Path, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = score()
    bar = artifacts_of(prefect_server, state.state_details.flow_run_id)["score-my-rides-progress"]
    assert (bar["type"], bar["data"]) == ("progress", 100.0)
    assert bar["description"].startswith("done in ")

    def away(*_: object, **__: object) -> None:
        raise ConnectionError("the server is away")

    monkeypatch.setattr("tasks.run.progress.create_progress_artifact", away)
    monkeypatch.setattr("tasks.run.page.create_markdown_artifact", away)
    from flows.score import score as flow

    again = flow("my_rides", DAY, True, return_state=True)
    assert again.name == "Published"
    assert artifacts_of(prefect_server, again.state_details.flow_run_id) == {}


def test_a_run_that_was_cut_short_says_which_attempt_it_is(here: Path, prefect_server: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow_sync
    from prefect.states import Crashed, Scheduled

    from flows.score import score as flow

    first = score()
    with get_client(sync_client=True) as client:
        run = first.state_details.flow_run_id
        for state in (Crashed(), Scheduled()):
            client.set_flow_run_state(run, state, force=True)
        again = run_flow_sync(
            flow, flow_run=client.read_flow_run(run), parameters={"project": "my_rides"}, return_type="state"
        )
    assert again.name == "Published"
    assert "**Attempt:** 2" in summary_of(prefect_server, again)
    assert read_runs(here / "var/receipts/my_rides", "score")[0].attempt == 2
