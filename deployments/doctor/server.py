"""How a Prefect server behaves: it answers, lists runs and creates the scheduled ones."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from deployments.doctor.api import Answer, Api
from deployments.doctor.finding import Check, Finding
from deployments.doctor.throwaway import Throwaway, throwaway_server

SERVER, LISTS, SCHEDULER = Check("server"), Check("lists"), Check("scheduler")
VERSIONS: Final = "See `versions` above; `make install` brings the set that works"
# As Prefect's own client asks, with nulls for what is not said: newer FastAPI refuses these.
LIST_CALLS: Final[dict[str, dict[str, Any]]] = {
    "/flow_runs/filter": {"flows": None, "flow_runs": None, "deployments": None, "sort": None, "limit": 1, "offset": 0},
    "/logs/filter": {"logs": None, "limit": 1, "offset": None, "sort": "TIMESTAMP_ASC"},
}
OURS: Final = {"tags": {"all_": ["tierra"]}}
SCHEDULED: Final = {"state": {"type": {"any_": ["SCHEDULED"]}}}


def check_throwaway(patience: float = 180) -> Iterator[Finding]:
    """How a server started from this environment behaves."""
    with throwaway_server() as server:
        if not server.wait(patience):
            yield _stillborn(server, patience)
            return
        yield SERVER.ok("a throwaway server starts from this environment and answers")
        yield check_lists(server.api)
        yield check_scheduler(server.api, seconds=30, symptom=server.symptom)


def find_silence(api: Api) -> Finding | None:
    """What to say of a server that does not answer; None when it does."""
    if (health := api.get("/health")).fine:
        return None
    return SERVER.broken(f"no answer at {api.url} ({health})", "Start it with `make up`, or correct PREFECT_API_URL")


def check_version(api: Api) -> Finding:
    """Whether the server lets us in and is of our version."""
    answer = api.get("/admin/version")
    if answer.status in (401, 403):
        return SERVER.broken(f"{api.url} refuses us ({answer.status})", "Set PREFECT_API_AUTH_STRING to the server's")
    if not answer.fine or not isinstance(answer.body, str):
        return SERVER.broken(f"{api.url} does not tell its version ({answer})", "See that PREFECT_API_URL ends in /api")
    if answer.body != _ours():
        said = f"Prefect {answer.body} at {api.url}, {_ours()} here"
        return SERVER.warning(said, "Give server and workers the same version")
    return SERVER.ok(f"Prefect {answer.body} at {api.url}")


def check_lists(api: Api) -> Finding:
    """Whether the calls that list flow runs and logs work."""
    answers = {path: api.post(path, body) for path, body in LIST_CALLS.items()}
    if refused := {path: answer for path, answer in answers.items() if not answer.fine}:
        said = ", ".join(f"{answer.status or 'no answer'} to {path}" for path, answer in refused.items())
        return LISTS.broken(f"the server answers {said}{_why(next(iter(refused.values())))}", VERSIONS)
    return LISTS.ok("flow runs and logs are listed")


def check_scheduler(api: Api, seconds: float, symptom: Callable[[], str] = str) -> Finding:
    """Whether a throwaway deployment with a schedule gets its scheduled runs; leaves nothing behind."""
    started = time.monotonic()
    with _deployment(api) as created:
        if not created.fine:
            return SCHEDULER.broken(f"a deployment could not be created ({created})", VERSIONS)
        wanted = {"deployments": {"id": {"any_": [created.body["id"]]}}, "flow_runs": SCHEDULED}
        while time.monotonic() - started < seconds:
            if (listed := api.post("/flow_runs/filter", wanted)).rows:
                return SCHEDULER.ok(
                    f"a scheduled run was there {time.monotonic() - started:.1f} s after its deployment"
                )
            if not listed.fine:
                return SCHEDULER.skipped(f"runs cannot be listed ({listed.status})")
            if time.monotonic() - started > 4 and symptom():
                break
            time.sleep(0.3)
    said = f": {shown}" if (shown := symptom()) else ""
    return SCHEDULER.broken(f"no scheduled run {time.monotonic() - started:.0f} s after its deployment{said}", VERSIONS)


def check_schedules(api: Api, seconds: float = 8) -> Finding:
    """Whether deployments with a schedule have runs ahead; only looks."""
    there = api.post("/deployments/filter", {"deployments": OURS, "limit": 200})
    if not there.fine:
        return SCHEDULER.skipped(f"deployments cannot be listed ({there})")
    due = {each["id"]: each["name"] for each in there.rows if _is_due(each)}
    if not due:
        return SCHEDULER.skipped("no deployment here has a schedule", "See it create a run with `tierra doctor --deep`")
    started = time.monotonic()
    while not (ahead := _with_runs_ahead(api, due)) and time.monotonic() - started < seconds:
        time.sleep(1)  # a new deployment's runs take some seconds
    if not ahead:
        said = f"{len(due)} deployments have an active schedule, and none has a run ahead"
        return SCHEDULER.broken(said, f"Look into the server's log. {VERSIONS}")
    if behind := sorted({due[key] for key in due.keys() - ahead}):
        remedy = "Right when they are due in more than 100 days; else look into the server's log"
        return SCHEDULER.warning(f"no run ahead of {', '.join(behind)}", remedy)
    return SCHEDULER.ok(f"all {len(due)} deployments with a schedule have runs ahead")


def _stillborn(server: Throwaway, patience: float) -> Finding:
    if server.process.poll() is None:
        said = server.symptom() or "nothing in its log"
        return SERVER.broken(f"a throwaway server did not answer within {patience:.0f} s: {said}", VERSIONS)
    return SERVER.broken(f"the server died at import: {server.symptom() or 'nothing in its log'}", VERSIONS)


@contextmanager
def _deployment(api: Api) -> Iterator[Answer]:
    """A flow with a deployment that is due each day and that no worker can take: it is in no pool."""
    flow = api.post("/flows/", {"name": f"tierra-doctor-{uuid.uuid4().hex[:8]}"})
    try:
        schedule = {"schedule": {"interval": 86400, "timezone": "UTC"}, "active": True}
        asked = {"name": "doctor", "flow_id": (flow.body or {}).get("id"), "schedules": [schedule]} if flow.fine else {}
        yield api.post("/deployments/", asked) if flow.fine else flow
    finally:
        if flow.fine:
            api.delete(f"/flows/{flow.body['id']}")  # its deployment and runs go with it


def _is_due(deployment: dict[str, Any]) -> bool:
    return not deployment.get("paused") and any(each["active"] for each in deployment.get("schedules", []))


def _with_runs_ahead(api: Api, deployments: Iterable[str]) -> set[str]:
    return {each for each in deployments if _has_run_ahead(api, each)}


def _has_run_ahead(api: Api, deployment: str) -> bool:
    now = {"next_scheduled_start_time": {"after_": datetime.now(UTC).isoformat()}}
    wanted = {"deployments": {"id": {"any_": [deployment]}}, "flow_runs": SCHEDULED | now, "limit": 1}
    return bool(api.post("/flow_runs/filter", wanted).rows)


def _why(answer: Answer) -> str:
    details = answer.body.get("exception_detail") if isinstance(answer.body, dict) else None
    if not isinstance(details, list) or not details:
        return ""
    return f" ({'.'.join(str(part) for part in details[0].get('loc', ()))}: {details[0].get('msg', '')[:60]})"


def _ours() -> str:
    try:
        return version("prefect")
    except PackageNotFoundError:
        return "none"
