"""What people see of the status: 120 columns, the worst first, a word beside every colour."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console

from tierra.data.completeness import Finding
from tierra.report.index import Run
from tierra.status.composing import compose
from tierra.status.facts import Status
from tierra.status.page import write_page
from tierra.status.seen import Check, DeploymentSeen, PoolSeen, ProjectSeen, Recurring, RunSeen, ServerSeen, StoresSeen
from tierra.status.table import render_status

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LONG = "a" * 63
URL = "http://127.0.0.1:4200/runs/flow-run/5c3f"


def deployed(flow: str, project: str, **changes: Any) -> DeploymentSeen:
    schedule = Recurring(text="0 3 * * * UTC", gap_seconds=86_400)
    fields = {"id": f"{flow}-{project}", "flow": flow, "project": project, "schedules": (schedule,), "created": NOW}
    return DeploymentSeen(**fields | {"next_run": NOW + timedelta(hours=18)} | changes)


def status(
    *projects: str, runs: tuple[RunSeen, ...] = (), runs_recorded: tuple[Run, ...] = (), **changes: Any
) -> Status:
    pool = PoolSeen(name="tierra", workers=({"name": "w", "online": True, "heartbeat": NOW},))
    there = [deployed(flow, project) for project in projects for flow in ("score", "train")]
    server = ServerSeen(url="http://127.0.0.1:4200/api", version="3.8.8", pool=pool, deployed=there, ended=runs,
                        watched=NOW)  # fmt: skip
    stores = StoresSeen(
        projects=[
            ProjectSeen(project=name, champion={"version": "12", "since": NOW}, runs=runs_recorded) for name in projects
        ],
        checks=[Check(name="home", level="green", what="var can be written")],
    )
    return compose(stores, server.model_copy(update=changes), "tierra", NOW)


def crashed(project: str) -> RunSeen:
    return RunSeen(id="1", flow="score", project=project, kind="crashed", state="CrashedInAVeryLongWay",
                   message="the process died " * 9, ended=NOW - timedelta(minutes=3), url=URL)  # fmt: skip


def printed(shown: Status) -> list[str]:
    console = Console(width=120, record=True, file=io.StringIO(), color_system=None)
    console.print(render_status(shown))
    return console.export_text().splitlines()


def test_it_fits_120_columns_however_long_names_are() -> None:
    lines = printed(status("rides", LONG, runs=(crashed(LONG),)))
    assert max(map(len, lines)) <= 120
    header = next(line for line in lines if "last success" in line)
    assert header.rstrip().endswith("quarantined")


def test_the_worst_is_first_in_lines_and_in_the_table() -> None:
    lines = printed(status("rides", "zebras", runs=(crashed("zebras"),)))
    assert lines[0].startswith("RED score/zebras: CrashedInAVeryLongWay 3 min ago: the process died")
    rows = [line.split()[:2] for line in lines if line.split()[:1] in (["RED"], ["AMBER"], ["green"])]
    assert rows[1:5] == [["RED", "score/zebras"], ["green", "score/rides"], ["green", "train/rides"],
                         ["green", "train/zebras"]]  # fmt: skip
    assert any(URL in line for line in lines)


def test_what_is_missing_has_a_line_a_kind_and_the_newest_day_is_named() -> None:
    late, none = Finding(kind="late", partition="2026-11-12", rows=20), Finding(kind="dayless", rows=3)
    run = Run(moment="2026-11-24 03:00:00 UTC", flow="score", outcome="PublishedIncomplete", mood="warned",
              sentence="So it went.", seconds=1, missing=(late, none), newest="2026-11-23")  # fmt: skip
    shown = status("rides", runs_recorded=(run,))
    lines = printed(shown)
    assert lines[0].startswith("AMBER score/rides: INCOMPLETE: 1 day ready but older than `lookback`")
    assert any(line.startswith("AMBER score/rides: INCOMPLETE: 3 rows have no day") for line in lines)
    for text in ("\n".join(lines), write_page(shown)):
        assert "Newest day at the source: rides 2026-11-23" in text
    assert "3 rows have no day and are in no partition (first seen 6 h ago)" in write_page(shown)
    assert "Newest day" not in write_page(status("rides"))


def test_a_paused_deployment_has_a_line_of_its_own() -> None:
    paused = deployed("score", "rides", paused=True)
    shown = status("rides", deployed=(paused, deployed("train", "rides")))
    assert printed(shown)[0].startswith("AMBER score/rides: IS PAUSED")
    assert "IS PAUSED" in write_page(shown)


def test_a_schedule_that_is_off_and_a_paused_status_flow_are_told_too() -> None:
    off = deployed("score", "rides", schedules=(Recurring(text="0 3 * * * UTC", active=False, gap_seconds=86_400),))
    look = deployed("status", "all", paused=True)
    lines = [f"{alarm.subject}: {alarm.what}" for alarm in status("rides", deployed=(off, look)).alarms]
    assert lines == [
        "score/rides: SCHEDULE IS OFF: 0 3 * * * UTC",
        "status/all: IS PAUSED: it does not run on schedule",
    ]


def test_what_a_line_says_already_is_not_said_again() -> None:
    both = (deployed("score", "rides", paused=True), deployed("train", "rides"))
    assert sum("PAUSED" in line and "score/rides:" in line for line in printed(status("rides", deployed=both))) == 1
    lines = printed(status("rides", deployed=both, runs=(crashed("rides"),)))
    assert [line.split(":")[0] for line in lines[:4] if "rides:" in line] == ["RED score/rides", "AMBER score/rides"]


def test_a_deployment_whose_project_is_gone_is_told() -> None:
    shown = status("rides", deployed=(deployed("score", "gone"),))
    assert [(alarm.level, alarm.subject) for alarm in shown.alarms] == [("amber", "score/gone")]


def test_the_page_says_the_whole_in_its_first_line() -> None:
    well = status("rides")
    assert well.sentence == "green: all 2 flows and the installation are healthy"
    assert write_page(well).startswith(f"## {well.sentence}\n")
    assert status("rides", runs=(crashed("rides"),)).sentence == "RED: score/rides"


def test_the_page_has_two_tables_that_markdown_reads() -> None:
    lines = write_page(status("rides", "zebras", runs=(crashed("rides"),))).splitlines()
    for name, first in (("last\u00a0success", "| **RED** | score/rides | never |"), ("p50", "| score/rides | 0 |")):
        head = lines.index(next(line for line in lines if name in line))
        assert lines[head + 1].startswith("|---|")
        assert lines[head + 2].startswith(first)
        assert {line.count("|") for line in lines[head : head + 6]} == {lines[head].count("|")}
        assert lines[head + 6] == ""


def test_a_rollback_that_failed_today_is_red_and_yesterdays_is_not() -> None:
    def failed(hours: int) -> RunSeen:
        return RunSeen(id="2", flow="rollback", project="rides", kind="failed", state="Broken", message="gone",
                       ended=NOW - timedelta(hours=hours))  # fmt: skip

    first = status("rides", runs=(failed(1),)).flows[0]
    assert (first.flow, first.level) == ("rollback", "red")
    assert {each.flow for each in status("rides", runs=(failed(25),)).flows} == {"score", "train"}


def test_when_all_is_well_the_first_line_says_so() -> None:
    assert printed(status("rides"))[0] == "green all 2 flows and the installation are healthy"


def test_machines_get_one_object_with_stable_keys() -> None:
    fields = json.loads(status("rides", runs=(crashed("rides"),)).model_dump_json())
    assert list(fields) == ["format", "moment", "level", "health", "alarms", "flows"]
    assert list(fields["flows"][0]) == [
        "project", "flow", "schedule", "gap_seconds", "late_after_seconds",
        "deployed", "paused", "switched_off", "since", "last_success",
        "last_outcome", "last_mood", "last_ended", "error", "link", "next_run", "running_since", "waiting_since",
        "late", "late_since", "crashed_24h", "retries_24h", "p50_seconds", "p95_seconds", "champion", "champion_since",
        "partition", "rows", "quarantined", "newest", "newest_age_seconds", "fresh_within_seconds", "receipt",
        "receipt_lost", "last_sentence", "missing", "missing_since", "partitions", "level", "reasons",
    ]  # fmt: skip
    assert Status.model_validate(fields).level == "red"
