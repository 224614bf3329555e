"""Where the predictions of one data set are published.

`Sink` is the port. A *part* is rows that no reader sees until a manifest names
them. A *manifest* is created once, under a number that only one writer gets: all
that the commit protocol of predictions.py needs from a store.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from tierra.errors import Broken
from tierra.store.objects import Objects
from tierra.store.refs import TableRef

if TYPE_CHECKING:
    import pyarrow as pa

_MANIFEST = re.compile(r"/([^/]+)/(\d{6,})\.json$")


class Sink(Protocol):
    """The predictions of one data set."""

    dataset: str
    where: str

    def write_part(self, batches: "Iterator[pa.Table]") -> TableRef:
        """Store rows that nobody sees yet. The same rows again are the same part, with a new `written`."""

    def read_part(self, part: TableRef) -> "pa.Table":
        """A part's rows, as they were written. Raises Broken when they are gone or changed."""

    def written(self, part: TableRef) -> datetime | None:
        """When a part was written last, by the store's clock; None when it is gone."""

    def keep_quarantine(self, ref: TableRef, batches: "Iterable[pa.Table]") -> None:
        """Store quarantined rows beside the predictions, in sinks where people query rows."""

    def put_manifest(self, partition: str, generation: int, text: bytes, parts: Iterable[TableRef]) -> bool:
        """Create a manifest unless its number is taken. True when created."""

    def read_manifest(self, partition: str, generation: int) -> bytes:
        """A manifest's text. Raises FileNotFoundError."""

    def manifests(self) -> list[tuple[str, int]]:
        """Partition and generation of every manifest."""

    def location(self, partition: str, generation: int) -> str:
        """A manifest's path, address or table and key, for people."""

    def parts(self) -> Iterator[tuple[str, datetime]]:
        """Every part's name, and when it was written last."""

    def remove_part(self, name: str, before: datetime) -> bool:
        """Remove a part, unless it has been written since; whether it was removed."""

    def abandon_uploads(self, before: datetime) -> int:
        """Remove what killed writers began before then and never finished; how many there were."""


class ObjectSink:
    """Parquet parts and JSON manifests in a store of objects."""

    def __init__(self, objects: Objects, dataset: str) -> None:
        self.objects, self.dataset, self.where = objects, dataset, objects.location(dataset)

    def write_part(self, batches: "Iterator[pa.Table]") -> TableRef:
        """Write one Parquet object, named by the digest of its bytes."""
        from tierra.store.tables import write_batches

        return write_batches(self.objects, f"{self.dataset}/parts/", batches)

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
        return self.objects.put_if_absent(self._name(partition, generation), text)

    def read_manifest(self, partition: str, generation: int) -> bytes:
        """A manifest's text."""
        return self.objects.read(self._name(partition, generation))

    def manifests(self) -> list[tuple[str, int]]:
        """Partition and generation of every manifest; other files are ignored."""
        found = map(_MANIFEST.search, self.objects.names(f"{self.dataset}/manifests"))
        return [(each[1], int(each[2])) for each in found if each]

    def location(self, partition: str, generation: int) -> str:
        """The manifest's file or address."""
        return self.objects.location(self._name(partition, generation))

    def parts(self) -> Iterator[tuple[str, datetime]]:
        """Every part's name, and when it was written last."""
        for name in self.objects.names(f"{self.dataset}/parts"):
            if written := self.objects.modified(name):
                yield name, written

    def remove_part(self, name: str, before: datetime) -> bool:
        """Remove an object that has not been written since."""
        written = self.objects.modified(name)
        if written is None or written >= before:
            return False
        self.objects.remove(name)
        return True

    def abandon_uploads(self, before: datetime) -> int:
        """Remove half-written objects."""
        return self.objects.abandon_uploads(before)

    def _name(self, partition: str, generation: int) -> str:
        """Zero-padded, so that names sort by generation."""
        return f"{self.dataset}/manifests/{partition}/{generation:06d}.json"
