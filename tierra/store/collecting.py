"""What a collection may remove, told from what is published and what is stored; nothing here reads or removes.

docs/decisions/0034-retention.md says why each of these rules loses nothing that anybody still needs.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from tierra.store.manifest import Manifest
from tierra.store.marks import CONTENT, WAIT, Mark
from tierra.store.objects import Entry
from tierra.store.sinks import Fate, StoredPart

Key = tuple[str, int]  # partition and generation
# Newer than all that is stored by more than this, a clock is not believed.
QUIET: Final = timedelta(days=40)
# A mark may be this much younger than the clock says, and no more: then the clock was wrong when it was put.
SKEW: Final = timedelta(days=1)


@dataclass(frozen=True)
class Published:
    """What a manifest says that decides what stays."""

    restores: int | None
    at: datetime | None
    beside: tuple[str, ...]  # rows set aside, and the drift: as long as the generation has rows
    scored_from: tuple[str, ...]  # joined rows and history: for `keep.snapshots`


@dataclass
class Line:
    """One kind of what is stored: how much there is, how much of it goes now, and how much is marked to go."""

    kind: str
    objects: int = 0
    bytes: int = 0
    going: int = 0
    going_bytes: int = 0
    marked: int = 0
    marked_bytes: int = 0

    def add(self, size: int, goes: bool = False, is_marked: bool = False) -> None:
        """Count one object."""
        self.objects, self.bytes = self.objects + 1, self.bytes + size
        self.going, self.going_bytes = self.going + goes, self.going_bytes + size * goes
        self.marked, self.marked_bytes = self.marked + is_marked, self.marked_bytes + size * is_marked


@dataclass
class Sorted:
    """Objects of the store, sorted into those that go and those that are to be marked; the others stay."""

    going: list[Entry] = field(default_factory=list)
    to_mark: list[Entry] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)


def describe(manifest: Manifest) -> Published:
    """What of a manifest decides what stays."""
    joined = manifest.joined
    rows = (joined.rows, joined.history) if joined else ()
    beside = [*(ref.name for ref in manifest.quarantine), *([manifest.drift.name] if manifest.drift else [])]
    at = datetime.fromisoformat(manifest.published_at).astimezone(UTC) if manifest.published_at else None
    return Published(manifest.restores, at, tuple(beside), tuple(each.name for each in rows if each))


def written_at(parts: Iterable[StoredPart]) -> dict[Key, datetime]:
    """When the last part of each generation was written, by the sink's own clock."""
    found: dict[Key, datetime] = {}
    for each in parts:
        key = (each.part.partition, each.part.generation or 0)
        found[key] = max(each.written, found.get(key, each.written))
    return found


def replaced(
    published: Mapping[Key, Published], fates: Mapping[Key, Fate], written: Mapping[Key, datetime],
    generations: int, before: datetime,
) -> list[Key]:  # fmt: skip
    """The generations whose rows nobody needs: not among the newest, replaced before then, and without a fate.

    A generation that restores another has no rows of its own; the one it restores has a fate.
    """
    newest = _newest(published)
    old = [key for key in published if key[1] <= newest[key[0]] - generations and key not in fates]
    return sorted(key for key in old if not published[key].restores and _was_replaced(key, published, written, before))


def _newest(published: Iterable[Key]) -> dict[str, int]:
    newest: dict[str, int] = {}
    for partition, number in published:
        newest[partition] = max(number, newest.get(partition, 0))
    return newest


def _was_replaced(
    key: Key, published: Mapping[Key, Published], written: Mapping[Key, datetime], before: datetime
) -> bool:
    """Whether the next generation was published before then: by both clocks that say so, where both are known."""
    after = key[0], key[1] + 1
    known = [written.get(after), published[after].at if after in published else None]
    times = [time for time in known if time]
    return bool(times) and max(times) < before


def roots(
    published: Mapping[Key, Published], fates: Mapping[Key, Fate], written: Mapping[Key, datetime], before: datetime
) -> Iterator[str]:
    """The names of the objects that published generations refer to: what each was scored from for a while only.

    A generation that restores another refers to the same as that one, whose rows are of the same age.
    """
    for key, each in published.items():
        if fates.get(key) == "collected":
            continue
        yield from each.beside
        times = [time for time in (written.get(key), each.at) if time]
        if not each.restores and not (times and max(times) < before):
            yield from each.scored_from


def is_due(mark: Mark, now: datetime) -> bool:
    """Whether what was marked may go: every run that began before the mark has ended, or publishes no more."""
    return bool(mark.number and mark.made and mark.made + WAIT <= now)


def is_from_the_future(mark: Mark, now: datetime) -> bool:
    """Whether a mark was put while the clock was wrong, so that its objects would never be due."""
    return bool(mark.made and mark.made > now + SKEW)


def sort_objects(entries: Iterable[Entry], kept: Collection[str], mark: Mark, due: bool, before: datetime) -> Sorted:
    """Sort objects: those due go; the old ones that nothing refers to are to be marked.

    `kept` was read when the mark was due already. Objects of other names are none of ours.
    """
    found = Sorted()
    for each in entries:
        if not CONTENT.fullmatch(each.name):
            continue
        is_free = each.name not in kept
        goes = is_free and due and each.name in mark.doomed
        old = is_free and not goes and each.modified < before
        found.going += [each] if goes else []
        found.to_mark += [each] if old else []
        kind = each.name.partition("/")[0]
        found.lines.setdefault(kind, Line(kind)).add(each.size, goes, old)
    return found
