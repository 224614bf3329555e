"""`tierra status` and the flow `status` on a real server: what ops is told, and with which exit code."""

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deployments.watchdog.refreshing import StatusPage
from tasks.server.names import POOL, WATCHDOG
from tests.builders import ride_spec, write_project
from tests.conftest import ROOT, free_port
from tests.operations import CRON, Operations, flow_of
from tests.servers import ask_api, call_api


@pytest.fixture
def server(prefect_server: str, tmp_path: Path) -> Iterator[str]:
    """The server with an empty pool and nothing of ours deployed, before and after."""

    api = Operations(tmp_path, prefect_server)

    def clear() -> None:
        for each in api.post("/deployments/filter", deployments={"tags": {"all_": ["tierra"]}}):
            api.delete(f"/deployments/{each['id']}")
        api.delete(f"/work_pools/{POOL}")

    clear()
    api.post("/work_pools/", name=POOL, type="process")
    yield prefect_server
    clear()


@pytest.fixture
def operations(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operations:
    """A project that is deployed with a worker, scored an hour ago and trained a day ago."""
    monkeypatch.chdir(ROOT)
    for name, value in {"HOME": tmp_path / "var", "PROJECTS": tmp_path / "projects"}.items():
        monkeypatch.setenv(f"TIERRA_{name}", str(value))
    write_project(tmp_path / "projects/rides", ride_spec(schedule={"score": CRON}))
    here = Operations(tmp_path, server)
    here.work()
    here.publish()
    here.register()
    return here


def test_a_healthy_project_is_green_and_ends_with_0(operations: Operations) -> None:
    operations.deploy("score")
    operations.deploy("train", cron=None)
    for hours in (30, 6):
        operations.record(hours, retries=1)
    operations.record(24, "train", "Promoted")
    said = operations.status()
    found = flow_of(said, "score/rides")
    assert (said["level"], found["level"], found["last_outcome"]) == ("green", "green", "Published"), said
    assert (found["retries_24h"], found["p50_seconds"], found["p95_seconds"]) == (1, 12.5, 12.5)
    assert (found["partition"], found["rows"], found["quarantined"]) == ("2024-04-29", 17, 3)
    assert (found["gap_seconds"], found["champion"]) == (86_400, "4")
    assert {check["name"]: check["level"] for check in said["health"]} == dict.fromkeys(
        ("server", "worker", "watchdog", "alerts", "retention", "registry", "predictions", "home", "disk"), "green"
    )


def test_the_next_run_is_the_scheduled_one(operations: Operations) -> None:
    score = operations.deploy("score")
    operations.post(f"/deployments/{score}/schedule", min_runs=1)
    due = datetime.fromisoformat(flow_of(operations.status("rides", exit_code=0), "score/rides")["next_run"])
    assert (due.hour, due.minute) == (3, 0)
    assert due > datetime.now(UTC)


def test_an_overdue_project_is_red_and_ends_with_5(operations: Operations) -> None:
    operations.deploy("score")
    operations.record(27)
    found = flow_of(operations.status(exit_code=5), "score/rides")
    assert found["reasons"] == ["overdue: last success 27 h ago, its schedule allows 24 h"]


def test_a_paused_deployment_is_told_in_a_line_of_its_own(operations: Operations) -> None:
    score = operations.deploy("score")
    operations.record(6)
    operations.post(f"/deployments/{score}/pause_deployment")
    done = operations.told()
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0].startswith("AMBER score/rides: IS PAUSED: it does not run on schedule")
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_without_a_worker_it_is_red(operations: Operations) -> None:
    operations.record(6)
    operations.delete(f"/work_pools/{POOL}/workers/one")
    said = operations.status(exit_code=5)
    assert [check["what"] for check in said["health"] if check["level"] == "red"] == [
        f"no worker is online in pool {POOL}"
    ]


def test_without_a_watchdog_it_says_what_is_not_done(operations: Operations) -> None:
    operations.record(6)
    operations.delete(f"/variables/name/{WATCHDOG}")
    (check,) = (each for each in operations.status()["health"] if each["level"] == "amber")
    assert check["what"].startswith("none has ever looked, so a run that dies is not started again")


def test_a_failure_shows_its_first_line_and_its_run(operations: Operations, server: str) -> None:
    score = operations.deploy("score")
    run = operations.end(score, "FAILED", "DataRejected", "rides: 3 % have no zone")
    operations.record(0.001, outcome="DataRejected", mood="bad", error="rides: 3 % have no zone", flow_run_id=run)
    found = flow_of(operations.status(exit_code=5), "score/rides")
    assert found["error"] == "rides: 3 % have no zone"
    assert found["link"] == f"{server.removesuffix('/api')}/v2/runs/flow-run/{run}"
    assert ask_api("GET", f"{server}/flow_runs/{run}").status_code == 200
    shown = operations.told().stdout
    assert "RED score/rides: DataRejected" in shown
    assert found["link"] in shown


def test_a_crash_without_a_record_is_known_from_the_server(operations: Operations) -> None:
    score = operations.deploy("score")
    operations.record(6)
    operations.end(score, "CRASHED", "Crashed", "the process was killed")
    found = flow_of(operations.status(exit_code=5), "score/rides")
    assert (found["last_outcome"], found["error"], found["crashed_24h"]) == ("Crashed", "the process was killed", 1)


def test_a_run_that_nobody_took_is_late(operations: Operations) -> None:
    score = operations.deploy("score")
    operations.record(6)
    due = datetime.now(UTC) - timedelta(minutes=30)
    state = {"type": "SCHEDULED", "name": "Late", "state_details": {"scheduled_time": due.isoformat()}}
    operations.post(f"/deployments/{score}/create_flow_run", state=state)
    found = flow_of(operations.status(), "score/rides")
    assert (found["level"], found["late"]) == ("amber", 1)
    assert found["reasons"][0].startswith("1 run is late, the first was due 30 min ago")


def test_a_running_run_is_told(operations: Operations) -> None:
    score = operations.deploy("score")
    run = operations.post(f"/deployments/{score}/create_flow_run")["id"]
    operations.post(f"/flow_runs/{run}/set_state", state={"type": "RUNNING"}, force=True)
    assert flow_of(operations.status(), "score/rides")["running_since"]


@pytest.mark.parametrize("silent", [False, True], ids=["nobody listens", "nobody answers"])
def test_a_server_that_is_down_is_red_within_seconds_and_the_stores_still_tell(
    operations: Operations, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    operations.record(6)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1] if silent else free_port()
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{port}/api")
        started = time.monotonic()
        said = operations.status(exit_code=5)
    assert time.monotonic() - started < 6
    assert (said["health"][0]["name"], said["health"][0]["level"]) == ("server", "red")
    assert "does not answer" in said["health"][0]["what"]
    assert flow_of(said, "score/rides")["last_outcome"] == "Published"


def test_without_an_address_it_says_how_to_get_one(operations: Operations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL")
    operations.record(6)
    check = operations.status()["health"][0]
    assert (check["name"], check["level"]) == ("server", "amber")  # nobody ever ran `make up` here
    why = "PREFECT_API_URL is not set and no `make up` runs here: "
    assert check["what"].startswith(f"none, so no schedule runs: {why}")
    (operations.folder / "var/up.lock").touch()
    check = operations.status(exit_code=5)["health"][0]
    assert check["level"] == "red"
    assert check["what"].startswith(why)


def test_a_second_folder_of_the_same_name_is_told_and_turns_nothing_red(operations: Operations, tmp_path: Path) -> None:
    from tierra.steps.owners import claim_names
    from tierra.workspace import open_workspace

    operations.deploy("score")
    operations.deploy("train", cron=None)
    workspace = open_workspace()
    claim_names(workspace, workspace.project("rides"))
    write_project(tmp_path / "projects/copy", ride_spec(target="rain"))
    operations.record(6)
    error = "the name 'rides' belongs to another project file. Give this project a `project` name [project-taken]"
    operations.record(2, outcome="Misconfigured", mood="bad", error=error)
    for words in ((), ("rides",)):
        said = operations.status(*words)
        assert [(each["flow"], each["level"]) for each in said["flows"]] == [("score", "green"), ("train", "green")]
    (alarm,) = operations.status()["alarms"]
    assert (alarm["level"], alarm["subject"]) == ("amber", "copy")
    assert "belongs to another project file" in alarm["what"]
    done = operations.told("copy")
    assert (done.exit_code, "[project-taken]" in done.stderr) == (2, True)


def test_a_completed_run_that_left_no_receipt_is_amber(operations: Operations) -> None:
    score = operations.deploy("score")
    why = "rides: 20 rows in. But no receipt could be written: [Errno 28] No space left on device."
    operations.end(score, "COMPLETED", "Published", why)
    found = flow_of(operations.status(), "score/rides")
    assert found["level"] == "amber"
    assert found["reasons"][0].endswith("ago left no receipt: [Errno 28] No space left on device.")


def test_the_partitions_of_a_project_are_listed_and_what_is_no_number_of_days_is_one_line(
    operations: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIERRA_CLOCK", "2024-04-30T03:00:00+00:00")
    operations.record(6)
    lines = operations.told("rides").stdout.splitlines()
    assert "Partitions of rides: 1 published" in lines
    (row,) = (line.split() for line in lines if line.startswith("2024-04-29"))
    assert row[:7] == ["2024-04-29", "✓", "published", "1", "v1", "17", "3"]
    assert max(map(len, lines)) <= 120
    assert flow_of(operations.status("rides", "--days", "1"), "score/rides")["partitions"] == []
    for words in (("rides", "--days", "0"), ("nobody",)):
        done = operations.told(*words)
        assert (done.exit_code, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr


def test_one_wrong_project_file_hides_no_other(operations: Operations, tmp_path: Path) -> None:
    (tmp_path / "projects/broken").mkdir()
    (tmp_path / "projects/broken/project.yaml").write_text("project: broken\n")
    operations.record(6)
    said = operations.status(exit_code=5)
    assert [(alarm["level"], alarm["subject"]) for alarm in said["alarms"]] == [("red", "broken")]
    assert flow_of(said, "score/rides")
    assert operations.told("broken").exit_code == 2


def events_of(server: str, subject: str) -> list[dict[str, Any]]:
    wanted = {"filter": {"event": {"name": ["tierra.needs-attention"]},
                         "any_resource": {"id": [f"tierra.subject.{subject}"]}}}  # fmt: skip
    for _ in range(60):
        found = call_api(server, "POST", "/events/filter", wanted)["events"]
        if found:
            return list(found)
        time.sleep(0.5)
    return []


def test_the_flow_writes_one_page_and_tells_of_what_is_paused(operations: Operations, server: str) -> None:
    from flows.status import status

    operations.record(6)
    score = operations.deploy("score", paused=True)
    state = status(return_state=True)
    assert (state.type.value, state.name) == ("COMPLETED", "NeedsAttention")
    page = call_api(server, "GET", "/artifacts/status/latest")
    assert page["data"].startswith("## AMBER: score/rides")
    assert "### rides" in page["data"]
    morning = (operations.folder / "var/receipts/index.html").read_text()
    assert "IS PAUSED" in morning
    assert f'href="{server.removesuffix("/api")}/v2/deployments/deployment/{score}"' in morning
    [event] = events_of(server, "score/rides")
    assert event["resource"]["prefect.resource.name"] == "score/rides"
    assert event["resource"]["tierra.cause"] == "IS PAUSED it"
    assert event["payload"]["why"] == "IS PAUSED: it does not run on schedule"


def test_the_flow_ends_well_when_all_is_well(operations: Operations) -> None:
    from flows.status import status

    operations.deploy("score")
    operations.deploy("train", cron=None)
    operations.record(6)
    assert status(return_state=True).name == "AllWell"


def test_a_process_that_is_warm_writes_the_page_for_less_than_a_second_of_cpu(operations: Operations) -> None:
    """As a flow run of its own it cost 8 to 16 s, four times an hour."""
    operations.deploy("score")
    operations.record(6)
    page, costs = StatusPage(0), []
    for _ in range(3):
        began = time.process_time()
        page.refresh_when_due()
        costs.append(time.process_time() - began)
    print(f"\nthe page cost {costs[0]:.2f} s of CPU at first, then {min(costs[1:]):.2f} s")
    assert min(costs[1:]) < 1
    assert call_api(operations.url, "GET", "/artifacts/status/latest")["data"].startswith("## ")
