"""What every fault is tried on: publishing one day on a sink, and what a reader then sees."""

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import sqlalchemy as sa

from tierra.errors import TierraError
from tierra.store import sweeping
from tierra.store.local_objects import LocalObjects
from tierra.store.manifest import Manifest
from tierra.store.predictions import generations, publish, published_parts, read_manifest, read_published
from tierra.store.restoring import restore
from tierra.store.sinks import ObjectSink, Sink

DATASET, DAY, ROWS = "tips", "2024-04-29", 1000
BUCKETS = {"S3": "s3", "GCS": "gcs"}  # and the part of the settings that says how each is reached
KEYS = [f"r{number:05d}" for number in range(ROWS)]


@dataclass(frozen=True)
class Place:
    """A sink as another process can open it."""

    kind: str
    address: str
    settings: dict[str, str] | None = None
    schema: str | None = None
    restores: bool = False  # instead of publishing the day for the first time

    def numbered(self, number: int) -> "Place":
        """One of many such sinks, each of its own."""
        schema = self.schema and self.schema.format(number)
        return replace(self, address=self.address.replace("{}", f"{number:03d}"), schema=schema)

    def open(self) -> Sink:
        """The sink, opened anew."""
        if self.kind == "folder":
            return ObjectSink(LocalObjects(Path(self.address)), DATASET)
        if self.kind in BUCKETS:
            from tierra.settings import Settings
            from tierra.store.opening import open_objects

            return ObjectSink(open_objects(self.address, Settings(**{BUCKETS[self.kind]: self.settings})), DATASET)
        from tierra.store.sql_sink import TableSink

        return TableSink(self.address, "warehouse", DATASET, self.schema, timeout=20)


@cache
def prediction(key: str, version: str = "1") -> float:
    """What is predicted for a key by a version of the model."""
    return int(hashlib.sha256(f"{key} {version}".encode()).hexdigest()[:8], 16) / 2**32


@cache
def scored(version: str = "1") -> pa.Table:
    """The rows a correct night publishes."""
    return pa.table({"ride_id": KEYS, "probability": [prediction(key, version) for key in KEYS]})


def run_once(place: Place, version: str = "1", rescore: bool = False) -> str:
    """A night: look what is published, write, publish. Returns how it ended."""
    sink = place.open()
    seen = generations(sink).get(DAY, 0)
    if place.restores:
        return restore(sink, DAY, 1, seen)[1] if seen < 3 else "already"
    return "already" if seen and not rescore else publish_day(sink, DAY, scored(version), version, seen)


def prepare(place: Place) -> None:
    """What there is before a restoring: a good generation and a bad one."""
    for seen in (0, 1) if place.restores else ():
        publish_day(place.open(), DAY, scored(str(seen)), str(seen), seen)


def publish_day(sink: Sink, day: str, rows: pa.Table, version: str = "1", seen: int = 0) -> str:
    """Write rows and publish them. Returns how it ended."""
    part = sink.write_part(day, seen + 1, iter([rows]))
    manifest = Manifest(dataset=DATASET, partition=day, inputs="i", model=version, scoring="s", model_version=version,
                        rows_in=ROWS, rows_scored=ROWS, rows_quarantined=0, parts=(part,))  # fmt: skip
    return publish(sink, manifest, seen)[1]


def run_in_words(place: Place, **options: Any) -> str:
    """The same; an error of ours by its code."""
    try:
        return run_once(place, **options)
    except TierraError as error:
        return error.code


def seen_by_a_reader(place: Place) -> str:
    """Nothing, or all of one version exactly once; anything else in words that no test expects."""
    sink = place.open()
    found = generations(sink)
    if not found:
        return "nothing"
    manifest = read_manifest(sink, DAY, found[DAY])
    table = read_published(sink, DAY, found[DAY]).to_pydict()
    pairs = Counter(zip(table["ride_id"], table["probability"], strict=True))
    assert manifest
    if pairs != Counter((key, prediction(key, manifest.model_version)) for key in KEYS):
        return f"{sum(pairs.values())} rows, {len(pairs)} different"
    if (manifest.rows_in, manifest.rows_scored, manifest.generation) != (ROWS, ROWS, found[DAY]):
        return f"manifest {manifest}"
    return in_the_view(place, manifest.generation) or f"generation {manifest.generation}"


def left_after_sweeping(place: Place) -> int:
    """The parts of killed writers that sweeping does not find, as if a day had passed."""
    sink = place.open()
    sink.note_inventory(f"{datetime.now(UTC):%Y-%m}")  # which compares everything, whatever is marked
    with patch.object(sweeping, "SWEEP_AGE", timedelta(minutes=-1)):
        sweeping.sweep(sink)
    named = {part for day, _ in sink.manifests() for part in published_parts(sink, day)}
    return len({part.name for part in sink.parts()} - named)


def in_the_view(place: Place, least: int) -> str:
    """What is wrong with the view of a SQL sink, which may have moved on since; empty when nothing is."""
    if place.kind not in ("SQLite", "PostgreSQL"):
        return ""
    url = place.address.replace("postgresql://", "postgresql+psycopg://")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        view = sa.table("tips_current", *map(sa.column, ("ride_id", "partition", "generation")), schema=place.schema)
        shown = [tuple(row) for row in connection.execute(sa.select(*view.c))]
    (generation,) = {each for _, _, each in shown} or {0}
    good = generation >= least and Counter(shown) == Counter((key, DAY, generation) for key in KEYS)
    return "" if good else f"the view shows {len(shown)} rows"
