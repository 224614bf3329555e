"""From the sources to a champion, or a reason why it stays."""

from prefect import flow

from tasks.evaluate import evaluate_models, judge
from tasks.features import build_features
from tasks.fit import choose_candidate, fit_candidates
from tasks.parts import split_table
from tasks.pull import open_project, pull_sources
from tasks.register import register_model
from tasks.run import one_page, run_name
from tasks.validate import validate_tables
from tierra.outcomes import Trained


@flow(name="train", flow_run_name=run_name)
@one_page
def train(project: str) -> Trained:
    """Pull, validate, prepare, split, fit, choose, evaluate, judge, register.

    Args:
        project: Name of a folder under projects/, or the path of a project.
    """
    spec = open_project(project)
    snapshots = pull_sources(spec)
    clean = validate_tables(spec, snapshots)
    table = build_features(spec, clean)
    spec = spec.for_task(table.labels.task)
    parts = split_table(spec, table)
    fitted = fit_candidates(spec, parts)
    choice = choose_candidate(spec, fitted)
    scores = evaluate_models(spec, snapshots, choice, table, parts)
    verdict = judge(spec, scores)
    return register_model(spec, snapshots, table, parts, choice, scores, verdict)
