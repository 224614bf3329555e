"""The status of every project as a page in the UI, written at once; the watchdog writes it every quarter of an hour."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.run.page import as_state
from tasks.run.station import station
from tasks.status import emit_attention, read_for_page, write_status
from tierra.workspace import open_workspace


@flow(name="status", flow_run_name="status")
def status() -> State[Any]:
    """Look at the stores and the server, write the page, and emit an event for what needs a person."""
    workspace = open_workspace()
    seen = station(read_for_page)(workspace)
    station(write_status)(seen, workspace.settings)
    station(emit_attention)(seen)
    return as_state(seen)
