"""What a collection takes in a store of 3,000 published partitions, and in one of 300: time by the clock, and memory.

Each partition has what a night leaves: a manifest and a part, joined rows, history, a profile, its drift, five memos,
and an old snapshot that nothing refers to.
"""

import hashlib
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.bench.measure import here, hold
from tierra.steps import collect, replaced
from tierra.steps.profile import Drift
from tierra.store.local_objects import LocalObjects
from tierra.store.manifest import Manifest
from tierra.store.marks import read_mark
from tierra.store.objects import Objects
from tierra.store.refs import ObjectRef, RowsScored, TableRef
from tierra.store.sinks import ObjectSink
from tierra.store.spec import Keep

FEW, MANY = 300, 3_000
SECONDS = 20.0
GROWTH_A_PARTITION = 12_000  # bytes held: names, and nothing of what they name
LAST = date(2026, 11, 28)
pytestmark = pytest.mark.long


def kept(objects: Objects, stem: str, suffix: str, text: str) -> ObjectRef:
    with objects.draft(stem, suffix) as draft:
        draft.write(text.encode())
    return ObjectRef(name=draft.name, sha256=draft.sha256)


def table(objects: Objects, text: str) -> TableRef:
    return TableRef(**kept(objects, "snapshots/", ".parquet", text).model_dump(), rows=1, columns={"ride": "string"})


def fill(objects: Objects, sink: ObjectSink, partitions: int) -> None:
    training = ObjectRef(name=f"profiles/{'0' * 64}.json", sha256="0" * 64)
    for back in range(partitions):
        day = (LAST - timedelta(back)).isoformat()
        profile = kept(objects, "profiles/", ".json", day)
        drift = Drift(partition=day, profile=profile, training=training, differences=())
        part = kept(objects, f"rides/parts/{day}/000001-{'0' * 16}-", ".parquet", day)
        manifest = Manifest(
            dataset="rides", partition=day, generation=1, inputs="i", model="m", scoring="s", model_version="1",
            rows_in=1, rows_scored=1, rows_quarantined=0, published_at=datetime.now(UTC).isoformat(),
            parts=(TableRef(**part.model_dump(), rows=1, columns={}),),
            joined=RowsScored(rows=table(objects, f"{day} rows"), history=table(objects, f"{day} history")),
            drift=kept(objects, "drift/", ".json", drift.model_dump_json()),
        ).sealed()  # fmt: skip
        sink.objects.put_if_absent(f"rides/manifests/{day}/000001.json", manifest.model_dump_json(indent=1).encode())
        table(objects, f"{day} which nothing refers to")
        for step in range(5):
            of = hashlib.sha256(f"{day} {step}".encode()).hexdigest()[:40]
            objects.put_if_absent(f"memo/step{step}/{of}.json", b"{}")


def collection(objects: Objects, sink: ObjectSink, now: datetime) -> int:
    """What `tierra gc` does with the stores of one project; the bytes freed."""
    mark = read_mark(objects)
    planned = replaced.plan_generations(objects, sink, Keep(snapshots="36500d"), list(sink.stored_parts()), now)
    plan = collect.plan_objects(objects, planned.roots, mark, now, 30)
    return replaced.collect_generations(planned, now) + collect.collect_objects(objects, plan)


@pytest.mark.timeout(900)
def test_a_collection_of_3000_partitions_is_over_in_20_seconds_and_its_memory_is_flat(tmp_path: Path) -> None:
    peaks: dict[int, int] = {}
    for partitions in (FEW, MANY):
        objects = LocalObjects(tmp_path / f"store{partitions}")
        sink = ObjectSink(LocalObjects(tmp_path / f"sink{partitions}"), "rides")
        fill(objects, sink, partitions)
        then = datetime.now(UTC) + timedelta(days=40)
        marking = here(lambda: collection(objects, sink, then))  # noqa: B023 - it is called at once
        assert len(read_mark(objects).doomed) == partitions
        freed: list[int] = []
        removing = here(lambda: freed.append(collection(objects, sink, then + timedelta(days=7))))  # noqa: B023
        assert freed[0] > 0
        assert not any(each.name in read_mark(objects).doomed for each in objects.entries("snapshots"))
        print(f"{partitions:,}: marking {marking.wall:.1f} s ({marking.cpu:.1f} CPU), and all memos;"
              f" removing {removing.wall:.1f} s ({removing.cpu:.1f} CPU)")  # fmt: skip
        tracemalloc.start()
        collection(objects, sink, then + timedelta(days=14))
        peaks[partitions] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    hold(f"gc of {MANY:,} partitions", max(marking.wall, removing.wall), SECONDS, unit=" s")
    a_partition = (peaks[MANY] - peaks[FEW]) / (MANY - FEW)
    hold("gc, memory a partition", a_partition, GROWTH_A_PARTITION, unit=" bytes")
