"""Taking a model back: the champion before serves again, and what the bad one published is repaired."""

from typing import TYPE_CHECKING

from prefect import flow

from flows.score import score_partition
from tasks.rollback import (
    Predictions,
    RepointRequest,
    Version,
    check_nobody_publishes,
    check_repointing,
    find_damage,
    look_again,
    name_again,
    plan_rollback,
    preview_rollback,
    repoint,
    rescored,
    summarise_repointing,
    work_of,
)
from tasks.run.form import ProjectName, Reason
from tasks.run.page import one_page, run_name
from tasks.scoring import (
    Scoring,
    open_days,
    publish_partition,
    pull_side_tables,
    renew_latest,
    sweep_parts,
    with_champion_recipe,
)
from tasks.training import open_project, validate_tables
from tierra.journal import track
from tierra.model.release import Champion
from tierra.outcomes.rollback import PartitionRepaired, Repointed
from tierra.project.project import Project
from tierra.workspace import Workspace

if TYPE_CHECKING:
    from tierra.steps.repair import Damaged


@flow(name="rollback", flow_run_name=run_name, validate_parameters=False)
@one_page
def rollback(
    workspace: Workspace, project: ProjectName, reason: Reason, to: Version = "", predictions: Predictions = "repair",
    dry_run: bool = False,
) -> Repointed:  # fmt: skip
    """Let the champion before serve again, and repair every partition that the bad one published.

    Args:
        project: Name of a folder under projects/, or the path of a project.
        reason: Why the model is taken back. It is kept in the history of champions and on the receipt.
        to: The version to go back to, such as 3. Leave it empty to go back to the champion before.
        predictions: Whether the partitions are repaired, or kept as the bad version published them.
        dry_run: Change nothing, and say what would be repaired and how.
    """
    request = RepointRequest(project=project, version=to, predictions=predictions, dry_run=dry_run, reason=reason)
    check_repointing(workspace, request)
    spec = open_project(workspace, request.project)
    plan = plan_rollback(workspace, spec, request.version)
    if request.dry_run:
        return preview_rollback(workspace, spec, plan, request)
    check_nobody_publishes(workspace, spec)
    champion = repoint(workspace, spec, plan, request.reason)
    found = find_damage(workspace, spec, plan)
    if request.predictions == "keep":
        return summarise_repointing(spec, plan, champion, request, found.kept, found.untouched)
    done, left = name_again(workspace, spec, found.damaged)
    done += score_again(workspace, spec, champion, left) if left else []
    done += look_again(workspace, spec, plan, done)
    if done:
        sweep_parts(workspace, spec)
    if spec.score.latest:
        renew_latest(workspace, spec)
    return summarise_repointing(spec, plan, champion, request, done, found.untouched)


def score_again(
    workspace: Workspace, project: Project, champion: Champion, damaged: "list[Damaged]"
) -> list[PartitionRepaired]:
    """The partitions of which no former generation stands, scored with the champion that serves again."""
    spec, work = with_champion_recipe(workspace, project, champion), work_of(damaged)
    reader = open_days(workspace, spec, work)
    sides = validate_tables(workspace, spec, pull_side_tables(workspace, spec, reader))
    scoring = Scoring(spec, champion, sides, reader, publish_partition)
    return rescored(damaged, [score_partition(workspace, scoring, each) for each in track(work, "partitions")])
