"""The addresses that `make up` listens on, and the environment its services share."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tierra.environment import QUIET
from tierra.errors import Misconfigured
from tierra.settings import Settings
from tierra.status.server_address import is_loopback, port_of

MLFLOW_URL = "http://127.0.0.1:5000"
RECEIPTS_URL = "http://127.0.0.1:4300"

# How we run Prefect's server: what nothing of ours waits for is done less often (docs/decisions/0020).
SERVER: Final = {
    # A run whose slot a new server does not know is ended by Prefect.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT30S",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "60",
    # Runs that ended 90 days ago go, with logs and artifacts, once a day: by itself the server removes events only.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "86400",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(90 * 24 * 3600),
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "60",
}


class ServerSettings(BaseSettings):
    """The settings of the Prefect server, from Prefect's own variables."""

    model_config = SettingsConfigDict(
        env_prefix="PREFECT_SERVER_API_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    host: str = Field("127.0.0.1", description="Address the server binds to")
    port: int = Field(4200, ge=1, le=65535, description="Port of the server and its pages")
    auth_string: SecretStr | None = Field(None, description="user:password that every call must give")

    @property
    def address(self) -> str:
        """The address by which this machine reaches the server."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "localhost") else self.host  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def load_server_settings() -> ServerSettings:
    """Load the server's settings. Raises Misconfigured, also when others could reach it without a password."""
    try:
        server = ServerSettings()
    except ValidationError as error:
        first = error.errors()[0]
        variable = f"PREFECT_SERVER_API_{str(first['loc'][0]).upper()}"
        raise Misconfigured("settings-invalid", f"{variable}: {first['msg'].lower()}") from None
    if server.auth_string and ":" not in server.auth_string.get_secret_value():
        raise Misconfigured("settings-invalid", "PREFECT_SERVER_API_AUTH_STRING: should be user:password")
    if not server.auth_string and not is_loopback(server.host):
        raise Misconfigured("auth-missing", f"anyone who reaches {server.host} could use the server")
    return server


@dataclass(frozen=True)
class Addresses:
    """The address of each service, None when `make up` does not start it, and the addresses that links lead to."""

    pages: str
    mlflow: str | None
    receipts: str | None
    mlflow_link: str
    receipts_link: str

    @property
    def api(self) -> str:
        """The value of PREFECT_API_URL."""
        return f"{self.pages}/api"

    def ports(self) -> Iterator[tuple[str, str, int]]:
        """Each service that is started here, the variable of its address, and its port."""
        yield "the Prefect server", "PREFECT_SERVER_API_PORT", port_of(self.pages)
        if self.mlflow:
            yield "MLflow", "TIERRA_MLFLOW_URL", port_of(self.mlflow)
        if self.receipts:
            yield "the server of receipts", "TIERRA_RECEIPTS_URL", port_of(self.receipts)


def plan_addresses(settings: Settings, server: ServerSettings) -> Addresses:
    """A service on this machine is started at the address that links to it; one elsewhere is only linked."""
    registry = urlsplit(settings.registry_uri() or "")
    remote = registry.scheme in ("http", "https")
    mlflow = settings.mlflow_url or (_without_password(registry) if remote else MLFLOW_URL)
    receipts = settings.receipts_url or RECEIPTS_URL
    return Addresses(
        pages=server.address,
        mlflow=mlflow if not remote and is_loopback(urlsplit(mlflow).hostname) else None,
        receipts=receipts if is_loopback(urlsplit(receipts).hostname) else None,
        mlflow_link=mlflow,
        receipts_link=receipts,
    )


def check_ports(addresses: Addresses, server: ServerSettings) -> None:
    """Raises Misconfigured when a port is taken, naming the variable that changes it."""
    for name, variable, port in addresses.ports():
        host = server.host if variable.startswith("PREFECT") else "127.0.0.1"
        try:
            with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
                pass
        except OSError as error:
            what = f"{name} cannot listen on {host}:{port} ({variable}): {error.strerror}"
            raise Misconfigured("port-taken", what) from None


def make_environment(settings: Settings, server: ServerSettings, addresses: Addresses) -> dict[str, str]:
    """The environment of every service: defaults that the environment overrides, and fixed values."""
    defaults = {
        **QUIET,
        **SERVER,
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # ten processes that are not needed
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{server.address},http://localhost:{server.port}",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_UI_API_URL": addresses.api,
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        "PREFECT_UI_URL": addresses.pages,
        "PREFECT_LOCAL_STORAGE_PATH": str(settings.root / "results"),
        "TIERRA_MLFLOW_URL": addresses.mlflow_link,
        "TIERRA_RECEIPTS_URL": addresses.receipts_link,
    }
    fixed = {
        "TIERRA_HOME": str(settings.root),
        "TIERRA_PROJECTS": str(settings.projects.expanduser().resolve()),
        "PREFECT_HOME": str(settings.root / "prefect"),
        "PREFECT_API_URL": addresses.api,
        "PREFECT_SERVER_API_HOST": server.host,
        "PREFECT_SERVER_API_PORT": str(server.port),
    }
    if server.auth_string:
        secret = server.auth_string.get_secret_value()
        fixed |= {"PREFECT_SERVER_API_AUTH_STRING": secret, "PREFECT_API_AUTH_STRING": secret}
    return {**defaults, **os.environ, **fixed}


def _without_password(parts: SplitResult) -> str:
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
