"""Scoring days in processes of their own: they do the work, the run tells of it, and tries again what may be gone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tasks.scoring import Scoring, preview_partition, record_partition
from tierra import steps
from tierra.data.partitions import Work
from tierra.journal import track
from tierra.outcomes.scoring import PartitionScored
from tierra.processes import import_early, in_slices, run_apart
from tierra.workspace import Workspace

Days = Sequence[tuple[Scoring, Work]]
# What a process that scores imports, imported once for all of them.
PRELOAD = ("tierra.steps.days", "tierra.model.artifact", "tierra.model.scoring", "tierra.data.gx_expectations")


def get_ready(jobs: int) -> None:
    """Begin to import what processes of their own need, while the run finds out what there is to do."""
    if jobs > 1:
        import_early(PRELOAD)


def score_apart(
    workspace: Workspace, days: Days, jobs: int, again: Callable[[Scoring, Work], PartitionScored]
) -> list[PartitionScored]:
    """How each day ended, in the order of the days; `again` scores one whose error may be gone at another try."""
    named = {work.partition: (scoring, work) for scoring, work in days}
    ends = dict(_ends(workspace, days, jobs))
    left = [name for name, end in ends.items() if end is None]
    ends |= {name: again(*named[name]) for name in left}
    return [end for name in named if (end := ends[name])]


def _ends(workspace: Workspace, days: Days, jobs: int) -> Iterator[tuple[str, PartitionScored | None]]:
    # Without what this process made once and keeps open.
    done = run_apart(steps.days.score_days, in_slices(_listed(days), jobs), replace(workspace), preload=PRELOAD)
    for each in track(done, "partitions", len(days)):
        yield each.partition, record_partition(workspace, each) if each.scored else None


def _listed(days: Days) -> "list[steps.days.Day]":
    """The days, those of one champion with the same terms."""
    terms = {
        id(scoring): steps.days.Terms(
            scoring.project, scoring.champion, scoring.sides, scoring.publish is preview_partition
        )
        for scoring, _ in days
    }
    return [steps.days.Day(terms[id(scoring)], work) for scoring, work in days]
