"""Prefect's server as `prefect server start` starts it, with concurrent writes on SQLite (docs/decisions/0011).

Prefect begins most transactions by reading and takes the lock with the first write. When another has written between
the two, SQLite refuses at once, whatever the timeout: a click on *Submit* fails, an event is counted twice.
Here the lock is taken at the beginning, where SQLite waits for it.

The timeout is five seconds instead of the minute that Prefect sets for every connection: after a *database is locked*,
the server's threads can wait for each other until it is over, and meanwhile nothing is answered.
"""

import sys
from typing import Any, Final

from prefect.cli import app
from sqlalchemy import event
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.engine import Engine
from sqlalchemy.pool import ConnectionPoolEntry, Pool

BUSY_TIMEOUT_MS: Final = 5000
TIMEOUT_IS_SET: Final = "tierra.busy_timeout"


def lock_at_the_beginning(engines: Any = Engine) -> None:
    """Make writing transactions on SQLite take the lock when they begin; for one engine, or for this process."""
    event.listen(engines, "before_cursor_execute", _begin_immediate, retval=True)


def _begin_immediate(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
    # Prefect begins every transaction that may write this way, and none that only reads.
    return "BEGIN IMMEDIATE" if statement == "BEGIN DEFERRED" else statement, parameters


def shorten_busy_timeout() -> None:
    """Set the busy timeout on every SQLite connection that this process opens from now on."""
    # At the first checkout: Prefect's own listener would overwrite what is set when a connection is made.
    event.listen(Pool, "checkout", _set_busy_timeout)


def _set_busy_timeout(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    if TIMEOUT_IS_SET in record.info or not isinstance(connection, AsyncAdapt_aiosqlite_connection):
        return
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.close()
    record.info[TIMEOUT_IS_SET] = True  # the record lives as long as the connection


def main() -> None:
    """Start the server with the arguments of `prefect server start`, until it is asked to end."""
    lock_at_the_beginning()
    shorten_busy_timeout()
    sys.argv[1:1] = ["--no-prompt", "server", "start"]
    app()


if __name__ == "__main__":
    main()
