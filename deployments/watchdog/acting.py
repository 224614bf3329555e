"""Does on the server what was decided, unless the run has moved on meanwhile."""

from typing import Final

from loguru import logger
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State, StateType
from prefect.states import AwaitingRetry

from deployments.watchdog.judging import HOLDS_SLOT, Action, FreeSlots, SetState
from deployments.watchdog.reading import read_run

ACTIVE_SLOTS: Final = {"active_slots": 0}


def perform(client: SyncPrefectClient, action: Action) -> None:
    """Do one action. Raises httpx.HTTPError when the server does not answer."""
    match action:
        case SetState():
            _set_state(client, action)
        case FreeSlots():
            _free_slots(client, action.deployment)


def _set_state(client: SyncPrefectClient, action: SetState) -> None:
    run = action.run
    if read_run(client, run.id).state_id != run.state_id:
        return
    # Not by force: the server refuses to let a run that has just ended crash.
    result = client.set_flow_run_state(run.id, _state(action))
    answer = result.status.value.lower()
    logger.warning("{} ({}): {} -> {}, {}: {}", run.name, run.id, run.state, action.name, answer, action.message)


def _state(action: SetState) -> State[None]:
    if action.kind == "SCHEDULED":
        return AwaitingRetry(message=action.message)
    return State(type=StateType(action.kind), name=action.name, message=action.message)


def _free_slots(client: SyncPrefectClient, deployment: str) -> None:
    limit = client.request("GET", "/deployments/{id}", path_params={"id": deployment}).json()[
        "global_concurrency_limit"
    ]
    if limit and limit["active_slots"] and not _has_holder(client, deployment):
        path = {"id_or_name": limit["id"]}
        client.request("PATCH", "/v2/concurrency_limits/{id_or_name}", path_params=path, json=ACTIVE_SLOTS)
        logger.warning("deployment {}: freed {} slot(s) that no run held", deployment, limit["active_slots"])


def _has_holder(client: SyncPrefectClient, deployment: str) -> bool:
    holders = {"state": {"type": {"any_": HOLDS_SLOT}}, "deployment_id": {"any_": [deployment]}}
    return bool(client.request("POST", "/flow_runs/filter", json={"flow_runs": holders, "limit": 1}).json())
