"""Stops the processes of `make up` when it is killed: `python -m deployments.services.guard TOKEN FILE`, on a pipe."""

import signal
import sys
from pathlib import Path

from deployments.services.processes import stop_marked


def main(token: str, address_file: str) -> None:
    """Wait until the pipe closes, which it does when its writer ends; then stop every process with the token."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdin.buffer.read()
    stop_marked(token)
    Path(address_file).unlink(missing_ok=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
