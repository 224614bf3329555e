"""What a night pays for the partitions that were published before it: at 3,000 of them, and at 100."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from tests.bench.measure import Cost, here, hold, interleaved, show
from tests.faults.conftest import settings_of
from tests.faults.publishing import DATASET, Place
from tests.s3_server import S3Server
from tests.servers import make_database
from tierra.store import sweeping
from tierra.store.manifest import Manifest
from tierra.store.predictions import find_newest, generations, publish, read_published
from tierra.store.sinks import Sink
from tierra.store.sweeping import sweep

FEW, MANY, GOAL = 100, 3_000, 1.5
WALL_LINE = 2.5  # a millisecond of a busy disk is no step back
LAST = date(2026, 11, 28)
DAYS = [(LAST - timedelta(back)).isoformat() for back in range(MANY)]
WATCHED = DAYS[:31]  # as many as a run without a partition looks at
TIMES, ROUNDS = 10, 9
WRITERS = 8
Act = Callable[[Sink], object]


def publish_day(sink: Sink, day: str) -> None:
    part = sink.write_part(day, 1, iter([pa.table({"ride_id": [day], "probability": [0.5]})]))
    manifest = Manifest(dataset=DATASET, partition=day, inputs="i", model="m", scoring="s", model_version="1",
                        rows_in=1, rows_scored=1, rows_quarantined=0, parts=(part,))  # fmt: skip
    assert publish(sink, manifest, 0)[1] == "published"


def fill(sink: Sink, days: list[str]) -> Sink:
    """The newest days last, so that what is young is looked up among what is old."""
    publish_day(sink, days[-1])  # makes the tables, where there are tables
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(partial(publish_day, sink), reversed(days[:-1])))
    sweep(sink)  # the month's inventory
    return sink


def read_watched(sink: Sink) -> None:
    assert sum(read_published(sink, day).num_rows for day in WATCHED[:7]) == 7


def sweep_one(sink: Sink) -> None:
    """What a writer left that was killed before its manifest."""
    part = sink.write_part(DAYS[0], 1, iter([pa.table({"ride_id": ["left"], "probability": [0.5]})]))
    assert sweep(sink) == [part.name]


ACTS: dict[str, Act] = {
    "finding work": lambda sink: generations(sink, WATCHED),
    "reading one day": lambda sink: read_published(sink, DAYS[3]),
    "reading seven days": read_watched,
    "sweeping": sweep,
    "a part left and swept": sweep_one,
    "the newest day, for status": lambda sink: find_newest(sink, LAST),
}


def repeat(act: Act, sink: Sink) -> Cost:
    def all_times() -> None:
        for _ in range(TIMES):
            act(sink)

    return here(all_times)


@pytest.fixture(autouse=True)
def all_parts_are_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part is of an age at which it is swept unless a manifest names it."""
    monkeypatch.setattr(sweeping, "SWEEP_AGE", timedelta(seconds=-5))


def compare(title: str, open_sink: Callable[[int], Sink], filled: Callable[[], None] = lambda: None) -> None:
    """Each act at both sizes, interleaved."""
    sinks = {size: fill(open_sink(size), DAYS[:size]) for size in (FEW, MANY)}
    filled()
    for name, act in ACTS.items():
        costs = interleaved({f"{name}, {size:,}": partial(repeat, act, sinks[size]) for size in sinks}, ROUNDS)
        few, many = costs.values()
        each = {label: f"{cost.wall / TIMES * 1000:.2f} ms each" for label, cost in costs.items()}
        show(f"{title}, {TIMES} times", costs, each=each)
        hold(f"{name}, {MANY:,} published by {FEW}, {title}, CPU", many.cpu / few.cpu, GOAL, unit=" x")
        hold(f"{name}, {MANY:,} published by {FEW}, {title}, wall", many.wall / few.wall, GOAL, WALL_LINE, " x")


def test_a_folder(tmp_path: Path) -> None:
    compare("a folder", lambda size: Place("folder", str(tmp_path / str(size))).open())


def test_a_bucket(s3: S3Server) -> None:
    bucket = s3.bucket()
    compare("a bucket", lambda size: Place("S3", f"s3://{bucket}/{size}", settings_of(s3)).open())


def test_postgresql(postgres: str) -> None:
    database = make_database(postgres, "published")

    def analyze() -> None:
        """As the server does by itself within minutes."""
        with psycopg.connect(database, autocommit=True) as session:
            session.execute("vacuum analyze")

    compare("PostgreSQL", lambda size: Place("PostgreSQL", database, schema=f"s{size}").open(), analyze)


def test_sqlite(tmp_path: Path) -> None:
    compare("SQLite", lambda size: Place("SQLite", f"sqlite:///{tmp_path}/{size}.db").open())
