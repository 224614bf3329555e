"""Composes the status: gathers the facts of each flow, judges them, and sorts them."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tierra.status.facts import Alarm, FlowFacts, FlowStatus, Status
from tierra.status.judging import (
    judge,
    judge_delivery,
    judge_pool,
    judge_retention,
    judge_server,
    judge_watchdog,
    worst,
)
from tierra.status.owned import FLOWS, SHOWN_WHEN_FAILED
from tierra.status.runs import DAY, run_ends, run_facts
from tierra.status.seen import ORDER, Check, DeploymentSeen, ProjectSeen, RunSeen, ServerSeen, StoresSeen

WAITING = ("paused", "suspended")


def compose(stores: StoresSeen, server: ServerSeen, pool: str, now: datetime, single_project: bool = False) -> Status:
    """The status of every flow. With `single_project`, the stores hold only the project that was named."""
    flows = [_judged(_facts(each, flow, server, now), now) for each in stores.projects for flow in FLOWS]
    flows += [_judged(each, now) for each in _failed_today(stores, server, now)]
    flows.sort(key=lambda each: (ORDER[each.level], each.project, each.flow))
    alarms = sorted(_alarms(stores, server, single_project), key=lambda alarm: ORDER[alarm.level])
    health = _health(stores, server, pool, now)
    return Status(
        moment=now,
        level=worst([*(c.level for c in health), *(a.level for a in alarms), *(f.level for f in flows)]),
        health=health,
        alarms=tuple(alarms),
        flows=tuple(flows),
    )


def _judged(facts: FlowFacts, now: datetime) -> FlowStatus:
    judgement = judge(facts, now)
    return FlowStatus(**facts.model_dump(), level=judgement.level, reasons=judgement.reasons)


def _failed_today(stores: StoresSeen, server: ServerSeen, now: datetime) -> Iterator[FlowFacts]:
    """The other flows whose last run failed within the day: what they should have changed is as it was."""
    for seen in stores.projects:
        for flow in SHOWN_WHEN_FAILED:
            facts = _facts(seen, flow, server, now)
            if facts.last_mood == "bad" and facts.last_ended and now - facts.last_ended < DAY:
                yield facts


def _health(stores: StoresSeen, server: ServerSeen, pool: str, now: datetime) -> tuple[Check, ...]:
    answers = judge_server(server, any(each.schedules.get(flow) for each in stores.projects for flow in FLOWS))
    if server.fault:
        return (answers, *stores.checks)
    return (answers, judge_pool(server.pool, pool, now), judge_watchdog(server.watched, now),
            judge_delivery(server.unsent, now), judge_retention(server.ended, now), *stores.checks)  # fmt: skip


def _facts(seen: ProjectSeen, flow: str, server: ServerSeen, now: datetime) -> FlowFacts:
    def of_flow(runs: tuple[RunSeen, ...]) -> list[RunSeen]:
        return [run for run in runs if (run.flow, run.project) == (flow, seen.project)]

    ends = run_ends([run for run in seen.runs if run.flow == flow], of_flow(server.ended), server.ui)
    deployed = next((each for each in server.deployed if (each.flow, each.project) == (flow, seen.project)), None)
    known = run_facts(ends, now)
    return FlowFacts(
        project=seen.project,
        flow=flow,
        deployed=None if server.fault else deployed is not None,
        **_schedule(seen, flow, deployed),
        **known,
        **_under_way(of_flow(server.active), of_flow(server.late)),
        **_serving(seen, flow),
        **(_scored(seen, str(known.get("newest", ""))) if flow == "score" else {}),
    )


def _schedule(seen: ProjectSeen, flow: str, deployed: DeploymentSeen | None) -> dict[str, Any]:
    """The server's schedules, including those switched off, whose runs are missed all the same; else the file's."""
    schedules = deployed.schedules if deployed else seen.schedules.get(flow, ())
    gaps = [each.gap_seconds for each in schedules if each.gap_seconds is not None]
    facts = {
        "schedule": tuple(each.text for each in schedules),
        "gap_seconds": min(gaps, default=None),
        "late_after_seconds": seen.late_after_seconds,
    }
    if deployed is None:
        return facts
    return facts | {
        "paused": deployed.paused,
        "switched_off": deployed.switched_off,
        "since": deployed.created,
        "next_run": deployed.next_run,
    }


def _under_way(active: list[RunSeen], late: list[RunSeen]) -> dict[str, Any]:
    waiting = [run.started for run in active if run.kind in WAITING and run.started]
    return {
        "running_since": min((run.started for run in active if run.started), default=None),
        "waiting_since": min(waiting, default=None),
        "late": len(late),
        "late_since": min((run.expected for run in late if run.expected), default=None),
    }


def _serving(seen: ProjectSeen, flow: str) -> dict[str, Any]:
    champion = seen.champion
    facts: dict[str, Any] = {}
    if champion or seen.known:
        facts["champion"] = champion.version if champion else ""
    return facts | ({"champion_since": champion.since} if champion else {})


def _scored(seen: ProjectSeen, newest: str) -> dict[str, Any]:
    """The newest publication, the partitions, and how old the newest rows are: at the source, else published."""
    last = seen.publication
    facts: dict[str, Any] = {"partitions": seen.partitions, "fresh_within_seconds": seen.fresh_within_seconds}
    facts |= {"partition": last.partition, "rows": last.rows, "quarantined": last.quarantined} if last else {}
    return facts | {"newest_age_seconds": age_of(seen, newest or (last.partition if last else ""))}


def age_of(seen: ProjectSeen, newest: str) -> float | None:
    """How long ago a day ended, in the project's time zone; None for what is no day."""
    try:
        day = date.fromisoformat(newest)
        ended = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(seen.timezone))
        return (seen.clock - ended).total_seconds() if seen.clock else None
    except (ValueError, OverflowError):
        return None


def _alarms(stores: StoresSeen, server: ServerSeen, single_project: bool) -> Iterator[Alarm]:
    known = {each.project for each in stores.projects}
    for name, what in stores.wrong.items():
        yield Alarm(level="red", subject=name, what=what, remedy="Correct the project file: tierra check")
    for name, what in stores.refused.items():
        remedy = f"Give it a name of its own, or take this one over: tierra train {name} --take-over"
        yield Alarm(level="amber", subject=name, what=what, remedy=remedy)
    for each in server.deployed:
        if each.flow in FLOWS and each.project not in known:
            if not single_project and each.project not in stores.wrong:
                yield Alarm(level="amber", subject=each.name, what="is on the server, but its project is not here",
                            remedy="Run tierra deploy", link=each.url)  # fmt: skip
        elif each.paused:
            yield Alarm(level="amber", subject=each.name, what="IS PAUSED: it does not run on schedule",
                        remedy="Resume it in the UI", link=each.url)  # fmt: skip
        elif each.switched_off:
            yield Alarm(level="amber", subject=each.name, what=f"SCHEDULE IS OFF: {', '.join(each.switched_off)}",
                        remedy="Switch it on in the UI, or remove it from the project file", link=each.url)  # fmt: skip
