"""Alert messages that did not arrive: read from the server's events, and sent again for a day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.events import Event, emit_event
from prefect.events.filters import EventFilter, EventIDFilter, EventNameFilter, EventOccurredFilter
from prefect.settings import PREFECT_UI_URL

from tasks.server.links import reason_page, run_page
from tasks.server.names import AGAIN, ATTENTION, PREFIX

FAILED, EXECUTED = "prefect.automation.action.failed", "prefect.automation.action.executed"
RUN: Final = "prefect.flow-run."
FOR_A_DAY: Final = timedelta(days=1)
REFUSED: Final = 400
PAGE: Final = 50  # the server gives no more at once


@dataclass(frozen=True)
class Undelivered:
    """One message that did not arrive: when it was tried last, why not, and the event it was to tell of."""

    id: UUID
    automation: str
    moment: datetime
    why: str
    of: Event | None


def find_undelivered(client: SyncPrefectClient, now: datetime) -> list[Undelivered]:
    """The messages of the last day whose last try failed, oldest first."""
    tried = _read(client, now, FAILED, EXECUTED)
    ours = [each for each in tried if _name(each).startswith(PREFIX) and _is_lost(each)]
    again = {each.resource.id for each in _read(client, now, AGAIN)} if ours else set()
    waiting = [each for each in ours if _mark(each.id) not in again]
    origins = _read_by_id(client, filter(None, map(_origin, waiting)))
    lost = [
        Undelivered(each.id, _name(each), each.occurred, _why(each), origins.get(_origin(each))) for each in waiting
    ]
    return sorted(lost, key=lambda each: each.moment)


def resend(now: datetime) -> None:
    """Emit an event for each message that did not arrive; an automation sends it."""
    with get_client(sync_client=True) as client:
        for each in find_undelivered(client, now):
            payload = _payload(client, each)
            if now - datetime.fromisoformat(payload["first"]) < FOR_A_DAY:
                emit_event(AGAIN, {"prefect.resource.id": _mark(each.id)}, payload=payload)


def _payload(client: SyncPrefectClient, lost: Undelivered) -> dict[str, str]:
    """What the message said, as a Message of deployments/alert.py has it."""
    said, event = {"first": lost.moment.isoformat(), "project": "", "partition": "", "link": "", "run": ""}, lost.of
    if event is None:
        what = lost.automation.removeprefix(PREFIX)
        return said | {"subject": what, "reason": f"{what}, at {lost.moment:%Y-%m-%d %H:%M} UTC"}
    if event.event == AGAIN:
        return said | {name: str(value) for name, value in event.payload.items()}
    if event.event == ATTENTION:
        name = str(event.resource.name)
        return said | {"subject": f"{name} needs attention", "reason": str(event.payload.get("why", "")),
                       "project": name, "link": str(event.payload.get("link", ""))}  # fmt: skip
    return said | _of_run(client, event)


def _of_run(client: SyncPrefectClient, event: Event) -> dict[str, str]:
    run: FlowRun = client.read_flow_run(UUID(event.resource.id.removeprefix(RUN)))
    project = str(run.parameters.get("project") or "all projects")
    state = str(event.resource.get("prefect.state-name") or "")
    flow = next((str(each.name) for each in event.related if each.role == "flow"), "a run")
    message = str(event.resource.get("prefect.state-message") or state)
    ui = PREFECT_UI_URL.value() or str(client.api_url).rstrip("/").removesuffix("/api")
    return {
        "subject": f"{project}: {flow} {state}", "reason": message.splitlines()[0], "project": project,
        "partition": str(run.parameters.get("partition") or "all that is due"),
        "link": reason_page(ui, run.id, flow, str(run.parameters.get("project") or ""), state),
        "run": run_page(ui, run.id),
    }  # fmt: skip


def _read(client: SyncPrefectClient, now: datetime, *names: str) -> list[Event]:
    chosen = EventFilter(event=EventNameFilter(name=list(names)), occurred=EventOccurredFilter(since=now - FOR_A_DAY))
    page = client.read_events(chosen, limit=PAGE)
    found: list[Event] = [*page.events]
    while page.next_page:
        page = client.read_events_page(str(page.next_page))
        found += page.events
    return found


def _read_by_id(client: SyncPrefectClient, ids: Iterable[UUID]) -> Mapping[UUID | None, Event]:
    wanted = list(dict.fromkeys(ids))
    pages = [wanted[start : start + PAGE] for start in range(0, len(wanted), PAGE)]
    found = [client.read_events(EventFilter(id=EventIDFilter(id=each)), limit=PAGE).events for each in pages]
    return {each.id: each for page in found for each in page}


def _is_lost(event: Event) -> bool:
    """Whether a try failed, or a webhook answered that it takes nothing."""
    return event.event == FAILED or int(event.payload.get("status_code") or 0) >= REFUSED


def _why(event: Event) -> str:
    return str(event.payload.get("reason") or f"the webhook answered {event.payload.get('status_code')}")


def _origin(event: Event) -> UUID | None:
    """The event that a message was to tell of."""
    return next((UUID(each.id.rpartition(".")[2]) for each in event.related if each.role == "triggering-event"), None)


def _name(event: Event) -> str:
    return str(event.resource.name or "")


def _mark(failed: UUID) -> str:
    """The resource of the event that sends a lost message again."""
    return f"tierra.message.{failed}"
