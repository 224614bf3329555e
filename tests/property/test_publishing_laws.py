"""Whatever writers do and wherever they die: what a manifest names is never swept, and nothing else stays."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as some

from tests.cases import some_of
from tierra.store import sweeping
from tierra.store.manifest import Manifest
from tierra.store.objects import MemoryObjects
from tierra.store.predictions import generations, publish, read_manifest, read_published
from tierra.store.restoring import restore
from tierra.store.sinks import ObjectSink, Sink
from tierra.store.sql_sink import TableSink
from tierra.store.sweeping import sweep

few = some_of(100)
DATASET, DAYS, KEYS = "tips", ("2024-04-29", "2024-04-30"), "abc"
# Killed before the manifest or before the note of it; published; the first restored; swept; a month later.
ACTS = some.sampled_from(["killed early", "killed late", "published", "restored", "swept", "inventory"])
Story = list[tuple[str, str, str]]
stories = some.lists(some.tuples(ACTS, some.sampled_from(DAYS), some.sampled_from(KEYS)), max_size=14)


def manifest_of(sink: Sink, day: str, key: str, after: int) -> Manifest:
    part = sink.write_part(day, after + 1, iter([pa.table({"ride_id": [key]})]))
    return Manifest(dataset=DATASET, partition=day, inputs="i", model="m", scoring="s", model_version="1",
                    rows_in=1, rows_scored=1, rows_quarantined=0, parts=(part,))  # fmt: skip


def act(sink: Sink, what: str, day: str, key: str) -> str:
    """Do one thing; the rows that are published by it, if any are."""
    newest = generations(sink, [day]).get(day, 0)
    if what == "swept":
        sweep(sink)
    elif what == "inventory" and isinstance(sink, ObjectSink):
        for note in sink.objects.names(f"{DATASET}/inventories"):
            sink.objects.remove(note)
    elif what == "killed early":
        manifest_of(sink, day, key, newest)
    elif what in ("published", "killed late"):
        manifest = manifest_of(sink, day, key, newest)
        with patch.object(ObjectSink, "settle_part", nothing if what == "killed late" else ObjectSink.settle_part):
            publish(sink, manifest, newest)
        return key
    elif what == "restored" and newest:
        restore(sink, day, 1, newest)
        return read(sink, day, 1)
    return ""


def nothing(*_: object) -> None:
    """What a killed writer does."""


def read(sink: Sink, day: str, generation: int) -> str:
    return "".join(read_published(sink, day, generation)["ride_id"].to_pylist())


def hold(sink: Sink, story: Story) -> None:
    """Live through a story, then look at everything once more."""
    published: dict[str, list[str]] = {day: [] for day in DAYS}
    with patch.object(sweeping, "SWEEP_AGE", timedelta(seconds=-5)):
        for what, day, key in story:
            published[day] += [done] if (done := act(sink, what, day, key)) else []
        sweep(sink)
    for day, all_rows in published.items():
        assert [read(sink, day, number) for number in range(1, len(all_rows) + 1)] == all_rows
    manifests = [read_manifest(sink, day, number) for day, number in sink.manifests()]
    named = {part.name for each in manifests if each for part in each.named}
    parts = {part.name: part for part in sink.parts()}
    assert named <= set(parts)
    # What may yet be published stays: it was written for the next generation.
    waiting = [parts[name] for name in set(parts) - named]
    assert all(part.generation == 1 + len(published[part.partition]) for part in waiting)


@few
@given(stories)
def test_what_a_manifest_names_is_never_swept_and_nothing_else_stays(story: Story) -> None:
    hold(ObjectSink(MemoryObjects(), DATASET), story)


@some_of(25)
@given(stories)
def test_the_same_in_a_database(story: Story) -> None:
    with TemporaryDirectory() as folder:
        hold(TableSink(f"sqlite:///{Path(folder) / 'sink.db'}", "warehouse", DATASET), story)
