"""What Prefect's server says, in a few calls however many projects and runs there are."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, PREFECT_UI_URL, temporary_settings

from tasks.server.schedules import read_schedule
from tierra.status.judging import PATIENCE
from tierra.status.seen import Deployed, PoolSeen, RunSeen, ServerSeen, WorkerSeen

# A server that is away is told within seconds; one that is busy has the time for its longer answers.
ANSWER, TIMEOUT, RETRIES = 4.0, 15.0, 2
PAGE = 200
OURS = {"tags": {"all_": ["tierra"]}}
BAD, ACTIVE, TO_COME = ("FAILED", "CRASHED", "CANCELLED"), ("RUNNING", "PAUSED", "CANCELLING"), ("SCHEDULED", "PENDING")
NOT_LATE = ("AwaitingRetry", "Resuming", "Suspended")


def ask_server(pool: str, url: str = "") -> ServerSeen:
    """What the server at an address knows of our deployments; of the one Prefect is set up for, without one."""
    ui = ""
    try:
        with _client(url, retries=0) as client:
            url = str(client.api_url).rstrip("/")
            ui = PREFECT_UI_URL.value() or url.removesuffix("/api")
            _reach(url)
            client.request("GET", "/health", timeout=ANSWER)
        with _client(url, RETRIES) as client:
            return _look(client, url, ui, pool)
    except httpx.HTTPStatusError as error:
        fault = _refused(error)
    except (httpx.HTTPError, OSError) as error:
        fault = f"does not answer: {str(error) or type(error).__name__}"
    return ServerSeen(url=url, ui=ui, fault=f"{url} {fault}")


@contextmanager
def _client(url: str, retries: int) -> Iterator[SyncPrefectClient]:
    changes: dict[Any, Any] = {PREFECT_CLIENT_MAX_RETRIES: retries} | ({PREFECT_API_URL: url} if url else {})
    with temporary_settings(changes), get_client({"timeout": TIMEOUT}, sync_client=True) as client:
        yield client


def _reach(url: str) -> None:
    """Connect once and fail soon: Prefect's client tries four times. Raises OSError."""
    place = urlsplit(url)
    if not getproxies().get(place.scheme):
        port = place.port or (443 if place.scheme == "https" else 80)
        socket.create_connection((place.hostname or "", port), timeout=ANSWER).close()


def _refused(error: httpx.HTTPStatusError) -> str:
    code = error.response.status_code
    if code in (401, 403):
        return f"refuses us ({code}): set PREFECT_API_AUTH_STRING"
    return f"answers {code} to {error.request.url.path}"


def _look(client: SyncPrefectClient, url: str, ui: str, pool: str) -> ServerSeen:
    now, deployed = datetime.now(UTC), {each.id: each for each in _deployments(client, ui)}
    next_runs = _next_runs(client, deployed.values(), now)

    def runs(types: tuple[str, ...], sort: str, before: datetime | None = None) -> tuple[RunSeen, ...]:
        asked = _of(types) | (_expected(before=before) if before else {})
        found = _ask(client, "/flow_runs/filter", deployments=OURS, flow_runs=asked, sort=sort, limit=PAGE)
        return tuple(_run(each, deployed[each["deployment_id"]], ui) for each in found
                     if each["deployment_id"] in deployed)  # fmt: skip

    overdue = runs(TO_COME, "EXPECTED_START_TIME_ASC", before=now - PATIENCE)
    return ServerSeen(
        url=url,
        ui=ui,
        version=client.api_version(),
        deployed=tuple(each.model_copy(update={"next_run": next_runs.get(each.id)}) for each in deployed.values()),
        active=runs(ACTIVE, "START_TIME_ASC"),
        late=tuple(run for run in overdue if run.state not in NOT_LATE),
        ended=runs(BAD, "END_TIME_DESC") + runs(("COMPLETED",), "END_TIME_DESC"),
        pool=_pool(client, pool),
    )


def _ask(client: SyncPrefectClient, path: Any, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.request("POST", path, json=asked).json()
    return found


def _of(types: tuple[str, ...]) -> dict[str, Any]:
    return {"state": {"type": {"any_": types}}}


def _expected(**bounds: datetime) -> dict[str, Any]:
    return {"expected_start_time": {f"{name}_": moment.isoformat() for name, moment in bounds.items()}}


def _deployments(client: SyncPrefectClient, ui: str) -> Iterator[Deployed]:
    flows = {each["id"]: each["name"] for each in _pages(client, "/flows/filter")}
    for each in _pages(client, "/deployments/filter"):
        yield Deployed(
            id=each["id"], flow=flows.get(each["flow_id"], "?"), project=each["name"], paused=each["paused"],
            schedules=tuple(map(read_schedule, each["schedules"])), created=each["created"],
            url=f"{ui}/deployments/deployment/{each['id']}",
        )  # fmt: skip


def _pages(client: SyncPrefectClient, path: str) -> Iterator[dict[str, Any]]:
    offset, full = 0, True
    while full:
        page = _ask(client, path, deployments=OURS, limit=PAGE, offset=offset)
        yield from page
        offset, full = offset + PAGE, len(page) == PAGE


def _next_runs(client: SyncPrefectClient, deployed: Any, now: datetime) -> dict[str, datetime]:
    """The next run of each deployment. A dense schedule fills a page alone, so the others are asked for again."""
    next_runs: dict[str, datetime] = {}
    left = [each.id for each in deployed if not each.paused and any(schedule.active for schedule in each.schedules)]
    while left:
        coming = {"deployment_id": {"any_": left}} | _of(("SCHEDULED",)) | _expected(after=now)
        found = _ask(client, "/flow_runs/filter", flow_runs=coming, sort="EXPECTED_START_TIME_ASC", limit=PAGE)
        for run in found:
            next_runs.setdefault(run["deployment_id"], datetime.fromisoformat(run["expected_start_time"]))
        left = [each for each in left if each not in next_runs] if len(found) == PAGE else []
    return next_runs


def _run(found: dict[str, Any], deployment: Deployed, ui: str) -> RunSeen:
    return RunSeen(
        id=found["id"], flow=deployment.flow, project=deployment.project, kind=found["state_type"].lower(),
        state=found["state_name"], message=(found["state"] or {}).get("message") or "",
        expected=found["expected_start_time"], started=found["start_time"], ended=found["end_time"],
        url=f"{ui}/runs/flow-run/{found['id']}",
    )  # fmt: skip


def _pool(client: SyncPrefectClient, name: str) -> PoolSeen | None:
    pools = _ask(client, "/work_pools/filter", work_pools={"name": {"any_": [name]}})
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
