"""The trace that a watchdog leaves on the server, so that others can tell when one looked last."""

from datetime import datetime

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.events import emit_event

from tasks.server.names import WATCHDOG, WATCHED


def leave_trace(client: SyncPrefectClient, now: datetime) -> None:
    """Write down that a watchdog looked."""
    value = now.isoformat(timespec="seconds")
    if client.read_variable_by_name(WATCHDOG):
        client.update_variable(VariableUpdate(name=WATCHDOG, value=value))
    else:
        client.create_variable(VariableCreate(name=WATCHDOG, value=value))
    # The server itself notices when no more of these come.
    emit_event(WATCHED, {"prefect.resource.id": f"tierra.{WATCHDOG}"})


def read_trace(client: SyncPrefectClient) -> datetime | None:
    """When a watchdog looked last; None when none ever did."""
    found = client.read_variable_by_name(WATCHDOG)
    return datetime.fromisoformat(str(found.value)) if found else None
