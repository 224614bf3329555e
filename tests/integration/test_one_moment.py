"""Several tables of one database are read as they were at one moment, whatever is loaded meanwhile."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import psycopg
import pyarrow as pa
import pytest

from tests.databases import Database
from tierra.data.sources import SourceReader, one_moment
from tierra.data.window import EVERYTHING, Window
from tierra.errors import Misconfigured, Unavailable

TABLES = ("rides", "zones", "prices")


def load(database: Database, number: int, rows: int = 50) -> None:
    """Make three tables of one load."""
    for name in TABLES:
        database.write(name, pa.table({"load": [number] * rows, "day": [date(2024, 1, 1)] * rows}))


def readers_of(database: Database) -> list[SourceReader]:
    """Two tables and a query over the third."""
    return [database.open(table="rides", partition_by="day"), database.open(table="zones"),
            database.open(query="select * from prices where load >= 0")]  # fmt: skip


def loads(reader: SourceReader) -> list[int]:
    return [number for piece in reader.batches(["load"], EVERYTHING) for number in piece["load"].to_pylist()]


def test_what_is_loaded_meanwhile_is_not_seen_before_the_moment_has_passed(database: Database) -> None:
    load(database, 1)
    readers = readers_of(database)
    if database.is_sqlite:
        database.run("pragma journal_mode = wal")  # else a writer waits for whoever reads
    with one_moment(readers):
        assert loads(readers[0]) == [1] * 50
        database.run(*(f"update {name} set load = 2" for name in TABLES), "insert into rides values (2, '2024-01-02')")
        for reader in readers:
            assert loads(reader) == [1] * 50
        assert readers[0].days(Window()) == {date(2024, 1, 1): 50}
        assert readers[0].columns() == ["load", "day"]
    assert [set(loads(reader)) for reader in readers] == [{2}] * 3
    assert readers[0].days(Window()) == {date(2024, 1, 1): 50, date(2024, 1, 2): 1}


@contextmanager
def loading(db: Database, order: tuple[str, ...]) -> Iterator[list[BaseException]]:
    """A loader that empties the tables and fills them again, one transaction a load, until the block ends."""
    stop, failures = threading.Event(), []

    def work() -> None:
        try:
            with psycopg.connect(db.url) as session:
                for number in range(2, 10_000):
                    for name in order:
                        session.execute(f"truncate {name}".encode())
                    for name in order:
                        fill = f"insert into {name} select {number}, date '2024-01-01' from generate_series(1, 50)"
                        session.execute(fill.encode())
                    session.commit()
                    if stop.wait(0.02):
                        return
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield failures
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("order", [TABLES, TABLES[::-1]])
def test_a_loader_that_empties_and_refills_is_seen_before_or_after(db: Database, order: tuple[str, ...]) -> None:
    load(db, 1)
    readers, seen = readers_of(db), set()
    with loading(db, order) as failures:
        for _ in range(25):
            with one_moment(readers):
                found = [loads(reader) for reader in readers]
            assert found == [[found[0][0]] * 50] * 3
            seen.add(found[0][0])
    assert failures == []  # no deadlock has ended the loader
    assert len(seen) > 5


def test_a_read_that_fails_or_is_given_up_spoils_no_other(database: Database) -> None:
    load(database, 1)
    bad = database.open(query="select load, 1 / (load - 1) as share, day from prices" if not database.is_sqlite
                        else "select load, 'x' as share, day from prices", types={"share": "number"})  # fmt: skip
    readers = [*readers_of(database), bad]
    with one_moment(readers):
        with pytest.raises(Exception, match="source rides"):
            list(bad.batches(["share"], EVERYTHING))
        pieces = readers[0].batches(["load"], EVERYTHING)
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        assert [loads(reader) for reader in readers[:3]] == [[1] * 50] * 3


def test_a_table_that_is_loaded_is_waited_for_no_longer_than_the_limit(db: Database) -> None:
    load(db, 1)
    impatient = db.at(db.url, timeout=1)
    with psycopg.connect(db.url) as loader:
        loader.execute("lock table zones in access exclusive mode")
        with pytest.raises(Unavailable, match=r"being loaded.*database-timeout"), one_moment(readers_of(impatient)):
            pass
    with one_moment(readers_of(impatient)):
        pass


def test_a_moment_outlasts_what_the_server_allows_an_idle_session(db: Database) -> None:
    load(db, 1)
    mine = f"alter role postgres in database {db.name}"  # others are served by the same server
    db.run(f"{mine} set idle_in_transaction_session_timeout = '100ms'", f"{mine} set lock_timeout = '50ms'")
    try:
        readers = readers_of(db)
        with one_moment(readers):
            for reader in readers:
                assert loads(reader) == [1] * 50
                time.sleep(0.3)
    finally:
        db.run(f"{mine} reset all")


def test_a_table_that_is_missing_is_named(database: Database) -> None:
    load(database, 1)
    readers = [*readers_of(database), database.open(table="nowhere")]
    with pytest.raises(Misconfigured, match="table-missing"), one_moment(readers):
        readers[3].columns()
    assert loads(readers[0]) == [1] * 50


def test_no_session_and_no_lock_is_left(db: Database) -> None:
    load(db, 1)
    with one_moment(readers_of(db)):
        pass
    ours = "select count(*) from pg_stat_activity where application_name = 'tierra' and datname = current_database()"
    assert db.run(ours) == [(0,)]


def test_two_tables_of_sqlite_are_of_one_moment_while_a_writer_waits(database: Database) -> None:
    """Without a write-ahead log a writer waits for the moment to pass; the tables agree all the same."""
    if not database.is_sqlite:
        return
    load(database, 1)
    readers = readers_of(database)
    with one_moment(readers):
        first = loads(readers[0])
        writer = sqlite3.connect(database.url.removeprefix("sqlite:///"), timeout=0.2)
        with pytest.raises(sqlite3.OperationalError, match="locked"), writer:
            writer.execute("update zones set load = 2")
        writer.close()
        assert loads(readers[1]) == first
    database.run("update zones set load = 2")
    assert set(loads(readers[1])) == {2}
