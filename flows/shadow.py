"""From a challenger in shadow to the next champion, once the labels of what it scored are there."""

from prefect import flow

from tasks.run.form import ProjectName, Reason, RunRequest, check_request
from tasks.run.page import one_page, run_name
from tasks.shadow import (
    find_challenger,
    judge_shadow,
    measure_shadow,
    settle,
    summarise_shadow,
    waiting_for_labels,
    waiting_for_rows,
    watch_shadow,
    with_own_gate,
    withdraw,
)
from tasks.training import open_project
from tierra.outcomes.shadow import Shadowed
from tierra.workspace import Workspace


@flow(name="shadow", flow_run_name=run_name, validate_parameters=False)
@one_page
def shadow(
    workspace: Workspace, project: ProjectName, dry_run: bool = False, reason: Reason = "", approved: bool = False,
    end_shadow: bool = False,
) -> Shadowed:  # fmt: skip
    """Judge the challenger in shadow by the labels of what it scored, and let it serve where it passes once more.

    Args:
        project: Name of a folder under projects/, or the path of a project.
        dry_run: Judge, and change nothing.
        reason: Why this run was started by hand. It is kept on the run's receipt.
        approved: Let what passes serve without waiting for the approval that the project asks for.
        end_shadow: Take the challenger out of its shadow without a verdict; the champion stays.
    """
    request = RunRequest(project=project, dry_run=dry_run, reason=reason, approved=approved)
    check_request(workspace, request)
    spec = open_project(workspace, request.project)
    challenger = find_challenger(workspace, spec, request.dry_run)
    if challenger is None:
        return Shadowed(project=spec.name, outcome="NothingDue", reason="no challenger is in shadow")
    if end_shadow:
        return withdraw(workspace, spec, challenger, request)
    watched = watch_shadow(workspace, spec, challenger)
    spec = with_own_gate(spec.for_task(watched.model.release.labels.task), watched)
    if watched.is_waiting:
        return summarise_shadow(spec, watched, ("InShadow", waiting_for_rows(watched)))
    measured = measure_shadow(workspace, spec, watched)
    if measured.scores is None:
        return summarise_shadow(spec, watched, ("InShadow", waiting_for_labels(watched, measured)), measured)
    decided = judge_shadow(spec, measured.scores, request)
    return summarise_shadow(spec, watched, settle(workspace, spec, watched, decided, request), measured, decided)
