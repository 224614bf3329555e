"""Where the predictions of one data set are published.

`Sink` is the port. A *part* is rows that no reader sees until a manifest names
them. A *manifest* is created once, under a number that only one writer gets: all
that the commit protocol of predictions.py needs from a store.

A part is *pending* from before it can be seen until a manifest names it, and
manifests stay for ever. So a part that is not pending is published, and what
killed writers left is found among the pending ones, however much was published.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast

from tierra.errors import Broken, TierraError
from tierra.store.objects import Objects
from tierra.store.part_names import (
    Part,
    fate_name,
    manifest_name,
    mark_of,
    new_stem,
    read_fate_name,
    read_manifest_name,
    read_mark,
    read_part_name,
)
from tierra.store.refs import TableRef

if TYPE_CHECKING:
    import pyarrow as pa


READERS = 8  # small objects that are read at once
# What becomes of a generation that was replaced, decided once and for ever: its parts are named again, or they go.
Fate = Literal["restored", "collected"]


class StoredPart(NamedTuple):
    """A part of a generation: its bytes, where the sink can tell, and when it was written, by the sink's own clock."""

    part: Part
    size: int
    written: datetime


class Sink(Protocol):
    """The predictions of one data set."""

    dataset: str
    where: str

    def write_part(self, partition: str, generation: int, batches: "Iterator[pa.Table]") -> TableRef:
        """Store rows that nobody sees yet, pending, to be published as this generation."""

    def write_record(self, partition: str, generation: int, rows: "pa.Table") -> TableRef | None:
        """A part without rows, of the form of these, for a generation that has no part of its own.

        None where the sink knows a generation whose manifest was removed without it.
        """

    def read_part(self, part: TableRef) -> "pa.Table":
        """A part's rows, as they were written. Raises Broken when they are gone or changed."""

    def is_written_for(self, part: TableRef, partition: str, generation: int) -> bool:
        """Whether a part that no manifest names yet stays while this generation is not published."""

    def keep_quarantine(self, ref: TableRef, batches: "Iterable[pa.Table]") -> None:
        """Store quarantined rows beside the predictions, in sinks where people query rows."""

    def put_manifest(self, partition: str, generation: int, text: bytes, parts: Iterable[TableRef]) -> bool:
        """Create a manifest unless its number is taken. True when created; its parts are then pending no more.

        Raises Broken when a part is gone, or the number was taken once and its manifest was removed.
        """

    def read_manifest(self, partition: str, generation: int) -> bytes:
        """A manifest's text. Raises FileNotFoundError."""

    def manifests(self, partitions: Collection[str] | None = None) -> list[tuple[str, int]]:
        """Partition and generation of every manifest of some partitions; of all where none are named."""

    def highest(self, partitions: Collection[str] | None = None) -> dict[str, int]:
        """The highest generation that each partition ever had, though its manifest was removed since."""

    def location(self, partition: str, generation: int) -> str:
        """A manifest's path, address or table and key, for people."""

    def parts(self) -> list[Part]:
        """Every part."""

    def pending(self) -> list[Part]:
        """The parts that are pending. Published ones may be among them."""

    def settle_part(self, name: str) -> None:
        """Note that a manifest names a part: it is pending no more."""

    def needs_inventory(self, month: str) -> bool:
        """Whether all parts must be compared with all manifests, as was not done yet in this month."""

    def note_inventory(self, month: str) -> None:
        """Note that this was done."""

    def remove_part(self, part: Part, before: datetime) -> bool:
        """Remove a part that no manifest names; whether it was. It is then pending no more.

        One that does not say for which generation it was written stays unless it is older.
        """

    def decide_fate(self, partition: str, generation: int, fate: Fate) -> Fate:
        """Put the fate of a generation if it has none; the one it has now, which another may have been first to put."""

    def fates(self, partitions: Collection[str] | None = None) -> dict[tuple[str, int], Fate]:
        """The generations of some partitions whose fate is decided; of all where none are named."""

    def stored_parts(self) -> Iterator[StoredPart]:
        """The parts that belong to one generation, each once for every generation that it belongs to."""

    def collect_part(self, part: Part, before: datetime) -> bool:
        """Remove a part of a collected generation; whether its rows went, as those of another generation too stay.

        What may be written again under the same name, and was since then, stays too.
        """

    def abandon_uploads(self, before: datetime) -> int:
        """Remove what killed writers began before then and never finished; how many there were."""


class ObjectSink:
    """Parquet parts and JSON manifests in a store of objects."""

    def __init__(self, objects: Objects, dataset: str) -> None:
        self.objects, self.dataset, self.where = objects, dataset, objects.location(dataset)

    def write_part(self, partition: str, generation: int, batches: "Iterator[pa.Table]") -> TableRef:
        """Write one Parquet object under a name of its own; its pending mark is first."""
        from tierra.store.tables import write_batches

        stem = new_stem(self.dataset, partition, generation)

        def mark(sha256: str) -> None:
            if name := mark_of(f"{stem}{sha256}.parquet"):
                self.objects.put_if_absent(name, b"")

        return write_batches(self.objects, stem, batches, mark)

    def write_record(self, partition: str, generation: int, rows: "pa.Table") -> TableRef | None:
        """A Parquet object without rows: the names of parts are the record of the highest generation."""
        return self.write_part(partition, generation, iter([rows.slice(0, 0)]))

    def read_part(self, part: TableRef) -> "pa.Table":
        """The rows of a Parquet object whose bytes have the digest."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            data = self.objects.read(part.name)
        except FileNotFoundError:
            raise Broken("store-tampered", f"{self.objects.location(part.name)} is gone") from None
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise Broken("store-tampered", f"{self.objects.location(part.name)} is not what was published")
        return pq.read_table(pa.BufferReader(data))

    def is_written_for(self, part: TableRef, partition: str, generation: int) -> bool:
        """Whether its name says so: sweeping takes it only when another manifest has that number."""
        return read_part_name(part.name) == Part(partition, part.name, generation)

    def keep_quarantine(self, ref: TableRef, batches: "Iterable[pa.Table]") -> None:
        """Nothing to do: quarantined rows are already Parquet objects in the store."""

    def put_manifest(self, partition: str, generation: int, text: bytes, parts: Iterable[TableRef]) -> bool:
        """Create `<dataset>/manifests/<partition>/<generation>.json`, unless it exists."""
        names = [part.name for part in parts]
        self._check_parts(partition, generation, names)
        created = self.objects.put_if_absent(manifest_name(self.dataset, partition, generation), text)
        with suppress(TierraError):  # what is published stays so; sweeping settles the part the next time
            for name in names if created else ():
                self.settle_part(name)
        return created

    def read_manifest(self, partition: str, generation: int) -> bytes:
        """A manifest's text."""
        return self.objects.read(manifest_name(self.dataset, partition, generation))

    def manifests(self, partitions: Collection[str] | None = None) -> list[tuple[str, int]]:
        """Partition and generation of every manifest of some partitions; other files are ignored."""
        found = map(read_manifest_name, self.objects.names(f"{self.dataset}/manifests", partitions))
        return [each for each in found if each]

    def highest(self, partitions: Collection[str] | None = None) -> dict[str, int]:
        """The highest number of a manifest that is there, or of a part that was published.

        A part is published when its mark is gone: whoever sees that finds its manifest, unless it was removed.
        """
        parts = [part for part in self._parts(partitions) if part.generation]
        latest = _highest(self.manifests(partitions))
        if not (ahead := [part for part in parts if (part.generation or 0) > latest.get(part.partition, 0)]):
            return latest
        waiting = {part.name for part in self.pending()}
        settled = [(part.partition, part.generation or 0) for part in ahead if part.name not in waiting]
        return _highest([*self.manifests(partitions), *settled]) if settled else latest

    def location(self, partition: str, generation: int) -> str:
        """The manifest's file or address."""
        return self.objects.location(manifest_name(self.dataset, partition, generation))

    def parts(self) -> list[Part]:
        """Every part; of one whose name has the form of an older version the partition may be unknown."""
        return self._parts(None)

    def pending(self) -> list[Part]:
        """The parts that have a mark."""
        return [part for part in map(read_mark, self.objects.names(f"{self.dataset}/pending")) if part]

    def settle_part(self, name: str) -> None:
        """Remove a part's mark; parts of older versions may have none."""
        if mark := mark_of(name):
            self.objects.remove(mark)

    def needs_inventory(self, month: str) -> bool:
        """Whether the month's note is absent. Marks may be missing: older versions made none, a power cut loses it."""
        return not any(name.startswith(self._note(month)) for name in self.objects.names(f"{self.dataset}/inventories"))

    def note_inventory(self, month: str) -> None:
        """Write an empty object named after the month."""
        with self.objects.draft(self._note(month), ""):
            pass

    def remove_part(self, part: Part, before: datetime) -> bool:
        """Remove an object, and then its mark."""
        if part.generation is None and (written := self.objects.modified(part.name)) and written >= before:
            return False
        self.objects.remove(part.name)
        self.settle_part(part.name)
        return True

    def decide_fate(self, partition: str, generation: int, fate: Fate) -> Fate:
        """Create `<dataset>/fates/<partition>/<generation>`, unless it exists; what it says."""
        name = fate_name(self.dataset, partition, generation)
        created = self.objects.put_if_absent(name, fate.encode())
        return fate if created else read_fate(self.objects.read(name), self.objects.location(name))

    def fates(self, partitions: Collection[str] | None = None) -> dict[tuple[str, int], Fate]:
        """What those objects say."""
        names = self.objects.names(f"{self.dataset}/fates", partitions)
        found = {name: key for name in names if (key := read_fate_name(name))}
        with ThreadPoolExecutor(READERS) as pool:
            texts = pool.map(self.objects.read, found)
            told = zip(found.items(), texts, strict=True)
            return {key: read_fate(text, self.objects.location(name)) for (name, key), text in told}

    def stored_parts(self) -> Iterator[StoredPart]:
        """The parts whose names say their generation; those of older versions may be of several."""
        for name, size, written in self.objects.entries(f"{self.dataset}/parts"):
            if (part := read_part_name(name)) and part.generation:
                yield StoredPart(part, size, written)

    def collect_part(self, part: Part, before: datetime) -> bool:
        """Remove the object, whose name is never written again."""
        self.objects.remove(part.name)
        return True

    def abandon_uploads(self, before: datetime) -> int:
        """Remove half-written objects."""
        return self.objects.abandon_uploads(before)

    def _parts(self, partitions: Collection[str] | None) -> list[Part]:
        names = self.objects.names(f"{self.dataset}/parts", partitions)
        return [part for part in map(read_part_name, names) if part]

    def _check_parts(self, partition: str, generation: int, names: list[str]) -> None:
        """Raise Broken unless the parts are there and no part of this or a later generation was published."""
        there = self._parts([partition])
        listed = {part.name for part in there}
        for name in names:  # one of an older version may not lie with those of its partition
            if name not in listed and not self.objects.modified(name):
                raise Broken("part-late", f"{self.objects.location(name)} is gone")
        ahead = [part.name for part in there if (part.generation or 0) >= generation and part.name not in names]
        was_published = ahead and self.highest([partition]).get(partition, 0) >= generation
        if was_published and (partition, generation) not in self.manifests([partition]):
            raise Broken("store-tampered", f"{self.location(partition, generation)} was published and is gone")

    def _note(self, month: str) -> str:
        return f"{self.dataset}/inventories/{month}-"


def read_fate(text: bytes, where: str) -> Fate:
    """A fate as it is stored. Raises Broken when it is something else."""
    if text not in (b"restored", b"collected"):
        raise Broken("store-tampered", f"{where} is no fate of a generation")
    return cast(Fate, text.decode())


def _highest(found: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The highest generation of each partition."""
    return dict(sorted(found))
