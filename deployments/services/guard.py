"""Ends what `make up` started when it was killed: `python -m deployments.services.guard TOKEN FILE`, on a pipe."""

import signal
import sys
from pathlib import Path

from deployments.services.processes import end_marked


def main(token: str, address_file: str) -> None:
    """Wait until the pipe closes, which the end of its writer does; then end what carries the token."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end_marked(token)
    Path(address_file).unlink(missing_ok=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
