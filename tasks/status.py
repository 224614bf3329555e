"""How everything stands: the stores and the server looked at, judged, and told in the UI."""

from datetime import UTC, datetime

from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from tasks.run.station import station
from tasks.server.reading import ask_server
from tierra.errors import Misconfigured
from tierra.status.composing import compose
from tierra.status.facts import Status
from tierra.status.page import write_page
from tierra.status.seen import ServerSeen
from tierra.status.server_address import find_server
from tierra.status.stores import look_at_stores
from tierra.workspace import Workspace, open_workspace

POOL = "tierra"
KEY = "status"
PAUSED = "tierra.deployment.paused"


def read_status(project: str | None = None) -> Status:
    """The status as `tierra status` asks for it: of every project, or of one. Raises Misconfigured."""
    workspace = open_workspace()
    stores = look_at_stores(workspace, project)
    try:
        server = ask_server(POOL, find_server(workspace.settings))
    except Misconfigured as error:
        server = ServerSeen(fault=f"{error.what}: {error.remedy}")
    return compose(stores, server, POOL, datetime.now(UTC), asked=project is not None)


@station
def collect_status(workspace: Workspace) -> Status:
    """The status as seen from a run: the server is the one that the run reports to."""
    stores = look_at_stores(workspace)
    return compose(stores, ask_server(POOL), POOL, datetime.now(UTC))


@station
def show_status(status: Status) -> None:
    """Write the status as the one artifact that people open in the morning."""
    create_markdown_artifact(write_page(status), key=KEY, description=status.sentence)


@station
def emit_paused_events(status: Status) -> None:
    """Emit an event for each deployment that will not run by itself; an automation tells people."""
    for each in status.paused:
        resource = {
            "prefect.resource.id": f"prefect.deployment.{each.id}",
            "prefect.resource.name": f"{each.flow}/{each.project}",
            "tierra.flow": each.flow,
            "tierra.project": each.project,
        }
        emit_event(PAUSED, resource, payload={"why": each.why})
