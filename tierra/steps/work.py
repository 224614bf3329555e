"""What a scoring run has to do: the days that are due, and the published ones that have changed since."""

from pydantic import BaseModel, ConfigDict

from tierra.data import partitions
from tierra.data.partitions import ALL, Work, next_step
from tierra.data.sources import SourceReader, open_source
from tierra.data.window import single_day
from tierra.errors import DataRejected
from tierra.journal import track
from tierra.outcomes.scoring import PartitionScored, rejected, scored_from
from tierra.project.project import Project
from tierra.steps.features import join_partition
from tierra.steps.pull import pull_partition
from tierra.steps.validate import CleanTables, validate_partition
from tierra.store.predictions import generations, read_manifest
from tierra.workspace import Workspace


class Remaining(BaseModel):
    """The partitions to score, and how those end that stay as they are."""

    model_config = ConfigDict(frozen=True)

    to_score: tuple[Work, ...]
    ended: tuple[PartitionScored, ...]


def find_work(workspace: Workspace, project: Project, partition: str | None, rescore: bool) -> list[Work]:
    """The requested partition; without one, all that is due and all that may be stale."""
    sink = workspace.sink(project)
    if not project.main_source.partition_by:
        return [Work(ALL, generations(sink, [ALL]).get(ALL, 0), rescore=rescore)]
    today = partitions.today(workspace.settings.now(), project.schedule.timezone)
    source = open_source(
        project.main, project.main_source, project.folder, workspace.settings, project.schedule.timezone
    )
    if not partition:
        days = source.days(partitions.watch_window(project.score, today))
        published = generations(sink, [day.isoformat() for day in days])
        return partitions.find_work(project.score, today, days, published, rescore)
    day = partitions.parse_partition(partition)
    partitions.check_ready(project.name, day, source.days(single_day(day)).get(day, 0), project.score.ready)
    published = generations(sink, [partition])
    return [partitions.work_for_partition(project.score, today, day, published, rescore)]


def find_changed(
    workspace: Workspace, project: Project, sides: CleanTables, reader: SourceReader, work: list[Work]
) -> Remaining:
    """Compare what is published with its source: the work that is left, and how the rest ends."""
    published = [each for each in work if each.generation and not each.rescore]
    ends = {
        each.partition: _end_of(workspace, project, sides, reader, each)
        for each in track(published, "published partitions")
    }
    left = tuple(each for each in work if not ends.get(each.partition))
    return Remaining(to_score=left, ended=tuple(end for end in ends.values() if end))


def _end_of(
    workspace: Workspace, project: Project, sides: CleanTables, reader: SourceReader, work: Work
) -> PartitionScored | None:
    """How a published partition ends that is not to be scored again."""
    sink = workspace.sink(project)
    published = read_manifest(sink, work.partition, work.generation)
    try:
        inputs = _inputs(workspace, project, sides, reader, work)
        step = next_step(work, published.inputs if published else None, inputs)
    except DataRejected as error:
        return rejected(work.partition, work.generation, error)
    if not published or step == "publish":
        return None
    where, stale = sink.location(published.partition, published.generation), step == "report"
    return scored_from(published, where, "Stale" if stale else "AlreadyPublished", stale)


def _inputs(workspace: Workspace, project: Project, sides: CleanTables, reader: SourceReader, work: Work) -> str:
    """The digest of what scoring the partition would read today."""
    clean = validate_partition(workspace, project, pull_partition(workspace, project, reader, work))
    return join_partition(workspace, project, clean, sides).joined.digest
