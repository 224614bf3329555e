"""Whether what runs in this container is well: `python -m deployments.services.health [ADDRESS]`, else the worker."""

import sys
from urllib.error import URLError
from urllib.request import urlopen

PLACE = "http://127.0.0.1:8080/health"


def find_fault(place: str = PLACE) -> str | None:
    """Why what answers there is not well; None when it is. A worker is not when it stopped polling its pool."""
    try:
        with urlopen(place, timeout=5):  # noqa: S310  an address of ours
            return None
    except (URLError, OSError) as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(find_fault(*sys.argv[1:2]))
