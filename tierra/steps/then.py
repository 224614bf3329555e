"""The champions that served when each day was to be published, and the rows as they were known then.

A day's moment is that of its first generation, or, of a day that was not published, the first time of the schedule at
which it could be complete. The rows of then are those that its first generation was scored from, where they stand.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from tierra.data.partitions import Work
from tierra.data.window import shift
from tierra.errors import Broken, InvalidCall
from tierra.model.pointers import Pointer
from tierra.project.project import Project
from tierra.steps.features import Joined, JoinedPartition
from tierra.steps.pull import PartitionRows
from tierra.steps.served import Served
from tierra.steps.validate import Checked, CleanPartition
from tierra.store.manifest import Manifest
from tierra.store.marks import may_be_reused
from tierra.store.memo import find_remembered
from tierra.store.objects import Objects
from tierra.store.predictions import read_manifest
from tierra.store.refs import ObjectRef, RowsScored
from tierra.workspace import Workspace


def find_champions_then(workspace: Workspace, project: Project, work: Sequence[Work]) -> list[Served]:
    """Each champion that served then, with its days. Raises InvalidCall for a day before any served."""
    history = workspace.champions.history(project.name)
    by_number = {each.number: each for each in history}
    days: dict[int, list[Work]] = defaultdict(list)
    for each in work:
        first = _with_joined(workspace, _first_generation(workspace, project, each))
        pointer = _server_of(first, history) or _server_at(_moment(project, each, first), project, each, history)
        days[pointer.number].append(_with_rows(workspace.objects, each, first))
    return [Served(workspace.champions.served(by_number[number]), listed) for number, listed in sorted(days.items())]


def joined_then(work: Work) -> JoinedPartition:
    """The joined rows that a day's first generation was scored from."""
    manifest = work.then
    assert manifest, "rows of then stand"
    assert manifest.joined, "rows of then stand"
    rows, history = manifest.joined.rows, manifest.joined.history
    quarantine = manifest.quarantine[0] if manifest.quarantine else None
    clean = CleanPartition(
        pulled=PartitionRows(partition=work.partition, rows=rows, history=history),
        rows=Checked(table=rows, quarantine=quarantine, rows_in=manifest.rows_in), history=history,
    )  # fmt: skip
    return JoinedPartition(clean=clean, joined=Joined(rows=rows, history=history, digest=manifest.inputs))


def _first_generation(workspace: Workspace, project: Project, work: Work) -> Manifest | None:
    """What was published of a day at first; None where nothing was, or nobody can read it."""
    if not work.generation:
        return None
    try:
        return read_manifest(workspace.sink(project), work.partition, 1)
    except Broken:
        return None


def _with_joined(workspace: Workspace, first: Manifest | None) -> Manifest | None:
    """The manifest with its joined rows: one of an older version does not name them, and they may be remembered."""
    if first is None or first.joined:
        return first
    known = workspace.once.get(("joined", "by digest"), lambda: _remembered(workspace.objects))
    return first.model_copy(update={"joined": known.get(first.inputs)})


def _remembered(objects: Objects) -> dict[str, RowsScored]:
    found = find_remembered(objects, Joined.__module__, Joined)
    return {each.digest: RowsScored(rows=each.rows, history=each.history) for each in found}


def _server_of(first: Manifest | None, history: Sequence[Pointer]) -> Pointer | None:
    """The champion that a manifest names."""
    named = [
        each for each in history if first and (each.version, each.model.sha256) == (first.model_version, first.model)
    ]
    return named[0] if named else None


def _server_at(moment: datetime, project: Project, work: Work, history: Sequence[Pointer]) -> Pointer:
    """The champion that served at a moment."""
    before = [each for each in history if each.when <= moment]
    if not before:
        since = f"the first one serves since {history[0].when:%Y-%m-%d %H:%M %Z}" if history else "none has a history"
        when = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M %Z}"
        raise InvalidCall("champion-later", f"{project.name}: no champion served {work.partition} on {when}; {since}")
    return before[-1]


def _moment(project: Project, work: Work, first: Manifest | None) -> datetime:
    if first and first.published_at:
        return datetime.fromisoformat(first.published_at)
    return due_time(project, date.fromisoformat(work.partition))


def due_time(project: Project, day: date) -> datetime:
    """When a day's run was to start: the first time of the schedule after the day is over, or `horizon` days before.

    Without a schedule it is that midnight.
    """
    over = datetime.combine(shift(day, 1 - project.score.horizon), time.min, ZoneInfo(project.schedule.timezone))
    return min((next(each.after(over)) for each in project.schedule.times("score")), default=over)


def _with_rows(objects: Objects, work: Work, first: Manifest | None) -> Work:
    """The work with the rows of then; where they do not stand, with words that say so."""
    if first and first.joined and _stand(objects, [first.joined.rows, first.joined.history]):
        return replace(work, then=first, basis=f"data of generation 1, published {first.published_at[:16]}")
    return replace(work, basis=f"data as of now: no snapshot of {work.partition} stands")


def _stand(objects: Objects, refs: Iterable[ObjectRef | None]) -> bool:
    """Whether every object is in the store, with the bytes it was written with, and is not about to be collected."""
    try:
        for ref in filter(None, refs):
            if not may_be_reused(objects, ref.name):
                return False
            objects.open_verified(ref.name, ref.sha256).close()
    except (FileNotFoundError, Broken):
        return False
    return True
