"""Two that write Prefect's SQLite database at once: Prefect alone refuses one, our server serves both."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from deployments.services.prefect_server import lock_at_the_beginning, watch_lock

COUNT, ADD = text("select count(*) from notes"), text("insert into notes values ('written')")


async def read_then_write(database: AioSqliteConfiguration, engine: AsyncEngine, pause: float) -> None:
    """One transaction, as the server's own: it looks, and then writes."""
    async with await database.session(engine) as session, database.begin_transaction(session):
        await session.execute(COUNT)
        await asyncio.sleep(pause)
        await session.execute(ADD)


async def two_at_once(file: Path, *, ours: bool) -> int:
    """Start a second writer while the first has looked and not yet written; returns how many notes there are then."""
    database = AioSqliteConfiguration(f"sqlite+aiosqlite:///{file}")
    engine = await database.engine()
    if ours:
        lock_at_the_beginning(engine.sync_engine)
    async with engine.begin() as connection:
        await connection.execute(text("create table notes (said text)"))
    first = asyncio.create_task(read_then_write(database, engine, 0.5))
    await asyncio.sleep(0.2)
    await asyncio.gather(first, read_then_write(database, engine, 0))
    async with engine.connect() as connection:
        return int((await connection.execute(COUNT)).scalar_one())


def test_two_that_look_and_then_write_are_both_served(tmp_path: Path) -> None:
    assert asyncio.run(two_at_once(tmp_path / "prefect.db", ours=True)) == 2


def test_prefect_alone_refuses_one_of_them_at_once(tmp_path: Path) -> None:
    """When this fails, Prefect has mended it and `lock_at_the_beginning` may go."""
    with pytest.raises(OperationalError, match="database is locked"):
        asyncio.run(two_at_once(tmp_path / "prefect.db", ours=False))


@pytest.mark.long
def test_a_server_whose_database_stays_locked_ends_and_one_that_only_waits_does_not(tmp_path: Path) -> None:
    file, ended = tmp_path / "prefect.db", list[float]()
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as held:
        held.execute("create table notes (said text)")
        watch = Thread(target=watch_lock, args=(file, lambda: ended.append(time.monotonic()), 0.1, 8.0))
        watch.start()
        time.sleep(1)
        assert not ended
        locked = time.monotonic()
        held.execute("BEGIN IMMEDIATE")
        watch.join(60)
    assert ended
    assert ended[0] - locked > 7
