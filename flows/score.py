"""From the sources to published predictions, exactly once, or a page that says why not."""

from prefect import flow

from tasks.run.form import Partition, ProjectName, Reason, check_call
from tasks.run.page import one_page, run_name
from tierra.data.partitions import Work
from tierra.errors import DataRejected
from tierra.journal import track
from tierra.model.release import Champion
from tierra.outcomes import PartitionScored, Scored, summarise
from tierra.project.project import Project
from tierra.steps.features import join_partition
from tierra.steps.publish import (
    Publish,
    compare_partition,
    find_champion,
    predict_partition,
    preview_partition,
    publish_partition,
    sweep_parts,
    with_champion_recipe,
)
from tierra.steps.pull import open_project, pull_partition, pull_side_tables
from tierra.steps.validate import validate_partition, validate_tables
from tierra.steps.work import find_changed, find_work, rejected
from tierra.store.refs import TableRef


@flow(name="score", flow_run_name=run_name, validate_parameters=False)
@one_page
def score(
    project: ProjectName, partition: Partition = None, rescore: bool = False, dry_run: bool = False, reason: Reason = ""
) -> Scored:
    """Publish one partition, or every one that is due.

    Args:
        project: Name of a folder under projects/, or the path of a project.
        partition: The day to score, as YYYY-MM-DD. Leave it empty to score every day that is due.
        rescore: Publish a new generation of what is published, even when nothing changed.
        dry_run: Do everything but publish, and say what would be published.
        reason: Why this run was started by hand. It is kept on the run's receipt.
    """
    asked = check_call(project=project, partition=partition, rescore=rescore, dry_run=dry_run, reason=reason)
    today = open_project(asked.project)
    work = find_work(today, asked.partition, asked.rescore)
    champion = find_champion(today)
    spec = with_champion_recipe(today, champion)
    sides = validate_tables(spec, pull_side_tables(spec)) if work else {}
    found = find_changed(spec, sides, work)
    publish = preview_partition if asked.dry_run else publish_partition
    scored = [score_partition(spec, champion, sides, each, publish) for each in track(found.to_score, "partitions")]
    if found.to_score and not asked.dry_run:
        sweep_parts(spec)
    return summarise(spec.name, [*scored, *found.ended], asked=bool(asked.partition), dry_run=asked.dry_run)


def score_partition(
    spec: Project, champion: Champion, sides: dict[str, TableRef], work: Work, publish: Publish
) -> PartitionScored:
    """One partition, from its source to its manifest. One that is rejected does not stop the others."""
    try:
        pulled = pull_partition(spec, work.day)
        checked, history = validate_partition(spec, pulled)
        joined = join_partition(spec, checked.table, history, sides)
        compare_partition(spec, champion, pulled, work.partition)
        predicted = predict_partition(spec, champion, joined)
        return publish(spec, champion, work, checked, joined, predicted)
    except DataRejected as error:
        return rejected(work, error)
