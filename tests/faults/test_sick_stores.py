"""Servers that die, answers that are lost, requests that are slowed down, disks that fill: before, during and after."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg
import pytest

from tests.faults.conftest import ALL, KINDS, Survived, settings_of
from tests.faults.paused import write
from tests.faults.publishing import Place, run_in_words, seen_by_a_reader
from tests.forks import heard, in_a_process
from tests.gcs_server import GcsServer
from tests.s3_server import S3Server, proxy_before, run_s3
from tests.servers import PostgresServer, make_database, run_postgres_server
from tierra.errors import REMEDIES

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("impatient")]
COMPLETE, AGAIN = "generation 1", "generation 2"
PUT, PART, MANIFEST = "PUT", r"/parts/", r"/manifests/"


def holds(first: str, place: Place, seen: str, retried: str) -> bool:
    """All or nothing, then all; a run that said `published` is believed, any other ended with an error of ours."""
    believed = seen == COMPLETE if first in ("published", "already", "stood down") else first in REMEDIES
    return believed and seen in ("nothing", COMPLETE) and retried in ("published", "already") and is_complete(place)


def is_complete(place: Place) -> bool:
    return (run_in_words(place), seen_by_a_reader(place)) == ("already", COMPLETE)


S3_FAULTS = [
    ("lose", PART, 1), ("lose", MANIFEST, 1), ("lose", MANIFEST, 99),
    ("cut", PART, 1), ("cut", MANIFEST, 1), ("cut", MANIFEST, 99),
    ("slow down", PART, 2), ("slow down", MANIFEST, 2), ("slow down", MANIFEST, 99), ("slow down", PART, 99),
    ("spoil request", PART, 1), ("spoil request", MANIFEST, 1),
    ("hang", MANIFEST, 1),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "path", "times"), S3_FAULTS if ALL else S3_FAULTS[1::3])
def test_a_sick_object_store_costs_a_retry_and_nothing_else(
    fault: Any, path: str, times: int, s3: S3Server, survived: Survived
) -> None:
    bucket = s3.bucket()
    healthy = Place("S3", f"s3://{bucket}/sink", settings_of(s3))
    with proxy_before(s3) as proxy:
        proxy.rule(PUT, path, fault, times=times)
        first = run_in_words(Place("S3", healthy.address, settings_of(s3, proxy.url)))
    seen, retried = seen_by_a_reader(healthy), run_in_words(healthy)
    held = holds(first, healthy, seen, retried)
    survived("S3", f"PUT of a {path.strip('/')[:-1]}: {fault}", held)
    assert held, (first, seen, retried)


@pytest.fixture(scope="module")
def mortal_s3() -> Iterator[S3Server]:
    """A store that nothing else depends on."""
    with run_s3() as server:
        yield server


@pytest.mark.parametrize("moment", ["before the manifest", "before the part", "after the manifest"][: 3 if ALL else 1])
def test_an_object_store_that_dies_and_comes_back(moment: str, mortal_s3: S3Server, survived: Survived) -> None:
    healthy = Place("S3", f"s3://{mortal_s3.bucket()}/sink", settings_of(mortal_s3))
    die = once(mortal_s3.kill)
    with proxy_before(mortal_s3) as proxy:
        if moment == "after the manifest":
            proxy.rule(PUT, MANIFEST, "lose", times=1)
            proxy.rule("GET", MANIFEST, "lose", times=99, before=die)
        else:
            proxy.rule(PUT, PART if "part" in moment else MANIFEST, "lose", times=99, before=die)
        first = run_in_words(Place("S3", healthy.address, settings_of(mortal_s3, proxy.url)))
    mortal_s3.start()
    seen, retried = seen_by_a_reader(healthy), run_in_words(healthy)
    held = holds(first, healthy, seen, retried)
    survived("S3", "the server dies", held)
    assert held, (first, seen, retried)


# An upload with a condition is a mark or the manifest; one without is a part.
PART_OF_GCS, MARK_OR_MANIFEST = r"uploadType=multipart(?!.*ifGenerationMatch)", r"ifGenerationMatch=0"
GCS_FAULTS = [
    ("lose", MARK_OR_MANIFEST, 2), ("slow down", PART_OF_GCS, 99),
    ("lose", PART_OF_GCS, 1), ("lose", MARK_OR_MANIFEST, 1), ("lose", MARK_OR_MANIFEST, 99),
    ("cut", PART_OF_GCS, 1), ("cut", MARK_OR_MANIFEST, 2), ("cut", MARK_OR_MANIFEST, 99),
    ("slow down", PART_OF_GCS, 2), ("slow down", MARK_OR_MANIFEST, 3), ("slow down", MARK_OR_MANIFEST, 99),
    ("hang", MARK_OR_MANIFEST, 2),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "path", "times"), GCS_FAULTS if ALL else GCS_FAULTS[:2])
def test_a_sick_store_of_google_costs_a_retry_and_nothing_else(
    fault: Any, path: str, times: int, gcs: GcsServer, survived: Survived
) -> None:
    healthy = Place("GCS", f"gs://{gcs.bucket()}/sink", {"endpoint_url": gcs.url})
    with proxy_before(gcs) as proxy:
        proxy.rule("POST", path, fault, times=times)
        first = run_in_words(Place("GCS", healthy.address, {"endpoint_url": proxy.url}))
        assert proxy.rules[0].times < times, "the fault came"
    seen, retried = seen_by_a_reader(healthy), run_in_words(healthy)
    held = holds(first, healthy, seen, retried)
    survived("GCS", f"an upload: {fault}", held)
    assert held, (first, seen, retried)


def once(act: Callable[[], None]) -> Callable[[], None]:
    done: list[bool] = []

    def call() -> None:
        if not done:
            done.append(True)
            act()

    return call


@contextmanager
def paused(place: Place, before: str, version: str = "1") -> Iterator[tuple[int, "Connection[Any, Any]"]]:
    """A writer that stopped before a step until it is told to go on: its process and the pipe to it."""
    with in_a_process(write, place, before, version) as (pid, pipe):
        assert heard(pipe) == "here"
        yield pid, pipe


def go_on(pipe: "Connection[Any, Any]") -> str:
    """How the writer ends."""
    pipe.send("go")
    return ended(pipe)


def ended(pipe: "Connection[Any, Any]") -> str:
    said: str = heard(pipe, 120)
    return said


OTHER_AND_SAME = [pytest.param("2", id="of other rows"), pytest.param("1", id="of the same rows")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", OTHER_AND_SAME if ALL else OTHER_AND_SAME[:1])
def test_a_paused_writer_that_wakes_after_another_published_stands_down(
    kind: str, version: str, place_of: Callable[[str], Place], survived: Survived
) -> None:
    place = place_of(kind).numbered(0)
    with paused(place, "put_manifest", version) as (pid, late):
        os.kill(pid, signal.SIGSTOP)
        other = run_in_words(place)
        time.sleep(0.1)
        os.kill(pid, signal.SIGCONT)
        late_one = go_on(late)
    held = (other, late_one) == ("published", "stood down") and is_complete(place)
    survived(kind, "a paused writer wakes late", held)
    assert held, (other, late_one)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("writers", [2, 8, 32] if ALL else [12])
def test_of_many_writers_one_publishes(
    kind: str, writers: int, place_of: Callable[[str], Place], survived: Survived
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    place, barrier = place_of(kind).numbered(0), threading.Barrier(writers)

    def write(_: int) -> str:
        barrier.wait()
        return run_in_words(place)

    with ThreadPoolExecutor(writers) as pool:
        ends = list(pool.map(write, range(writers)))
    held = ends.count("published") == 1 and {*ends} <= {"published", "stood down", "already"} and is_complete(place)
    survived(kind, f"{writers} writers at once", held)
    assert held, ends


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_in_a_loop_sees_whole_generations_only(
    kind: str, place_of: Callable[[str], Place], survived: Survived
) -> None:
    place, seen, stop = place_of(kind).numbered(0), [], threading.Event()
    assert run_in_words(place) == "published"

    def read() -> None:
        while not stop.is_set():
            seen.append(seen_by_a_reader(place))

    reader = threading.Thread(target=read)
    reader.start()
    for version in ("2", "3", "4", "5"):
        assert run_in_words(place, version=version, rescore=True) == "published"
    stop.set()
    reader.join()
    held = set(seen) <= {f"generation {number}" for number in range(1, 6)} and seen == sorted(seen)
    survived(kind, "a re-score while a reader reads", held)
    assert held, seen


STEPS = {"before the part": "write_part", "inside the part": "insert_rows", "before the manifest": "put_manifest",
         "inside the manifest": "_lock_part"}  # fmt: skip


@pytest.mark.parametrize("moment", STEPS)
def test_sessions_that_the_server_ends(moment: str, place_of: Callable[[str], Place], survived: Survived) -> None:
    """What a restart, a failover or an administrator does to a writer."""
    place = place_of("PostgreSQL").numbered(0)
    with paused(place, STEPS[moment]) as (_, writer):
        end_sessions(place)
        first = go_on(writer)
    seen, retried = seen_by_a_reader(place), run_in_words(place)
    held = holds(first, place, seen, retried)
    survived("PostgreSQL", "the server ends the session", held)
    assert held, (first, seen, retried)


@pytest.fixture(scope="module")
def mortal() -> Iterator[PostgresServer]:
    """A server that nothing else depends on."""
    with run_postgres_server() as server:
        yield server


@pytest.fixture
def mortal_place(mortal: PostgresServer) -> Place:
    return Place("PostgreSQL", make_database(mortal.url, f"sick_{token_hex(4)}"), schema="s")


# Which of them depends on whether the server died before the manifest was sent.
NO_ANSWER = ("database-unavailable", "publish-unanswered")


@pytest.mark.parametrize("moment", STEPS)
def test_a_database_server_that_dies_and_comes_back(
    moment: str, mortal: PostgresServer, mortal_place: Place, survived: Survived
) -> None:
    with paused(mortal_place, STEPS[moment]) as (_, writer):
        mortal.kill()
        first = go_on(writer)
    mortal.start()
    seen, retried = seen_by_a_reader(mortal_place), run_in_words(mortal_place)
    held = first in NO_ANSWER and holds(first, mortal_place, seen, retried)
    survived("PostgreSQL", "the server dies", held)
    assert held, (first, seen, retried)


@pytest.mark.parametrize("milliseconds", [0, 10, 20, 40, 80, 160] if ALL else [20])
def test_a_database_server_that_dies_while_it_is_written_to(
    milliseconds: int, mortal: PostgresServer, mortal_place: Place, survived: Survived
) -> None:
    """Before, in and after the commit, wherever that is on the machine."""
    with paused(mortal_place, "put_manifest") as (_, writer):
        writer.send("go")
        time.sleep(milliseconds / 1000)
        mortal.kill()
        first = ended(writer)
    mortal.start()
    seen, retried = seen_by_a_reader(mortal_place), run_in_words(mortal_place)
    held = first in ("published", *NO_ANSWER) and holds(first, mortal_place, seen, retried)
    survived("PostgreSQL", "the server dies", held)
    assert held, (first, seen, retried)


A_FILE_OF_ITS_LOG = 16 * 2**20  # what a server needs at least
FILLER = "insert into s.tips select filler.id, number, 'x', 0 from generate_series(1, %s) as number, filler"


def test_a_database_whose_disk_is_full(mortal: PostgresServer, mortal_place: Place, survived: Survived) -> None:
    """The table of predictions is as large as the system lets a file of the server be."""
    assert run_in_words(mortal_place) == "published"
    with with_a_full_disk(mortal):
        fill(mortal_place)
        first, seen = run_in_words(mortal_place, version="2", rescore=True), seen_by_a_reader(mortal_place)
    retried = run_in_words(mortal_place, version="2", rescore=True)
    held = (first, seen, retried, seen_by_a_reader(mortal_place)) == ("store-failed", COMPLETE, "published", AGAIN)
    survived("PostgreSQL", "a full disk", held)
    assert held, (first, seen, retried)


@contextmanager
def with_a_full_disk(server: PostgresServer) -> Iterator[None]:
    server.stop()
    server.start(A_FILE_OF_ITS_LOG)
    try:
        yield
    finally:
        server.stop()
        server.start()


def fill(place: Place) -> None:
    """Until nothing more goes into the table."""
    with psycopg.connect(place.address, autocommit=True) as session:
        session.execute("alter table s.tips set (autovacuum_enabled = off)")
        session.execute("create table filler as select * from s.tips_parts")
        session.execute("update filler set id = -1, sha256 = 'filler'")
        session.execute("insert into s.tips_parts overriding system value select * from filler")
        for rows in (10_000, 100, 1):
            with pytest.raises(psycopg.Error, match="could not extend file"):
                add_for_ever(session, rows)


def add_for_ever(session: "psycopg.Connection", rows: int) -> None:
    while True:
        session.execute(FILLER, [rows])


def end_sessions(place: Place) -> None:
    with psycopg.connect(place.address, autocommit=True) as session:
        session.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )


def test_a_database_file_that_is_locked_for_long_is_waited_for(
    place_of: Callable[[str], Place], survived: Survived, tmp_path: Path
) -> None:
    import sqlite3

    place = place_of("SQLite").numbered(0)
    assert run_in_words(place) == "published"
    holder = sqlite3.connect(place.address.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    holder.execute("begin immediate")
    threading.Timer(1, lambda: holder.execute("rollback")).start()
    held = run_in_words(place, version="2", rescore=True) == "published"
    survived("SQLite", "another holds the lock", held)
    assert held
    assert seen_by_a_reader(place) == "generation 2"
