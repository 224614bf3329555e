"""The status of every project as a page in the UI, written again every quarter of an hour."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.run.page import as_state
from tasks.status import collect_status, emit_paused_events, show_status
from tierra.workspace import open_workspace


@flow(name="status", flow_run_name="status")
def status() -> State[Any]:
    """Look at the stores and the server, write the page, and emit an event for what is paused."""
    seen = collect_status(open_workspace())
    show_status(seen)
    emit_paused_events(seen)
    return as_state(seen)
