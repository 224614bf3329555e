"""The automations: what the server says of runs that failed, wait or do not come. Pure.

Each is a trigger and a message; starting a dead run again is the watchdog's work. Runs are
matched by Tierra's tag and by the names of flow and deployment, never by an id, so that the
same automations fit every server.
"""

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from prefect.events import AutomationCore, EventTrigger
from prefect.events.actions import ActionTypes
from prefect.events.schemas.automations import Posture

from deployments.alert import Alert, Message
from deployments.plan import Deployment
from tasks.server.names import AGAIN, ATTENTION, POOL, PREFIX, TAG, WATCHED
from tierra.outcomes.scoring import INCOMPLETE
from tierra.spec import format_duration

# A worker that restarts, or a server that was down, is back by then.
WORKER_TIMEOUT = timedelta(minutes=2)
# `make up` starts a watchdog again at once. Without one, lines of the status page are told to nobody.
WATCHDOG_TIMEOUT = timedelta(hours=6)
ALERT_INTERVAL = timedelta(hours=1)
DAY = timedelta(days=1)
RUN_EVENTS = {"prefect.flow-run.*"}
TAGGED_RUNS = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
RUN, DEPLOYMENT = "prefect.resource.id", "related:deployment:prefect.resource.id"
# An incident: the same deployment fails for the same reason.
CAUSE = {DEPLOYMENT, "prefect.state-name", "prefect.state-message"}


def plan_automations(deployments: Iterable[Deployment], alert: Alert | None) -> list[AutomationCore]:
    """The automations that send messages, the same few for all deployments; none where no alert is configured."""
    if not (alert and any(True for _ in deployments)):
        return []
    return [_automation(name, why, trigger, [alert.send(message)]) for name, why, trigger, message in _alerts()]


def _alerts() -> list[tuple[str, str, EventTrigger, Message]]:
    """Name, description, trigger and message of each."""
    failed = {"prefect.state-type": "FAILED", "prefect.state-name": "!InvalidCall"}
    return [
        ("a run failed", "One message an hour for each deployment and cause.",
         _when_run(failed, for_each=CAUSE, within=ALERT_INTERVAL), Message.failed()),
        ("a night is incomplete", "One message a day for each deployment.",
         _when_run({"prefect.state-name": [*INCOMPLETE]}, for_each={DEPLOYMENT}, within=DAY), Message.failed()),
        ("a run waits for approval", "One message for each model that waits.",
         _when_run({"prefect.state-type": "PAUSED"}, for_each={RUN}, within=ALERT_INTERVAL),
         Message.approval_needed()),
        ("the status page has something red", "One message a day for each line that is red, paused or off.",
         _once_a_day(ATTENTION, {RUN, "tierra.cause"}), Message.of_event("needs attention")),
        ("no worker", f"When the pool has had no worker for {format_duration(WORKER_TIMEOUT)}.",
         _when_workers_are_gone(), Message.no_worker()),
        ("the watchdog is silent", f"When none has looked for {format_duration(WATCHDOG_TIMEOUT)}.",
         _when_nobody_watches(), Message.no_watchdog()),
        ("a message is sent again", "What could not be sent, every quarter of an hour for a day.",
         _once_a_day(AGAIN, {RUN}), Message.again()),
    ]  # fmt: skip


def _when_run(match: dict[str, Any], for_each: Collection[str], within: timedelta) -> EventTrigger:
    """Fires on an event of a tagged run, at most once in `within` for each."""
    return EventTrigger(
        expect=RUN_EVENTS, match=match, match_related=[TAGGED_RUNS], for_each=set(for_each),
        posture=Posture.Reactive, threshold=1, within=within,
    )  # fmt: skip


def _when_workers_are_gone() -> EventTrigger:
    """Fires when the pool lost its last worker and none came back."""
    pool = {"prefect.resource.id": "prefect.work-pool.*", "prefect.resource.name": POOL}
    return EventTrigger(
        after={"prefect.work-pool.not-ready"}, expect={"prefect.work-pool.ready"}, match=pool,
        for_each={RUN}, posture=Posture.Proactive, threshold=1, within=WORKER_TIMEOUT,
    )  # fmt: skip


def _when_nobody_watches() -> EventTrigger:
    """Fires when no watchdog has been heard of for a while, and again as long as there is none."""
    return EventTrigger(
        expect={WATCHED}, for_each=set(), posture=Posture.Proactive, threshold=1, within=WATCHDOG_TIMEOUT
    )


def _once_a_day(event: str, for_each: Collection[str]) -> EventTrigger:
    """Fires on an event that the watchdog emits with every status page, at most once a day for each."""
    return EventTrigger(expect={event}, for_each=set(for_each), posture=Posture.Reactive, threshold=1, within=DAY)


def _automation(name: str, why: str, trigger: EventTrigger, actions: list[ActionTypes]) -> AutomationCore:
    return AutomationCore(name=PREFIX + name, description=why, trigger=trigger, actions=actions)
