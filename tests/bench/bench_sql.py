"""PostgreSQL: reading against read_sql, writing against to_sql, and memory while five million rows come."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from psycopg import sql

from tests.bench.measure import Cost, here, hold, interleaved, python, show
from tests.bench.workload import write_rides
from tests.databases import Database
from tierra.store.postgres import connect, copy_in

READ, WRITTEN, FEW, ONE_MILLION, FIVE_MILLION = 300_000, 100_000, 1_000, 1_000_000, 5_000_000
READ_GOAL, WRITE_GOAL, ABOVE_IMPORTS, GROWTH = 3.0, 20.0, 250.0, 1.1
# The wall follows the server, which shares the cores: what is reached at a load of five.
READ_LINE, WRITE_LINE = 2.0, 12.0
PLAIN = "postgresql+psycopg"


def predictions(rows: int) -> pa.Table:
    """What a scoring run writes."""
    random = np.random.default_rng(0).random(rows)
    days = np.datetime64("2024-01-01", "D") + np.arange(rows) % 120
    keys = [f"r{number:09d}" for number in range(rows)]
    return pa.table(
        {"ride_id": keys, "day": days, "probability": random, "decision": random > 0.4, "generation": [1] * rows}
    )


def load(db: Database, folder: Path, rows: int) -> None:
    """The same rides in a table, piece by piece."""
    write_rides(folder / "rides.parquet", rows)
    file = pq.ParquetFile(folder / "rides.parquet")
    db.run("drop table if exists rides")
    db.write("rides", file.schema_arrow.empty_table())
    with connect(db.url, "bench", 600) as session:
        pieces = (pa.Table.from_batches([batch]) for batch in file.iter_batches(50_000))
        assert copy_in(session, sql.Identifier("rides"), pieces) == rows
    db.run("analyze rides")


def test_reading_is_three_times_as_fast_as_pandas(db: Database, tmp_path: Path) -> None:
    load(db, tmp_path, READ)
    engine = sa.create_engine(db.url.replace("postgresql", PLAIN, 1))
    found: dict[str, pd.DataFrame] = {}

    def with_pandas() -> None:
        found["pandas"] = pd.read_sql("select * from rides", engine)

    def with_copy() -> None:
        found["copy"] = db.read(table="rides").to_pandas()

    costs = interleaved({"pandas.read_sql": lambda: here(with_pandas), "Tierra, COPY": lambda: here(with_copy)})
    show(f"Reading {READ:,} rides from PostgreSQL into a frame", costs)
    engine.dispose()
    numbers = ["km", "rain", "wind", "fare", "heat"]
    assert found["copy"].sort_values("ride_id")[numbers].equals(found["pandas"].sort_values("ride_id")[numbers])
    ratio = costs["pandas.read_sql"].wall / costs["Tierra, COPY"].wall
    hold("PostgreSQL, read, wall, against read_sql", ratio, READ_GOAL, READ_LINE, unit=" x", least=True)


def test_writing_is_twenty_times_as_fast_as_pandas(db: Database) -> None:
    table = predictions(WRITTEN)
    frame, engine = table.to_pandas(), sa.create_engine(db.url.replace("postgresql", PLAIN, 1))

    def with_pandas() -> Cost:
        db.run("drop table if exists predictions")
        return here(lambda: frame.to_sql("predictions", engine, index=False))

    def with_copy() -> Cost:
        db.run("drop table if exists predictions")
        return here(lambda: db.write("predictions", table))

    costs = interleaved({"DataFrame.to_sql": with_pandas, "Tierra, COPY": with_copy}, rounds=3)
    show(f"Writing {WRITTEN:,} predictions into a new table of PostgreSQL", costs)
    engine.dispose()
    assert db.run("select count(*), count(distinct ride_id) from predictions") == [(WRITTEN, WRITTEN)]
    ratio = costs["DataFrame.to_sql"].wall / costs["Tierra, COPY"].wall
    hold("PostgreSQL, write, wall, against to_sql", ratio, WRITE_GOAL, WRITE_LINE, unit=" x", least=True)


def test_five_million_rows_are_pulled_in_the_memory_of_one(db: Database, tmp_path: Path) -> None:
    costs = {}
    for rows in (FEW, ONE_MILLION, FIVE_MILLION):
        load(db, tmp_path, rows)
        home = tmp_path / str(rows)
        costs[rows], said = python("-m", "tests.bench.sql_child", str(home), env={**os.environ, "DATABASE": db.url})
        assert said["rows"] == rows
    show("A snapshot of rides in PostgreSQL", {f"{rows:,} rows": cost for rows, cost in costs.items()})
    above = costs[FIVE_MILLION].peak - costs[FEW].peak
    hold("memory, 5,000,000 rows from PostgreSQL, above few", above, ABOVE_IMPORTS, unit=" MB")
    growth = costs[FIVE_MILLION].peak / costs[ONE_MILLION].peak
    hold("memory, 5,000,000 rows from PostgreSQL, by 1,000,000", growth, GROWTH, unit=" x")
