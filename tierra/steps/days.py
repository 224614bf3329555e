"""Scoring days in a process of its own: the same steps as a run's stations, without Prefect, tried once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tierra.data.partitions import Work
from tierra.data.read_once import ReadOnce
from tierra.errors import DataRejected, TierraError
from tierra.journal import Fact, at_station, open_journal
from tierra.logs import set_up_logs
from tierra.model.release import Champion
from tierra.outcomes.scoring import PartitionScored, rejected
from tierra.project.project import Project
from tierra.steps.features import JoinedPartition, join_partition
from tierra.steps.publish import compare_partition, predict_partition, preview_partition, publish_partition
from tierra.steps.pull import open_days, pull_partition
from tierra.steps.then import joined_then
from tierra.steps.validate import CleanTables, validate_partition
from tierra.store.refs import ObjectRef
from tierra.workspace import Workspace


@dataclass(frozen=True)
class Terms:
    """What is the same for every day that a champion scores in a run."""

    project: Project
    champion: Champion
    sides: CleanTables
    dry_run: bool = False


@dataclass(frozen=True)
class Day:
    """A day to score."""

    terms: Terms
    work: Work


@dataclass(frozen=True)
class DayDone:
    """How a day ended, and what its steps noted; `scored` is None where the run itself is to try it again."""

    partition: str
    scored: PartitionScored | None
    facts: tuple[Fact, ...] = ()


def score_days(workspace: Workspace, days: Sequence[Day]) -> Iterator[DayDone]:
    """Score the days in their order; code, model and side tables are loaded once, and sources opened anew."""
    set_up_logs(workspace.settings)
    for terms, alike in groupby(days, lambda each: each.terms):
        listed = list(alike)
        reader = open_days(workspace, terms.project, [each.work for each in listed if not each.work.then])
        for day in listed:
            yield _score(workspace, day, reader)


def _score(workspace: Workspace, day: Day, reader: ReadOnce) -> DayDone:
    with open_journal() as journal, at_station("score-partition"):
        scored = _tried(workspace, day, reader)
    return DayDone(day.work.partition, scored, tuple(fact for entry in journal.entries for fact in entry.facts))


def _tried(workspace: Workspace, day: Day, reader: ReadOnce) -> PartitionScored | None:
    """How the day ended; None after an error that may be gone at another try."""
    try:
        return _published(workspace, day, reader)
    except TierraError as error:
        if error.transient:
            return None
        if isinstance(error, DataRejected):
            return rejected(day.work.partition, day.work.generation, error)
        raise


def _published(workspace: Workspace, day: Day, reader: ReadOnce) -> PartitionScored:
    terms, work = day.terms, day.work
    joined, drift = _rows(workspace, day, reader)
    ready = predict_partition(workspace, terms.project, terms.champion, joined, work, drift)
    make_visible = preview_partition if terms.dry_run else publish_partition
    return make_visible(workspace, terms.project, ready, work)


def _rows(workspace: Workspace, day: Day, reader: ReadOnce) -> tuple[JoinedPartition, ObjectRef | None]:
    terms, work = day.terms, day.work
    if work.then:
        return joined_then(work), work.then.drift
    pulled = pull_partition(workspace, terms.project, reader, work)
    clean = validate_partition(workspace, terms.project, pulled)
    joined = join_partition(workspace, terms.project, clean, terms.sides)
    return joined, compare_partition(workspace, terms.project, terms.champion, joined)
