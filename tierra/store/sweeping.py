"""Taking away parts that no manifest names: what killed and overtaken writers left."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter

from tierra.store.predictions import SWEEP_AGE, published_parts, read_manifest
from tierra.store.sinks import Sink


def sweep(sink: Sink) -> list[str]:
    """Remove the parts that are older than a day and named by no manifest, and what was half-written; their names.

    No writer names a part of that age for the first time: one that needs such rows writes them anew.
    What is pending is looked at, and once a month all parts.
    """
    before = datetime.now(UTC) - SWEEP_AGE
    sink.abandon_uploads(before)
    removed = [name for name in _find_left(sink, before) if sink.remove_part(name, before)]
    if sink.needs_inventory(month := f"{datetime.now(UTC):%Y-%m}"):
        removed += [name for name in _compare_all(sink, before) if sink.remove_part(name, before)]
        sink.note_inventory(month)
    return removed


def _find_left(sink: Sink, before: datetime) -> Iterator[str]:
    """The parts pending for longer that no manifest of their partition names; those that one names are settled."""
    for partition, pending in groupby(sorted(sink.pending(before)), itemgetter(0)):
        published = published_parts(sink, partition)
        for _, name in pending:
            if name in published:
                sink.settle_part(name)
            else:
                yield name


def _compare_all(sink: Sink, before: datetime) -> list[str]:
    """The parts written earlier that no manifest names."""
    old = {name for name, written in sink.parts() if written < before}
    manifests = [read_manifest(sink, partition, number) for partition, number in sink.manifests()] if old else []
    return sorted(old.difference(part.name for each in manifests if each for part in each.parts))
