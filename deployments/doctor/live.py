"""What a server that answers tells about its database, its door, its clock and its deployments."""

import socket
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from deployments.doctor.api import Api
from deployments.doctor.finding import Check, Finding
from deployments.doctor.machine import TELEMETRY
from deployments.doctor.server import OURS
from deployments.doctor.variables import find_database
from deployments.plan import POOL

DATABASE, AUTH, CLOCK, TELEMETRY_OFF = Check("database"), Check("auth"), Check("clock"), Check("telemetry")
SECONDS_OFF: Final = 5


def check_live(api: Api) -> Iterator[Finding]:
    """Everything that only a running server can tell; nothing is written."""
    told = api.get("/admin/settings").body
    server = told.get("server", {}) if isinstance(told, dict) else {}
    yield check_database(api, _kind(api, server, told))
    yield check_auth(api)
    yield check_clock(api)
    yield check_telemetry(api, server)


def check_database(api: Api, kind: str) -> Finding:
    """Whether the server's database answers, and whether it is one for the workers there are."""
    if not (ready := api.get("/ready")).fine:
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
    """Whether the server keeps strangers out where strangers are, and lets us in."""
    stranger = api.without_auth().post("/flow_runs/filter", {"limit": 1})
    closed = stranger.status in (401, 403)
    if not closed and (outside := _addresses_outside(api.url)):
        remedy = "Set PREFECT_SERVER_API_AUTH_STRING for the server and PREFECT_API_AUTH_STRING for its clients"
        return AUTH.broken(f"anybody may use the server at {', '.join(outside)}", remedy)
    if not closed:
        return AUTH.ok("no auth string, and the server is reached on loopback only")
    if api.post("/flow_runs/filter", {"limit": 1}).status in (401, 403):
        return AUTH.broken("the server refuses our auth string", "Set PREFECT_API_AUTH_STRING to the server's")
    return AUTH.ok("strangers are refused, our auth string is taken")


def check_clock(api: Api) -> Finding:
    """How far this machine's clock and the server's are apart."""
    before = time.time()
    said = api.get("/health").date
    try:
        # The header has whole seconds, so the middle of its second is meant.
        apart = parsedate_to_datetime(said).timestamp() + 0.5 - (before + time.time()) / 2
    except ValueError:
        return CLOCK.skipped("the server's answers bear no date")
    if abs(apart) > SECONDS_OFF:
        said = f"the server's clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} ours"
        return CLOCK.warning(said, "Let both machines keep time (NTP): runs start and days turn by these clocks")
    return CLOCK.ok(f"within {SECONDS_OFF} s of the server's")


def check_telemetry(api: Api, server: dict[str, Any]) -> Finding:
    """Whether the server and the runs of our deployments send nothing out."""
    if server.get("analytics_enabled"):
        return TELEMETRY_OFF.broken(
            "the server sends analytics", "Start it with PREFECT_SERVER_ANALYTICS_ENABLED=false"
        )
    ours = api.post("/deployments/filter", {"deployments": OURS, "limit": 200}).rows
    loud = sorted({each["name"] for each in ours if not _quiet(each)})
    if loud:
        return TELEMETRY_OFF.broken(f"runs of {', '.join(loud)} do not switch it off", "Run `tierra deploy`")
    return TELEMETRY_OFF.ok(f"off in the server and in {len(ours)} deployments")


def _quiet(deployment: dict[str, Any]) -> bool:
    env = (deployment.get("job_variables") or {}).get("env") or {}
    return TELEMETRY.items() <= env.items()


def _kind(api: Api, server: dict[str, Any], told: Any) -> str:
    """The kind of database, which the server's settings mask: as this environment or its files say."""
    said = find_database() or str((server.get("database") or {}).get("driver") or "")
    if said:
        return "SQLite" if said.startswith("sqlite") else "PostgreSQL"
    # SQLite keeps this file while its database is open.
    file = Path(str(told.get("home", ""))) / "prefect.db-wal" if isinstance(told, dict) else None
    return "SQLite" if file and _is_loopback(urlsplit(api.url).hostname or "") and file.is_file() else ""


def _count_workers(api: Api) -> int:
    workers = api.post(f"/work_pools/{POOL}/workers/filter", {"limit": 200}).rows
    return sum(each.get("status") == "ONLINE" for each in workers)


def _addresses_outside(url: str) -> list[str]:
    """Where others could reach the server: its own address, or this machine's on the same port."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if not _is_loopback(host):
        return [f"{host}:{port}"]
    return [f"{address}:{port}" for address in _own_addresses() if _listens(address, port)]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _own_addresses() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks which address would be used
            address = str(probe.getsockname()[0])
        except OSError:
            return []
    return [] if _is_loopback(address) else [address]


def _listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False
