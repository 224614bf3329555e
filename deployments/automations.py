"""The automations: what the server does when a run dies, fails or does not come. Pure.

Each is one function of what it watches and whom it tells. Runs are found by the
tag of ours and by the names of flow and deployment, never by an id, so that the
same automations fit every server. What must not be mended or told too early waits
for one event after another and counts none: a server whose database was locked
takes an event up again, and counts it twice.
"""

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from prefect.client.schemas.objects import StateType
from prefect.events import AutomationCore, EventTrigger
from prefect.events.actions import ActionTypes, ChangeFlowRunState
from prefect.events.schemas.automations import Posture

from deployments.alert import Alert, Page
from deployments.plan import POOL, TAG, Deployment
from tierra.spec import format_duration

PREFIX = "tierra: "
SILENT_BEATS = 3
TO_START = timedelta(minutes=5)
# Time for a worker to clear up: with --limit, Prefect 3.8.8 can die of a run that is handed back before.
BREATH = timedelta(seconds=15)
# A worker that is started anew, or a server that stood still, is back by then.
TO_RETURN = timedelta(minutes=2)
ONE_INCIDENT = timedelta(hours=1)
A_DAY = timedelta(days=1)
EVERY_RUN = {"prefect.flow-run.*"}
OURS = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
SCHEDULED = {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.auto-scheduled"}
RUN, RUN_COUNT, DEPLOYMENT = "prefect.resource.id", "prefect.run-count", "related:deployment:prefect.resource.id"
# The server counts how often a run started: it is started again twice. The patterns are the server's.
STARTED_TWICE_AT_MOST, NEVER_OR_MORE_OFTEN = ["1", "2"], ["0", "[3-9]", "[1-9]?*"]


def plan_automations(
    deployments: Iterable[Deployment], heartbeat_seconds: int, alert: Alert | None
) -> list[AutomationCore]:
    """What mends runs, and, where an alert is configured, what tells a person."""
    listed = list(deployments)
    mending = [find_the_dead(heartbeat_seconds), find_the_stuck(), start_again(), start_again_once(), give_up()]
    if not alert:
        return mending if listed else []
    each = [page for deployment in listed for page in _of_one(deployment, alert)]
    return [*mending, *_of_all(alert), *each] if listed else []


def find_the_dead(heartbeat_seconds: int) -> AutomationCore:
    """A run without a sign of life has crashed: its process was killed, or its machine is gone."""
    silence = timedelta(seconds=SILENT_BEATS * heartbeat_seconds)
    trigger = _absence({"prefect.flow-run.heartbeat"}, silence)
    message = f"No sign of life for {silence.total_seconds():.0f} s: its process or its machine is gone"
    why = f"A run without a sign of life for {silence.total_seconds():.0f} s becomes Crashed."
    return _automation("a silent run has crashed", why, trigger, [_to(StateType.CRASHED, "Crashed", message)])


def find_the_stuck() -> AutomationCore:
    """A run that a worker took and never started has crashed: its worker died in between."""
    trigger = _absence({"prefect.flow-run.Pending"}, TO_START)
    message = f"A worker took it {TO_START.total_seconds() / 60:.0f} minutes ago and never started it"
    why = f"A run that a worker took becomes NeverStarted after {format_duration(TO_START)} without a start."
    actions = [_to(StateType.CRASHED, "NeverStarted", message)]
    return _automation("a run that never starts has crashed", why, trigger, actions)


def start_again() -> AutomationCore:
    """A crashed run is started again, twice at most, unless something else happens to it within a breath."""
    trigger = _absence({"prefect.flow-run.Crashed"}, BREATH, {RUN_COUNT: STARTED_TWICE_AT_MOST})
    why = f"A crashed run is started again after {BREATH.total_seconds():.0f} s, twice at most."
    return _automation("a crashed run starts again", why, trigger, [_again("started again after a crash")])


def start_again_once() -> AutomationCore:
    """A run that was never started is handed out once more a day."""
    trigger = _presence({"prefect.state-name": "NeverStarted"}, for_each={RUN}, within=A_DAY)
    why = "A run that was never started is handed out again, once a day."
    return _automation("a run that never started starts again", why, trigger, [_again("handed out again")])


def give_up() -> AutomationCore:
    """A run that crashes again without having started in between must not loop: its code may not even import."""
    trigger = _after_another_start("prefect.flow-run.Crashed", {RUN, RUN_COUNT}, {RUN_COUNT: STARTED_TWICE_AT_MOST})
    message = "Crashed again before it could start: its code does not import, or its process cannot be made"
    why = "A run that crashes again before it could start becomes GivenUp."
    actions = [_to(StateType.FAILED, "GivenUp", message)]
    return _automation("a run that cannot start again is given up", why, trigger, actions)


def _of_all(alert: Alert) -> list[AutomationCore]:
    failed = {"prefect.state-type": "FAILED", "prefect.state-name": "!InvalidCall"}
    dead = {"prefect.state-name": "Crashed", RUN_COUNT: NEVER_OR_MORE_OFTEN}
    pages = [
        ("a run failed", "One message an hour for each deployment; none for an InvalidCall.",
         _presence(failed, for_each={DEPLOYMENT}, within=ONE_INCIDENT), Page.failed()),
        ("a crashed run is given up", "Tells of a run that crashed at each of its three starts.",
         _presence(dead, for_each={RUN}, within=ONE_INCIDENT), Page.crashed()),
        ("a run cannot start", "Tells of a run that was handed out again and never started.",
         _after_another_start("prefect.flow-run.NeverStarted", {RUN}), Page.crashed()),
        ("no worker",
         f"Tells when the pool {POOL} lost its last worker and none came within {format_duration(TO_RETURN)}.",
         _no_worker(), Page.no_worker()),
        ("a run waits for approval", "Tells that a person is asked whether a model shall serve.",
         _presence({"prefect.state-type": "PAUSED"}, for_each={RUN}, within=ONE_INCIDENT), Page.waiting()),
        ("a deployment stands still", "Tells of each that is paused or has a schedule off, once a day.",
         _stands_still(), Page.paused()),
    ]  # fmt: skip
    return [_automation(name, why, trigger, [alert.tell(page)]) for name, why, trigger, page in pages]


def _of_one(deployment: Deployment, alert: Alert) -> list[AutomationCore]:
    """What a schedule promises: a completed run in time, and not two rejections in a row."""
    longest = deployment.expected_within()
    if not longest:
        return []
    late = _automation(
        f"{deployment.name} is overdue",
        f"Tells when no run completed for {format_duration(longest)}, its longest gap and"
        f" {format_duration(deployment.late_after)}.",
        _absence(set(), longest, {"prefect.state-type": "COMPLETED"}, deployment),
        [alert.tell(Page.overdue(deployment, longest))],
    )
    if deployment.flow != "score":
        return [late]
    two_nights = (longest - deployment.late_after) * 1.5
    rejected = EventTrigger(
        expect={"prefect.flow-run.DataRejected"}, match_related=[*_of(deployment), SCHEDULED],
        posture=Posture.Reactive, threshold=2, within=two_nights,
    )  # fmt: skip
    why = "Tells when the data broke its contract in two scheduled runs in a row."
    told = [alert.tell(Page.rejected(deployment))]
    return [late, _automation(f"{deployment.name} rejected twice", why, rejected, told)]


def _of(deployment: Deployment) -> list[dict[str, str]]:
    return [
        {"prefect.resource.role": "flow", "prefect.resource.name": deployment.flow},
        {"prefect.resource.role": "deployment", "prefect.resource.name": deployment.project},
    ]


def _presence(match: dict[str, Any], for_each: Collection[str], within: timedelta) -> EventTrigger:
    """Something happened to a run of ours; it fires once in `within` for each."""
    return EventTrigger(
        expect=EVERY_RUN, match=match, match_related=[OURS], for_each=set(for_each),
        posture=Posture.Reactive, threshold=1, within=within,
    )  # fmt: skip


def _after_another_start(event: str, for_each: Collection[str], match: dict[str, Any] | None = None) -> EventTrigger:
    """Something happened to a run of ours that had been handed out again."""
    return EventTrigger(
        after={"prefect.flow-run.AwaitingRetry"}, expect={event}, match=match or {}, match_related=[OURS],
        for_each=set(for_each), posture=Posture.Reactive, threshold=1, within=A_DAY,
    )  # fmt: skip


def _absence(
    after: set[str], within: timedelta, match: dict[str, Any] | None = None, deployment: Deployment | None = None
) -> EventTrigger:
    """Nothing more was heard of a run of ours, or of a deployment."""
    return EventTrigger(
        after=after, expect=EVERY_RUN, match=match or {}, match_related=_of(deployment) if deployment else [OURS],
        for_each=set() if deployment else {RUN}, posture=Posture.Proactive, threshold=1, within=within,
    )  # fmt: skip


def _no_worker() -> EventTrigger:
    """The pool lost its last worker, and none came back."""
    pool = {"prefect.resource.id": "prefect.work-pool.*", "prefect.resource.name": POOL}
    return EventTrigger(
        after={"prefect.work-pool.not-ready"}, expect={"prefect.work-pool.ready"}, match=pool,
        for_each={RUN}, posture=Posture.Proactive, threshold=1, within=TO_RETURN,
    )  # fmt: skip


def _stands_still() -> EventTrigger:
    """The status flow says it of each paused deployment whenever it looks; once a day is heard."""
    return EventTrigger(
        expect={"tierra.deployment.paused"}, for_each={RUN}, posture=Posture.Reactive, threshold=1, within=A_DAY
    )


def _to(state: StateType, name: str, message: str) -> ActionTypes:
    return ChangeFlowRunState(state=state, name=name, message=message)


def _again(why: str) -> ActionTypes:
    return _to(StateType.SCHEDULED, "AwaitingRetry", why)


def _automation(name: str, why: str, trigger: EventTrigger, actions: list[ActionTypes]) -> AutomationCore:
    return AutomationCore(name=PREFIX + name, description=why, trigger=trigger, actions=actions)
