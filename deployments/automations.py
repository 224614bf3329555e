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
from tasks.server.names import POOL, TAG
from tierra.outcomes.scoring import INCOMPLETE
from tierra.spec import format_duration

PREFIX = "tierra: "
# A worker that restarts, or a server that was down, is back by then.
WORKER_TIMEOUT = timedelta(minutes=2)
ALERT_INTERVAL = timedelta(hours=1)
DAY = timedelta(days=1)
RUN_EVENTS = {"prefect.flow-run.*"}
TAGGED_RUNS = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
SCHEDULED_RUNS = {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.auto-scheduled"}
RUN, DEPLOYMENT = "prefect.resource.id", "related:deployment:prefect.resource.id"


def plan_automations(deployments: Iterable[Deployment], alert: Alert | None) -> list[AutomationCore]:
    """The automations that send messages; none where no alert is configured."""
    listed = list(deployments)
    if not (listed and alert):
        return []
    return [*_common_alerts(alert), *(each for deployment in listed for each in _deployment_alerts(deployment, alert))]


def _common_alerts(alert: Alert) -> list[AutomationCore]:
    """The messages that all deployments share."""
    failed = {"prefect.state-type": "FAILED", "prefect.state-name": "!InvalidCall"}
    alerts = [
        ("a run failed", "One message an hour for each deployment; none for an InvalidCall.",
         _when_run(failed, for_each={DEPLOYMENT}, within=ALERT_INTERVAL), Message.failed()),
        ("a night is incomplete", "One message a day for each deployment whose runs find something missing.",
         _when_run({"prefect.state-name": [*INCOMPLETE]}, for_each={DEPLOYMENT}, within=DAY), Message.failed()),
        ("no worker", f"Alerts when the pool {POOL} lost its last worker and none came within "
         f"{format_duration(WORKER_TIMEOUT)}.", _when_workers_are_gone(), Message.no_worker()),
        ("a run waits for approval", "Alerts when a model needs approval before it serves.",
         _when_run({"prefect.state-type": "PAUSED"}, for_each={RUN}, within=ALERT_INTERVAL),
         Message.approval_needed()),
        ("a deployment stands still", "Alerts once a day for each deployment that is paused or has a schedule off.",
         _when_paused(), Message.paused()),
    ]  # fmt: skip
    return [_automation(name, why, trigger, [alert.send(message)]) for name, why, trigger, message in alerts]


def _deployment_alerts(deployment: Deployment, alert: Alert) -> list[AutomationCore]:
    """The messages of one schedule: no run completed in time, or two runs in a row rejected their data."""
    longest = deployment.expected_within()
    if not longest:
        return []
    overdue = _automation(
        f"{deployment.name} is overdue",
        f"Alerts when no run completed for {format_duration(longest)}: the schedule's longest gap plus "
        f"{format_duration(deployment.late_after)}.",
        _when_none_completes(deployment, longest),
        [alert.send(Message.overdue(deployment, longest))],
    )
    if deployment.flow != "score":
        return [overdue]
    two_nights = (longest - deployment.late_after) * 1.5
    rejected = EventTrigger(
        expect={"prefect.flow-run.DataRejected"}, match_related=[*_related_to(deployment), SCHEDULED_RUNS],
        posture=Posture.Reactive, threshold=2, within=two_nights,
    )  # fmt: skip
    why = "Alerts when two scheduled runs in a row rejected their data."
    actions = [alert.send(Message.rejected(deployment))]
    return [overdue, _automation(f"{deployment.name} rejected twice", why, rejected, actions)]


def _related_to(deployment: Deployment) -> list[dict[str, str]]:
    return [
        {"prefect.resource.role": "flow", "prefect.resource.name": deployment.flow},
        {"prefect.resource.role": "deployment", "prefect.resource.name": deployment.project},
    ]


def _when_run(match: dict[str, Any], for_each: Collection[str], within: timedelta) -> EventTrigger:
    """Fires on an event of a tagged run, at most once in `within` for each."""
    return EventTrigger(
        expect=RUN_EVENTS, match=match, match_related=[TAGGED_RUNS], for_each=set(for_each),
        posture=Posture.Reactive, threshold=1, within=within,
    )  # fmt: skip


def _when_none_completes(deployment: Deployment, within: timedelta) -> EventTrigger:
    """Fires when no run of a deployment completes within a time."""
    return EventTrigger(
        expect=RUN_EVENTS, match={"prefect.state-type": "COMPLETED"}, match_related=_related_to(deployment),
        for_each=set(), posture=Posture.Proactive, threshold=1, within=within,
    )  # fmt: skip


def _when_workers_are_gone() -> EventTrigger:
    """Fires when the pool lost its last worker and none came back."""
    pool = {"prefect.resource.id": "prefect.work-pool.*", "prefect.resource.name": POOL}
    return EventTrigger(
        after={"prefect.work-pool.not-ready"}, expect={"prefect.work-pool.ready"}, match=pool,
        for_each={RUN}, posture=Posture.Proactive, threshold=1, within=WORKER_TIMEOUT,
    )  # fmt: skip


def _when_paused() -> EventTrigger:
    """Fires once a day for each paused deployment; the watchdog emits the event with every status page."""
    return EventTrigger(
        expect={"tierra.deployment.paused"}, for_each={RUN}, posture=Posture.Reactive, threshold=1, within=DAY
    )


def _automation(name: str, why: str, trigger: EventTrigger, actions: list[ActionTypes]) -> AutomationCore:
    return AutomationCore(name=PREFIX + name, description=why, trigger=trigger, actions=actions)
