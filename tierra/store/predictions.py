"""The commit protocol: a partition's predictions exist when a manifest says so.

A writer goes through four steps, and any of them may be its last:

    write parts    rows under the digest of their content; nobody sees them
    check parts    they are there, and were written for this generation
    put manifest   created under the next generation if nobody has it: from here on all rows are visible
    read back      where the answer was "taken" or none came: the manifest that is there decides

A re-score is a new generation; nothing is ever changed in place. So is a generation
that restores a former one, whose parts its manifest names again. Readers take the
highest generation and verify it. docs/exactly-once.md has the promises.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from tierra.errors import Broken, Misconfigured, TierraError, Unavailable, first_line
from tierra.journal import warn
from tierra.store.manifest import Manifest, digest_of
from tierra.store.part_names import read_part_name
from tierra.store.refs import TableRef
from tierra.store.sinks import Sink

if TYPE_CHECKING:
    import pyarrow as pa

# How many days back the newest published one is looked for, before all are listed.
SEARCHED_DAYS = 64

# What a restored generation has of the one it restores.
RESTORED = ("parts", "inputs", "model", "scoring", "model_version", "rows_in", "rows_scored", "rows_quarantined")

Ending = Literal["published", "stood down"]


def generations(sink: Sink, partitions: Collection[str] | None = None) -> dict[str, int]:
    """The highest generation of each of these partitions that is published; of every one where none are named.

    Few partitions cost little, however many are published beside them.
    """
    return sink.highest(partitions)


def missing_generations(sink: Sink, partitions: Collection[str] | None = None) -> list[tuple[str, int]]:
    """The generations of these partitions whose manifests were removed, as no writer of ours does."""
    highest, there = sink.highest(partitions), set(sink.manifests(partitions))
    wanted = {(each, number) for each, last in highest.items() for number in range(1, last + 1)}
    return sorted(wanted - there)


def read_manifest(sink: Sink, partition: str, generation: int | None = None) -> Manifest | None:
    """The manifest of a generation, the highest when none is named; None when there never was one. Raises Broken."""
    number = generation or generations(sink, [partition]).get(partition)
    if number is None:
        return None
    text = _read_text(sink, partition, number)
    return None if text is None else _verified(sink, partition, number, text)


def _read_text(sink: Sink, partition: str, number: int) -> bytes | None:
    """A manifest's text; None when there never was one. Raises Broken when it was removed."""
    with suppress(FileNotFoundError):
        return sink.read_manifest(partition, number)
    if number > generations(sink, [partition]).get(partition, 0):
        return None
    try:
        return sink.read_manifest(partition, number)  # it may have been published between the two questions
    except FileNotFoundError:
        raise Broken("store-tampered", f"{sink.location(partition, number)} was published and is gone") from None


def _verified(sink: Sink, partition: str, number: int, text: bytes) -> Manifest:
    where = sink.location(partition, number)
    try:
        found = Manifest.model_validate_json(text)
    except ValueError as error:
        raise Broken("store-tampered", f"{where}: {first_line(error)}") from None
    if (found.dataset, found.partition, found.generation) != (sink.dataset, partition, number):
        raise Broken("store-tampered", f"{where} is the manifest of something else")
    if found.digest != ("" if found.format == 1 else digest_of(text)):
        raise Broken("store-tampered", f"{where} is not what was published")
    if strange := [part.name for part in found.named if _is_strange(part.name, found)]:
        raise Broken("store-tampered", f"{where} names {strange[0]}, which was not written for it")
    if found.restores and not _is_as_before(sink, found):
        raise Broken("store-tampered", f"{where} names other parts than generation {found.restores}, which it restores")
    return found


def _is_as_before(sink: Sink, mine: Manifest) -> bool:
    """Whether a manifest that restores a generation names the very parts that were written for it, and whose."""
    former = read_manifest(sink, mine.partition, mine.restores)
    return (
        former is not None
        and not former.restores
        and all(getattr(former, name) == getattr(mine, name) for name in RESTORED)
    )


def find_newest(sink: Sink, last: date) -> tuple[str, int] | None:
    """The newest published day and its generation: of the days up to `last`, and of all only where there is none."""
    days = [date.fromordinal(max(last.toordinal() - back, 1)).isoformat() for back in range(SEARCHED_DAYS)]
    return max((generations(sink, days) or generations(sink)).items(), default=None)


def published_parts(sink: Sink, partition: str) -> set[str]:
    """The parts that any generation of a partition names."""
    manifests = [read_manifest(sink, partition, number) for _, number in sink.manifests([partition])]
    return {part.name for each in manifests if each for part in each.named}


def publish(sink: Sink, manifest: Manifest, after: int) -> tuple[Manifest, Ending]:
    """Publish as the generation after the one the writer saw.

    Returns what is published now, and whether the writer published it or stood
    down before another. Raises Unavailable when nobody can say, or nothing is
    published yet: the same work may then try again.
    """
    named = {"format": 2, "generation": after + 1, "writer": manifest.writer or uuid4().hex}
    mine = manifest.model_copy(update=named).sealed()
    _check_parts(sink, mine)
    try:
        text = mine.model_dump_json(indent=1).encode()
        created = sink.put_manifest(mine.partition, mine.generation, text, mine.named)
    except TierraError as error:  # of whatever kind: the manifest may stand
        return _read_back(sink, mine, error)
    return (mine, "published") if created else _read_back(sink, mine, None)


def is_reusable(sink: Sink, part: TableRef) -> bool:
    """Whether a part that was written before is there and intact."""
    try:
        return bool(sink.read_part(part).num_rows == part.rows)
    except Broken:
        return False


def read_published(sink: Sink, partition: str, generation: int | None = None) -> "pa.Table":
    """The predictions of a partition, each part verified. Raises Misconfigured when there are none."""
    import pyarrow as pa

    tried = 0
    while manifest := read_manifest(sink, partition, generation):
        try:
            return pa.concat_tables(read_parts(sink, manifest))
        except Broken as error:
            # Others were published while this one was read, and its rows went: the newest has some.
            if error.code != "generation-collected" or generation or manifest.generation == tried:
                raise
            tried = manifest.generation
    which = f"generation {generation} of {partition}" if generation else partition
    raise Misconfigured("partition-unpublished", f"{sink.dataset}: {which} is not published")


def read_parts(sink: Sink, manifest: Manifest) -> "list[pa.Table]":
    """The rows that a manifest names, each part verified. Raises Broken, also when they were collected."""
    try:
        return [sink.read_part(part) for part in manifest.parts]
    except Broken:
        if sink.fates([manifest.partition]).get((manifest.partition, manifest.generation)) != "collected":
            raise
        raise _collected(manifest, manifest.generation) from None


def _collected(manifest: Manifest, generation: int) -> Broken:
    which = f"{manifest.dataset}: the rows of generation {generation} of {manifest.partition}"
    return Broken("generation-collected", f"{which} were removed by `tierra gc`, which others had replaced")


def _check_parts(sink: Sink, mine: Manifest) -> None:
    """Raise Broken unless each part was written for this generation, so that no sweep removes it before.

    The parts of a generation that is restored are named by that one's manifest, so no sweep removes them at all.
    """
    if mine.restores and not _is_as_before(sink, mine):
        what = (
            f"{mine.dataset} {mine.partition}: generation {mine.restores}, to be restored, has other parts or is gone"
        )
        raise Broken("part-late", what)
    # From here on no collection takes them: the two ask for the same word, and the first has it.
    if mine.restores and sink.decide_fate(mine.partition, mine.restores, "restored") == "collected":
        raise _collected(mine, mine.restores)
    for part in [each for each in mine.named if not (mine.restores and each in mine.parts)]:
        if not sink.is_written_for(part, mine.partition, mine.generation):
            which = f"{mine.dataset} {mine.partition}, generation {mine.generation}"
            raise Broken("part-late", f"{which}: part {part.name} was not written for it")


def _read_back(sink: Sink, mine: Manifest, error: TierraError | None) -> tuple[Manifest, Ending]:
    """Read back this generation: ours (the request succeeded, the response was lost) or another writer's."""
    where = sink.location(mine.partition, mine.generation)
    try:
        there = read_manifest(sink, mine.partition, mine.generation)
    except TierraError as second:
        if error is None and not isinstance(second, Unavailable):
            raise
        raise _unknown(where, error, second) from None
    if there and there.writer != mine.writer:
        return there, "stood down"
    if there:
        if error and not isinstance(error, Unavailable):
            warn(f"{where} is published, but may not outlive a power cut: {error.what}")
        return there, "published"
    if error is None:
        raise Broken("store-tampered", f"{where} was there and is gone")
    if isinstance(error, Unavailable):
        raise Unavailable("publish-unanswered", f"{where}: no answer, and nothing is there")
    raise error


def _unknown(where: str, error: TierraError | None, second: TierraError) -> TierraError:
    """Nobody can say whether the manifest stands. Unavailable where the same work may try again, and finds out."""
    first = f"{error.what}; then " if error else ""
    what = f"it is not known whether {where} was published: {first}{second.what}"
    if isinstance(second, Unavailable):
        return Unavailable("publish-unanswered", what)
    return Broken("publish-unknown", what)


def _is_strange(name: str, manifest: Manifest) -> bool:
    """Whether a part's name says that it was written for another partition or generation.

    Restored parts were: they are compared with those of that generation.
    """
    if manifest.restores and name in {part.name for part in manifest.parts}:
        return False
    part = read_part_name(name)
    if part is None or not part.partition:
        return False  # a database's, or one of an older version
    generation = manifest.generation if manifest.format == 2 else None
    return (part.partition, part.generation) != (manifest.partition, generation)
