"""Where the predictions of one data set are published.

`Sink` is the port. A *part* is rows that no reader sees until a manifest names
them. A *manifest* is created once, under a number that only one writer gets: all
that the commit protocol of predictions.py needs from a store.

A part is *pending* from before it can be seen until a manifest names it, and
manifests stay for ever. So a part that is not pending is published, and what
killed writers left is found among the pending ones, however much was published.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from tierra.errors import Broken, TierraError
from tierra.store.objects import Objects
from tierra.store.refs import TableRef

if TYPE_CHECKING:
    import pyarrow as pa

_MANIFEST = re.compile(r"/([^/]+)/(\d{6,})\.json$")
_PART = re.compile(r"/parts/([^/]+)/([0-9a-f]{64})\.parquet$")
_PENDING = re.compile(r"/pending/([0-9a-f]{64})-([^/]+)$")


class Sink(Protocol):
    """The predictions of one data set."""

    dataset: str
    where: str

    def write_part(self, partition: str, batches: "Iterator[pa.Table]") -> TableRef:
        """Store rows that nobody sees yet, pending. The same rows again are the same part, with a new `written`."""

    def read_part(self, part: TableRef) -> "pa.Table":
        """A part's rows, as they were written. Raises Broken when they are gone or changed."""

    def written(self, part: TableRef) -> datetime | None:
        """When a part was written last, by the store's clock; None when it is gone."""

    def keep_quarantine(self, ref: TableRef, batches: "Iterable[pa.Table]") -> None:
        """Store quarantined rows beside the predictions, in sinks where people query rows."""

    def put_manifest(self, partition: str, generation: int, text: bytes, parts: Iterable[TableRef]) -> bool:
        """Create a manifest unless its number is taken. True when created; its parts are then pending no more."""

    def read_manifest(self, partition: str, generation: int) -> bytes:
        """A manifest's text. Raises FileNotFoundError."""

    def manifests(self, partitions: Collection[str] | None = None) -> list[tuple[str, int]]:
        """Partition and generation of every manifest of some partitions; of all where none are named."""

    def location(self, partition: str, generation: int) -> str:
        """A manifest's path, address or table and key, for people."""

    def parts(self) -> Iterator[tuple[str, datetime]]:
        """Every part's name, and when it was written last."""

    def pending(self, before: datetime) -> list[tuple[str, str]]:
        """Partition and name of each part that has been pending since before then. Published ones may be among them."""

    def settle_part(self, name: str) -> None:
        """Note that a manifest names a part: it is pending no more."""

    def needs_inventory(self, month: str) -> bool:
        """Whether all parts must be compared with all manifests, as was not done yet in this month."""

    def note_inventory(self, month: str) -> None:
        """Note that this was done."""

    def remove_part(self, name: str, before: datetime) -> bool:
        """Remove a part, unless it has been written since; whether it was removed. It is then pending no more."""

    def abandon_uploads(self, before: datetime) -> int:
        """Remove what killed writers began before then and never finished; how many there were."""


class ObjectSink:
    """Parquet parts and JSON manifests in a store of objects."""

    def __init__(self, objects: Objects, dataset: str) -> None:
        self.objects, self.dataset, self.where = objects, dataset, objects.location(dataset)

    def write_part(self, partition: str, batches: "Iterator[pa.Table]") -> TableRef:
        """Write one Parquet object, named by its partition and the digest of its bytes; its pending mark is first."""
        from tierra.store.tables import write_batches

        def mark(sha256: str) -> None:
            self.objects.put_if_absent(self._mark(partition, sha256), b"")

        return write_batches(self.objects, f"{self.dataset}/parts/{partition}/", batches, mark)

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

    def written(self, part: TableRef) -> datetime | None:
        """When the object was written last."""
        return self.objects.modified(part.name)

    def keep_quarantine(self, ref: TableRef, batches: "Iterable[pa.Table]") -> None:
        """Nothing to do: quarantined rows are already Parquet objects in the store."""

    def put_manifest(self, partition: str, generation: int, text: bytes, parts: Iterable[TableRef]) -> bool:
        """Create `<dataset>/manifests/<partition>/<generation>.json`, unless it exists."""
        names = [part.name for part in parts]
        # Sweeping looks for who names a part among the manifests of the part's partition.
        if strange := [name for name in names if (found := _PART.search(name)) and found[1] != partition]:
            raise ValueError(f"{strange[0]} was written for another partition than {partition}")
        created = self.objects.put_if_absent(self._name(partition, generation), text)
        with suppress(TierraError):  # what is published stays so; sweeping settles the part a day later
            for name in names if created else ():
                self.settle_part(name)
        return created

    def read_manifest(self, partition: str, generation: int) -> bytes:
        """A manifest's text."""
        return self.objects.read(self._name(partition, generation))

    def manifests(self, partitions: Collection[str] | None = None) -> list[tuple[str, int]]:
        """Partition and generation of every manifest of some partitions; other files are ignored."""
        found = map(_MANIFEST.search, self.objects.names(f"{self.dataset}/manifests", partitions))
        return [(each[1], int(each[2])) for each in found if each]

    def location(self, partition: str, generation: int) -> str:
        """The manifest's file or address."""
        return self.objects.location(self._name(partition, generation))

    def parts(self) -> Iterator[tuple[str, datetime]]:
        """Every part's name, and when it was written last."""
        for name in self.objects.names(f"{self.dataset}/parts"):
            if written := self.objects.modified(name):
                yield name, written

    def pending(self, before: datetime) -> list[tuple[str, str]]:
        """Partition and name of the parts whose mark is older."""
        marks = self.objects.names(f"{self.dataset}/pending")
        old = [mark for mark in marks if (made := self.objects.modified(mark)) and made < before]
        found = filter(None, map(_PENDING.search, old))
        return [(each[2], f"{self.dataset}/parts/{each[2]}/{each[1]}.parquet") for each in found]

    def settle_part(self, name: str) -> None:
        """Remove a part's mark; parts of older versions have none."""
        if found := _PART.search(name):
            self.objects.remove(self._mark(found[1], found[2]))

    def needs_inventory(self, month: str) -> bool:
        """Whether the month's note is absent. Marks may be missing: older versions made none, a power cut loses it."""
        return not any(name.startswith(self._note(month)) for name in self.objects.names(f"{self.dataset}/inventories"))

    def note_inventory(self, month: str) -> None:
        """Write an empty object named after the month."""
        with self.objects.draft(self._note(month), ""):
            pass

    def remove_part(self, name: str, before: datetime) -> bool:
        """Remove an object that has not been written since, and then its mark."""
        written = self.objects.modified(name)
        if written and written >= before:
            return False
        self.objects.remove(name)
        self.settle_part(name)
        return written is not None

    def abandon_uploads(self, before: datetime) -> int:
        """Remove half-written objects."""
        return self.objects.abandon_uploads(before)

    def _mark(self, partition: str, sha256: str) -> str:
        """The name of a part's pending mark, which does not end in the digest as its bytes have another."""
        return f"{self.dataset}/pending/{sha256}-{partition}"

    def _note(self, month: str) -> str:
        return f"{self.dataset}/inventories/{month}-"

    def _name(self, partition: str, generation: int) -> str:
        """Zero-padded, so that names sort by generation."""
        return f"{self.dataset}/manifests/{partition}/{generation:06d}.json"
