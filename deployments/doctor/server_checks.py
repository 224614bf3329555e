"""Checks whether a Prefect server answers, lists runs and creates the scheduled ones."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from deployments.doctor.api import Answer, Api
from deployments.doctor.finding import DoctorCheck, Finding
from deployments.doctor.throwaway import Throwaway, throwaway_server
from tasks.server.names import TAGGED

SERVER, LISTS, SCHEDULER = DoctorCheck("server"), DoctorCheck("lists"), DoctorCheck("scheduler")
VERSIONS: Final = "See `versions` above; `make install` brings the set that works"
# As Prefect's own client sends them, with nulls for what is not set: newer FastAPI refuses these.
LIST_CALLS: Final[dict[str, dict[str, Any]]] = {
    "/flow_runs/filter": {"flows": None, "flow_runs": None, "deployments": None, "sort": None, "limit": 1, "offset": 0},
    "/logs/filter": {"logs": None, "limit": 1, "offset": None, "sort": "TIMESTAMP_ASC"},
}
SCHEDULED: Final = {"state": {"type": {"any_": ["SCHEDULED"]}}}


def check_throwaway(timeout: float = 180) -> Iterator[Finding]:
    """Start a server from this environment and check it."""
    with throwaway_server() as server:
        if not server.wait(timeout):
            yield _explain_no_start(server, timeout)
            return
        yield SERVER.ok("a throwaway server starts from this environment and answers")
        yield check_lists(server.api)
        yield check_scheduler(server.api, seconds=30, last_error=server.last_error)


def find_no_answer(api: Api) -> Finding | None:
    """The finding on a server that does not answer; None when it does."""
    if (health := api.get("/health")).ok:
        return None
    return SERVER.broken(f"no answer at {api.url} ({health})", "Start it with `make up`, or correct PREFECT_API_URL")


def check_version(api: Api) -> Finding:
    """Whether the server accepts our auth string and has our version."""
    answer = api.get("/admin/version")
    if answer.status in (401, 403):
        return SERVER.broken(f"{api.url} refuses us ({answer.status})", "Set PREFECT_API_AUTH_STRING to the server's")
    if not answer.ok or not isinstance(answer.body, str):
        return SERVER.broken(f"{api.url} does not tell its version ({answer})", "See that PREFECT_API_URL ends in /api")
    if answer.body != _our_version():
        message = f"Prefect {answer.body} at {api.url}, {_our_version()} here"
        return SERVER.warning(message, "Give server and workers the same version")
    return SERVER.ok(f"Prefect {answer.body} at {api.url}")


def check_lists(api: Api) -> Finding:
    """Whether the calls that list flow runs and logs work."""
    answers = {path: api.post(path, body) for path, body in LIST_CALLS.items()}
    if refused := {path: answer for path, answer in answers.items() if not answer.ok}:
        calls = ", ".join(f"{answer.status or 'no answer'} to {path}" for path, answer in refused.items())
        return LISTS.broken(f"the server answers {calls}{_validation_error(next(iter(refused.values())))}", VERSIONS)
    return LISTS.ok("flow runs and logs are listed")


def check_scheduler(api: Api, seconds: float, last_error: Callable[[], str] = str) -> Finding:
    """Whether a throwaway deployment with a schedule gets scheduled runs; it is removed afterwards."""
    started = time.monotonic()
    with _deployment(api) as created:
        if not created.ok:
            return SCHEDULER.broken(f"a deployment could not be created ({created})", VERSIONS)
        query = {"deployments": {"id": {"any_": [created.body["id"]]}}, "flow_runs": SCHEDULED}
        while time.monotonic() - started < seconds:
            if (listed := api.post("/flow_runs/filter", query)).rows:
                return SCHEDULER.ok(
                    f"a scheduled run was there {time.monotonic() - started:.1f} s after its deployment"
                )
            if not listed.ok:
                return SCHEDULER.skipped(f"runs cannot be listed ({listed.status})")
            if time.monotonic() - started > 4 and last_error():
                break
            time.sleep(0.3)
    reason = f": {error}" if (error := last_error()) else ""
    return SCHEDULER.broken(
        f"no scheduled run {time.monotonic() - started:.0f} s after its deployment{reason}", VERSIONS
    )


def check_schedules(api: Api, seconds: float = 8) -> Finding:
    """Whether deployments with a schedule have scheduled runs; changes nothing."""
    listed = api.post("/deployments/filter", {"deployments": TAGGED, "limit": 200})
    if not listed.ok:
        return SCHEDULER.skipped(f"deployments cannot be listed ({listed})")
    scheduled = {each["id"]: each["name"] for each in listed.rows if _has_schedule(each)}
    if not scheduled:
        return SCHEDULER.skipped("no deployment here has a schedule", "Let it create one with `tierra doctor --deep`")
    started = time.monotonic()
    while not (ahead := _with_runs_ahead(api, scheduled)) and time.monotonic() - started < seconds:
        time.sleep(1)  # a new deployment's runs take some seconds
    if not ahead:
        message = f"{len(scheduled)} deployments have an active schedule, and none has a scheduled run"
        return SCHEDULER.broken(message, f"Look into the server's log. {VERSIONS}")
    if behind := sorted({scheduled[key] for key in scheduled.keys() - ahead}):
        remedy = "Expected when they are due in more than 100 days; else look into the server's log"
        return SCHEDULER.warning(f"no scheduled run of {', '.join(behind)}", remedy)
    return SCHEDULER.ok(f"all {len(scheduled)} deployments with a schedule have scheduled runs")


def _explain_no_start(server: Throwaway, timeout: float) -> Finding:
    error = server.last_error() or "nothing in its log"
    if server.process.poll() is None:
        return SERVER.broken(f"a throwaway server did not answer within {timeout:.0f} s: {error}", VERSIONS)
    return SERVER.broken(f"the server died at import: {error}", VERSIONS)


@contextmanager
def _deployment(api: Api) -> Iterator[Answer]:
    """Create a flow with a daily deployment that no worker can take, as it is in no pool; remove both at the end."""
    flow = api.post("/flows/", {"name": f"tierra-doctor-{uuid.uuid4().hex[:8]}"})
    try:
        schedule = {"schedule": {"interval": 86400, "timezone": "UTC"}, "active": True}
        fields = {"name": "doctor", "flow_id": (flow.body or {}).get("id"), "schedules": [schedule]} if flow.ok else {}
        yield api.post("/deployments/", fields) if flow.ok else flow
    finally:
        if flow.ok:
            api.delete(f"/flows/{flow.body['id']}")  # its deployment and runs go with it


def _has_schedule(deployment: dict[str, Any]) -> bool:
    return not deployment.get("paused") and any(each["active"] for each in deployment.get("schedules", []))


def _with_runs_ahead(api: Api, deployments: Iterable[str]) -> set[str]:
    return {each for each in deployments if _has_run_ahead(api, each)}


def _has_run_ahead(api: Api, deployment: str) -> bool:
    later = {"next_scheduled_start_time": {"after_": datetime.now(UTC).isoformat()}}
    query = {"deployments": {"id": {"any_": [deployment]}}, "flow_runs": SCHEDULED | later, "limit": 1}
    return bool(api.post("/flow_runs/filter", query).rows)


def _validation_error(answer: Answer) -> str:
    details = answer.body.get("exception_detail") if isinstance(answer.body, dict) else None
    if not isinstance(details, list) or not details:
        return ""
    return f" ({'.'.join(str(part) for part in details[0].get('loc', ()))}: {details[0].get('msg', '')[:60]})"


def _our_version() -> str:
    try:
        return version("prefect")
    except PackageNotFoundError:
        return "none"
