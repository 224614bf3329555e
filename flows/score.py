"""From the sources to published predictions, exactly once, or a page that says why not."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from prefect import flow

from tasks.apart import get_ready, is_apart, score_apart
from tasks.run.form import Date, Jobs, Partition, ProjectName, Reason, RunRequest, check_request
from tasks.run.page import one_page, run_name
from tasks.scoring import (
    Plan,
    Scoring,
    compare_partition,
    find_champion,
    find_champions_then,
    find_changed,
    find_work,
    join_partition,
    open_days,
    predict_partition,
    preview_partition,
    publish_partition,
    pull_partition,
    pull_side_tables,
    recall_partition,
    renew_latest,
    sweep_parts,
    validate_partition,
    with_champion_recipe,
)
from tasks.shadow import find_challenger, find_unshadowed, shadow_partition
from tasks.training import open_project, validate_tables
from tierra.data.day_range import Which
from tierra.data.partitions import Work
from tierra.errors import DataRejected, TierraError
from tierra.journal import at_station, track, warn
from tierra.outcomes.backfill import Moment
from tierra.outcomes.scoring import PartitionScored, Scored, rejected, summarise
from tierra.project.project import Project
from tierra.steps.served import Served
from tierra.workspace import Workspace


@flow(name="score", flow_run_name=run_name, validate_parameters=False)
@one_page
def score(
    workspace: Workspace, project: ProjectName, partition: Partition = None, rescore: bool = False,
    dry_run: bool = False, reason: Reason = "", from_date: Date = None, to_date: Date = None,
    which: Which = "missing", model: Moment = "now", jobs: Jobs = 1, long_range: bool = False,
) -> Scored:  # fmt: skip
    """Publish one partition, a range of days, or every day that is due.

    Args:
        project: Name of a folder under projects/, or the path of a project.
        partition: The day to score, as YYYY-MM-DD. Leave it empty to score every day that is due.
        rescore: Publish a new generation of what is published, even when nothing changed.
        dry_run: Do everything but publish, and say what would be published.
        reason: Why this run was started by hand. It is kept on the run's receipt.
        from_date: The first day of a range to score, as YYYY-MM-DD, however far it lies back.
        to_date: The last day of the range, as YYYY-MM-DD. Leave it empty for today.
        which: Of the range, what is missing; stale also replaces what changed, all publishes every day anew.
        model: The champion that serves now, or the one that served then, with the data as they were known then.
        jobs: In how many processes the days are scored at once.
        long_range: Yes to a range of more than ten years.
    """
    request = RunRequest(
        project=project, partition=partition, rescore=rescore, dry_run=dry_run, reason=reason, from_date=from_date,
        to_date=to_date, which=which, model=model, jobs=jobs, long_range=long_range,
    )  # fmt: skip
    days = check_request(workspace, request)
    get_ready(workspace, request.jobs)
    today = open_project(workspace, request.project)
    found = find_work(workspace, today, request.partition, request.rescore, days)
    plans = [*plan_days(workspace, today, find_served(workspace, today, found.work, request.model), request)]
    scored = score_days(workspace, plans, request.jobs)
    if scored and not request.dry_run:
        sweep_parts(workspace, plans[0].scoring.project)
    if today.score.latest and not request.dry_run:
        renew_latest(workspace, today)
    if today.gate.shadow and not request.dry_run and not days:
        score_in_shadow(workspace, today)
    ends = [*scored, *(end for plan in plans for end in plan.left.ended)]
    backfill = found.backfill and found.backfill.ended(request.model, len(scored), ends)
    return summarise(today.name, ends, request.partition, request.dry_run, found.completeness, backfill)


def find_served(workspace: Workspace, project: Project, work: Sequence[Work], model: Moment) -> list[Served]:
    """The champion that serves, with all the work; or each that served then, with its days."""
    if model == "then" and work:
        return find_champions_then(workspace, project, work)
    return [Served(find_champion(workspace, project), work)]


def plan_days(workspace: Workspace, today: Project, served: Sequence[Served], request: RunRequest) -> Iterator[Plan]:
    """What each champion is to score, and how the days end that stay as they are; sources are read where needed."""
    publish = preview_partition if request.dry_run else publish_partition
    for champion, work in ((each.champion, each.work) for each in served):
        spec = with_champion_recipe(workspace, today, champion)
        if not work:
            continue
        from_source = [each for each in work if not each.then]
        reader = open_days(workspace, spec, from_source)
        # Processes of their own, and tasks of Ray, read the days by themselves, later.
        beside = None if is_apart(workspace, request.jobs) else reader
        sides = validate_tables(workspace, spec, pull_side_tables(workspace, spec, beside, bool(from_source)))
        yield Plan(Scoring(spec, champion, sides, reader, publish), find_changed(workspace, spec, sides, reader, work))


def score_days(workspace: Workspace, plans: Sequence[Plan], jobs: int) -> list[PartitionScored]:
    """How the days that are left to score end: one after the other, in processes of their own, or on Ray."""
    days = [(plan.scoring, work) for plan in plans for work in plan.left.to_score]
    score_one = partial(score_partition, workspace)
    if is_apart(workspace, jobs) and len(days) > 1:
        return score_apart(workspace, days, jobs, score_one)
    return [score_one(scoring, work) for scoring, work in track(days, "partitions")]


def score_partition(workspace: Workspace, scoring: Scoring, work: Work) -> PartitionScored:
    """One partition, from its source to its manifest. One that is rejected does not stop the others."""
    spec, champion = scoring.project, scoring.champion
    try:
        if work.then:
            joined, drift = recall_partition(workspace, work), work.then.drift
        else:
            pulled = pull_partition(workspace, spec, scoring.reader, work)
            clean = validate_partition(workspace, spec, pulled)
            joined = join_partition(workspace, spec, clean, scoring.sides)
            drift = compare_partition(workspace, spec, champion, joined)
        ready = predict_partition(workspace, spec, champion, joined, work, drift)
        return scoring.publish(workspace, spec, ready, work)
    except DataRejected as error:
        return rejected(work.partition, work.generation, error)


def score_in_shadow(workspace: Workspace, today: Project) -> None:
    """What the champion published, scored by the challenger beside it. Whatever becomes of that, the run ends well."""
    with warning_of_shadow(TierraError):
        challenger = find_challenger(workspace, today)
        work = find_unshadowed(workspace, today, challenger) if challenger else []
        if not challenger or not work:
            return
        spec = with_champion_recipe(workspace, today, workspace.challengers.as_champion(challenger))
        reader = open_days(workspace, spec, work)
        sides = validate_tables(workspace, spec, pull_side_tables(workspace, spec, reader))
        for each in track(work, "partitions in shadow"):
            with warning_of_shadow(DataRejected):
                clean = validate_partition(workspace, spec, pull_partition(workspace, spec, reader, each))
                shadow_partition(workspace, spec, challenger, join_partition(workspace, spec, clean, sides), each)


@contextmanager
def warning_of_shadow(kind: type[TierraError]) -> Iterator[None]:
    """Warn of an error of this kind instead of raising it."""
    try:
        yield
    except kind as error:
        with at_station("score-in-shadow"):
            warn(f"the challenger in shadow did not score: {error.what}")
