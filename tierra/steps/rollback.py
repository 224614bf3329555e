"""Taking a model back: who is to serve again, what the versions taken back published, and repairing that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from tierra.data.partitions import Work
from tierra.data.sources import columns_to_read
from tierra.errors import Broken, InvalidCall, TierraError
from tierra.facts import ChampionFound
from tierra.journal import note, warn
from tierra.model.pointers import Appointment, Deed, Pointer, TakenBack
from tierra.model.release import Champion
from tierra.outcomes.rollback import PartitionRepaired, repaired
from tierra.project.project import Project
from tierra.steps.champion import who_and_where, with_champion_recipe
from tierra.steps.owners import claim_names
from tierra.steps.pull import open_table, scoring_source
from tierra.steps.register import show_champion
from tierra.store.predictions import Manifest, generations, read_manifest
from tierra.store.restoring import restore
from tierra.store.sinks import Sink
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


@dataclass(frozen=True)
class Damaged:
    """A partition whose newest generation a version taken back published, and an earlier one that is as it was."""

    newest: Manifest
    former: int | None
    name: str = field(default_factory=lambda: uuid4().hex)

    @property
    def work(self) -> Work:
        """The same as work for scoring."""
        return Work(self.newest.partition, self.newest.generation, rescore=True)


@dataclass(frozen=True)
class Looked:
    """The partitions to repair, and how many show what no version taken back published."""

    damaged: tuple[Damaged, ...]
    untouched: int

    @property
    def kept(self) -> list[PartitionRepaired]:
        """The damaged ones, where nothing is to be done about them."""
        return [repaired(each.newest, "Kept") for each in self.damaged]

    @property
    def previewed(self) -> list[PartitionRepaired]:
        """The damaged ones, and what repairing them would do."""
        return [_preview(each) for each in self.damaged]


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


def find_damage(workspace: Workspace, project: Project, plan: Plan) -> Looked:
    """The partitions whose newest generation a version taken back published. Nothing is changed."""
    sink, newest = workspace.sink(project), list[Manifest]()
    for partition, number in sorted(generations(workspace.sink(project)).items()):
        try:
            found = read_manifest(sink, partition, number)
        except Broken as error:
            warn(f"{partition} is left as it is, for nobody knows what published it: {error.what}")
            continue
        newest += [found] if found else []
    bad = [each for each in newest if _is_of(each, plan.taken_back)]
    damaged = tuple(Damaged(each, _find_former(sink, plan, each)) for each in bad)
    return Looked(damaged, len(newest) - len(bad))


def name_again(workspace: Workspace, project: Project, damaged: Damaged) -> PartitionRepaired | None:
    """Publish a former generation's rows again; None where there is none, or its rows are gone: they must be scored."""
    if damaged.former is None:
        return None
    claim_names(workspace, project)
    sink, newest = workspace.sink(project), damaged.newest
    try:
        done, ending = restore(sink, newest.partition, damaged.former, newest.generation, damaged.name)
    except Broken as error:
        warn(f"{newest.partition}: generation {damaged.former} cannot be named again: {error.what}")
        return None
    where = sink.location(done.partition, done.generation)
    return repaired(newest, "NamedAgain" if ending == "published" else "Overtaken", done, where)


def _preview(damaged: Damaged) -> PartitionRepaired:
    """What repairing a partition would do."""
    restored = damaged.newest.model_copy(update={"restores": damaged.former})
    return repaired(damaged.newest, "WouldNameAgain" if damaged.former else "WouldRescore", restored)


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


def _is_of(manifest: Manifest, versions: Sequence[TakenBack]) -> bool:
    return any(each.published(manifest.model, manifest.scoring) for each in versions)


def _find_former(sink: Sink, plan: Plan, newest: Manifest) -> int | None:
    """The newest earlier generation that a good version made of the same inputs."""
    for number in range(newest.generation - 1, 0, -1):
        try:
            found = read_manifest(sink, newest.partition, number)
        except Broken:
            continue
        if found and found.inputs == newest.inputs and not _is_of(found, plan.never_again):
            return number
    return None
