"""Publishing on any sink, for tests: rows, parts and manifests, those of older versions among them."""

import json
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from tierra.store.manifest import Manifest
from tierra.store.predictions import generations, read_published
from tierra.store.refs import TableRef
from tierra.store.sinks import ObjectSink, Sink
from tierra.store.sql_sink import TableSink
from tierra.store.tables import write_batches

DATASET, DAY = "tips", "2024-04-29"


def rows(*keys: str) -> pa.Table:
    return pa.table({"ride_id": list(keys), "probability": [0.1 + 0.2 * number for number in range(len(keys))]})


def manifest_of(sink: Sink, table: pa.Table, partition: str = DAY, after: int | None = None, **more: Any) -> Manifest:
    """A part for the next generation, or the one after another, and its manifest."""
    seen = generations(sink, [partition]).get(partition, 0) if after is None else after
    part = sink.write_part(partition, seen + 1, iter([table]))
    return Manifest(dataset=DATASET, partition=partition, inputs="i", model="m", scoring="s", model_version="1",
                    rows_in=table.num_rows, rows_scored=table.num_rows, rows_quarantined=0, parts=(part,),
                    **more)  # fmt: skip


def keys(sink: Sink, generation: int | None = None) -> list[str]:
    return read_published(sink, DAY, generation)["ride_id"].to_pylist()


def drop_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part is of an age at which it is swept."""
    monkeypatch.setattr("tierra.store.sweeping.SWEEP_AGE", timedelta(seconds=-5))


def as_older(sink: Sink, table: pa.Table, folder: str, marked: bool = True) -> TableRef:
    """A part as an older version wrote it: named by its digest, below its partition or not."""
    if isinstance(sink, TableSink):
        return sink.write_part(DAY, 1, iter([table]))
    assert isinstance(sink, ObjectSink)
    ref = write_batches(sink.objects, f"{DATASET}/parts/{folder}", iter([table]))
    if marked:
        sink.objects.put_if_absent(f"{DATASET}/pending/{ref.sha256}-{DAY}", b"")
    return ref


def published_by_older(sink: Sink, ref: TableRef, generation: int) -> None:
    """Publish a part by a manifest of format 1, as today's version before this one."""
    text = json.dumps({"format": 1, "dataset": DATASET, "partition": DAY, "generation": generation, "inputs": "i",
                       "model": "m", "scoring": "s", "model_version": "1", "rows_in": ref.rows, "rows_scored": ref.rows,
                       "rows_quarantined": 0, "parts": [ref.model_dump()], "writer": "old"}).encode()  # fmt: skip
    if isinstance(sink, ObjectSink):
        sink.objects.put_if_absent(f"{DATASET}/manifests/{DAY}/{generation:06d}.json", text)
        sink.settle_part(ref.name)
    else:
        assert sink.put_manifest(DAY, generation, text, [ref])


def remove_manifest(sink: Sink, generation: int, partition: str = DAY) -> None:
    """As somebody with a shell does; in a database, with what refers to it."""
    if isinstance(sink, ObjectSink):
        sink.objects.remove(f"{sink.dataset}/manifests/{partition}/{generation:06d}.json")
        return
    assert isinstance(sink, TableSink)
    with sink._engine.begin() as connection:
        for table in (sink._tables.published, sink._tables.manifests):
            connection.execute(table.delete().where(table.c.partition == partition, table.c.generation == generation))


def write_manifest(sink: Sink, generation: int, text: str, partition: str = DAY) -> None:
    """Put another text in a manifest's place."""
    if isinstance(sink, ObjectSink):
        remove_manifest(sink, generation, partition)
        sink.objects.put_if_absent(f"{sink.dataset}/manifests/{partition}/{generation:06d}.json", text.encode())
        return
    assert isinstance(sink, TableSink)
    table = sink._tables.manifests
    with sink._engine.begin() as connection:
        mine = sa.and_(table.c.partition == partition, table.c.generation == generation)
        connection.execute(table.update().where(mine).values(manifest=text))
