"""What it costs to publish a partition exactly once, on each sink, against only writing its rows there."""

import sqlite3
from collections.abc import Callable
from io import BytesIO
from itertools import count
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.measure import here, hold, interleaved, show
from tests.faults.conftest import settings_of
from tests.faults.publishing import ROWS, Place, publish_day, scored
from tests.s3_server import S3Server
from tests.servers import make_database
from tierra.store.predictions import generations
from tierra.store.sinks import Sink

PARTITIONS, GOAL = 20, 2.0  # of PostgreSQL; a file's own writing takes a millisecond
Write = Callable[[str, pa.Table], object]


def packed(rows: pa.Table) -> bytes:
    file = BytesIO()
    pq.write_table(rows, file)
    return file.getvalue()


def compare(title: str, sink: Sink, write: Write, goal: float | None = None) -> None:
    """Print both for days of a thousand rows, each day other rows."""
    days = (f"{number:05d}" for number in count())

    def each_day(act: Write) -> None:
        for _ in range(PARTITIONS):
            act(day := next(days), scored(day))

    def publish(day: str, rows: pa.Table) -> None:
        assert publish_day(sink, day, rows) == "published"

    publish(next(days), scored("first"))  # makes the tables, where there are tables
    costs = interleaved({"only written": lambda: here(lambda: each_day(write)),
                         "published": lambda: here(lambda: each_day(publish))})  # fmt: skip
    each = {name: f"{cost.wall / PARTITIONS * 1000:.1f} ms a partition" for name, cost in costs.items()}
    show(f"{PARTITIONS} partitions of {ROWS:,} rows, {title}", costs, each=each)
    plain, published = costs.values()
    for what, ratio in (("CPU", published.cpu / plain.cpu), ("wall", published.wall / plain.wall)):
        if goal:
            hold(f"published by only written, {title}, {what}", ratio, goal, unit=" x")
        else:
            print(f"  published by only written, {what}: {ratio:.2f} x")
    assert len(generations(sink)) == 1 + 5 * PARTITIONS


def test_a_folder(tmp_path: Path) -> None:
    def write(day: str, rows: pa.Table) -> None:
        (tmp_path / f"{day}.parquet").write_bytes(packed(rows))

    compare("a folder", Place("folder", str(tmp_path / "sink")).open(), write)


def test_a_bucket(s3: S3Server) -> None:
    bucket, client = s3.bucket(), s3.client()
    compare(
        "a bucket",
        Place("S3", f"s3://{bucket}/sink", settings_of(s3)).open(),
        lambda day, rows: client.put_object(Bucket=bucket, Key=f"{day}.parquet", Body=packed(rows)),
    )


def test_sqlite(tmp_path: Path) -> None:
    plain = sqlite3.connect(tmp_path / "plain.db")
    plain.execute("create table tips (day, ride_id, probability)")

    def write(day: str, rows: pa.Table) -> None:
        with plain:
            plain.executemany("insert into tips values (?, ?, ?)", [(day, *row.values()) for row in rows.to_pylist()])

    compare("SQLite", Place("SQLite", f"sqlite:///{tmp_path}/sink.db").open(), write)
    plain.close()


def test_postgresql(postgres: str) -> None:
    url = make_database(postgres, "publishing")

    def write(day: str, rows: pa.Table) -> None:
        with psycopg.connect(url) as session, session.cursor() as cursor:
            cursor.execute("create table if not exists plain (day text, ride_id text, probability float8)")
            with cursor.copy("copy plain from stdin") as copy:
                for row in rows.to_pylist():
                    copy.write_row((day, *row.values()))

    compare("PostgreSQL", Place("PostgreSQL", url, schema="s").open(), write, GOAL)
