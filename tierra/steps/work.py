"""What a scoring run has to do: the days that are due, and the published ones that have changed since."""

from pydantic import BaseModel, ConfigDict

from tasks.run.station import station
from tierra.data.partitions import ALL, Work, next_step
from tierra.errors import DataRejected
from tierra.journal import note, track
from tierra.outcomes import PartitionScored, scored_from
from tierra.project.project import Project
from tierra.steps.features import join_rows
from tierra.steps.pull import read_partition
from tierra.steps.validate import check_partition
from tierra.store.predictions import read_manifest
from tierra.store.refs import TableRef
from tierra.workspace import open_workspace


class Compared(BaseModel):
    """The partitions to score, and how those end that stay as they are."""

    model_config = ConfigDict(frozen=True)

    to_score: tuple[Work, ...]
    ended: tuple[PartitionScored, ...]


@station
def find_work(project: Project, partition: str | None, rescore: bool) -> list[Work]:
    """The partition asked for; without one, all that is due and all that may be stale."""
    from tierra.data import partitions as days
    from tierra.data.sources import open_source
    from tierra.data.window import single_day
    from tierra.store.predictions import generations

    workspace = open_workspace()
    published = generations(workspace.sink(project))
    if not project.main_source.partition_by:
        return [Work(ALL, published.get(ALL, 0), rescore=rescore)]
    today = days.today(workspace.settings.now(), project.schedule.timezone)
    source = open_source(project.main, project.main_source, project.folder, workspace.settings)
    if not partition:
        there = source.days(days.watch_window(project.score, today))
        return days.find_work(project.score, today, there, published, rescore)
    day = days.parse_partition(partition)
    days.check_ready(project.name, day, source.days(single_day(day)).get(day, 0), project.score.ready)
    return [days.work_for_partition(project.score, today, day, published, rescore)]


@station
def find_changed(project: Project, sides: dict[str, TableRef], work: list[Work]) -> Compared:
    """Compare what is published with its source: the work that is left, and how the rest ends."""
    published = [each for each in work if each.generation and not each.rescore]
    ends = {each.partition: _stands(project, sides, each) for each in track(published, "published partitions")}
    ended = [end for end in ends.values() if end]
    note(compared=len(published), changed=len(published) - len(ended))
    return Compared(to_score=tuple(each for each in work if not ends.get(each.partition)), ended=tuple(ended))


def rejected(work: Work, error: DataRejected) -> PartitionScored:
    """The outcome of a partition whose data broke its contract: nothing published, and why."""
    return PartitionScored(
        partition=work.partition, outcome="Rejected", generation=work.generation, code=error.code, reason=error.what
    )


def _stands(project: Project, sides: dict[str, TableRef], work: Work) -> PartitionScored | None:
    """How a published partition ends that is not to be scored again."""
    sink = open_workspace().sink(project)
    published = read_manifest(sink, work.partition, work.generation)
    try:
        step = next_step(work, published.inputs if published else None, _inputs(project, sides, work))
    except DataRejected as error:
        return rejected(work, error)
    if not published or step == "publish":
        return None
    where, stale = sink.location(published.partition, published.generation), step == "report"
    return scored_from(published, where, "Stale" if stale else "AlreadyPublished", stale)


def _inputs(project: Project, sides: dict[str, TableRef], work: Work) -> str:
    """The digest of what scoring the partition would read today."""
    clean, history = check_partition(project, read_partition(project, work.day))
    return join_rows(project, clean.table, history, sides).digest
