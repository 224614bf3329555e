"""Prefect's server as `prefect server start` starts it, but never long in its own way on SQLite.

When several runs write at once, its threads can wait for each other until SQLite's busy timeout ends, which Prefect
sets to a minute for every connection (docs/decisions/0011). Meanwhile nothing is answered. Here it is five seconds.
"""

import sys
from typing import Any, Final

from prefect.cli import app
from sqlalchemy import event
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.pool import ConnectionPoolEntry, Pool

BUSY_TIMEOUT_MS: Final = 5000
DONE: Final = "tierra.busy_timeout"


def shorten_busy_timeout() -> None:
    """Set it on every SQLite connection of this process that is opened from now on."""
    # At the first checkout: what is set when a connection is made, Prefect's own listener sets again afterwards.
    event.listen(Pool, "checkout", _set_busy_timeout)


def _set_busy_timeout(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    if DONE in record.info or not isinstance(connection, AsyncAdapt_aiosqlite_connection):
        return
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.close()
    record.info[DONE] = True  # it lives as long as the connection


def main() -> None:
    """Start the server with the arguments of `prefect server start`, until it is asked to end."""
    shorten_busy_timeout()
    sys.argv[1:1] = ["--no-prompt", "server", "start"]
    app()


if __name__ == "__main__":
    main()
