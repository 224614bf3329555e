"""Restoring: the rows of a former generation as a new one. Its parts are named again; nothing is computed or copied."""

from datetime import datetime

from tierra.errors import Misconfigured
from tierra.store.manifest import Manifest
from tierra.store.predictions import Ending, publish, read_manifest, read_parts
from tierra.store.sinks import Sink


def restore(sink: Sink, partition: str, former: int, after: int, writer: str = "") -> tuple[Manifest, Ending]:
    """Publish the rows of a former generation as the one after the generation that was seen.

    Each part is read and verified before. Ends as `publish` does; raises Misconfigured where the former generation was
    never published, and Broken where its rows were collected, or its manifest or a part is gone or changed: then
    nothing is published.
    """
    found = read_manifest(sink, partition, former)
    if found is None:
        raise Misconfigured("partition-unpublished", f"{sink.dataset}: generation {former} of {partition} never was")
    tables = read_parts(sink, found)
    # Of a generation that restored one itself, the parts were written for that one.
    origin = found.restores or former
    values = {
        "restores": origin,
        "record": sink.write_record(partition, after + 1, tables[0]),
        "writer": writer,
        "published_at": datetime.now().astimezone().isoformat(timespec="microseconds"),
    }
    return publish(sink, found.model_copy(update=values), after)
