"""A published row by its key: what a person writes, and where it is."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.partitions import ALL, parse_partition
from tierra.data.row_changes import SEPARATOR, key_texts, shown_key
from tierra.errors import InvalidCall
from tierra.journal import track
from tierra.project.project import Project
from tierra.steps.replay import find_manifest
from tierra.store.manifest import Manifest
from tierra.store.predictions import generations
from tierra.store.tables import read_batches
from tierra.workspace import Workspace

SEARCHED = 100
COMPARED = 5_000
NEAR = 3


def parse_key(columns: Sequence[str], text: str | None, named: Sequence[str]) -> dict[str, str]:
    """A value for each column of the key, of `a,b` or of NAME=VALUE for each. Raises InvalidCall."""
    if (text is None) == (not named):
        raise InvalidCall("key-invalid", f"the key is {', '.join(columns)}; give it once")
    if text is None:
        return _named(columns, named)
    values = [text] if len(columns) == 1 else text.split(",")
    if len(values) != len(columns):
        raise InvalidCall("key-invalid", f"the key is {', '.join(columns)}, and '{text}' has {len(values)} values")
    return dict(zip(columns, values, strict=True))


def _named(columns: Sequence[str], named: Sequence[str]) -> dict[str, str]:
    pairs = {name: value for name, _, value in (each.partition("=") for each in named)}
    if set(pairs) != set(columns):
        raise InvalidCall("key-invalid", f"the key is {', '.join(columns)}, and {', '.join(pairs)} was given")
    return {name: pairs[name] for name in columns}


def find_key(
    workspace: Workspace, project: Project, wanted: Mapping[str, str], partition: str | None, generation: int | None
) -> Manifest:
    """The manifest of the named partition, or of the newest one that has the key, set aside rows among them.

    Without a partition the 100 newest are looked through. Raises InvalidCall when none has it.
    """
    if generation and not partition and project.main_source.partition_by:
        raise InvalidCall("partition-needed", f"{project.name}: a generation is one of a day's")
    searched = list(_searched(workspace, project, partition))
    near: list[str] = []
    for each in track(searched, "partitions"):
        manifest = find_manifest(workspace, project, each, generation)
        texts = _key_texts(workspace, project, manifest, wanted)
        is_there = pc.any(pc.equal(texts, SEPARATOR.join(wanted.values()))).as_py()
        if is_there or find_set_aside(workspace, manifest, wanted):
            return manifest
        near = near or _near(texts, wanted)
    where = searched[0] if len(searched) == 1 else f"the {len(searched)} newest partitions, back to {searched[-1]}"
    hint = f"; near it are {', '.join(near)}" if near else ""
    raise InvalidCall("row-unknown", f"{project.name}: no {shown(wanted)} in {where}{hint}")


def find_row(batches: Iterable[pa.Table], columns: Sequence[str], wanted: Mapping[str, str]) -> pa.Table | None:
    """The one row of a key, whose columns may have other names here; None when there is none."""
    for batch in batches:
        found = batch.filter(pc.equal(key_texts(batch, columns), SEPARATOR.join(wanted.values())))
        if found.num_rows:
            return found.slice(0, 1)
    return None


def find_set_aside(workspace: Workspace, manifest: Manifest, wanted: Mapping[str, str]) -> dict[str, Any]:
    """The quarantined row of a key with its reason; nothing when it was not set aside."""
    for ref in manifest.quarantine:
        if set(wanted) <= set(ref.columns):
            row = find_row(read_batches(workspace.objects, ref), list(wanted), wanted)
            if row is not None:
                return dict(row.to_pylist()[0])
    return {}


def shown(wanted: Mapping[str, str]) -> str:
    """A key as it is named in a sentence."""
    return ", ".join(f"{name} {value}" for name, value in wanted.items())


def _searched(workspace: Workspace, project: Project, partition: str | None) -> Iterator[str]:
    by_day = bool(project.main_source.partition_by)
    if partition not in (None, ALL) and not by_day:
        raise InvalidCall("partition-none", f"{project.name} has no days, and '{partition}' was given")
    if partition and by_day:
        yield parse_partition(partition).isoformat()
    elif by_day:
        days = sorted(generations(workspace.sink(project)), reverse=True)[:SEARCHED]
        if not days:
            find_manifest(workspace, project, "no day")
        yield from days
    else:
        yield ALL


def _key_texts(workspace: Workspace, project: Project, manifest: Manifest, wanted: Mapping[str, str]) -> pa.Array:
    """The keys of a generation. Raises InvalidCall where it was published with another key."""
    sink = workspace.sink(project)
    for part in manifest.parts:
        if missing := [name for name in wanted if name not in part.columns]:
            which = f"{manifest.partition}, generation {manifest.generation}"
            raise InvalidCall("key-invalid", f"{project.name} {which} was published without '{missing[0]}'")
    texts = [key_texts(sink.read_part(part), list(wanted)) for part in manifest.parts]
    return pa.concat_arrays(texts) if texts else pa.array([], pa.string())


def _near(texts: pa.Array, wanted: Mapping[str, str]) -> list[str]:
    some = texts.slice(0, COMPARED).to_pylist()
    found = difflib.get_close_matches(SEPARATOR.join(wanted.values()), some, NEAR)
    return [shown_key(each) for each in found]
