"""Taking away parts that no manifest names: what killed and overtaken writers left."""

from datetime import UTC, datetime

from tierra.store.predictions import SWEEP_AGE, read_manifest
from tierra.store.sinks import Sink


def sweep(sink: Sink) -> list[str]:
    """Remove the parts that are older than a day and named by no manifest, and what was half-written; their names.

    No writer names a part of that age for the first time: one that needs such rows writes them anew.
    """
    before = datetime.now(UTC) - SWEEP_AGE
    old = {name for name, written in sink.parts() if written < before}
    sink.abandon_uploads(before)
    orphans = sorted(old - _named(sink)) if old else []
    return [name for name in orphans if sink.remove_part(name, before)]


def _named(sink: Sink) -> set[str]:
    manifests = [read_manifest(sink, partition, number) for partition, number in sink.manifests()]
    return {part.name for each in manifests if each for part in each.parts}
