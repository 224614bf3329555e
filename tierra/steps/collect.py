"""Retention: removing what nothing needs any more from the stores of the installation.

`plan_collection` looks and changes nothing; `collect` does what was planned, and no more. What is planned is what
is shown, and what is freed is what was planned.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tierra.errors import Broken, Misconfigured
from tierra.model.release import Release
from tierra.project.project import Project, list_projects
from tierra.steps.champion import champion_project
from tierra.steps.replaced import Generations, ask_all, collect_generations, plan_generations
from tierra.store import collecting
from tierra.store.collecting import QUIET, Line, Sorted
from tierra.store.marks import KINDS, Mark, put_mark, read_mark
from tierra.store.objects import Objects
from tierra.store.sinks import StoredPart
from tierra.workspace import Workspace

CLOCK = "gc/clock-"
MEMO = "memo"


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
    ask_all(objects.remove, plan.memos, "memos")
    ask_all(objects.remove, [each.name for each in plan.objects.going], "objects")
    # Last: what was remembered of these objects is forgotten, so no run finds them any more.
    if plan.objects.to_mark and not plan.to_wait:
        put_mark(objects, plan.mark.number, (each.name for each in plan.objects.to_mark))
    return sum(each.going_bytes for each in plan.objects.lines.values())


def _champions(workspace: Workspace) -> Iterator[str]:
    """The objects of every champion that ever served: a rollback may go to any of them, and each has published.

    And those of the challenger in shadow.
    """
    for project in _served(workspace):
        yield from workspace.challengers.roots(project)
        if challenger := workspace.challengers.current(project):
            yield from _beside_model(workspace.objects, challenger.release.name)
        for pointer in workspace.champions.history(project):
            yield from (pointer.release.name, pointer.model.name, *(ref.name for ref in pointer.code.values()))
            yield from _beside_model(workspace.objects, pointer.release.name)


def _beside_model(objects: Objects, release: str) -> Iterator[str]:
    """What a release refers to; nothing where it is gone or damaged, and nobody can serve it."""
    with suppress(FileNotFoundError, ValueError, Broken):
        known = Release.model_validate_json(objects.read(release))
        judged = known.refit.judged if known.refit else None
        beside = (known.profile, known.evaluations, known.learnt, judged, *known.cards.values())
        yield from (ref.name for ref in beside if ref)


def collect(workspace: Workspace, plan: Plan) -> int:
    """Do what is planned; the bytes freed. What a rollback took meanwhile stays."""
    freed = sum(collect_generations(each, plan.now) for each in plan.datasets)
    return freed + (collect_objects(workspace.objects, plan.store) if plan.store else 0)
