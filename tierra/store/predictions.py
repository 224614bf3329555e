"""The commit protocol: a partition's predictions exist when a manifest says so.

A writer goes through four steps, and any of them may be its last:

    write parts    rows under the digest of their content; nobody sees them
    check parts    they are there, and too young to be swept or already published
    put manifest   created under the next generation if nobody has it: from here on all rows are visible
    read back      where the answer was "taken" or none came: the manifest that is there decides

A re-score is a new generation; nothing is ever changed in place. Readers take
the highest generation and verify it. docs/exactly-once.md has the promises.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal, Self
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tierra.errors import Broken, Misconfigured, Unavailable
from tierra.store.refs import ObjectRef, TableRef
from tierra.store.sinks import Sink

if TYPE_CHECKING:
    import pyarrow as pa

# A writer uses parts that are younger; sweeping takes those that are older and named by no manifest.
# The twelve hours between are what a paused writer and clocks that differ may cost.
REUSE_LIMIT, SWEEP_AGE = timedelta(hours=12), timedelta(hours=24)

# How many days back the newest published one is looked for, before all are listed.
SEARCHED_DAYS = 64

Ending = Literal["published", "stood down"]


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
    drift: ObjectRef | None = Field(None, description="How the rows differ from those the model was trained on")
    published_at: str = ""
    writer: str = Field("", description="Name of the work that made it: whose it is, when the answer was lost")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.rows_in != self.rows_scored + self.rows_quarantined:
            raise ValueError(f"{self.rows_in} rows in, but {self.rows_scored + self.rows_quarantined} out")
        return self

    def says_the_same(self, other: "Manifest") -> bool:
        """Whether two manifests publish the same rows, whoever wrote them and when."""
        return [each.sha256 for each in self.parts] == [each.sha256 for each in other.parts]


def generations(sink: Sink, partitions: Collection[str] | None = None) -> dict[str, int]:
    """The highest generation of each of these partitions that is published; of every one where none are named.

    Few partitions cost little, however many are published beside them.
    """
    latest: dict[str, int] = {}
    for partition, generation in sink.manifests(partitions):
        latest[partition] = max(latest.get(partition, 0), generation)
    return latest


def read_manifest(sink: Sink, partition: str, generation: int | None = None) -> Manifest | None:
    """The manifest of a generation, the highest when none is named; None when there is none."""
    number = generation or generations(sink, [partition]).get(partition)
    if number is None:
        return None
    where = sink.location(partition, number)
    try:
        found = Manifest.model_validate_json(sink.read_manifest(partition, number))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Broken("store-tampered", f"{where}: {str(error).splitlines()[0]}") from None
    if (found.dataset, found.partition, found.generation) != (sink.dataset, partition, number):
        raise Broken("store-tampered", f"{where} is the manifest of something else")
    return found


def find_newest(sink: Sink, last: date) -> tuple[str, int] | None:
    """The newest published day and its generation: of the days up to `last`, and of all only where there is none."""
    days = [date.fromordinal(max(last.toordinal() - back, 1)).isoformat() for back in range(SEARCHED_DAYS)]
    return max((generations(sink, days) or generations(sink)).items(), default=None)


def published_parts(sink: Sink, partition: str) -> set[str]:
    """The parts that any generation of a partition names."""
    manifests = [read_manifest(sink, partition, number) for _, number in sink.manifests([partition])]
    return {part.name for each in manifests if each for part in each.parts}


def publish(sink: Sink, manifest: Manifest, after: int) -> tuple[Manifest, Ending]:
    """Publish as the generation after the one the writer saw.

    Returns what is published now, and whether the writer published it or stood
    down before another. Raises Unavailable when nobody can say, or nothing is
    published yet: the same work may then try again.
    """
    mine = manifest.model_copy(update={"generation": after + 1, "writer": manifest.writer or uuid4().hex})
    _check_parts(sink, mine)
    try:
        text = mine.model_dump_json(indent=1).encode()
        created = sink.put_manifest(mine.partition, mine.generation, text, mine.parts)
    except Unavailable:
        return _read_back(sink, mine, answered=False)
    return (mine, "published") if created else _read_back(sink, mine, answered=True)


def is_reusable(sink: Sink, part: TableRef) -> bool:
    """Whether a part that was written before is intact, and too young to be swept before a manifest names it."""
    try:
        return _is_young(sink.written(part)) and sink.read_part(part).num_rows == part.rows
    except Broken:
        return False


def read_published(sink: Sink, partition: str, generation: int | None = None) -> "pa.Table":
    """The predictions of a partition, each part verified. Raises Misconfigured when there are none."""
    import pyarrow as pa

    manifest = read_manifest(sink, partition, generation)
    if manifest is None:
        which = f"generation {generation} of {partition}" if generation else partition
        raise Misconfigured("partition-unpublished", f"{sink.dataset}: {which} is not published")
    return pa.concat_tables([sink.read_part(part) for part in manifest.parts])


def _check_parts(sink: Sink, manifest: Manifest) -> None:
    """Raise Broken unless each part is there, and is young or was published before, so that no sweep removes it."""
    for part in manifest.parts:
        written = sink.written(part)
        if _is_young(written) or (written and part.name in published_parts(sink, manifest.partition)):
            continue
        state = f"was written {written:%Y-%m-%d %H:%M} UTC" if written else "is gone"
        raise Broken("part-late", f"{manifest.dataset} {manifest.partition}: part {part.sha256[:12]} {state}")


def _is_young(written: datetime | None) -> bool:
    return written is not None and datetime.now(UTC) - written < REUSE_LIMIT


def _read_back(sink: Sink, mine: Manifest, answered: bool) -> tuple[Manifest, Ending]:
    """Read back this generation: ours (the request succeeded, the response was lost) or another writer's."""
    there = read_manifest(sink, mine.partition, mine.generation)
    if there:
        return there, "published" if there.writer == mine.writer else "stood down"
    where = sink.location(mine.partition, mine.generation)
    if answered:
        raise Broken("store-tampered", f"{where} was there and is gone")
    raise Unavailable("publish-unanswered", f"{where}: no answer, and nothing is there")
