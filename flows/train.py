"""From the sources to a champion, or a reason why it stays."""

from prefect import flow

from tasks.approval import approve
from tasks.run.form import ProjectName, Reason, RunRequest, check_request
from tasks.run.page import one_page, run_name
from tasks.training import (
    build_features,
    choose_candidate,
    evaluate_models,
    fit_candidates,
    judge,
    open_project,
    preview_model,
    pull_sources,
    register_model,
    split_table,
    validate_tables,
)
from tierra.outcomes.training import Trained
from tierra.workspace import Workspace


@flow(name="train", flow_run_name=run_name, validate_parameters=False)
@one_page
def train(
    workspace: Workspace, project: ProjectName, dry_run: bool = False, reason: Reason = "", approved: bool = False,
    replace_champion: bool = False, take_over: bool = False,
) -> Trained:  # fmt: skip
    """Pull, validate, prepare, split, fit, choose, evaluate, judge, register.

    Args:
        project: Name of a folder under projects/, or the path of a project.
        dry_run: Do everything up to the verdict and register nothing.
        reason: Why this run was started by hand. It is kept on the run's receipt and on the registered run.
        approved: Promote what passes the gate without waiting for the approval that the project asks for.
        replace_champion: Let the target's classes change, and promote what the champion cannot be compared with.
        take_over: Take the project's name and its data set over from the project file they belong to.
    """
    request = RunRequest(
        project=project, dry_run=dry_run, reason=reason, approved=approved, replace_champion=replace_champion,
        take_over=take_over,
    )  # fmt: skip
    check_request(workspace, request)
    spec = open_project(workspace, request.project, request.take_over)
    snapshots = pull_sources(workspace, spec)
    clean = validate_tables(workspace, spec, snapshots)
    table = build_features(workspace, spec, clean, request.replace_champion)
    spec = spec.for_task(table.labels.task)
    parts = split_table(workspace, spec, table)
    candidates = fit_candidates(workspace, spec, parts)
    choice = choose_candidate(workspace, spec, candidates)
    evaluated = evaluate_models(workspace, spec, choice, request.replace_champion)
    judged = judge(workspace, spec, evaluated, request.dry_run)
    if request.dry_run:
        return preview_model(workspace, spec, judged)
    decided = approve(workspace, spec, judged, request)
    return register_model(workspace, spec, decided, request.reason, request.take_over)
