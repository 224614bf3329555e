"""The container's health check: `python -m deployments.watchdog.health` fails when no watchdog has looked of late.

Without Prefect, as it is asked every minute.
"""

import sys

from deployments.doctor.api import Api
from deployments.doctor.live import check_watchdog
from deployments.doctor.variables import find_variable
from tierra.settings import load_settings
from tierra.status.server_address import find_server


def main() -> int:
    """Print what was found; 1 when no watchdog has looked."""
    found = check_watchdog(Api(find_server(load_settings()), find_variable("PREFECT_API_AUTH_STRING")))
    print(found.said)
    return 0 if found.level == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
