"""How every project stands, as a page in the UI that is made anew every quarter of an hour."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.status import collect_status, emit_paused_events, show_status, to_state


@flow(name="status", flow_run_name="status")
def status() -> State[Any]:
    """Read the stores and the server, write the page, and emit an event for what is paused."""
    seen = collect_status()
    show_status(seen)
    emit_paused_events(seen)
    return to_state(seen)
