"""Where the Prefect server is, as far as this installation knows."""

import os

from tierra.errors import Misconfigured
from tierra.settings import Settings

FILE = "server.url"


def find_server(settings: Settings) -> str:
    """The address of the server's API: the environment's, else that of a running `make up`. Raises Misconfigured."""
    if url := os.environ.get("PREFECT_API_URL"):
        return url
    file = settings.root / FILE
    if file.is_file() and (url := file.read_text().strip()):
        return url
    raise Misconfigured("server-unknown", "no Prefect server is known")
