"""The address of the Prefect server, and the parts of addresses; without Prefect."""

import os
import socket
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from tierra.errors import Misconfigured
from tierra.settings import Settings

VARIABLE = "PREFECT_API_URL"
LOCK = "up.lock"  # of a `make up`; it stays, so its home had one once


def address_file(settings: Settings) -> Path:
    """The file that holds the server's address while `make up` runs."""
    return settings.root / "server.url"


def find_server(settings: Settings) -> str:
    """The API's address: PREFECT_API_URL, else that of `make up`. Raises Misconfigured."""
    if address := os.environ.get(VARIABLE, "").strip() or read_address(settings):
        return address
    raise Misconfigured("server-unknown", f"{VARIABLE} is not set and no `make up` runs here")


def read_address(settings: Settings) -> str:
    """The API's address of the `make up` that runs in this home; empty when there is none."""
    try:
        return address_file(settings).read_text().strip()
    except OSError:
        return ""


def report_to_make_up(settings: Settings) -> None:
    """Let Prefect, before it is imported, report to the `make up` of this home, unless a server is set.

    A `make up` that was killed may have left its file, so it is asked whether it lives.
    """
    address = "" if os.environ.get(VARIABLE) else read_address(settings)
    if address and is_reachable(address):
        os.environ[VARIABLE] = address


def is_reachable(address: str, timeout: float = 4.0) -> bool:
    """Whether anything listens at an address."""
    try:
        connect(address, timeout)
    except OSError:
        return False
    return True


def connect(address: str, timeout: float) -> None:
    """Connect to an address once, to fail soon. Raises OSError."""
    socket.create_connection((urlsplit(address).hostname or "", port_of(address)), timeout).close()


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
