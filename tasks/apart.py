"""Scoring days elsewhere, in processes of their own or on Ray: they work, the run tells of it, and tries again."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tasks.scoring import Scoring, preview_partition, record_partition
from tierra import steps
from tierra.data.partitions import Work
from tierra.engine import is_on_ray, spread
from tierra.journal import track
from tierra.outcomes.scoring import PartitionScored
from tierra.processes import import_early, in_slices
from tierra.workspace import Workspace

Days = Sequence[tuple[Scoring, Work]]
# What a process that scores imports, imported once for all of them.
PRELOAD = ("tierra.steps.days", "tierra.model.artifact", "tierra.model.scoring", "tierra.data.gx_expectations")
# A task of Ray takes so many days: each opens sources anew, and a lost node costs one task at most. Days with a long
# history lie together, because each task reads its history itself.
DAYS_A_TASK: Final = 5


def is_apart(workspace: Workspace, jobs: int) -> bool:
    """Whether days are scored elsewhere than in this process."""
    return jobs > 1 or is_on_ray(workspace)


def get_ready(workspace: Workspace, jobs: int) -> None:
    """Begin to import what processes of their own need, while the run finds out what there is to do."""
    if jobs > 1 and not is_on_ray(workspace):
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
    slices = in_slices(_listed(days), _tasks(days) if is_on_ray(workspace) else jobs)
    done = spread(workspace, steps.days.score_days, slices, apart=True, preload=PRELOAD)
    for each in track(done, "partitions", len(days)):
        yield each.partition, record_partition(workspace, each) if each.scored else None


def _tasks(days: Days) -> int:
    history = max(scoring.project.main_source.history for scoring, _ in days)
    return -(-len(days) // max(DAYS_A_TASK, history))


def _listed(days: Days) -> "list[steps.days.Day]":
    """The days, those of one champion with the same terms."""
    terms = {
        id(scoring): steps.days.Terms(
            scoring.project, scoring.champion, scoring.sides, scoring.publish is preview_partition
        )
        for scoring, _ in days
    }
    return [steps.days.Day(terms[id(scoring)], work) for scoring, work in days]
