"""Repairing what versions that were taken back had published: former generations named again, or work to score."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from tierra.data.partitions import Work
from tierra.errors import Broken
from tierra.journal import warn
from tierra.model.pointers import TakenBack
from tierra.outcomes.rollback import PartitionRepaired, repaired
from tierra.project.project import Project
from tierra.steps.owners import claim_names
from tierra.steps.repoint import Plan
from tierra.store.manifest import Manifest
from tierra.store.predictions import generations, read_manifest
from tierra.store.restoring import restore
from tierra.store.sinks import Sink
from tierra.workspace import Workspace


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
