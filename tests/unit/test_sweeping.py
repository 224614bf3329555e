"""What a sweep takes away besides parts."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.sinks import DATASET, DAY, as_older, manifest_of, rows
from tierra.store.local_objects import LocalObjects
from tierra.store.objects import MemoryObjects
from tierra.store.predictions import publish
from tierra.store.sinks import ObjectSink
from tierra.store.sweeping import sweep


def test_what_killed_writers_left_unfinished_goes_after_a_day(tmp_path: Path) -> None:
    sink = ObjectSink(LocalObjects(tmp_path), DATASET)
    publish(sink, manifest_of(sink, rows("a")), 0)
    files = {hours: tmp_path / DATASET / ".unfinished" / f".{hours}.tmp" for hours in (0, 23, 25)}
    for hours, file in files.items():
        file.write_bytes(b"half")
        then = (datetime.now(UTC) - timedelta(hours=hours)).timestamp()
        os.utime(file, (then, then))
    assert sweep(sink) == []
    assert [hours for hours, file in files.items() if file.exists()] == [0, 23]


def test_a_part_that_does_not_say_its_generation_goes_once_it_is_older() -> None:
    sink = ObjectSink(MemoryObjects(), DATASET)
    ref = as_older(sink, rows("a"), f"{DAY}/")
    (part,), written = sink.pending(), sink.objects.modified(ref.name)
    assert (part.name, part.generation) == (ref.name, None)
    assert written
    assert not sink.remove_part(part, written)
    assert sink.remove_part(part, written + timedelta(microseconds=1))
    assert (sink.parts(), sink.pending()) == ([], [])
