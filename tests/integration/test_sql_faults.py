"""What goes wrong between a source database and us: retried when waiting may help, and nothing left running."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from tests.cases import each
from tests.databases import Database
from tests.proxies import cutting_proxy
from tests.servers import PostgresServer, run_postgres_server, until
from tierra.data.window import EVERYTHING
from tierra.errors import Misconfigured, TierraError, Unavailable
from tierra.store import postgres

MANY = "select number as id, repeat('x', 200) as text from generate_series(1, 400000) as number"
SLEEPING = "select 1 as id from pg_sleep(60)"
OURS = "datname = current_database() and application_name = 'tierra'"
ACTIVE = f"select count(*) from pg_stat_activity where {OURS} and state <> 'idle'"


@pytest.fixture(scope="module")
def mortal() -> Iterator[PostgresServer]:
    """A server that tests may kill."""
    with run_postgres_server() as server:
        yield server


def interrupted_read(db: Database, break_it: Callable[[], Any]) -> TierraError:
    """What a read ends with when something happens after its first rows."""
    pieces = db.open(query=MANY).batches(["id", "text"], EVERYTHING)
    next(pieces)
    break_it()
    with pytest.raises(TierraError) as ended:
        for _ in pieces:
            pass
    return ended.value


def test_a_server_killed_while_it_is_read_is_unavailable_and_read_again_when_it_is_back(
    mortal: PostgresServer, tmp_path: Path
) -> None:
    db = Database(mortal.url, tmp_path)
    db.write("rides", pa.table({"id": range(10)}))
    ended = interrupted_read(db, mortal.kill)
    assert (ended.code, ended.transient) == ("database-unavailable", True)
    with pytest.raises(Unavailable, match=r"refused.*database-unavailable"):
        db.read(table="rides")
    mortal.start()
    assert db.read(table="rides").num_rows == 10


def test_a_session_that_an_administrator_ends_is_unavailable(db: Database) -> None:
    end = f"select pg_terminate_backend(pid) from pg_stat_activity where {OURS}"
    assert interrupted_read(db, lambda: db.run(end)).code == "database-unavailable"


@pytest.mark.parametrize("after", [0, 300, 1_000, 100_000, 5_000_000])
def test_a_connection_that_is_reset_is_unavailable(db: Database, after: int) -> None:
    with cutting_proxy(db.url, after) as url, pytest.raises(Unavailable, match="database-unavailable"):
        db.at(url).read(query=MANY)


def test_a_query_that_takes_too_long_is_stopped(db: Database) -> None:
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"statement timeout.*STATEMENT_TIMEOUT_SECONDS.*database-timeout"):
        db.at(db.url, timeout=1).read(query=SLEEPING)
    assert time.monotonic() - started < 10
    assert db.run(ACTIVE) == [(0,)]


def test_a_table_that_is_locked_is_waited_for_and_no_longer_than_the_limit(db: Database) -> None:
    db.write("rides", pa.table({"id": [1]}))
    with psycopg.connect(db.url) as loader:
        loader.execute("lock table rides in access exclusive mode")
        impatient = db.at(db.url, timeout=1)
        with ThreadPoolExecutor(2) as pool:
            asked = [
                pool.submit(ask)
                for ask in (lambda: impatient.read(table="rides"), impatient.open(table="rides").columns)
            ]
            for answer in asked:
                with pytest.raises(Unavailable, match="database-timeout"):
                    answer.result()
    assert db.read(table="rides").num_rows == 1


def test_a_table_emptied_and_loaded_anew_meanwhile_is_read_as_loaded(db: Database) -> None:
    """A snapshot older than the lock would show it empty: TRUNCATE is not seen by age."""
    db.write("rides", pa.table({"id": range(10), "day": ["2024-01-01"] * 10}))
    found: list[Any] = []
    reader = db.open(table="rides", partition_by="day")
    with psycopg.connect(db.url) as loader:
        loader.execute("truncate rides")
        threads = [threading.Thread(target=lambda: found.append(db.read(table="rides").num_rows)),
                   threading.Thread(target=lambda: found.append(sum(reader.days(EVERYTHING).values())))]  # fmt: skip
        for thread in threads:
            thread.start()
        waiting = "select count(*) from pg_locks join pg_stat_activity using (pid) where not granted"
        waiting += " and datname = current_database()"
        until("both wait", 10, lambda: db.run(waiting) == [(2,)])
        loader.execute("insert into rides select number, '2024-01-02' from generate_series(1, 7) as number")
    for thread in threads:
        thread.join(20)
    assert found == [7, 7]


def test_rows_that_come_and_go_while_a_table_is_read_are_not_seen(db: Database) -> None:
    db.run("create table rides as " + MANY)
    pieces = db.open(table="rides").batches(["id", "text"], EVERYTHING)
    rows = next(pieces).num_rows
    db.run(
        "delete from rides where id > 399990",
        "insert into rides values (0, 'late')",
        "update rides set id = -1 where id = 399980",
    )
    found = pa.concat_tables(pieces)["id"].to_pylist()
    assert rows + len(found) == 400_000
    assert found[-1] == 400_000


class Terminated(BaseException):
    """As Prefect raises when a run is cancelled."""


@pytest.mark.parametrize("kind", [KeyboardInterrupt, Terminated])
def test_what_runs_on_the_server_ends_when_we_are_interrupted(db: Database, kind: type[BaseException]) -> None:
    def interrupt(*_: Any) -> None:
        raise kind

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(kind):
            db.read(query="select count(*) as id from generate_series(1, 20000000000)")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    until("the server is idle", 5, lambda: db.run(ACTIVE) == [(0,)])


def test_a_read_that_is_given_up_ends_on_the_server(db: Database) -> None:
    pieces = db.open(query="select generate_series(1, 400000000) as id").batches(["id"], EVERYTHING)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    until("the server is idle", 5, lambda: db.run(ACTIVE) == [(0,)])


CAUSES = [
    ("40001", "database-unavailable"),  # serialization failure
    ("40P01", "database-unavailable"),  # deadlock
    ("53300", "database-unavailable"),  # too many connections
    ("53100", "database-unavailable"),  # disk full
    ("55P03", "database-unavailable"),  # lock not available
    ("57P01", "database-unavailable"),  # admin shutdown
    ("57P03", "database-unavailable"),  # cannot connect now
    ("58030", "database-unavailable"),  # input/output error
    ("08006", "database-unavailable"),  # connection failure
    ("22012", "query-failed"),  # division by zero
    ("42501", "permission-denied"),
    ("XX001", "store-failed"),  # data corrupted
]


def test_each_cause_is_told_apart(db: Database) -> None:
    db.run(
        "create function fail(state text) returns int language plpgsql as "
        "$$ begin raise exception 'so it is' using errcode = state; end $$"
    )

    def tell(state: str, code: str) -> None:
        with pytest.raises(TierraError, match=rf"source rides \(warehouse\): so it is.*\[{code}\]") as ended:
            db.read(query=f"select fail('{state}') as id")
        assert ended.value.transient == (code == "database-unavailable")

    each(CAUSES, tell)


def test_a_block_that_fails_is_rolled_back_and_one_that_ends_is_committed(db: Database) -> None:
    db.run("create table kept (id int)")
    with postgres.connect(db.url, "test", 10) as session:
        session.execute("insert into kept values (1)")
    with pytest.raises(Misconfigured, match="query-failed"), postgres.connect(db.url, "test", 10) as session:
        session.execute("insert into kept values (2), (1 / 0)")
    assert db.run("select id from kept") == [(1,)]
