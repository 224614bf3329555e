"""Checks of a running server: its database, its auth, its clock, its telemetry."""

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from deployments.doctor.api import Api
from deployments.doctor.finding import DoctorCheck, Finding
from deployments.doctor.machine import TELEMETRY
from deployments.doctor.variables import find_database
from tasks.server.names import POOL, TAGGED, WATCHDOG
from tierra.status.judging import judge_delivery, judge_watchdog
from tierra.status.seen import Unsent
from tierra.status.server_address import is_loopback, port_of

DATABASE, AUTH, CLOCK, TELEMETRY_OFF, WATCHED, ALERTS = (
    DoctorCheck("database"),
    DoctorCheck("auth"),
    DoctorCheck("clock"),
    DoctorCheck("telemetry"),
    DoctorCheck("watchdog"),
    DoctorCheck("alerts"),
)
CLOCK_TOLERANCE: Final = 5


def check_live(api: Api) -> Iterator[Finding]:
    """Every check that needs a running server; nothing is written."""
    body = api.get("/admin/settings").body
    settings = body if isinstance(body, dict) else {}
    server = settings.get("server", {})
    yield check_database(api, _database_kind(api, settings))
    yield check_auth(api)
    yield check_clock(api)
    yield check_telemetry(api, server)
    yield check_watchdog(api)
    yield check_alerts(api)


def check_database(api: Api, kind: str) -> Finding:
    """Whether the server's database answers, and whether it can serve the workers that are online."""
    if not (ready := api.get("/ready")).ok:
        return DATABASE.broken(
            f"the server does not reach its database ({ready})", "Start the database, then the server"
        )
    workers = _count_workers(api)
    if kind == "SQLite" and workers > 1:
        remedy = "Use PostgreSQL: PREFECT_SERVER_DATABASE_CONNECTION_URL=postgresql+asyncpg://..."
        return DATABASE.warning(f"SQLite with {workers} workers, which locks under load", remedy)
    online = "1 worker" if workers == 1 else f"{workers} workers"
    return DATABASE.ok(f"{kind or 'its database (the address is masked)'} answers; {online} online")


def check_auth(api: Api) -> Finding:
    """Whether the server refuses others where it can be reached by them, and accepts our auth string."""
    anonymous = api.without_auth().post("/flow_runs/filter", {"limit": 1})
    closed = anonymous.status in (401, 403)
    if not closed and (outside := _reachable_addresses(api.url)):
        remedy = "Set PREFECT_SERVER_API_AUTH_STRING for the server and PREFECT_API_AUTH_STRING for its clients"
        return AUTH.broken(f"anybody may use the server at {', '.join(outside)}", remedy)
    if not closed:
        return AUTH.ok("no auth string, and the server is reached on loopback only")
    if api.post("/flow_runs/filter", {"limit": 1}).status in (401, 403):
        return AUTH.broken("the server refuses our auth string", "Set PREFECT_API_AUTH_STRING to the server's")
    return AUTH.ok("calls without auth are refused, our auth string is accepted")


def check_clock(api: Api) -> Finding:
    """Whether this machine's clock and the server's agree."""
    before = time.time()
    date = api.get("/health").date
    try:
        # The header has whole seconds, so the middle of its second is taken.
        apart = parsedate_to_datetime(date).timestamp() + 0.5 - (before + time.time()) / 2
    except ValueError:
        return CLOCK.skipped("the server's answers have no date")
    if abs(apart) > CLOCK_TOLERANCE:
        message = f"the server's clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} ours"
        return CLOCK.warning(message, "Synchronise both machines (NTP): runs start and days change by these clocks")
    return CLOCK.ok(f"within {CLOCK_TOLERANCE} s of the server's")


def check_telemetry(api: Api, server: dict[str, Any]) -> Finding:
    """Whether telemetry is off in the server and in the runs of our deployments."""
    if server.get("analytics_enabled"):
        return TELEMETRY_OFF.broken(
            "the server sends analytics", "Start it with PREFECT_SERVER_ANALYTICS_ENABLED=false"
        )
    tagged = api.post("/deployments/filter", {"deployments": TAGGED, "limit": 200}).rows
    sending = sorted({each["name"] for each in tagged if not _has_telemetry_off(each)})
    if sending:
        return TELEMETRY_OFF.broken(f"runs of {', '.join(sending)} do not switch it off", "Run `tierra deploy`")
    return TELEMETRY_OFF.ok(f"off in the server and in {len(tagged)} deployments")


def check_watchdog(api: Api) -> Finding:
    """Whether a watchdog has looked at the runs of late."""
    body = api.get(f"/variables/name/{WATCHDOG}").body
    looked = body.get("value") if isinstance(body, dict) else None
    check = judge_watchdog(datetime.fromisoformat(looked) if looked else None, datetime.now(UTC))
    if check.level == "green":
        return WATCHED.ok(check.what)
    return WATCHED.warning(check.what, "`make up` starts one")


def _has_telemetry_off(deployment: dict[str, Any]) -> bool:
    env = (deployment.get("job_variables") or {}).get("env") or {}
    return TELEMETRY.items() <= env.items()


def _database_kind(api: Api, settings: dict[str, Any]) -> str:
    """The kind of database by this environment or the server's files, as the server masks its address."""
    database = settings.get("server", {}).get("database") or {}
    if address := find_database() or str(database.get("driver") or ""):
        return "SQLite" if address.startswith("sqlite") else "PostgreSQL"
    # SQLite keeps this file while its database is open.
    file = Path(str(settings.get("home", ""))) / "prefect.db-wal"
    return "SQLite" if is_loopback(urlsplit(api.url).hostname) and file.is_file() else ""


def _count_workers(api: Api) -> int:
    workers = api.post(f"/work_pools/{POOL}/workers/filter", {"limit": 200}).rows
    return sum(each.get("status") == "ONLINE" for each in workers)


def _reachable_addresses(url: str) -> list[str]:
    """Where others could reach the server: its own address, or this machine's on the same port."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", port_of(url)
    if not is_loopback(host):
        return [f"{host}:{port}"]
    return [f"{address}:{port}" for address in _own_addresses() if _listens(address, port)]


def _own_addresses() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks which address would be used
            address = str(probe.getsockname()[0])
        except OSError:
            return []
    return [] if is_loopback(address) else [address]


def _listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False


def check_alerts(api: Api) -> Finding:
    """Whether the messages of the last day arrived."""
    # Not before it is needed: the doctor also looks at what cannot be imported.
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from tasks.server.messages import find_undelivered

    now = datetime.now(UTC)
    try:
        with temporary_settings({PREFECT_API_URL: api.url}), get_client(sync_client=True) as client:
            unsent = [Unsent(moment=each.moment, why=each.why) for each in find_undelivered(client, now)]
            check = judge_delivery(unsent, now)
    except (httpx.HTTPError, OSError) as error:
        return ALERTS.skipped(f"events cannot be read ({type(error).__name__})")
    if check.level == "green":
        return ALERTS.ok(check.what)
    return ALERTS.broken(check.what, "Correct TIERRA_ALERT_WEBHOOK or the block, then tierra deploy")
