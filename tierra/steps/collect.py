"""Retention: removing what nothing needs any more from the stores of the installation.

`plan_collection` looks and changes nothing; `collect` does what was planned, and no more. What is planned is what
is shown, and what is freed is what was planned.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from tierra.errors import Broken, Misconfigured, TierraError
from tierra.journal import advance, track
from tierra.model.release import Release
from tierra.project.project import Project, list_projects
from tierra.steps.champion import champion_project
from tierra.steps.profile import Drift
from tierra.store import collecting
from tierra.store.collecting import QUIET, Key, Line, Published, Sorted
from tierra.store.marks import KINDS, Mark, put_mark, read_mark
from tierra.store.objects import Objects
from tierra.store.predictions import read_manifest
from tierra.store.sinks import READERS, Sink, StoredPart
from tierra.store.spec import Keep
from tierra.workspace import Workspace

CLOCK = "gc/clock-"
MEMO = "memo"
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


@dataclass(frozen=True)
class StorePlan:
    """What goes of the store's objects now, and what is to be marked."""

    mark: Mark
    objects: Sorted
    memos: tuple[str, ...]
    to_wait: bool  # a mark is waiting: no other is put before its time


@dataclass(frozen=True)
class Plan:
    """All that a collection will do. Without `store` where one project was named: the store is everybody's."""

    now: datetime
    datasets: list[Generations]
    store: StorePlan | None = None

    @property
    def lines(self) -> list[Line]:
        """A line for each kind of what is stored."""
        return [*(each.line for each in self.datasets), *(self.store.objects.lines.values() if self.store else ())]


def projects_of(workspace: Workspace, name: str | None = None) -> list[Project]:
    """The project named, or every one whose predictions refer to the store: those of this checkout, and those that
    have a champion though their file is gone, as that knew them. Raises Misconfigured where one cannot be known.
    """
    if name:
        return [workspace.project(name)]
    here = [workspace.project(each) for each in list_projects(workspace.settings.projects)]
    return [*here, *_gone(workspace, {each.name for each in here})]


def _gone(workspace: Workspace, known: Collection[str]) -> Iterator[Project]:
    for name in _served(workspace):
        if name not in known and (champion := workspace.champions.current(name)):
            try:
                yield champion_project(workspace, champion)
            except Misconfigured as error:
                what = f"project {name} has a champion here, and its file cannot be read: {error.what}"
                raise Misconfigured("gc-project", what) from None


def _served(workspace: Workspace) -> list[str]:
    """The names of the projects that ever had a champion."""
    return sorted({name.split("/")[1] for name in workspace.objects.names("champions")})


def plan_collection(
    workspace: Workspace, projects: Sequence[Project], whole: bool, yes: bool = False, dry: bool = False
) -> Plan:
    """What of these projects goes; of the store's objects, too, where the projects are all of them.

    Raises Misconfigured, with nothing changed, where the clock is far ahead of all that is stored.
    """
    sinks = [(project, workspace.sink(project)) for project in projects]
    stored = [list(sink.stored_parts()) for _, sink in sinks]
    newest = _newest(workspace, stored)
    _check_clock(now := datetime.now(UTC), newest, yes)
    if not dry:
        _check_clock(now := _store_time(workspace.objects), newest, yes)
    # What is read from here on is read after the mark was due.
    mark = read_mark(workspace.objects)
    datasets = [
        plan_generations(workspace.objects, sink, project.keep, parts, now)
        for (project, sink), parts in zip(sinks, stored, strict=True)
    ]
    if not (whole and projects):
        return Plan(now, datasets)
    kept = frozenset(_champions(workspace)).union(*(each.roots for each in datasets))
    days = max(each.keep.snapshots for each in projects)
    return Plan(now, datasets, plan_objects(workspace.objects, kept, mark, now, days))


def _newest(workspace: Workspace, stored: Iterable[Sequence[StoredPart]]) -> datetime | None:
    """The last time that anything was published, appointed or told on a receipt."""
    parts = (each.written for parts in stored for each in parts)
    champions = (each.modified for each in workspace.objects.entries("champions"))
    receipts = (workspace.settings.root / "receipts").glob("*/[0-9]*.json")
    told = (datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in receipts)
    return max((*parts, *champions, *told), default=None)


def _store_time(objects: Objects) -> datetime:
    """What the store's own clock says."""
    with objects.draft(CLOCK, "") as draft:
        pass
    return objects.modified(draft.name) or datetime.now(UTC)


def _check_clock(now: datetime, newest: datetime | None, yes: bool) -> None:
    if newest and now - newest > QUIET and not yes:
        raise Misconfigured("gc-clock", f"the clock says {now:%Y-%m-%d}, and no run ended after"
                            f" {newest:%Y-%m-%d}: nothing was removed")  # fmt: skip


def plan_generations(
    objects: Objects, sink: Sink, keep: Keep, stored: Sequence[StoredPart], now: datetime
) -> Generations:
    """What goes of a data set, and what its generations refer to in the store."""
    before, written, fates = now - timedelta(days=keep.snapshots), collecting.written_at(stored), sink.fates()
    needed = [key for key in sorted(sink.manifests()) if fates.get(key) != "collected"]
    published = dict(zip(needed, _ask_all(partial(_published, sink), needed, "manifests"), strict=True))
    to_decide = collecting.replaced(published, fates, written, keep.generations, before)
    goes = {*to_decide, *(key for key, fate in fates.items() if fate == "collected")}
    line = Line(f"predictions of {sink.dataset}")
    for each in stored:
        line.add(each.size, _key(each) in goes)
    # Those of generations that go stay this time: a rollback may yet be first.
    names = frozenset(collecting.roots(published, fates, written, before))
    drifts = sorted(name for name in names if name.startswith("drift/"))
    beside = _ask_all(partial(_drift, objects), drifts, "drift")
    parts = tuple(each for each in stored if _key(each) in goes)
    return Generations(sink, tuple(to_decide), parts, names.union(*beside), line)


def _key(each: StoredPart) -> Key:
    return each.part.partition, each.part.generation or 0


def _published(sink: Sink, key: Key) -> Published:
    """What a manifest says. Raises Broken: what it refers to would not be known."""
    manifest = read_manifest(sink, *key)
    if manifest is None:
        raise Broken("store-tampered", f"{sink.location(*key)} was published and is gone")
    return collecting.describe(manifest)


def _drift(objects: Objects, name: str) -> tuple[str, ...]:
    """The profiles that a kept drift refers to; none where it is gone or damaged, which its reader is told."""
    try:
        drift = Drift.model_validate_json(objects.read(name))
    except (FileNotFoundError, ValueError, TierraError):
        return ()
    return drift.profile.name, drift.training.name


def _ask_all(act: Callable[[Given], Found], given: Sequence[Given], unit: str) -> list[Found]:
    """What is answered of each, some asked at once: of a remote store it is the waiting that takes long."""
    found: list[Found] = []
    with ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(given), A_TIME):
            for each in pool.map(act, given[start : start + A_TIME]):
                found.append(each)
                advance(len(found), len(given), unit)
    return found


def plan_objects(objects: Objects, kept: Collection[str], mark: Mark, now: datetime, days: int) -> StorePlan:
    """What goes of the store; `kept` is what is referred to, read after the mark and after `now`."""
    before, due = now - timedelta(days=days), collecting.is_due(mark, now)
    entries = (entry for kind in KINDS for entry in objects.entries(kind))
    found = collecting.sort_objects(entries, kept, mark, due, before)
    memos, line = [], found.lines.setdefault(MEMO, Line(MEMO))
    for each in objects.entries(MEMO):
        goes = each.modified < before
        line.add(each.size, goes)
        memos += [each.name] if goes else []
    to_wait = bool(mark.doomed) and not due and not collecting.is_from_the_future(mark, now)
    return StorePlan(mark, found, tuple(memos), to_wait)


def collect_objects(objects: Objects, plan: StorePlan) -> int:
    """Remove what goes and mark what is to go; the bytes freed."""
    _ask_all(objects.remove, plan.memos, "memos")
    _ask_all(objects.remove, [each.name for each in plan.objects.going], "objects")
    # Last: what was remembered of these objects is forgotten, so no run finds them any more.
    if plan.objects.to_mark and not plan.to_wait:
        put_mark(objects, plan.mark.number, (each.name for each in plan.objects.to_mark))
    return sum(each.going_bytes for each in plan.objects.lines.values())


def _champions(workspace: Workspace) -> Iterator[str]:
    """The objects of every champion that ever served: a rollback may go to any of them, and each has published."""
    for project in _served(workspace):
        for pointer in workspace.champions.history(project):
            yield from (pointer.release.name, pointer.model.name, *(ref.name for ref in pointer.code.values()))
            yield from _beside_model(workspace.objects, pointer.release.name)


def _beside_model(objects: Objects, release: str) -> Iterator[str]:
    """What a release refers to; nothing where it is gone or damaged, and nobody can serve it."""
    with suppress(FileNotFoundError, ValueError, Broken):
        known = Release.model_validate_json(objects.read(release))
        yield from (ref.name for ref in (known.profile, known.evaluations) if ref)


def collect(workspace: Workspace, plan: Plan) -> int:
    """Do what is planned; the bytes freed. What a rollback took meanwhile stays."""
    freed = sum(collect_generations(each, plan.now) for each in plan.datasets)
    return freed + (collect_objects(workspace.objects, plan.store) if plan.store else 0)


def collect_generations(planned: Generations, now: datetime) -> int:
    """Remove the parts of generations whose fate that is now; the bytes freed."""
    sink = planned.sink
    spared = {key for key in planned.to_decide if sink.decide_fate(*key, "collected") != "collected"}
    parts = [each for each in planned.parts if _key(each) not in spared]
    freed = [each.size for each in track(parts, "parts") if sink.collect_part(each.part, now - YOUNG)]
    return sum(freed)
