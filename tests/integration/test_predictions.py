"""The commit protocol on a real folder: one winner, readers verify, nothing is changed in place."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pyarrow as pa
import pytest

from tierra.errors import Broken, Misconfigured
from tierra.store.local_objects import LocalObjects
from tierra.store.manifest import Manifest
from tierra.store.predictions import Ending, generations, publish, read_manifest, read_published
from tierra.store.sinks import ObjectSink

DATASET, DAY = "rides", "2024-04-29"
WRITERS, ROUNDS = 16, 20


@pytest.fixture
def sink(tmp_path: Path) -> ObjectSink:
    return ObjectSink(LocalObjects(tmp_path), DATASET)


def write_manifest(sink: ObjectSink, keys: list[str], partition: str = DAY, after: int = 0) -> Manifest:
    """Written parts and the manifest that would publish them."""
    table = pa.table({"ride_id": keys, "probability": [0.5] * len(keys)})
    part = sink.write_part(partition, after + 1, iter([table]))
    return Manifest(dataset=DATASET, partition=partition, inputs="i", model="m", scoring="s", model_version="1",
                    rows_in=len(keys), rows_scored=len(keys), rows_quarantined=0, parts=(part,))  # fmt: skip


def publish_rows(sink: ObjectSink, keys: list[str], after: int = 0, partition: str = DAY) -> Manifest:
    return publish(sink, write_manifest(sink, keys, partition, after), after)[0]


def read_keys(sink: ObjectSink, generation: int | None = None) -> list[str]:
    return read_published(sink, DAY, generation)["ride_id"].to_pylist()


def test_the_highest_generation_is_read_and_older_ones_stay_readable(sink: ObjectSink) -> None:
    for generation in range(12):
        publish_rows(sink, [f"r{generation}"], after=generation)
    assert generations(sink) == {DAY: 12}
    assert read_keys(sink) == ["r11"]
    assert [read_keys(sink, number) for number in (1, 2, 10)] == [["r0"], ["r1"], ["r9"]]


def test_partitions_are_published_one_by_one(sink: ObjectSink) -> None:
    publish_rows(sink, ["a"])
    publish_rows(sink, ["b"], partition="2024-04-30")
    assert generations(sink) == {DAY: 1, "2024-04-30": 1}
    assert read_keys(sink) == ["a"]


def test_rows_without_a_manifest_are_not_published(sink: ObjectSink) -> None:
    write_manifest(sink, ["a"])
    assert generations(sink) == {}
    with pytest.raises(Misconfigured, match="partition-unpublished"):
        read_keys(sink)


@pytest.mark.parametrize("rows", ["different", "equal"])
def test_of_many_writers_one_wins_and_the_others_are_told_so(sink: ObjectSink, rows: str) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        for generation in range(ROUNDS):
            barrier = Barrier(WRITERS)

            def race(writer: int, barrier: Barrier = barrier, generation: int = generation) -> tuple[Manifest, Ending]:
                keys = ["same" if rows == "equal" else f"w{writer}"]
                mine = write_manifest(sink, keys, after=generation)
                barrier.wait()
                return publish(sink, mine, generation)

            ends = list(pool.map(race, range(WRITERS)))
            winners = [manifest for manifest, ending in ends if ending == "published"]
            assert len(winners) == 1
            assert all(manifest == winners[0] for manifest, _ in ends)
            assert read_manifest(sink, DAY) == winners[0]
    assert generations(sink) == {DAY: ROUNDS}
    assert [len(read_keys(sink, number)) for number in range(1, ROUNDS + 1)] == [1] * ROUNDS


def test_a_writer_that_comes_late_stands_down_and_changes_nothing(sink: ObjectSink) -> None:
    first = publish_rows(sink, ["a"])
    done, ending = publish(sink, write_manifest(sink, ["b"]), 0)
    assert (done, ending) == (first, "stood down")
    assert read_keys(sink) == ["a"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(file.read_bytes()[:-1] + b"x"),
        lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
        lambda file: file.write_bytes(b""),
        lambda file: file.unlink(),
    ],
    ids=["one byte", "truncated", "emptied", "removed"],
)
def test_a_damaged_part_is_refused_and_older_generations_are_still_read(sink: ObjectSink, damage) -> None:
    publish_rows(sink, ["a"])
    second = publish_rows(sink, ["b"], after=1)
    damage(Path(sink.objects.location(second.parts[0].name)))
    with pytest.raises(Broken, match="store-tampered"):
        read_keys(sink)
    assert read_keys(sink, 1) == ["a"]


def test_a_part_swapped_for_another_good_one_is_refused(sink: ObjectSink) -> None:
    mine, other = publish_rows(sink, ["a"]), write_manifest(sink, ["b"])
    Path(sink.objects.location(mine.parts[0].name)).write_bytes(sink.objects.read(other.parts[0].name))
    with pytest.raises(Broken, match="store-tampered"):
        read_keys(sink)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"dataset": "rides"}', "\x00\xff", "{}" * 1000])
def test_a_manifest_that_is_none_is_refused(sink: ObjectSink, text: str) -> None:
    file = Path(sink.location(DAY, publish_rows(sink, ["a"]).generation))
    file.write_text(text)
    with pytest.raises(Broken, match="store-tampered"):
        read_keys(sink)


@pytest.mark.parametrize(("key", "value"), [("partition", "2024-04-28"), ("generation", 7), ("dataset", "other")])
def test_a_manifest_under_a_name_that_is_not_its_own_is_refused(sink: ObjectSink, key: str, value: object) -> None:
    file = Path(sink.location(DAY, publish_rows(sink, ["a"]).generation))
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    with pytest.raises(Broken, match="store-tampered"):
        read_keys(sink)


@pytest.mark.parametrize("stray", ["notes.txt", "000002.json~", "000002 (copy).json"])
def test_a_stray_file_among_manifests_is_no_generation(sink: ObjectSink, stray: str, tmp_path: Path) -> None:
    publish_rows(sink, ["a"])
    (tmp_path / DATASET / "manifests" / DAY / stray).write_text("x")
    assert generations(sink) == {DAY: 1}
    assert read_keys(sink) == ["a"]


@pytest.mark.parametrize("generation", [None, 2])
def test_what_is_not_published_is_said_so(sink: ObjectSink, generation: int | None) -> None:
    if generation:
        publish_rows(sink, ["a"])
    with pytest.raises(Misconfigured, match="partition-unpublished"):
        read_keys(sink, generation)
