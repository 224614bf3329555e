"""The automations: what the server does when a run crashes, fails or does not start. Pure.

Each automation is one function: a trigger and its actions. Runs are matched by
Tierra's tag and by the names of flow and deployment, never by an id, so that the
same automations fit every server. Where firing twice would do harm, a trigger waits
for one event after another instead of counting events: a server whose database was
locked processes an event again, and would count it twice.
"""

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from prefect.client.schemas.objects import StateType
from prefect.events import AutomationCore, EventTrigger
from prefect.events.actions import ActionTypes, ChangeFlowRunState
from prefect.events.schemas.automations import Posture

from deployments.alert import Alert, Message
from deployments.plan import Deployment
from tasks.server.names import POOL, TAG
from tierra.spec import format_duration

PREFIX = "tierra: "
MISSED_HEARTBEATS = 3
START_TIMEOUT = timedelta(minutes=5)
# Time for a worker to clean up: with --limit, Prefect 3.8.8 can die of a run that is rescheduled sooner.
RESTART_DELAY = timedelta(seconds=15)
# A worker that restarts, or a server that was down, is back by then.
WORKER_TIMEOUT = timedelta(minutes=2)
ALERT_INTERVAL = timedelta(hours=1)
DAY = timedelta(days=1)
RUN_EVENTS = {"prefect.flow-run.*"}
TAGGED_RUNS = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
SCHEDULED_RUNS = {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.auto-scheduled"}
RUN, RUN_COUNT, DEPLOYMENT = "prefect.resource.id", "prefect.run-count", "related:deployment:prefect.resource.id"
# Run counts as the server's patterns: a run that started once or twice is restarted, one that started more is not.
RESTARTABLE, NOT_RESTARTABLE = ["1", "2"], ["0", "[3-9]", "[1-9]?*"]


def plan_automations(
    deployments: Iterable[Deployment], heartbeat_seconds: int, alert: Alert | None
) -> list[AutomationCore]:
    """The automations that recover runs and, where an alert is configured, those that send messages."""
    listed = list(deployments)
    recovery = [
        crash_silent_runs(heartbeat_seconds),
        crash_unstarted_runs(),
        restart_crashed_runs(),
        restart_unstarted_runs(),
        fail_looping_runs(),
    ]
    if not alert:
        return recovery if listed else []
    alerts = [each for deployment in listed for each in _deployment_alerts(deployment, alert)]
    return [*recovery, *_common_alerts(alert), *alerts] if listed else []


def crash_silent_runs(heartbeat_seconds: int) -> AutomationCore:
    """Mark a run as crashed when its heartbeats stop: its process was killed, or its machine is gone."""
    silence = timedelta(seconds=MISSED_HEARTBEATS * heartbeat_seconds)
    trigger = _when_nothing_follows({"prefect.flow-run.heartbeat"}, silence)
    message = f"No sign of life for {silence.total_seconds():.0f} s: its process or its machine is gone"
    why = f"A run without a sign of life for {silence.total_seconds():.0f} s becomes Crashed."
    return _automation("a silent run has crashed", why, trigger, [_set_state(StateType.CRASHED, "Crashed", message)])


def crash_unstarted_runs() -> AutomationCore:
    """Mark a run as crashed when a worker took it and never started it: the worker died in between."""
    trigger = _when_nothing_follows({"prefect.flow-run.Pending"}, START_TIMEOUT)
    message = f"A worker took it {START_TIMEOUT.total_seconds() / 60:.0f} minutes ago and never started it"
    why = f"A run that a worker took becomes NeverStarted after {format_duration(START_TIMEOUT)} without a start."
    actions = [_set_state(StateType.CRASHED, "NeverStarted", message)]
    return _automation("a run that never starts has crashed", why, trigger, actions)


def restart_crashed_runs() -> AutomationCore:
    """Restart a crashed run, twice at most, unless something else happens to it within the restart delay."""
    trigger = _when_nothing_follows({"prefect.flow-run.Crashed"}, RESTART_DELAY, {RUN_COUNT: RESTARTABLE})
    why = f"A crashed run is started again after {RESTART_DELAY.total_seconds():.0f} s, twice at most."
    return _automation("a crashed run starts again", why, trigger, [_reschedule("started again after a crash")])


def restart_unstarted_runs() -> AutomationCore:
    """Schedule a run that never started once more, at most once a day."""
    trigger = _when_run({"prefect.state-name": "NeverStarted"}, for_each={RUN}, within=DAY)
    why = "A run that was never started is scheduled again, once a day."
    return _automation("a run that never started starts again", why, trigger, [_reschedule("scheduled again")])


def fail_looping_runs() -> AutomationCore:
    """Fail a run that crashes again before it could start, so that it does not loop: its code may not even import."""
    trigger = _after_restart("prefect.flow-run.Crashed", {RUN, RUN_COUNT}, {RUN_COUNT: RESTARTABLE})
    message = "Crashed again before it could start: its code does not import, or its process cannot be made"
    why = "A run that crashes again before it could start becomes GivenUp."
    actions = [_set_state(StateType.FAILED, "GivenUp", message)]
    return _automation("a run that cannot start again is given up", why, trigger, actions)


def _common_alerts(alert: Alert) -> list[AutomationCore]:
    """The messages that all deployments share."""
    failed = {"prefect.state-type": "FAILED", "prefect.state-name": "!InvalidCall"}
    dead = {"prefect.state-name": "Crashed", RUN_COUNT: NOT_RESTARTABLE}
    alerts = [
        ("a run failed", "One message an hour for each deployment; none for an InvalidCall.",
         _when_run(failed, for_each={DEPLOYMENT}, within=ALERT_INTERVAL), Message.failed()),
        ("a crashed run is given up", "Alerts when a run crashed at each of its three starts.",
         _when_run(dead, for_each={RUN}, within=ALERT_INTERVAL), Message.crashed()),
        ("a run cannot start", "Alerts when a run was scheduled again and never started.",
         _after_restart("prefect.flow-run.NeverStarted", {RUN}), Message.crashed()),
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
        _when_nothing_follows(set(), longest, {"prefect.state-type": "COMPLETED"}, deployment),
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


def _after_restart(event: str, for_each: Collection[str], match: dict[str, Any] | None = None) -> EventTrigger:
    """Fires on an event of a tagged run that was rescheduled before."""
    return EventTrigger(
        after={"prefect.flow-run.AwaitingRetry"}, expect={event}, match=match or {}, match_related=[TAGGED_RUNS],
        for_each=set(for_each), posture=Posture.Reactive, threshold=1, within=DAY,
    )  # fmt: skip


def _when_nothing_follows(
    after: set[str], within: timedelta, match: dict[str, Any] | None = None, deployment: Deployment | None = None
) -> EventTrigger:
    """Fires when no event of a tagged run, or of a deployment, follows within a time."""
    return EventTrigger(
        after=after, expect=RUN_EVENTS, match=match or {},
        match_related=_related_to(deployment) if deployment else [TAGGED_RUNS],
        for_each=set() if deployment else {RUN}, posture=Posture.Proactive, threshold=1, within=within,
    )  # fmt: skip


def _when_workers_are_gone() -> EventTrigger:
    """Fires when the pool lost its last worker and none came back."""
    pool = {"prefect.resource.id": "prefect.work-pool.*", "prefect.resource.name": POOL}
    return EventTrigger(
        after={"prefect.work-pool.not-ready"}, expect={"prefect.work-pool.ready"}, match=pool,
        for_each={RUN}, posture=Posture.Proactive, threshold=1, within=WORKER_TIMEOUT,
    )  # fmt: skip


def _when_paused() -> EventTrigger:
    """Fires once a day for each paused deployment; the status flow emits the event at every run."""
    return EventTrigger(
        expect={"tierra.deployment.paused"}, for_each={RUN}, posture=Posture.Reactive, threshold=1, within=DAY
    )


def _set_state(state: StateType, name: str, message: str) -> ActionTypes:
    return ChangeFlowRunState(state=state, name=name, message=message)


def _reschedule(why: str) -> ActionTypes:
    return _set_state(StateType.SCHEDULED, "AwaitingRetry", why)


def _automation(name: str, why: str, trigger: EventTrigger, actions: list[ActionTypes]) -> AutomationCore:
    return AutomationCore(name=PREFIX + name, description=why, trigger=trigger, actions=actions)
