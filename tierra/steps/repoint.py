"""Letting a former champion serve again: which one, whether it can, and the entry that says so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from tierra.data.sources import columns_to_read
from tierra.errors import Broken, InvalidCall, TierraError
from tierra.facts import ChampionFound
from tierra.journal import note, warn
from tierra.model.pointers import Appointment, Deed, Pointer, TakenBack
from tierra.model.release import Champion
from tierra.project.project import Project
from tierra.steps.champion import who_and_where
from tierra.steps.nightly_project import with_champion_recipe
from tierra.steps.pull import open_table, scoring_source
from tierra.steps.shown import show_champion
from tierra.workspace import Workspace


@dataclass(frozen=True)
class Plan:
    """Which entry of the history is to serve again in place of which, and the versions that this takes back.

    `stands` where an earlier try moved the pointer already; `never_again` are all versions that were ever taken back.
    """

    current: Pointer
    target: Pointer
    did: Deed
    taken_back: tuple[TakenBack, ...] = ()
    never_again: tuple[TakenBack, ...] = ()
    stands: bool = False
    name: str = field(default_factory=lambda: uuid4().hex)


def plan_promotion(workspace: Workspace, project: Project, version: str) -> Plan:
    """Let a version serve again that was a champion once. Raises InvalidCall when it cannot, and nothing is changed."""
    history = _history(workspace, project)
    found = [each for each in history if each.version == version]
    if not found:
        raise _unknown(project, version, history)
    if found[-1].release == history[-1].release:
        raise _serves(project, history[-1])
    plan = Plan(current=history[-1], target=found[-1], did="promoted")
    _check_readable(workspace, project, plan.target)
    return plan


def plan_rollback(workspace: Workspace, project: Project, version: str = "") -> Plan:
    """Take back what serves: go back to the champion before, or to the version named, if it led to what serves.

    Where the newest entry is a rollback to that version already, the plan is to repair what that left. Raises
    InvalidCall when it cannot be, and nothing is changed.
    """
    history = _history(workspace, project)
    line, current = lineage(history), history[-1]
    if current.did == "rolled back" and version in ("", current.version):
        plan = Plan(current=current, target=line[-1], did="rolled back", taken_back=current.taken_back, stands=True)
    elif version == current.version:
        raise _serves(project, current)
    else:
        place = _find_earlier(project, history, line, version)
        taken_back = tuple(_taken_back(workspace, line[: place + 1], line[place + 1 :]))
        plan = Plan(current=current, target=line[place], did="rolled back", taken_back=taken_back)
    _check_readable(workspace, project, plan.target)
    return replace(plan, never_again=_never_again(history, plan))


def lineage(history: Sequence[Pointer]) -> list[Pointer]:
    """The entries that led to what serves: those that a rollback took back are left out, and so are the rollbacks."""
    line: list[Pointer] = []
    for each in history:
        if each.did == "rolled back":
            line = [earlier for earlier in line if earlier.number <= (each.again or 0)]
        else:
            line.append(each)
    return line


def repoint(workspace: Workspace, project: Project, plan: Plan, reason: str) -> Champion:
    """Let the planned entry's model serve, by a new entry; nothing is done where it stands already.

    Raises InvalidCall where another champion was appointed meanwhile: nothing is changed.
    """
    champion = workspace.champions.of(plan.current if plan.stands else plan.target)
    if not plan.stands:
        target = plan.target.model_dump(include={"version", "run_id", "experiment_id"})
        by = Appointment(**target, **who_and_where(), why=reason, did=plan.did, again=plan.target.number,
                         taken_back=plan.taken_back, writer=plan.name)  # fmt: skip
        made = workspace.champions.appoint_again(plan.target, by, plan.current.number)
        if made is None:
            raise _moved(workspace, project)
        show_champion(workspace, made, is_new=True)
        champion = made
    note(ChampionFound(champion))
    return champion


def _history(workspace: Workspace, project: Project) -> tuple[Pointer, ...]:
    """The project's champions; a history that was changed is told and stops nothing."""
    history = workspace.champions.history(project.name)
    if not history:
        raise InvalidCall("version-unknown", f"{project.name}: no model has been registered yet")
    try:
        workspace.champions.check_history(project.name)
    except Broken as error:
        warn(error.what)
    return history


def _find_earlier(project: Project, history: Sequence[Pointer], line: Sequence[Pointer], version: str) -> int:
    """The place, among the entries that led to what serves, of the one to go back to."""
    earlier = range(len(line) - 1)
    found = [place for place in earlier if not version or line[place].version == version]
    if found:
        return found[-1]
    if not version:
        raise InvalidCall("version-unknown", f"{project.name}: there is no champion before version {line[-1].version}")
    if back := [each for each in history if each.version == version]:
        what = f"{project.name}: version {version} (entry {back[-1].number}) was taken back, and did not lead to what"
        raise InvalidCall("version-taken-back", f"{what} serves")
    raise _unknown(project, version, history)


def _unknown(project: Project, version: str, history: Sequence[Pointer]) -> InvalidCall:
    known = ", ".join(dict.fromkeys(each.version for each in history))
    return InvalidCall("version-unknown", f"{project.name}: version {version} was no champion; there were {known}")


def _serves(project: Project, pointer: Pointer) -> InvalidCall:
    since = f"{pointer.when:%Y-%m-%d %H:%M}, {pointer.deed} by {pointer.who}"
    return InvalidCall("version-serves", f"{project.name}: version {pointer.version} serves already, since {since}")


def _moved(workspace: Workspace, project: Project) -> InvalidCall:
    latest = workspace.champions.latest(project.name)
    assert latest
    what = f"version {latest.version} was {latest.deed} meanwhile by {latest.who} (entry {latest.number}: {latest.why})"
    return InvalidCall("champion-moved", f"{project.name}: {what}; nothing was changed by this call")


def _check_readable(workspace: Workspace, project: Project, pointer: Pointer) -> None:
    """Raise InvalidCall unless the entry's files are there and its columns stand in today's tables."""
    champion = workspace.champions.of(pointer)
    try:
        spec = with_champion_recipe(workspace, project, champion)
        for name, source in spec.sources.items():
            read = scoring_source(spec) if name == spec.main else source
            columns_to_read(read, open_table(workspace, spec, name, read))
    except TierraError as error:
        if error.transient:
            raise
        what = f"{project.name}: version {pointer.version} cannot read today's tables: {error.what}"
        raise InvalidCall("version-unreadable", what) from None


def _taken_back(workspace: Workspace, staying: Sequence[Pointer], leaving: Sequence[Pointer]) -> Iterator[TakenBack]:
    """The versions that serve no more; one that served before the target stays a good one."""
    good = {each.release.sha256 for each in staying}
    for each in {each.release.sha256: each for each in leaving if each.release.sha256 not in good}.values():
        try:
            release = workspace.champions.release_of(each)
            scoring, inputs = release.serving_digest, release.inputs
        except Broken as error:  # what it published is known by its model
            warn(f"version {each.version}, which is taken back: {error.what}")
            scoring, inputs = "", ""
        yield TakenBack(version=each.version, model=each.model.sha256, scoring=scoring, inputs=inputs)


def _never_again(history: Sequence[Pointer], plan: Plan) -> tuple[TakenBack, ...]:
    """All versions that were ever taken back, but for the one that is to serve."""
    every = {each for pointer in history for each in pointer.taken_back} | {*plan.taken_back}
    return tuple(each for each in every if each.model != plan.target.model.sha256)
