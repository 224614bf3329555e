"""From the sources to a champion, or a reason why it stays."""

from prefect import flow

from tasks.approval import approve
from tasks.run.form import ProjectName, Reason, check_call
from tasks.run.page import one_page, run_name
from tierra.outcomes import Trained
from tierra.steps.evaluate import evaluate_models, judge
from tierra.steps.features import build_features
from tierra.steps.fit import choose_candidate, fit_candidates
from tierra.steps.parts import split_table
from tierra.steps.pull import open_project, pull_sources
from tierra.steps.register import preview_model, register_model
from tierra.steps.validate import validate_tables


@flow(name="train", flow_run_name=run_name, validate_parameters=False)
@one_page
def train(project: ProjectName, dry_run: bool = False, reason: Reason = "", approved: bool = False) -> Trained:
    """Pull, validate, prepare, split, fit, choose, evaluate, judge, register.

    Args:
        project: Name of a folder under projects/, or the path of a project.
        dry_run: Do everything up to the verdict and register nothing.
        reason: Why this run was started by hand. It is kept on the run's receipt and on the registered run.
        approved: Promote what passes the gate without waiting for the approval that the project asks for.
    """
    asked = check_call(project=project, dry_run=dry_run, reason=reason, approved=approved)
    spec = open_project(asked.project)
    snapshots = pull_sources(spec)
    clean = validate_tables(spec, snapshots)
    table = build_features(spec, clean)
    spec = spec.for_task(table.labels.task)
    parts = split_table(spec, table)
    fitted = fit_candidates(spec, parts)
    choice = choose_candidate(spec, fitted)
    scores = evaluate_models(spec, snapshots, choice, table, parts)
    verdict = judge(spec, scores)
    if asked.dry_run:
        return preview_model(spec, snapshots, parts, scores, verdict)
    decided = approve(spec, snapshots, scores, verdict, asked)
    return register_model(spec, snapshots, table, parts, choice, scores, decided, asked.reason)
