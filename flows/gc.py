"""Retention: what nothing needs any more is removed, from the stores, the receipts and MLflow's runs."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.collecting import plan_retention, remove_old, show_kinds
from tasks.run.page import as_state
from tasks.run.station import station
from tierra.errors import TierraError
from tierra.workspace import open_workspace


@flow(name="gc", flow_run_name="gc")
def gc(dry_run: bool = False) -> State[Any]:
    """Remove what `keep` in each project file does not ask to keep. What is published, and every champion, stays.

    Args:
        dry_run: Remove nothing; show what would be removed.
    """
    try:
        workspace = open_workspace()
        planned = station(plan_retention)(workspace, dry_run)
        station(show_kinds)(planned)
        return as_state(planned.as_outcome() if dry_run else station(remove_old)(workspace, planned))
    except TierraError as error:
        return as_state(error)
