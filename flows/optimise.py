"""From the champion to smaller and faster variants of it, each measured, and one of them to serve where it is named."""

from prefect import flow

from tasks.optimise import find_champion, make_variants, measure_variants, promote_variant, summarise_variants
from tasks.run.form import ProjectName, Reason, RunRequest, VariantName, check_request
from tasks.run.page import one_page, run_name
from tasks.training import build_features, fit_candidates, open_project, pull_sources, split_table, validate_tables
from tierra.outcomes.optimise import Optimised
from tierra.workspace import Workspace


@flow(name="optimise", flow_run_name=run_name, validate_parameters=False)
@one_page
def optimise(
    workspace: Workspace, project: ProjectName, promote: VariantName = "", reason: Reason = "", approved: bool = False
) -> Optimised:
    """Make smaller and faster variants of the champion, measure them, and let one serve where the gate passes it.

    Args:
        project: Name of a folder under projects/, or the path of a project.
        promote: The variant that shall serve, such as onnx. Leave it empty to measure alone.
        reason: Why this run was started by hand. It is kept on the run's receipt and on the registered run.
        approved: Let what passes serve without waiting for the approval that the project asks for.
    """
    request = RunRequest(project=project, variant=promote, reason=reason, approved=approved)
    check_request(workspace, request)
    spec = open_project(workspace, request.project)
    champion = find_champion(workspace, spec)
    snapshots = pull_sources(workspace, spec)
    clean = validate_tables(workspace, spec, snapshots)
    table = build_features(workspace, spec, clean, False)
    spec = spec.for_task(table.labels.task)
    parts = split_table(workspace, spec, table)
    candidates = fit_candidates(workspace, spec, parts)
    variants = make_variants(workspace, spec, champion, candidates, request.variant)
    measured = measure_variants(workspace, spec, champion, variants)
    if not request.variant:
        return summarise_variants(workspace, spec, champion, variants, measured)
    trained = promote_variant(workspace, spec, champion, variants, request.variant, request)
    return summarise_variants(workspace, spec, champion, variants, measured, trained)
