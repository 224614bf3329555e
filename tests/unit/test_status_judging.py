"""When a flow is green, amber or red: the promises of the one place that decides."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cases import each
from tierra.data.completeness import Finding
from tierra.status.alerting import alerts_to_send, cause_of
from tierra.status.facts import Alarm, FlowFacts, FlowStatus, Judgement, Status
from tierra.status.judging import (
    judge,
    judge_delivery,
    judge_disk,
    judge_pool,
    judge_retention,
    judge_server,
    judge_watchdog,
    worst,
)
from tierra.status.seen import Check, PoolSeen, RunSeen, ServerSeen, Unsent, WorkerSeen

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
DAILY = 86_400.0


def before(**length: float) -> datetime:
    return NOW - timedelta(**length)


def facts(**changes: Any) -> FlowFacts:
    """A nightly scoring run that went well six hours ago; facts can be replaced."""
    well = {
        "project": "rides", "flow": "score", "schedule": ("0 3 * * * UTC",), "gap_seconds": DAILY, "deployed": True,
        "last_success": before(hours=6), "last_outcome": "Published", "last_mood": "good",
        "last_ended": before(hours=6), "next_run": NOW + timedelta(hours=18), "champion": "1", "p95_seconds": 60.0,
    }  # fmt: skip
    return FlowFacts(**{**well, **changes})


def judged(**changes: Any) -> Judgement:
    return judge(facts(**changes), NOW)


def ended(outcome: str, mood: str = "bad", **changes: Any) -> dict[str, Any]:
    return {"last_outcome": outcome, "last_mood": mood, "last_ended": before(hours=1), **changes}


@pytest.mark.parametrize(
    ("changes", "level", "reason"),
    [
        ({}, "green", "Published 6 h ago, next in 18 h"),
        (ended("NothingDue", "quiet"), "green", "NothingDue 60 min ago, next in 18 h"),
        (ended("DataRejected", error="3 % have no dest"), "red", "DataRejected 60 min ago: 3 % have no dest"),
        (ended("Crashed"), "red", "Crashed 60 min ago"),
        (ended("Failed"), "red", "Failed 60 min ago"),
        (ended("Cancelled"), "amber", "Cancelled 60 min ago"),
        ({"last_success": before(hours=24, minutes=1)}, "amber", "overdue: last success 24 h ago"),
        ({"last_success": before(hours=26, minutes=1)}, "red", "overdue: last success 26 h ago, its"),
        ({"last_success": before(hours=24, minutes=1), "running_since": before(minutes=2)}, "green", "Published"),
        ({"last_success": before(days=4), "running_since": before(minutes=2)}, "red", "overdue"),
        ({"last_success": before(days=90), "gap_seconds": None, "schedule": ()}, "green", "Published"),
        ({"last_success": before(days=3), "gap_seconds": 3 * DAILY}, "green", "Published"),
        ({"late": 2, "late_since": before(minutes=20)}, "amber", "2 runs are late, the first was due 20 min ago"),
        ({"late": 1, "late_since": before(hours=2)}, "red", "1 run is late, the first was due 2 h ago"),
        ({"crashed_24h": 1}, "amber", "1 run crashed in the last 24 h"),
        ({"paused": True}, "amber", "PAUSED: it does not run on schedule"),
        ({"switched_off": ("0 3 * * * UTC",)}, "amber", "SCHEDULE OFF: 0 3 * * * UTC"),
        ({"paused": True, "last_success": before(days=2)}, "red", "overdue"),
        ({"deployed": False}, "amber", "is not deployed"),
        ({"deployed": False, "schedule": (), "gap_seconds": None}, "green", "Published"),
        ({"deployed": None}, "green", "Published"),
        ({"running_since": before(minutes=20)}, "green", "Published"),
        ({"running_since": before(minutes=40)}, "amber", "has been running for 40 min"),
        ({"running_since": before(minutes=40), "p95_seconds": 1200.0}, "green", "Published"),
        ({"running_since": before(hours=5), "waiting_since": before(hours=5)}, "amber", "waiting for an answer"),
        ({"champion": ""}, "amber", "no model has been registered yet"),
        ({"champion": "", "schedule": (), "gap_seconds": None}, "green", "Published"),
        ({"champion": None}, "green", "Published"),
        ({"champion": "", "flow": "train"}, "green", "Published"),
    ],
)  # fmt: skip
def test_each_finding_has_its_level_and_says_why(changes: dict[str, Any], level: str, reason: str) -> None:
    judgement = judged(**changes)
    assert judgement.level == level
    assert judgement.reasons[0].startswith(reason)


def test_what_never_ran_is_red_only_after_its_first_turn() -> None:
    never = {"last_success": None, "last_outcome": "", "last_mood": "", "last_ended": None}
    assert judged(**never, since=before(hours=3)).reasons == ("has not run yet, next in 18 h",)
    late = judged(**never, since=before(hours=27))
    assert late.level == "red"
    assert late.reasons[0].startswith("overdue: no success since it was deployed 27 h ago")


def test_all_reasons_are_told_the_worst_first() -> None:
    judgement = judged(paused=True, **ended("Failed", last_success=before(days=9)), crashed_24h=1)
    assert [reason.split()[0] for reason in judgement.reasons] == ["Failed", "overdue:", "PAUSED:", "1"]
    assert judgement.level == "red"


def test_the_crash_that_is_the_last_end_is_told_once() -> None:
    assert judged(**ended("Crashed"), crashed_24h=1).reasons == ("Crashed 60 min ago",)
    assert len(judged(**ended("Crashed"), crashed_24h=2).reasons) == 2


@pytest.mark.parametrize(
    ("pool", "level", "expected"),
    [
        (None, "red", "there is no work pool tierra"),
        (PoolSeen(name="tierra"), "red", "no worker is online in pool tierra"),
        (PoolSeen(name="tierra", workers=(WorkerSeen(name="a", online=False, heartbeat=before(hours=3)),)), "red",
         "no worker is online in pool tierra, last heartbeat 3 h ago"),
        (PoolSeen(name="tierra", workers=(WorkerSeen(name="a", online=True, heartbeat=before(seconds=20)),)), "green",
         "1 worker online in pool tierra, last heartbeat 20 s ago"),
        (PoolSeen(name="tierra", paused=True, workers=(WorkerSeen(name="a", online=True),)), "red", "WORK POOL"),
    ],
)  # fmt: skip
def test_without_a_worker_nothing_is_well(pool: PoolSeen | None, level: str, expected: str) -> None:
    check = judge_pool(pool, "tierra", NOW)
    assert check.level == level
    assert check.what.startswith(expected)


def test_a_server_that_is_down_is_red_and_one_that_never_was_is_missed_by_schedules_alone() -> None:
    cases = [
        (True, True, "red", "http://there/api does not answer"),
        (True, False, "red", "http://there/api does not answer"),
        (False, True, "amber", "none, so no schedule runs: http://there/api does not answer"),
        (False, False, "green", "none, and nothing is scheduled: http://there/api does not answer"),
    ]

    def check(expected: bool, has_schedules: bool, level: str, what: str) -> None:
        seen = ServerSeen(fault="http://there/api does not answer", expected=expected)
        assert judge_server(seen, has_schedules).model_dump(exclude={"name"}) == {"level": level, "what": what}

    each(cases, check)


def test_rows_that_are_too_old_are_red_though_no_run_has_looked_since() -> None:
    hours = {"newest": "2026-11-21", "fresh_within_seconds": 36 * 3600.0}
    stalled = Finding(kind="stalled", partition="2026-11-21", days=3)
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"newest_age_seconds": 35 * 3600.0}, []),
        ({"newest_age_seconds": 57 * 3600.0},
         ["the newest rows are of 2026-11-21, which ended 2 d ago; `fresh_within` allows 36 h"]),
        ({"newest_age_seconds": 57 * 3600.0, "fresh_within_seconds": None}, []),
        # Said once: the last run found it.
        ({"newest_age_seconds": 57 * 3600.0, "missing": (stalled,), "missing_since": {"stalled": before(hours=6)}}, []),
    ]  # fmt: skip

    def check(changes: dict[str, Any], expected: list[str]) -> None:
        found = judged(**hours | changes)
        assert [why for why in found.reasons if "newest rows" in why] == expected
        assert not expected or found.level == "red"

    each(cases, check)


def test_a_run_that_left_no_receipt_is_amber() -> None:
    found = judged(receipt_lost="No space left on device")
    assert (found.level, found.reasons) == ("amber", ("Published 6 h ago left no receipt: No space left on device",))


def test_little_space_is_told_before_there_is_none() -> None:
    assert [judge_disk(int(free), "/home").level for free in (5e9, 1e9, 1e8)] == ["green", "amber", "red"]


def test_the_worst_of_nothing_is_green() -> None:
    assert worst([]) == "green"
    assert worst(["green", "red", "amber"]) == "red"


def test_a_watchdog_that_has_not_looked_for_a_while_is_amber() -> None:
    assert [judge_watchdog(each, NOW).level for each in (before(minutes=4), before(minutes=6), None)] == [
        "green", "amber", "amber",
    ]  # fmt: skip
    assert judge_watchdog(before(hours=3), NOW).what.startswith("none has looked since 3 h ago")


def test_each_kind_that_is_missing_is_a_reason_of_its_own_with_its_first_sight() -> None:
    late, stalled = Finding(kind="late", partition="2024-04-20"), Finding(
        kind="stalled", partition="2024-04-21", days=42
    )
    amber = judged(missing=(late,), missing_since={"late": before(days=3)})
    assert amber.level == "amber"
    assert amber.reasons[0].startswith("INCOMPLETE: 1 day ready but older than `lookback`")
    assert amber.reasons[0].endswith("(first seen 3 d ago)")
    since = {"stalled": before(hours=6), "late": before(days=3)}
    red = judged(missing=(stalled, late), missing_since=since, **ended("SourceStalled", error="no new day"))
    assert (red.level, len(red.reasons)) == ("red", 2)
    assert "no new day since 2024-04-21, 42 days ago" in red.reasons[0]
    assert judged(missing=(), missing_since={}).level == "green"


def test_what_somebody_is_told_of_a_status() -> None:
    def flow(name: str, **facts: Any) -> FlowStatus:
        project = name.rpartition("/")[2]
        return FlowStatus(
            **{"project": project, "flow": name.split("/")[0], "level": "red", "reasons": (name,)} | facts
        )

    failed = {"last_mood": "bad", "error": "why"}
    flows = (
        flow("score/overdue"),
        flow("score/failed", last_ended=NOW - timedelta(hours=3), **failed),
        flow("score/still", last_ended=NOW - timedelta(hours=30), **failed),
        flow("train/amber", level="amber"),
        flow("train/well", level="green", reasons=("ok",)),
    )
    health = (Check(name="worker", level="red", what="w"), Check(name="alerts", level="red", what="a"),
              Check(name="disk", level="red", what="0 GB"), Check(name="server", level="green", what="s"))  # fmt: skip
    alarms = (Alarm(level="amber", subject="score/rides", what="IS PAUSED: it does not run on schedule"),)
    status = Status(moment=NOW, level="red", health=health, alarms=alarms, flows=flows)
    told = {each.subject for each in alerts_to_send(status)}
    assert told == {"score/overdue", "score/still", "disk", "score/rides"}


def test_a_line_has_the_same_cause_whatever_its_age() -> None:
    said = (
        "overdue: last success 3 h ago",
        "overdue: last success 2 days ago",
        "2 runs are late",
        "3 runs are late, the",
    )
    causes = [cause_of(Alarm(level="red", subject="s", what=what)) for what in said]
    assert causes == ["overdue last success"] * 2 + ["runs are late"] * 2


def test_messages_that_do_not_arrive_are_red() -> None:
    assert judge_delivery((), NOW).level == "green"
    unsent = [Unsent(moment=before(hours=hours), why=f"answered {500 + hours}") for hours in (3, 1)]
    check = judge_delivery(unsent, NOW)
    assert (check.level, check.what) == (
        "red", "2 messages could not be sent, last tried 60 min ago: answered 501; sent again for a day")  # fmt: skip


def test_a_collection_that_failed_is_amber_until_the_next_one() -> None:
    assert judge_retention((), NOW).level == "green"
    failed = RunSeen(id="1", flow="gc", project="all", kind="failed", state="Misconfigured", message="a clock\nahead",
                     ended=before(hours=1))  # fmt: skip
    assert judge_retention((failed,), NOW).what == "Misconfigured 60 min ago: a clock"
    assert judge_retention((failed,), NOW).level == "amber"
    done = failed.model_copy(update={"kind": "completed", "ended": before(minutes=1)})
    assert judge_retention((done, failed), NOW).level == "green"
