"""Letting a former champion serve again; what is published stays as it is."""

from prefect import flow

from tasks.rollback import RepointRequest, Version, check_repointing, plan_promotion, repoint, summarise_repointing
from tasks.run.form import ProjectName, Reason
from tasks.run.page import one_page, run_name
from tasks.training import open_project
from tierra.outcomes.rollback import Repointed
from tierra.workspace import Workspace


@flow(name="promote", flow_run_name=run_name, validate_parameters=False)
@one_page
def promote(workspace: Workspace, project: ProjectName, version: Version, reason: Reason) -> Repointed:
    """Let a version serve that was a champion before.

    Args:
        project: Name of a folder under projects/, or the path of a project.
        version: The version that shall serve, such as 3.
        reason: Why. It is kept in the history of champions and on the receipt.
    """
    request = RepointRequest(project=project, version=version, reason=reason)
    check_repointing(workspace, request)
    spec = open_project(workspace, request.project)
    plan = plan_promotion(workspace, spec, request.version)
    champion = repoint(workspace, spec, plan, request.reason)
    return summarise_repointing(spec, plan, champion, request)
