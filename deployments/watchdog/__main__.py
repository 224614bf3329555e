"""`python -m deployments.watchdog`: watches over the runs of a server until it is asked to end."""

import argparse
import signal
import sys
import time
from types import FrameType
from typing import Any

from loguru import logger
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from deployments.watchdog.refreshing import StatusPage
from deployments.watchdog.watching import Watch
from tierra.cli.console import show_error
from tierra.errors import TierraError
from tierra.settings import load_settings
from tierra.status.server_address import find_server

LOOK_SECONDS, STATUS_SECONDS = 10.0, 900.0
RETRIES = 1  # it looks again anyway


def main(arguments: list[str]) -> int:
    """Look at the runs every few seconds, and write the status page every quarter of an hour."""
    parser = argparse.ArgumentParser(prog="python -m deployments.watchdog", description=__doc__)
    parser.add_argument("--every", type=float, default=LOOK_SECONDS, help="seconds between two looks at the runs")
    parser.add_argument("--status", type=float, default=STATUS_SECONDS, help="seconds between two status pages")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    try:
        watch(options.every, options.status)
    except TierraError as error:
        show_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        pass
    return 0


def watch(every: float, status_every: float) -> None:
    """Watch until this process is asked to end."""
    settings = load_settings()
    patience: dict[Any, Any] = {PREFECT_API_URL: find_server(settings), PREFECT_CLIENT_MAX_RETRIES: RETRIES}
    with temporary_settings(patience), get_client(sync_client=True) as client:
        runs, page = Watch(client, settings.heartbeat_seconds), StatusPage(status_every)
        logger.info("watching {}", client.api_url)
        while True:
            runs.look()
            if runs.listening_since:
                page.refresh_when_due()
            time.sleep(every)


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
