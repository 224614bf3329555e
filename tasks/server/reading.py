"""Reads the Prefect server, in a few calls however many projects and runs there are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, PREFECT_UI_URL, temporary_settings

from tasks.server.messages import find_undelivered
from tasks.server.names import PAGES, TAGGED
from tasks.server.schedules import read_schedule
from tasks.server.watchdog import read_trace
from tierra.status.judging import GRACE_PERIOD
from tierra.status.seen import DeploymentSeen, PoolSeen, RunSeen, ServerSeen, Unsent, WorkerSeen
from tierra.status.server_address import connect

# A server that is down is noticed within seconds; one that is busy has time for its longer answers.
CONNECT_TIMEOUT, READ_TIMEOUT, RETRIES = 4.0, 15.0, 2
PAGE_SIZE = 200
UNSUCCESSFUL, ACTIVE, COMING = (
    ("FAILED", "CRASHED", "CANCELLED"),
    ("RUNNING", "PAUSED", "CANCELLING"),
    ("SCHEDULED", "PENDING"),
)
NOT_LATE = ("AwaitingRetry", "Resuming", "Suspended")


def read_server(pool: str, url: str = "") -> ServerSeen:
    """Read our deployments, their runs and the pool from the server at an address; by default from Prefect's own."""
    ui = ""
    try:
        with _client(url, retries=0) as client:
            url = str(client.api_url).rstrip("/")
            ui = f"{(PREFECT_UI_URL.value() or url.removesuffix('/api')).rstrip('/')}{PAGES}"
            _reach(url)
            client.request("GET", "/health", timeout=CONNECT_TIMEOUT)
        with _client(url, RETRIES) as client:
            return _read_server(client, url, ui, pool)
    except httpx.HTTPStatusError as error:
        fault = explain_status(error)
    except (httpx.HTTPError, OSError) as error:
        fault = f"does not answer: {str(error) or type(error).__name__}"
    return ServerSeen(url=url, ui=ui, fault=f"{url} {fault}")


def find_running(flow: str, is_meant: Callable[[str], bool]) -> tuple[list[str], str]:
    """The names of a flow's runs under way whose parameter `project` is meant; and why nobody knows, where so."""
    query = _state_filter(("RUNNING", "CANCELLING"))
    try:
        with _client("", retries=1) as client:
            _reach(str(client.api_url))
            found = _post(client, "/flow_runs/filter", flows={"name": {"any_": [flow]}}, flow_runs=query,
                          limit=PAGE_SIZE)  # fmt: skip
    except httpx.HTTPStatusError as error:
        return [], f"the Prefect server {explain_status(error)}"
    except (httpx.HTTPError, OSError) as error:
        return [], f"the Prefect server does not answer: {str(error) or type(error).__name__}"
    return [each["name"] for each in found if is_meant(str(each["parameters"].get("project")))], ""


@contextmanager
def _client(url: str, retries: int) -> Iterator[SyncPrefectClient]:
    changes: dict[Any, Any] = {PREFECT_CLIENT_MAX_RETRIES: retries} | ({PREFECT_API_URL: url} if url else {})
    with temporary_settings(changes), get_client({"timeout": READ_TIMEOUT}, sync_client=True) as client:
        yield client


def _reach(url: str) -> None:
    """Fail soon where nothing listens, as Prefect's client tries four times; a proxy always listens. Raises OSError."""
    if not getproxies().get(urlsplit(url).scheme):
        connect(url, CONNECT_TIMEOUT)


def explain_status(error: httpx.HTTPStatusError) -> str:
    """Why a server refused a call, after its address."""
    code = error.response.status_code
    if code in (401, 403):
        return f"refuses us ({code}): set PREFECT_API_AUTH_STRING"
    return f"answers {code} to {error.request.url.path}"


def _read_server(client: SyncPrefectClient, url: str, ui: str, pool: str) -> ServerSeen:
    now, deployed = datetime.now(UTC), {each.id: each for each in _deployments(client, ui)}
    next_runs = _next_runs(client, deployed.values(), now)

    def runs(types: tuple[str, ...], sort: str, before: datetime | None = None) -> tuple[RunSeen, ...]:
        query = _state_filter(types) | (_start_filter(before=before) if before else {})
        found = _post(client, "/flow_runs/filter", deployments=TAGGED, flow_runs=query, sort=sort, limit=PAGE_SIZE)
        return tuple(_run(each, deployed[each["deployment_id"]], ui) for each in found
                     if each["deployment_id"] in deployed)  # fmt: skip

    overdue = runs(COMING, "EXPECTED_START_TIME_ASC", before=now - GRACE_PERIOD)
    return ServerSeen(
        url=url,
        ui=ui,
        version=client.api_version(),
        deployed=tuple(each.model_copy(update={"next_run": next_runs.get(each.id)}) for each in deployed.values()),
        active=runs(ACTIVE, "START_TIME_ASC"),
        late=tuple(run for run in overdue if run.state not in NOT_LATE),
        ended=runs(UNSUCCESSFUL, "END_TIME_DESC") + runs(("COMPLETED",), "END_TIME_DESC"),
        pool=_pool(client, pool),
        watched=read_trace(client),
        unsent=tuple(Unsent(moment=each.moment, why=each.why) for each in find_undelivered(client, now)),
    )


def _post(client: SyncPrefectClient, path: Any, **fields: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.request("POST", path, json=fields).json()
    return found


def _state_filter(types: tuple[str, ...]) -> dict[str, Any]:
    return {"state": {"type": {"any_": types}}}


def _start_filter(**bounds: datetime) -> dict[str, Any]:
    return {"expected_start_time": {f"{name}_": moment.isoformat() for name, moment in bounds.items()}}


def _deployments(client: SyncPrefectClient, ui: str) -> Iterator[DeploymentSeen]:
    flows = {each["id"]: each["name"] for each in _pages(client, "/flows/filter")}
    for each in _pages(client, "/deployments/filter"):
        yield DeploymentSeen(
            id=each["id"], flow=flows.get(each["flow_id"], "?"), project=each["name"], paused=each["paused"],
            schedules=tuple(map(read_schedule, each["schedules"])), created=each["created"],
            url=f"{ui}/deployments/deployment/{each['id']}",
        )  # fmt: skip


def _pages(client: SyncPrefectClient, path: str) -> Iterator[dict[str, Any]]:
    offset, full = 0, True
    while full:
        page = _post(client, path, deployments=TAGGED, limit=PAGE_SIZE, offset=offset)
        yield from page
        offset, full = offset + PAGE_SIZE, len(page) == PAGE_SIZE


def _next_runs(client: SyncPrefectClient, deployed: Any, now: datetime) -> dict[str, datetime]:
    """The next run of each deployment. A dense schedule can fill a page alone, so the others are read again."""
    next_runs: dict[str, datetime] = {}
    left = [each.id for each in deployed if not each.paused and any(schedule.active for schedule in each.schedules)]
    while left:
        coming = {"deployment_id": {"any_": left}} | _state_filter(("SCHEDULED",)) | _start_filter(after=now)
        found = _post(client, "/flow_runs/filter", flow_runs=coming, sort="EXPECTED_START_TIME_ASC", limit=PAGE_SIZE)
        for run in found:
            next_runs.setdefault(run["deployment_id"], datetime.fromisoformat(run["expected_start_time"]))
        left = [each for each in left if each not in next_runs] if len(found) == PAGE_SIZE else []
    return next_runs


def _run(found: dict[str, Any], deployment: DeploymentSeen, ui: str) -> RunSeen:
    return RunSeen(
        id=found["id"], flow=deployment.flow, project=deployment.project, kind=found["state_type"].lower(),
        state=found["state_name"], message=(found["state"] or {}).get("message") or "",
        expected=found["expected_start_time"], started=found["start_time"], ended=found["end_time"],
        url=f"{ui}/runs/flow-run/{found['id']}",
    )  # fmt: skip


def _pool(client: SyncPrefectClient, name: str) -> PoolSeen | None:
    pools = _post(client, "/work_pools/filter", work_pools={"name": {"any_": [name]}})
    if not pools:
        return None
    path = {"work_pool_name": name}
    workers = client.request("POST", "/work_pools/{work_pool_name}/workers/filter", path_params=path, json={}).json()
    return PoolSeen(
        name=name,
        paused=pools[0]["is_paused"],
        workers=tuple(
            WorkerSeen(name=each["name"], online=each["status"] == "ONLINE", heartbeat=each["last_heartbeat_time"])
            for each in workers
        ),
    )
