"""Reads from the server the runs that have not ended or crashed of late, and what was heard of them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from prefect.client.orchestration import SyncPrefectClient

from deployments.plan import FLOWS
from deployments.watchdog.judging import AWAITING_SLOT, HAS_PROCESS, RESTART_WINDOW, needs_history
from deployments.watchdog.runs import Run
from tasks.server.names import COMMAND_LINE_TAG, TAG

PAGE_SIZE: Final = 200
OURS: Final = {"name": {"any_": [*FLOWS, "status", "gc"]}}
ACTIVE: Final = {
    "operator": "or_",
    "type": {"any_": ["PENDING", "RUNNING", "PAUSED", "CANCELLING"]},
    "name": {"any_": [AWAITING_SLOT]},
}
CRASHED: Final = {"type": {"any_": ["CRASHED"]}}
ENDS: Final = ("COMPLETED", "FAILED", "CANCELLED")


def read_runs(client: SyncPrefectClient, now: datetime) -> list[Run]:
    """Every run of ours that has not ended or crashed within a day, with its restarts where these decide."""
    recent = {"end_time": {"after_": (now - RESTART_WINDOW).isoformat()}}
    found = [*_runs(client, {"state": ACTIVE}), *_runs(client, {"state": CRASHED, **recent})]
    return [replace(run, restarts=_restarts(client, run)) if needs_history(run, now) else run for run in found]


def read_heartbeats(client: SyncPrefectClient, runs: Iterable[Run]) -> dict[str, datetime]:
    """The last heartbeat of each run that should have one."""
    found = {run.id: _last_heartbeat(client, run) for run in runs if run.kind in HAS_PROCESS}
    return {run: moment for run, moment in found.items() if moment}


def _last_heartbeat(client: SyncPrefectClient, run: Run) -> datetime | None:
    wanted = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{run.id}"]},
        "occurred": {"since": run.since.isoformat()},
    }
    events = client.request("POST", "/events/filter", json={"filter": wanted, "limit": 1}).json()["events"]
    return datetime.fromisoformat(events[0]["occurred"]) if events else None


def read_run(client: SyncPrefectClient, run_id: str) -> Run:
    """One run, as it is now."""
    return _run(client.request("GET", "/flow_runs/{id}", path_params={"id": run_id}).json())


def _runs(client: SyncPrefectClient, query: dict[str, Any]) -> Iterator[Run]:
    offset, full = 0, True
    while full:
        wanted = {"flows": OURS, "flow_runs": query, "offset": offset}
        page = client.request(
            "POST", "/flow_runs/filter", json={**wanted, "limit": PAGE_SIZE, "sort": "ID_DESC"}
        ).json()
        yield from (_run(each) for each in page if _is_ours(each))
        offset, full = offset + PAGE_SIZE, len(page) == PAGE_SIZE


def _is_ours(found: dict[str, Any]) -> bool:
    """Whether a deployment of ours, or our command, has started it."""
    return not {TAG, COMMAND_LINE_TAG}.isdisjoint(found["tags"])


def _run(found: dict[str, Any]) -> Run:
    state, pid = found["state"], str(found["infrastructure_pid"] or "").rpartition(":")[2]
    return Run(
        id=found["id"],
        name=found["name"],
        kind=state["type"],
        state=state["name"],
        state_id=state["id"],
        since=datetime.fromisoformat(state["timestamp"]),
        message=state["message"] or "",
        deployment=found["deployment_id"],
        worker=found["labels"].get("prefect.worker.name"),
        pid=int(pid) if pid.isdigit() else None,
        suspended=state["name"] == "Suspended" or bool(state["state_details"]["pause_reschedule"]),
    )


def _restarts(client: SyncPrefectClient, run: Run) -> int:
    """How often a run was scheduled again since it last ended otherwise than by a crash."""
    found = client.request("GET", "/flow_run_states/", params={"flow_run_id": run.id}).json()
    states = sorted(found, key=lambda each: str(each["timestamp"]))
    ended = max((number for number, each in enumerate(states) if each["type"] in ENDS), default=-1)
    return sum(each["name"] == "AwaitingRetry" for each in states[ended + 1 :])
