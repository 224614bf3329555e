"""The stations of a scoring: steps of the library under Prefect, with our run policy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.run.station import station
from tierra import steps
from tierra.data.day_range import DayRange
from tierra.data.partitions import Work
from tierra.journal import note
from tierra.model.release import Champion
from tierra.outcomes.scoring import PartitionScored
from tierra.project.project import Project
from tierra.store.refs import ObjectRef
from tierra.workspace import Workspace

if TYPE_CHECKING:
    from tierra.data.read_once import ReadOnce
    from tierra.steps.days import DayDone
    from tierra.steps.features import JoinedPartition
    from tierra.steps.publish import Publication
    from tierra.steps.pull import PartitionRows, Snapshots
    from tierra.steps.served import Served
    from tierra.steps.validate import CleanPartition, CleanTables
    from tierra.steps.work import Found, Remaining

Publish = Callable[[Workspace, Project, "Publication", Work], PartitionScored]


@dataclass(frozen=True)
class Scoring:
    """What scoring is the same for every partition of a champion."""

    project: Project
    champion: Champion
    sides: "CleanTables"
    reader: "ReadOnce"
    publish: Publish


@dataclass(frozen=True)
class Plan:
    """What a champion is to score, and how the days end that stay as they are."""

    scoring: Scoring
    left: "Remaining"


def open_days(workspace: Workspace, project: Project, work: Sequence[Work]) -> "ReadOnce":
    """The first source, to pull each day of this work from; opened when the first station reads."""
    return steps.pull.open_days(workspace, project, work)


@station
def find_work(
    workspace: Workspace, project: Project, partition: str | None, rescore: bool, days: DayRange | None = None
) -> "Found":
    """The requested partition or range; without one, all that is due, that may be stale, and that is missing."""
    if days:
        return steps.backfill.find_range(workspace, project, days)
    return steps.work.find_work(workspace, project, partition, rescore)


@station
def find_champion(workspace: Workspace, project: Project) -> Champion:
    """The model that serves."""
    return steps.champion.find_champion(workspace, project)


@station
def find_champions_then(workspace: Workspace, project: Project, work: Sequence[Work]) -> "list[Served]":
    """The models that served when these days were to be published, and which of their rows of then stand."""
    return steps.then.find_champions_then(workspace, project, work)


@station
def with_champion_recipe(workspace: Workspace, project: Project, champion: Champion) -> Project:
    """Today's sources, contract, sink and schedule with the champion's features and joins."""
    return steps.nightly_project.with_champion_recipe(workspace, project, champion)


@station
def pull_side_tables(
    workspace: Workspace, project: Project, days: "ReadOnce | None" = None, is_needed: bool = True
) -> "Snapshots":
    """Every source but the first, once a run, at one moment with the days to score; none where no day is read."""
    return steps.pull.pull_side_tables(workspace, project, days, is_needed)


@station
def find_changed(
    workspace: Workspace, project: Project, sides: "CleanTables", reader: "ReadOnce", work: Sequence[Work]
) -> "Remaining":
    """Compare what is published with its source: the work that is left, and how the rest ends."""
    return steps.work.find_changed(workspace, project, sides, reader, work)


@station
def pull_partition(workspace: Workspace, project: Project, reader: "ReadOnce", work: Work) -> "PartitionRows":
    """A partition's rows without what is known later, and its history."""
    return steps.pull.pull_partition(workspace, project, reader, work)


@station
def recall_partition(workspace: Workspace, work: Work) -> "JoinedPartition":
    """The joined rows that a partition was first published from."""
    return steps.then.joined_then(work)


@station
def validate_partition(workspace: Workspace, project: Project, pulled: "PartitionRows") -> "CleanPartition":
    """The partition's clean rows, and its history's."""
    return steps.validate.validate_partition(workspace, project, pulled)


@station
def join_partition(
    workspace: Workspace, project: Project, clean: "CleanPartition", sides: "CleanTables"
) -> "JoinedPartition":
    """The partition's rows with every side table's columns, and the digest of them."""
    return steps.features.join_partition(workspace, project, clean, sides)


@station
def compare_partition(
    workspace: Workspace, project: Project, champion: Champion, joined: "JoinedPartition"
) -> ObjectRef | None:
    """Keep how the partition's rows differ from those the champion was trained on."""
    return steps.publish.compare_partition(workspace, project, champion, joined)


@station
def predict_partition(
    workspace: Workspace,
    project: Project,
    champion: Champion,
    joined: "JoinedPartition",
    work: Work,
    drift: ObjectRef | None,
) -> "Publication":
    """Score the joined rows batch by batch with the champion, its code and its recipe."""
    return steps.publish.predict_partition(workspace, project, champion, joined, work, drift)


@station
def publish_partition(workspace: Workspace, project: Project, ready: "Publication", work: Work) -> PartitionScored:
    """Make the predictions visible at once."""
    return steps.publish.publish_partition(workspace, project, ready, work)


@station
def preview_partition(workspace: Workspace, project: Project, ready: "Publication", work: Work) -> PartitionScored:
    """What publishing would make visible; nothing is published."""
    return steps.publish.preview_partition(workspace, project, ready, work)


@station
def record_partition(workspace: Workspace, done: "DayDone") -> PartitionScored:
    """Put what a process of its own noted of a partition on this run's receipt."""
    for fact in done.facts:
        note(fact)
    assert done.scored, "a day that is tried again is recorded by its own stations"
    return done.scored


@station
def sweep_parts(workspace: Workspace, project: Project) -> None:
    """Remove what killed and overtaken writers left."""
    steps.publish.sweep_parts(workspace, project)


@station
def renew_latest(workspace: Workspace, project: Project) -> bool:
    """Bring the fixed file or table of consumers up to date."""
    return steps.latest.renew_latest(workspace, project)
