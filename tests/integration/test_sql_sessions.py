"""The sessions of a SQL sink on PostgreSQL: one a run, none shared with a fork, and none trusted that has ended."""

import gc
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from tests.faults.publishing import DATASET, publish_day, scored
from tests.forks import heard, in_a_fork, in_a_process
from tests.servers import lend_database
from tierra.errors import Misconfigured
from tierra.store import postgres as sessions
from tierra.store.predictions import generations
from tierra.store.sql_sink import TableSink

DAYS = [f"2024-04-{number:02d}" for number in range(1, 6)]


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    with lend_database(postgres) as url:
        yield url


def open_sink(url: str) -> TableSink:
    return TableSink(url, "warehouse", DATASET, "scores")


def publish_days(url: str, *days: str) -> None:
    """Each with a sink of its own, as the steps of a run open it."""
    for day in days:
        seen = generations(open_sink(url), [day]).get(day, 0)
        assert publish_day(open_sink(url), day, scored(day), seen=seen) == "published"


def backend(url: str) -> int:
    """The server's process behind the session that a sink would use now."""
    with open_sink(url)._engine.connect() as connection:
        return int(connection.scalar(sa.text("select pg_backend_pid()")))


def test_a_run_of_many_days_opens_one_session(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    real = sessions.open_session
    monkeypatch.setattr(sessions, "open_session", lambda *how: (opened.append(how), real(*how))[1])
    publish_days(url + "?application_name=counted", *DAYS)  # another address has another engine
    assert len(opened) == 1


def test_a_session_that_the_server_has_ended_meanwhile_is_replaced_unnoticed(url: str) -> None:
    publish_days(url, DAYS[0])
    before = backend(url)
    with psycopg.connect(url, autocommit=True) as administrator:
        administrator.execute("select pg_terminate_backend(%s, 5000)", [before])
    publish_days(url, DAYS[1])
    assert backend(url) != before
    assert generations(open_sink(url)) == dict.fromkeys(DAYS[:2], 1)


def publish_in_a_fork_too(pipe: "Connection[Any, Any]", url: str) -> None:
    """A process with an open session forks; the child publishes, its garbage is collected, and so does the parent."""
    publish_days(url, DAYS[0])

    def in_child() -> int:
        publish_days(url, DAYS[1])
        gc.collect()
        return backend(url)

    before, (_, childs) = backend(url), in_a_fork(in_child)
    publish_days(url, DAYS[2])
    pipe.send((before, childs, backend(url)))


def test_a_fork_has_sessions_of_its_own_and_leaves_its_parents_alone(url: str) -> None:
    with in_a_process(publish_in_a_fork_too, url) as (_, pipe):
        before, childs, after = heard(pipe, 60)
    assert before == after != childs
    assert generations(open_sink(url)) == dict.fromkeys(DAYS[:3], 1)


def test_tables_that_were_dropped_under_a_session_are_made_again_by_the_next_run(url: str) -> None:
    publish_days(url, DAYS[0])
    assert generations(open_sink(url)) == {DAYS[0]: 1}
    with psycopg.connect(url, autocommit=True) as administrator:
        administrator.execute("drop schema scores cascade")
    with pytest.raises(Misconfigured, match="table-missing"):
        generations(open_sink(url))
    publish_days(url, DAYS[0])
    assert generations(open_sink(url)) == {DAYS[0]: 1}


def test_no_address_is_written_where_an_engine_is(url: str) -> None:
    password = psycopg.conninfo.conninfo_to_dict(url)["password"]
    engine = open_sink(url)._engine
    with engine.connect() as connection:
        shown = " ".join(map(repr, (engine, engine.pool, connection, engine.url, engine.pool.status())))
    assert str(password) not in shown
