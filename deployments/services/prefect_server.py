"""Prefect's server as `prefect server start` starts it, but on SQLite many may write at once (docs/decisions/0011).

Prefect begins most transactions by reading and takes the lock with the first write. When another has written between
the two, SQLite refuses at once, however long one would wait: a click on *Submit* fails, an event is counted twice.
Here the lock is taken at the beginning, where SQLite waits for it.

It waits five seconds instead of the minute that Prefect sets for every connection: after a *database is locked*, the
server's threads can wait for each other until that time is over, and meanwhile nothing is answered.
"""

import sys
from typing import Any, Final

from prefect.cli import app
from sqlalchemy import event
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.engine import Engine
from sqlalchemy.pool import ConnectionPoolEntry, Pool

BUSY_TIMEOUT_MS: Final = 5000
DONE: Final = "tierra.busy_timeout"


def lock_at_the_beginning(engines: Any = Engine) -> None:
    """Make transactions on SQLite that may write take the lock when they begin; of one engine, or of this process."""
    event.listen(engines, "before_cursor_execute", _begin_immediate, retval=True)


def _begin_immediate(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
    # Prefect begins so whatever may write; what only reads it does not begin at all.
    return "BEGIN IMMEDIATE" if statement == "BEGIN DEFERRED" else statement, parameters


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
    lock_at_the_beginning()
    shorten_busy_timeout()
    sys.argv[1:1] = ["--no-prompt", "server", "start"]
    app()


if __name__ == "__main__":
    main()
