"""From the sources to published predictions, exactly once, or a page that says why not."""

from prefect import flow

from tasks.run.form import Partition, ProjectName, Reason, RunRequest, check_request
from tasks.run.page import one_page, run_name
from tasks.scoring import (
    Scoring,
    compare_partition,
    find_champion,
    find_changed,
    find_work,
    join_partition,
    open_days,
    predict_partition,
    preview_partition,
    publish_partition,
    pull_partition,
    pull_side_tables,
    renew_latest,
    sweep_parts,
    validate_partition,
    with_champion_recipe,
)
from tasks.training import open_project, validate_tables
from tierra.data.partitions import Work
from tierra.errors import DataRejected
from tierra.journal import track
from tierra.outcomes.scoring import PartitionScored, Scored, rejected, summarise
from tierra.workspace import Workspace


@flow(name="score", flow_run_name=run_name, validate_parameters=False)
@one_page
def score(
    workspace: Workspace, project: ProjectName, partition: Partition = None, rescore: bool = False,
    dry_run: bool = False, reason: Reason = "",
) -> Scored:  # fmt: skip
    """Publish one partition, or every one that is due.

    Args:
        project: Name of a folder under projects/, or the path of a project.
        partition: The day to score, as YYYY-MM-DD. Leave it empty to score every day that is due.
        rescore: Publish a new generation of what is published, even when nothing changed.
        dry_run: Do everything but publish, and say what would be published.
        reason: Why this run was started by hand. It is kept on the run's receipt.
    """
    request = RunRequest(project=project, partition=partition, rescore=rescore, dry_run=dry_run, reason=reason)
    check_request(workspace, request)
    today = open_project(workspace, request.project)
    found = find_work(workspace, today, request.partition, request.rescore)
    champion = find_champion(workspace, today)
    spec = with_champion_recipe(workspace, today, champion)
    if spec.score.latest and not found.work and not request.dry_run:
        renew_latest(workspace, spec)
    if not found.work:
        return summarise(spec.name, [], request.partition, request.dry_run, found.completeness)
    reader = open_days(workspace, spec, found.work)
    sides = validate_tables(workspace, spec, pull_side_tables(workspace, spec, reader))
    left = find_changed(workspace, spec, sides, reader, found.work)
    scoring = Scoring(spec, champion, sides, reader, preview_partition if request.dry_run else publish_partition)
    scored = [score_partition(workspace, scoring, each) for each in track(left.to_score, "partitions")]
    if left.to_score and not request.dry_run:
        sweep_parts(workspace, spec)
    if spec.score.latest and not request.dry_run:
        renew_latest(workspace, spec)
    return summarise(spec.name, [*scored, *left.ended], request.partition, request.dry_run, found.completeness)


def score_partition(workspace: Workspace, scoring: Scoring, work: Work) -> PartitionScored:
    """One partition, from its source to its manifest. One that is rejected does not stop the others."""
    spec, champion = scoring.project, scoring.champion
    try:
        pulled = pull_partition(workspace, spec, scoring.reader, work)
        clean = validate_partition(workspace, spec, pulled)
        joined = join_partition(workspace, spec, clean, scoring.sides)
        drift = compare_partition(workspace, spec, champion, joined)
        ready = predict_partition(workspace, spec, champion, joined, work, drift)
        return scoring.publish(workspace, spec, ready, work)
    except DataRejected as error:
        return rejected(work.partition, work.generation, error)
