"""What goes of one data set: the rows of generations that were replaced long ago."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from tierra.errors import Broken, TierraError
from tierra.journal import advance, track
from tierra.steps.profile import Drift
from tierra.store import collecting
from tierra.store.collecting import Key, Line, Published
from tierra.store.objects import Objects
from tierra.store.predictions import read_manifest
from tierra.store.sinks import READERS, Sink, StoredPart
from tierra.store.spec import Keep

A_TIME = 1_000  # objects in hand at once
# A database's part that was written again since is young.
YOUNG = timedelta(days=1)
Found = TypeVar("Found")
Given = TypeVar("Given")


@dataclass(frozen=True)
class Generations:
    """What goes of one data set: generations without a fate yet, and the parts of all that are collected."""

    sink: Sink
    to_decide: tuple[Key, ...]
    parts: tuple[StoredPart, ...]
    roots: frozenset[str]
    line: Line
    warnings: tuple[str, ...] = ()


def plan_generations(
    objects: Objects, sink: Sink, keep: Keep, stored: Sequence[StoredPart], now: datetime
) -> Generations:
    """What goes of a data set, and what its generations refer to in the store."""
    before, written, fates = now - timedelta(days=keep.snapshots), collecting.written_at(stored), sink.fates()
    needed = [key for key in sorted(sink.manifests()) if fates.get(key) != "collected"]
    found = dict(zip(needed, ask_all(partial(_published, sink), needed, "manifests"), strict=True))
    published, warnings = _split(found)
    to_decide = collecting.replaced(published, fates, written, keep.generations, before)
    goes = {*to_decide, *(key for key, fate in fates.items() if fate == "collected")}
    line = Line(f"predictions of {sink.dataset}")
    for each in stored:
        line.add(each.size, _key(each) in goes)
    # Those of generations that go stay this time: a rollback may yet be first.
    names = frozenset(collecting.roots(published, fates, written, before))
    drifts = sorted(name for name in names if name.startswith("drift/"))
    beside = ask_all(partial(_drift, objects), drifts, "drift")
    parts = tuple(each for each in stored if _key(each) in goes)
    return Generations(sink, tuple(to_decide), parts, names.union(*beside), line, warnings)


def _key(each: StoredPart) -> Key:
    return each.part.partition, each.part.generation or 0


def _published(sink: Sink, key: Key) -> Published | Broken:
    """What a manifest says, or why it cannot be read."""
    try:
        if manifest := read_manifest(sink, *key):
            return collecting.describe(manifest)
        return Broken("store-tampered", f"{sink.location(*key)} was published and is gone")
    except Broken as error:
        return error


def _split(found: Mapping[Key, Published | Broken]) -> tuple[dict[Key, Published], tuple[str, ...]]:
    """What each manifest says, and of each damaged one that was replaced a warning.

    Raises Broken where a partition's newest is damaged: what its readers need would not be known.
    """
    newest, damaged = dict(sorted(found)), {key: each for key, each in found.items() if isinstance(each, Broken)}
    for (partition, number), error in damaged.items():
        if number == newest[partition]:
            raise error
    text = "{0.what}; generation {1} replaced it, and what it was made from is not kept"
    warnings = tuple(text.format(error, newest[partition]) for (partition, _), error in damaged.items())
    known = {key: each for key, each in found.items() if not isinstance(each, Broken)}
    return known | dict.fromkeys(damaged, Published(None, None, (), ())), warnings


def _drift(objects: Objects, name: str) -> tuple[str, ...]:
    """The profiles that a kept drift refers to; none where it is gone or damaged, which its reader is told."""
    try:
        drift = Drift.model_validate_json(objects.read(name))
    except (FileNotFoundError, ValueError, TierraError):
        return ()
    return drift.profile.name, drift.training.name


def collect_generations(planned: Generations, now: datetime) -> int:
    """Remove the parts of generations whose fate that is now; the bytes freed."""
    sink = planned.sink
    spared = {key for key in planned.to_decide if sink.decide_fate(*key, "collected") != "collected"}
    parts = [each for each in planned.parts if _key(each) not in spared]
    freed = [each.size for each in track(parts, "parts") if sink.collect_part(each.part, now - YOUNG)]
    return sum(freed)


def ask_all(act: Callable[[Given], Found], given: Sequence[Given], unit: str) -> list[Found]:
    """What is answered of each, some asked at once: of a remote store it is the waiting that takes long."""
    found: list[Found] = []
    with ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(given), A_TIME):
            for each in pool.map(act, given[start : start + A_TIME]):
                found.append(each)
                advance(len(found), len(given), unit)
    return found
