"""The only place that decides what is done about a run: what was seen in, an action or nothing out. Pure.

A living run is never touched, so a run counts as dead only when its process is gone from the machine of its worker, or
when nothing was heard of it for three heartbeats while somebody listened. A run is started again twice at most.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from deployments.watchdog.runs import Run, Signs
from tierra.spec import format_duration

MAX_RESTARTS: Final = 2
# A worker cleans up after a run first: with --limit, one of Prefect 3.8.8 can die of a run that comes back sooner.
RESTART_DELAY: Final = timedelta(seconds=15)
# A crash that is older is history: the schedule has brought other runs since.
RESTART_WINDOW: Final = timedelta(days=1)
# From being handed out to having a process: what a loaded machine may take, and what may pass where we cannot look.
START_HERE, START_ELSEWHERE = timedelta(minutes=1), timedelta(minutes=5)
# Between the process that sets a state and what we see of it.
SETTLING_TIME: Final = timedelta(seconds=5)
# What Prefect sets for a run by hand, which has no deployment to set it.
HEARTBEAT_BY_HAND: Final = timedelta(seconds=180)
MISSED_HEARTBEATS: Final = 3
HAS_PROCESS, HOLDS_SLOT = ("RUNNING", "PAUSED", "CANCELLING"), ("PENDING", "RUNNING", "CANCELLING")
AWAITING_SLOT: Final = "AwaitingConcurrencySlot"


@dataclass(frozen=True)
class SetState:
    """Put a run in a state, if it is still in the state it was seen in."""

    run: Run
    kind: str
    name: str
    message: str

    @property
    def key(self) -> str:
        """The same as long as the same is to be done, so that it can be seen twice before it is done."""
        return f"{self.run.state_id}:{self.name}"


@dataclass(frozen=True)
class FreeSlots:
    """Free the concurrency slots of a deployment that no run holds."""

    deployment: str

    @property
    def key(self) -> str:
        """The same as long as the same is to be done."""
        return f"{self.deployment}:slots"


Action = SetState | FreeSlots


def judge(runs: Iterable[Run], signs: Signs, now: datetime) -> list[Action]:
    """What is to be done about the runs that died or are stuck; nothing about those that live."""
    listed = list(runs)
    found = [action for run in listed if (action := _judge_run(run, signs, now))]
    return [*found, *_stuck_slots(listed)]


def needs_history(run: Run, now: datetime) -> bool:
    """Whether the number of its restarts decides what is done about it."""
    return run.deployment is not None and (run.kind == "CRASHED" or _is_slow_to_start(run, START_HERE, now))


def _judge_run(run: Run, signs: Signs, now: datetime) -> SetState | None:
    if run.kind == "CRASHED":
        return _restart_crashed(run, now)
    if run.kind == "PENDING":
        return _restart_unstarted(run, signs, now)
    if run.kind in HAS_PROCESS and not run.suspended and (reason := _why_dead(run, signs, now)):
        if run.kind == "CANCELLING":
            return SetState(run, "CANCELLED", "Cancelled", f"Cancelled. {reason}")
        return SetState(run, "CRASHED", "Crashed", reason)
    return None


def _restart_crashed(run: Run, now: datetime) -> SetState | None:
    if run.deployment is None or not RESTART_DELAY <= now - run.since <= RESTART_WINDOW:
        return None
    return _restart(run, "Started again after a crash", f"Crashed at each of {MAX_RESTARTS + 1} starts: {run.message}")


def _restart_unstarted(run: Run, signs: Signs, now: datetime) -> SetState | None:
    limit = START_HERE if run.worker == signs.host else START_ELSEWHERE
    if _lives_here(run, signs) or not _is_slow_to_start(run, limit, now):
        return None
    reason = f"Handed out {format_duration(limit)} ago and never started"
    if run.deployment is None:
        return SetState(run, "CRASHED", "Crashed", reason)
    given_up = f"Handed out {MAX_RESTARTS + 1} times and never started: see the log of the worker"
    return _restart(run, f"{reason}: scheduled again", given_up)


def _restart(run: Run, message: str, given_up: str) -> SetState:
    if run.restarts >= MAX_RESTARTS:
        return SetState(run, "FAILED", "GivenUp", given_up)
    return SetState(run, "SCHEDULED", "AwaitingRetry", message)


def _is_slow_to_start(run: Run, limit: timedelta, now: datetime) -> bool:
    return run.kind == "PENDING" and now - run.since >= limit


def _why_dead(run: Run, signs: Signs, now: datetime) -> str:
    """Why a run is dead, in one line; empty while it may be alive."""
    if _lives_here(run, signs):
        return ""
    if run.worker == signs.host and run.pid and now - run.since >= SETTLING_TIME:
        return f"Its process {run.pid} on {signs.host} is gone"
    heard = max(run.since, signs.listening_since, signs.heartbeats.get(run.id, run.since))
    silence = signs.silence if run.deployment else max(signs.silence, MISSED_HEARTBEATS * HEARTBEAT_BY_HAND)
    if now - heard < silence:
        return ""
    return f"No sign of life for {silence.total_seconds():.0f} s: its process or its machine is gone"


def _lives_here(run: Run, signs: Signs) -> bool:
    return run.id in signs.processes or (run.worker == signs.host and run.pid in signs.pids)


def _stuck_slots(runs: list[Run]) -> Iterator[FreeSlots]:
    """Deployments whose runs wait for a concurrency slot that none of their runs holds."""
    waiting = {run.deployment for run in runs if run.state == AWAITING_SLOT}
    for deployment in sorted(each for each in waiting if each):
        if not any(run.kind in HOLDS_SLOT and run.deployment == deployment for run in runs):
            yield FreeSlots(deployment)
