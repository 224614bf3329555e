"""The commit protocol: a partition's predictions exist when a manifest says so.

Parts are written first, under the digest of their content. One put-if-absent of
`<dataset>/manifests/<partition>/<generation>.json` publishes them. A re-score is
a new generation; nothing is ever changed in place.
"""

import hashlib
import io
import re
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tierra.errors import Broken, Misconfigured
from tierra.store.objects import Objects
from tierra.store.refs import TableRef

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = re.compile(r"/([^/]+)/(\d{6,})\.json$")


class Manifest(BaseModel):
    """What is published for one partition, from what, by which model."""

    model_config = ConfigDict(frozen=True)

    format: int = 1
    dataset: str
    partition: str
    generation: int = 0
    inputs: str = Field(description="Digest of the rows that were scored")
    model: str = Field(description="Digest of the model")
    scoring: str = Field(description="Digest of the code and the recipe that scored them")
    model_version: str
    rows_in: int
    rows_scored: int
    rows_quarantined: int
    parts: tuple[TableRef, ...]
    quarantine: tuple[TableRef, ...] = ()
    published_at: str = ""
    writer: str = Field("", description="Random, so that of two writers of equal manifests one knows it was not first")

    @property
    def name(self) -> str:
        """The manifest's own name in the sink."""
        return manifest_name(self.dataset, self.partition, self.generation)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.rows_in != self.rows_scored + self.rows_quarantined:
            raise ValueError(f"{self.rows_in} rows in, but {self.rows_scored + self.rows_quarantined} out")
        return self


def manifest_name(dataset: str, partition: str, generation: int) -> str:
    """The name of a manifest; zero-padded so that names sort by generation."""
    return f"{dataset}/manifests/{partition}/{generation:06d}.json"


def generations(objects: Objects, dataset: str) -> dict[str, int]:
    """The highest generation of every published partition."""
    latest: dict[str, int] = {}
    for name in objects.names(f"{dataset}/manifests"):
        if found := MANIFEST.search(name):  # anything else a person left there is no manifest
            latest[found[1]] = max(latest.get(found[1], 0), int(found[2]))
    return latest


def read_manifest(objects: Objects, dataset: str, partition: str, generation: int | None = None) -> Manifest | None:
    """The manifest of a generation, the highest when none is named; None when there is none."""
    number = generation or generations(objects, dataset).get(partition)
    if number is None:
        return None
    name = manifest_name(dataset, partition, number)
    try:
        found = Manifest.model_validate_json(objects.read(name))
    except FileNotFoundError:
        return None
    except ValueError as error:
        said = str(error).splitlines()[0]
        raise Broken("store-tampered", f"{objects.location(name)}: {said}") from None
    if manifest_name(found.dataset, found.partition, found.generation) != name:
        raise Broken("store-tampered", f"{objects.location(name)} is the manifest of something else")
    return found


def publish(objects: Objects, manifest: Manifest, after: int) -> tuple[Manifest, bool]:
    """Publish as the generation after the one the writer saw.

    Returns what is published now, and whether it is the writer's own: a writer
    that finds the generation taken stands down.
    """
    mine = manifest.model_copy(update={"generation": after + 1, "writer": uuid4().hex})
    name = mine.name
    if objects.put_if_absent(name, mine.model_dump_json(indent=1).encode()):
        return mine, True
    theirs = read_manifest(objects, mine.dataset, mine.partition, mine.generation)
    if theirs is None:
        raise Broken("store-tampered", f"{objects.location(name)} was there and is gone")
    return theirs, theirs == mine


def read_published(objects: Objects, dataset: str, partition: str, generation: int | None = None) -> "pa.Table":
    """The predictions of a partition, each part verified. Raises Misconfigured when there are none."""
    import pyarrow as pa

    manifest = read_manifest(objects, dataset, partition, generation)
    if manifest is None:
        which = f"generation {generation} of {partition}" if generation else partition
        raise Misconfigured("partition-unpublished", f"{dataset}: {which} is not published")
    return pa.concat_tables([_read_part(objects, part) for part in manifest.parts])


def _read_part(objects: Objects, part: TableRef) -> "pa.Table":
    import pyarrow.parquet as pq

    try:
        data = objects.read(part.name)
    except FileNotFoundError:
        raise Broken("store-tampered", f"{objects.location(part.name)} is gone") from None
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise Broken("store-tampered", f"{objects.location(part.name)} is not what was published")
    return pq.read_table(io.BytesIO(data))
