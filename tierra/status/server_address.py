"""The address of the Prefect server, and the parts of addresses; without Prefect."""

import os
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from tierra.errors import Misconfigured
from tierra.settings import Settings

VARIABLE = "PREFECT_API_URL"


def address_file(settings: Settings) -> Path:
    """The file that holds the server's address while `make up` runs."""
    return settings.root / "server.url"


def find_server(settings: Settings) -> str:
    """The API's address: PREFECT_API_URL, else that of `make up`. Raises Misconfigured."""
    if address := os.environ.get(VARIABLE, "").strip():
        return address
    try:
        return address_file(settings).read_text().strip()
    except OSError:
        raise Misconfigured("server-unknown", f"{VARIABLE} is not set and no `make up` runs here") from None


def is_loopback(host: str | None) -> bool:
    """Whether only this machine reaches a host."""
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def port_of(address: str) -> int:
    """The port in an address, or the default of its scheme."""
    parts = urlsplit(address)
    return parts.port or (443 if parts.scheme == "https" else 80)
