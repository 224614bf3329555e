"""Prefect's server as `prefect server start` starts it, with concurrent writes on SQLite (docs/decisions/0011).

Prefect begins most transactions by reading and takes the lock with the first write. When another has written between
the two, SQLite refuses at once, whatever the timeout: a click on *Submit* fails, an event is counted twice.
Here the lock is taken at the beginning, where SQLite waits for it.

The timeout is five seconds instead of the minute that Prefect sets for every connection: after a *database is locked*,
the server's threads can wait for each other until it is over, and meanwhile nothing is answered.

It was seen to hold its own lock for ever after clients had died in the middle of requests: it answered, but nothing
was written any more. So it looks now and then whether it can write, and ends when it could not for a minute:
`make up` starts it again.
"""

import os
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Final

from prefect.cli import app
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy import event, make_url
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.engine import Engine
from sqlalchemy.pool import ConnectionPoolEntry, Pool

BUSY_TIMEOUT_MS: Final = 5000
TIMEOUT_IS_SET: Final = "tierra.busy_timeout"
LOOK_EVERY, STUCK_AFTER = 10.0, 60.0
STUCK_CODE: Final = 75  # "try again", of sysexits


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


def watch_lock(file: Path, end: Callable[[], object], every: float = LOOK_EVERY, limit: float = STUCK_AFTER) -> None:
    """Look until the database could not be written for so long; then end."""
    last = time.monotonic()
    while time.monotonic() - last < limit:
        time.sleep(every)
        if can_write(file):
            last = time.monotonic()
    print(f"error: {file} could not be written for {limit:.0f} s: the server must be started again", file=sys.stderr)
    end()


def can_write(file: Path) -> bool:
    """Whether the lock of a SQLite database is free within the busy timeout. Nothing is written."""
    with closing(sqlite3.connect(file, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
    return True


def _watch_own_lock() -> None:
    url = make_url(PREFECT_API_DATABASE_CONNECTION_URL.value() or "")
    if url.get_backend_name() == "sqlite" and url.database and ":memory:" not in url.database:
        end = partial(os._exit, STUCK_CODE)
        Thread(target=watch_lock, args=(Path(url.database), end), name="lock", daemon=True).start()


def main() -> None:
    """Start the server with the arguments of `prefect server start`, until it is asked to end."""
    lock_at_the_beginning()
    shorten_busy_timeout()
    _watch_own_lock()
    sys.argv[1:1] = ["--no-prompt", "server", "start"]
    app()


if __name__ == "__main__":
    main()
