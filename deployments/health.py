"""Whether the worker in this container is well: `python -m deployments.health`."""

import sys
from urllib.error import URLError
from urllib.request import urlopen

PLACE = "http://127.0.0.1:8080/health"


def find_fault(place: str = PLACE) -> str | None:
    """Why the worker is not well; None when it is. It is not when it stopped polling its pool."""
    try:
        with urlopen(place, timeout=5):  # noqa: S310  our own address
            return None
    except (URLError, OSError) as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(find_fault())
