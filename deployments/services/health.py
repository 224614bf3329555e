"""The container's health check: `python -m deployments.services.health [ADDRESS]`; by default the worker's."""

import sys
from urllib.error import URLError
from urllib.request import urlopen

WORKER_URL = "http://127.0.0.1:8080/health"


def find_fault(url: str = WORKER_URL) -> str | None:
    """Why an address does not answer with success; None when it does. A worker fails when it stopped polling."""
    try:
        with urlopen(url, timeout=5):  # noqa: S310  an address of ours
            return None
    except (URLError, OSError) as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(find_fault(*sys.argv[1:2]))
