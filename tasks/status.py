"""The status: reads the stores and the server, judges them, and shows the result in the UI.

The watchdog does so every quarter of an hour, the flow `status` when somebody starts it.
"""

from datetime import UTC, datetime

from loguru import logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.events import emit_event
from prefect.runtime import flow_run

from tasks.server.names import ATTENTION, POOL
from tasks.server.reading import read_server
from tierra.errors import InvalidCall, Misconfigured, first_line
from tierra.redaction import clean_line, strike
from tierra.report.partitions import DAYS
from tierra.settings import Settings
from tierra.status.alerting import alerts_to_send, cause_of
from tierra.status.composing import compose
from tierra.status.facts import Status
from tierra.status.morning import write_morning
from tierra.status.page import write_page
from tierra.status.seen import ServerSeen
from tierra.status.server_address import LOCK, find_server
from tierra.status.stores import read_stores
from tierra.workspace import Workspace, open_workspace

KEY = "status"
MOST_DAYS = 3660


def read_status(project: str | None = None, days: int = DAYS) -> Status:
    """The status of every project, or of one, with the partitions of the last days. Raises Misconfigured."""
    if not 0 < days <= MOST_DAYS:
        raise InvalidCall("call-invalid", f"days should be between 1 and {MOST_DAYS:,}, not {days}")
    workspace = open_workspace()
    stores, server = read_stores(workspace, project, days), _find_and_read_server(workspace.settings)
    return compose(stores, server, POOL, datetime.now(UTC), single_project=project is not None)


def _find_and_read_server(settings: Settings) -> ServerSeen:
    """What a server says; where none is named, whether one ever was."""
    try:
        return read_server(POOL, find_server(settings))
    except Misconfigured as error:
        return ServerSeen(fault=f"{error.what}: {error.remedy}", expected=(settings.root / LOCK).exists())


def read_for_page(workspace: Workspace) -> Status:
    """The status as the page shows it, from the server that this process talks to."""
    return compose(read_stores(workspace), read_server(POOL), POOL, datetime.now(UTC))


def refresh_morning(workspace: Workspace) -> None:
    """Write the page of the morning again after a run; one that cannot be written fails no run."""
    try:
        status = compose(read_stores(workspace), _find_and_read_server(workspace.settings), POOL, datetime.now(UTC))
        write_morning(status, workspace.settings)
    except Exception as error:  # noqa: BLE001
        logger.opt(exception=not isinstance(error, OSError)).warning(
            "the page of the morning could not be written: {}", first_line(error)
        )


def write_status(status: Status, settings: Settings) -> None:
    """Write the page of the morning, and the same as an artifact, of the run that writes it if there is one."""
    write_morning(status, settings)
    page = {
        "key": KEY,
        "type": "markdown",
        "data": strike(write_page(status, settings.receipts_url)),
        "description": clean_line(status.sentence),
    }
    with get_client(sync_client=True) as client:
        client.create_artifact(ArtifactCreate(**page, flow_run_id=flow_run.id))


def emit_attention(status: Status) -> None:
    """Emit an event for each line that somebody is told of; an automation sends the message, once a day for each."""
    for each in alerts_to_send(status):
        resource = {
            "prefect.resource.id": f"tierra.subject.{each.subject}",
            "prefect.resource.name": each.subject,
            "tierra.cause": cause_of(each),
        }
        emit_event(ATTENTION, resource, payload={"why": clean_line(each.what), "link": each.link})
