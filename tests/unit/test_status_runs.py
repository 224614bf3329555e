"""What the runs tell: records first, the server where there is no record."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tierra.data.completeness import Finding
from tierra.report.index import Run
from tierra.status.runs import run_ends, run_facts
from tierra.status.seen import RunSeen

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def record(hours: float, outcome: str = "Published", mood: str = "good", seconds: float = 10, **more: Any) -> Run:
    ended = NOW - timedelta(hours=hours)
    moment = f"{ended:%Y-%m-%d %H:%M:%S UTC}"
    return Run(moment=moment, flow="score", outcome=outcome, mood=mood, sentence="So it went.", seconds=seconds, **more)


def seen(hours: float, kind: str = "crashed", state: str = "Crashed", id: str = "x", message: str = "") -> RunSeen:
    ended = NOW - timedelta(hours=hours)
    return RunSeen(id=id, flow="score", project="rides", kind=kind, state=state, message=message, url=f"ui/{id}",
                   started=ended - timedelta(seconds=5), ended=ended)  # fmt: skip


def facts_of(records: list[Run], runs: list[RunSeen] | None = None) -> dict[str, Any]:
    return run_facts(run_ends(records, runs or [], "http://ui"), NOW)


def test_what_both_know_the_record_decides() -> None:
    facts = facts_of([record(2, flow_run_id="x")], [seen(1, "failed", "Failed")])
    assert (facts["last_outcome"], facts["last_success"]) == ("Published", NOW - timedelta(hours=2))


def test_a_crash_leaves_no_record_and_is_told_by_the_server() -> None:
    facts = facts_of([record(8)], [seen(1, message="the process died\nTraceback")])
    assert (facts["last_outcome"], facts["error"], facts["link"]) == ("Crashed", "the process died", "ui/x")
    assert facts["last_success"] == NOW - timedelta(hours=8)
    assert facts["crashed_24h"] == 1


def test_a_failure_tells_its_first_line_and_where_it_is() -> None:
    facts = facts_of([record(1, "DataRejected", "bad", error="day 3: too many nulls\nmore", flow_run_id="r1")])
    assert (facts["error"], facts["link"]) == ("day 3: too many nulls", "http://ui/runs/flow-run/r1")


def test_what_a_person_tried_is_no_sign_of_the_schedule() -> None:
    facts = facts_of([record(1, "DryRun", "quiet"), record(2, "InvalidCall", "bad"), record(5, "DataRejected", "bad")])
    assert (facts["last_outcome"], facts["last_success"]) == ("DataRejected", None)


def test_durations_are_of_the_last_twenty_that_went_well() -> None:
    runs = [record(n, seconds=n) for n in range(1, 21)] + [record(30 + n, seconds=9999) for n in range(9)]
    facts = facts_of([record(0.5, "Failed", "bad", seconds=9999), *runs])
    assert facts["p50_seconds"] == 10.5
    assert 19 <= facts["p95_seconds"] <= 20


def test_retries_are_counted_over_a_day() -> None:
    assert facts_of([record(1, retries=2), record(23, retries=1), record(25, retries=9)])["retries_24h"] == 3


def test_a_record_whose_moment_is_not_ours_is_passed_over() -> None:
    broken = record(1).model_copy(update={"moment": "yesterday"})
    assert facts_of([broken])["last_success"] is None


def test_the_exact_end_is_taken_where_it_is_recorded() -> None:
    exact = NOW - timedelta(hours=3, microseconds=7)
    assert facts_of([record(3, ended=exact)])["last_ended"] == exact


def test_what_is_missing_is_what_the_last_whole_run_saw_since_the_first_in_a_row() -> None:
    late, gap = Finding(kind="late", partition="2024-04-20"), Finding(kind="missing", partition="2024-04-22")
    runs = [
        record(1, "AlreadyPublished"),  # it looked at one day alone
        record(2, "PublishedIncomplete", missing=(late, gap), newest="2024-04-28"),
        record(26, "PublishedIncomplete", missing=(late,)),
        record(50, "DataRejected", "bad", missing=(late,)),
        record(74, missing=()),
        record(98, missing=(gap,)),
    ]
    facts = run_facts(run_ends(runs, [], ""), NOW)
    assert (facts["missing"], facts["newest"]) == ((late, gap), "2024-04-28")
    assert facts["missing_since"] == {"late": NOW - timedelta(hours=50), "missing": NOW - timedelta(hours=2)}
    assert "missing" not in run_facts(run_ends(runs[:1], [], ""), NOW)
