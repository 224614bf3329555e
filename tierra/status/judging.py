"""The only place that decides green, amber or red: facts in, a level and its reasons out.

Red needs a person now: what should have happened did not. Amber can wait for the
morning. A schedule is met while the last success is no older than the longest gap
between two of its runs; up to `late_after` more is amber, beyond that it is red.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from tierra.data.completeness import describe
from tierra.status.facts import FlowFacts, Judgement
from tierra.status.seen import INCOMPLETE, OFF, ORDER, PAUSED, Check, Level, PoolSeen, RunSeen, ServerSeen, Unsent
from tierra.status.words import ago, ahead, first_line, length

# A run that has not started this long after its time needs a person.
LATE_LIMIT = timedelta(hours=1)
# Runs queue and workers poll: what was due some minutes ago is not late yet.
GRACE_PERIOD = timedelta(minutes=5)
# A watchdog looks every few seconds, and leaves a trace every minute.
WATCH_LIMIT = timedelta(minutes=5)
# A run is slow when it takes this multiple of p95, and at least this long.
SLOW_FACTOR, SLOW_MINIMUM = 3, timedelta(minutes=30)

RuleResult = tuple[Level, str] | None


def worst(levels: Iterable[Level]) -> Level:
    """The worst of several levels; green when there are none."""
    return min(levels, key=lambda level: ORDER[level], default="green")


def judge(facts: FlowFacts, now: datetime) -> Judgement:
    """The level of one flow of one project, with every reason."""
    found = [each for rule in RULES if (each := rule(facts, now))] + _missing_at_source(facts, now)
    if not found:
        return Judgement(level="green", reasons=(_ok_reason(facts, now),))
    found.sort(key=lambda each: ORDER[each[0]])
    return Judgement(level=found[0][0], reasons=tuple(reason for _, reason in found))


def _ok_reason(facts: FlowFacts, now: datetime) -> str:
    last = f"{facts.last_outcome} {ago(facts.last_ended, now)}" if facts.last_ended else "has not run yet"
    return f"{last}, next {ahead(facts.next_run, now)}" if facts.next_run else last


def _failed(facts: FlowFacts, now: datetime) -> RuleResult:
    # What a stalled source lacks is said with all that is missing.
    if facts.last_mood != "bad" or (facts.last_outcome == "SourceStalled" and facts.missing):
        return None
    error = f": {facts.error}" if facts.error else ""
    return ("amber" if facts.last_outcome == "Cancelled" else "red"), (
        f"{facts.last_outcome} {ago(facts.last_ended, now)}{error}"
    )


def _overdue(facts: FlowFacts, now: datetime) -> RuleResult:
    since = facts.last_success or facts.since
    if facts.gap_seconds is None or since is None:
        return None
    gap, age = timedelta(seconds=facts.gap_seconds), now - since
    late_after = timedelta(seconds=facts.late_after_seconds)
    if age <= gap or (facts.running_since and age <= gap + late_after):
        return None
    last = "last success" if facts.last_success else "no success since it was deployed"
    return ("red" if age > gap + late_after else "amber"), (
        f"overdue: {last} {ago(since, now)}, its schedule allows {length(facts.gap_seconds)}"
    )


def _late(facts: FlowFacts, now: datetime) -> RuleResult:
    if not facts.late or facts.late_since is None:
        return None
    runs = "1 run is" if facts.late == 1 else f"{facts.late} runs are"
    return ("red" if now - facts.late_since > LATE_LIMIT else "amber"), (
        f"{runs} late, the first was due {ago(facts.late_since, now)}"
    )


def _crashed(facts: FlowFacts, now: datetime) -> RuleResult:
    before = facts.crashed_24h - (facts.last_outcome == "Crashed")
    if before < 1:
        return None
    return "amber", f"{'1 run' if before == 1 else f'{before} runs'} crashed in the last 24 h"


def _slow(facts: FlowFacts, now: datetime) -> RuleResult:
    if not facts.running_since or facts.waiting_since:
        return None
    usual = timedelta(seconds=SLOW_FACTOR * (facts.p95_seconds or 0))
    if now - facts.running_since <= max(usual, SLOW_MINIMUM if facts.p95_seconds else LATE_LIMIT):
        return None
    return "amber", f"has been running for {length((now - facts.running_since).total_seconds())}"


def _off(facts: FlowFacts, now: datetime) -> RuleResult:
    if facts.paused:
        return "amber", f"{PAUSED}: it does not run on schedule"
    if facts.switched_off:
        return "amber", f"{OFF}: {', '.join(facts.switched_off)}"
    return None


def _missing(facts: FlowFacts, now: datetime) -> RuleResult:
    if facts.deployed is False and facts.schedule:
        return "amber", "is not deployed, so its schedule does not run: run tierra deploy"
    return None


def _waiting(facts: FlowFacts, now: datetime) -> RuleResult:
    if facts.waiting_since:
        return "amber", f"waiting for an answer, paused {ago(facts.waiting_since, now)}"
    return None


def _missing_at_source(facts: FlowFacts, now: datetime) -> list[tuple[Level, str]]:
    """A reason for each kind of what is missing, and since when."""
    kinds, lines = facts.missing_since.items(), describe(facts.project, facts.missing)
    return [
        ("red" if kind == "stalled" else "amber", f"{INCOMPLETE}: {line} (first seen {ago(since, now)})")
        for (kind, since), line in zip(kinds, lines, strict=True)
    ]


def _aged(facts: FlowFacts, now: datetime) -> RuleResult:
    """A source whose newest day is too old, though no run has looked since; what the last one found is said anyway."""
    age, limit = facts.newest_age_seconds, facts.fresh_within_seconds
    if age is None or limit is None or age <= limit or any(each.kind == "stalled" for each in facts.missing):
        return None
    return "red", (
        f"the newest rows are of {facts.newest or facts.partition}, which ended {length(age)} ago; "
        f"`fresh_within` allows {length(limit)}"
    )


def _unwritten(facts: FlowFacts, now: datetime) -> RuleResult:
    if not facts.receipt_lost:
        return None
    return "amber", f"{facts.last_outcome} {ago(facts.last_ended, now)} left no receipt: {facts.receipt_lost}"


def _no_champion(facts: FlowFacts, now: datetime) -> RuleResult:
    if facts.flow == "score" and facts.champion == "" and facts.schedule and facts.last_outcome != "NoChampion":
        return "amber", "no model has been registered yet: train first"
    return None


RULES: tuple[Callable[[FlowFacts, datetime], RuleResult], ...] = (
    _failed,
    _aged,
    _overdue,
    _late,
    _off,
    _missing,
    _waiting,
    _slow,
    _crashed,
    _unwritten,
    _no_champion,
)


def judge_server(server: ServerSeen, has_schedules: bool) -> Check:
    """Whether the server answers. Where there never was one, it is missed by schedules alone."""
    if server.fault and not server.expected:
        why = "so no schedule runs" if has_schedules else "and nothing is scheduled"
        return Check(name="server", level="amber" if has_schedules else "green", what=f"none, {why}: {server.fault}")
    if server.fault:
        return Check(name="server", level="red", what=server.fault)
    return Check(name="server", level="green", what=f"Prefect {server.version} answers at {server.url}")


def judge_pool(pool: PoolSeen | None, name: str, now: datetime) -> Check:
    """Whether a worker is online to run what is scheduled."""
    if pool is None:
        return Check(name="worker", level="red", what=f"there is no work pool {name}: run tierra deploy")
    if pool.paused:
        return Check(name="worker", level="red", what=f"WORK POOL {name} IS PAUSED: no run starts until it is resumed")
    online = [worker for worker in pool.workers if worker.online]
    heard = max((worker.heartbeat for worker in pool.workers if worker.heartbeat), default=None)
    last = f", last heartbeat {ago(heard, now)}" if heard else ""
    if not online:
        return Check(name="worker", level="red", what=f"no worker is online in pool {name}{last}")
    count = "1 worker" if len(online) == 1 else f"{len(online)} workers"
    return Check(name="worker", level="green", what=f"{count} online in pool {name}{last}")


def judge_watchdog(watched: datetime | None, now: datetime) -> Check:
    """Whether a watchdog starts runs again that died."""
    if watched and now - watched <= WATCH_LIMIT:
        return Check(name="watchdog", level="green", what=f"looked at the runs {ago(watched, now)}")
    last = f"none has looked since {ago(watched, now)}" if watched else "none has ever looked"
    what = f"{last}, so a run that dies is not started again: python -m deployments.watchdog"
    return Check(name="watchdog", level="amber", what=what)


def judge_delivery(unsent: Sequence[Unsent], now: datetime) -> Check:
    """Whether messages arrive."""
    if not unsent:
        return Check(name="alerts", level="green", what="no message is waiting to be sent")
    last = max(unsent, key=lambda each: each.moment)
    count = "1 message" if len(unsent) == 1 else f"{len(unsent)} messages"
    what = f"{count} could not be sent, last tried {ago(last.moment, now)}: {last.why}; sent again for a day"
    return Check(name="alerts", level="red", what=what)


def judge_retention(ended: Sequence[RunSeen], now: datetime) -> Check:
    """Whether the last collection of what nothing needs any more did its work."""
    runs = [(run.ended, run) for run in ended if run.flow == "gc" and run.ended]
    if not runs:
        return Check(name="retention", level="green", what="nothing was collected by the server yet")
    moment, last = max(runs, key=lambda each: each[0])
    if last.kind == "completed":
        return Check(name="retention", level="green", what=f"collected {ago(moment, now)}")
    return Check(name="retention", level="amber", what=f"{last.state} {ago(moment, now)}: {first_line(last.message)}")


def judge_disk(free: int, where: str) -> Check:
    """Whether there is disk space for the next runs."""
    level: Level = "red" if free < 200e6 else "amber" if free < 2e9 else "green"
    return Check(name="disk", level=level, what=f"{free / 1e9:,.1f} GB free in {where}")
