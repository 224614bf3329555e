"""Where the Prefect server is, found without Prefect."""

import os
from pathlib import Path

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
