"""The steps of a collection: look, show what goes, remove it."""

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.runtime import flow_run

from tierra.outcomes.collecting import Collected, size
from tierra.redaction import clean_line, strike
from tierra.report import retention
from tierra.report.retention import Retention
from tierra.report.wording import inline
from tierra.workspace import Workspace

KEY = "gc"


def plan_retention(workspace: Workspace, dry_run: bool) -> Retention:
    """What goes of all projects, and of the store. A clock far ahead of all that is stored ends the run."""
    return retention.plan_retention(workspace, dry=dry_run)


def show_kinds(planned: Retention) -> None:
    """Write what is stored and what goes as an artifact, before anything goes."""
    outcome = planned.as_outcome()
    rows = [f"| {inline(each.kind)} | {each.objects:,} | {size(each.bytes)} | {size(each.bytes - each.going_bytes)}"
            f" | {size(each.going_bytes)} | {size(each.marked_bytes)} |" for each in outcome.kinds]  # fmt: skip
    head = ["| kind | objects | bytes | kept | to go | marked |", "|---|---:|---:|---:|---:|---:|"]
    page = {"key": KEY, "type": "markdown", "data": strike("\n".join([*head, *rows])),
            "description": clean_line(outcome.sentence)}  # fmt: skip
    with get_client(sync_client=True) as client:
        client.create_artifact(ArtifactCreate(**page, flow_run_id=flow_run.id))


def remove_old(workspace: Workspace, planned: Retention) -> Collected:
    """Remove what was planned."""
    return retention.carry_out(workspace, planned)
