"""Taking away parts that no manifest names: what killed and overtaken writers left."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from tierra.store.part_names import Part
from tierra.store.predictions import missing_generations, published_parts, read_manifest
from tierra.store.sinks import Sink

# What a database and older versions keep under the digest of its rows alone may be written again, and is then young.
SWEEP_AGE: Final = timedelta(hours=24)


def sweep(sink: Sink) -> list[str]:
    """Remove the parts that no manifest names or ever will, and what was half-written a day ago; their names.

    A part says for which generation it was written. Once another manifest has that number nobody can publish the
    part any more; before that it stays, however old. What is pending is looked at, and once a month all parts.
    """
    before = datetime.now(UTC) - SWEEP_AGE
    sink.abandon_uploads(before)
    removed = []
    for part, named in _judge(sink, sink.pending()):
        if named:
            sink.settle_part(part.name)
        elif sink.remove_part(part, before):
            removed.append(part.name)
    if sink.needs_inventory(month := f"{datetime.now(UTC):%Y-%m}"):
        left = [part for part, named in _judge(sink, sink.parts()) if not named]
        removed += [part.name for part in left if sink.remove_part(part, before)]
        sink.note_inventory(month)
    return removed


def _judge(sink: Sink, parts: list[Part]) -> Iterator[tuple[Part, bool]]:
    """The parts of which it is settled for ever whether a manifest names them, and whether one does."""
    numbered = [part for part in parts if part.generation]
    taken = set(sink.manifests({part.partition for part in numbered})) if numbered else set()
    for part in numbered:
        if (part.partition, part.generation) in taken:
            manifest = read_manifest(sink, part.partition, part.generation)
            if manifest:  # by another generation a part is named only where the one it was written for names it too
                yield part, part.name in {each.name for each in manifest.named}
    for partition in sorted({part.partition for part in parts if not part.generation}):
        yield from _judge_unnumbered(sink, partition, [part for part in parts if part[::2] == (partition, None)])


def _judge_unnumbered(sink: Sink, partition: str, parts: list[Part]) -> Iterator[tuple[Part, bool]]:
    """The same for parts that do not say their generation, and may not their partition: all manifests are asked."""
    known = [partition] if partition else None
    if missing_generations(sink, known):
        return  # nobody knows what those named
    partitions = {each for each, _ in sink.manifests(known)}
    named = set[str]().union(*(published_parts(sink, each) for each in partitions))
    for part in parts:
        yield part, part.name in named
