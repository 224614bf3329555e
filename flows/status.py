"""How every project stands, as a page in the UI that is made anew every quarter of an hour."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.status import as_end, collect_status, show_status, tell_paused


@flow(name="status", flow_run_name="status")
def status() -> State[Any]:
    """Look at the stores and the server, write the page, and tell of what is paused."""
    seen = collect_status()
    show_status(seen)
    tell_paused(seen)
    return as_end(seen)
