"""Many runs at once: after a downtime, and side by side on both databases.

Each run is a process that takes some 13 s of a core. So there are few of them, unless a variable says otherwise:
LATE_RUNS (6) come after the downtime, HEALTHY_RUNS (10) go side by side on each database. The documents tell
of 20 and of 200.
"""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

import pandas as pd
import pytest

from tests.builders import ride_spec, rides, write_project
from tests.ops import ENDED, Ops, a_server, kill, until
from tests.servers import a_receiver, make_database, run_postgres

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]
DAYS = 31
LATE, HEALTHY = int(os.environ.get("LATE_RUNS", 6)), int(os.environ.get("HEALTHY_RUNS", 10))
AT_ONCE_ON_POSTGRESQL = 20  # each is a process of some 400 MB


def up_to_today(table: pd.DataFrame) -> pd.DataFrame:
    """The rides with their last day moved to today."""
    days = pd.to_datetime(table["day"])
    return table.assign(day=(days + (pd.Timestamp(date.today()) - days.max())).dt.strftime("%Y-%m-%d"))


def runs(ops: Ops, *names: str) -> list[dict[str, Any]]:
    """All runs of some deployments, in the order they started."""
    ids = [ops.deployment(name)["id"] for name in names]
    found, wanted = [], {"deployments": {"id": {"any_": ids}}, "sort": "START_TIME_ASC", "limit": 200}
    while page := ops.ask("/flow_runs/filter", wanted | {"offset": len(found)}):
        found += page
    return found


def schedule(ops: Ops, name: str, when: datetime) -> None:
    """A run that was due at a moment, as the scheduler makes it."""
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": when.isoformat()}}
    which = ops.deployment(name)["id"]
    ops.ask(f"/deployments/{which}/create_flow_run", {"state": state, "tags": ["tierra", "auto-scheduled"]})


def all_ended(ops: Ops, count: int, *names: str) -> bool:
    found = runs(ops, *names)
    return len(found) == count and all(each["state_type"] in ENDED for each in found)


def test_after_a_downtime_the_first_run_publishes_all_that_is_due_and_the_others_nothing(tmp_path: Path) -> None:
    spec = ride_spec(score={"lookback": "30d"}, split={"validation": "20d", "test": "30d"})
    write_project(tmp_path / "projects" / "rides", spec, up_to_today(rides()))
    with a_server(tmp_path) as ops:
        ops.tierra("train", "rides")
        ops.tierra("deploy")
        for hour in range(LATE, 0, -1):
            schedule(ops, "score/rides", datetime.now(UTC) - timedelta(hours=hour))
        worker = ops.worker()
        until("all runs ended", 1800, lambda: all_ended(ops, LATE, "score/rides"), every=5)
        kill(worker)
        ended = runs(ops, "score/rides")
    assert [each["state_name"] for each in ended] == ["Published"] + ["NothingDue"] * (LATE - 1)
    work = [each["total_run_time"] for each in ended]
    print(f"\nfirst run {work[0]:.1f} s; the others {min(work[1:]):.1f} to {max(work[1:]):.1f} s of work")
    manifests = list((tmp_path / "var" / "predictions" / "rides" / "manifests").glob("*/*.json"))
    assert sorted(file.parent.name for file in manifests) == [
        str(date.today() - timedelta(days)) for days in reversed(range(DAYS))
    ]


def test_many_runs_side_by_side_fail_on_no_lock_and_raise_no_alarm(tmp_path: Path) -> None:
    """The healthy runs, all due at one moment, of a server on SQLite and of one on PostgreSQL."""
    with run_postgres() as url, ThreadPoolExecutor(2) as pool:
        address = make_database(url, "prefect").replace("postgresql://", "postgresql+asyncpg://")
        on_sqlite = pool.submit(watch, tmp_path / "SQLite")
        there = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": address}
        on_postgres = pool.submit(watch, tmp_path / "PostgreSQL", AT_ONCE_ON_POSTGRESQL, **there)
        for database in (on_sqlite, on_postgres):
            database.result()


def watch(folder: Path, at_once: int = 0, **environment: str) -> None:
    """Run many small scorings side by side, of two projects, so that they race for the same days.

    So many go at once as the pool lets us, which `tierra deploy` made; or `at_once`.
    """
    folder.mkdir()
    names = ["rides_0", "rides_1"]
    table = up_to_today(rides(600))
    for name in names:
        write_project(folder / "projects" / name, ride_spec(project=name), table)
    settings = {"TIERRA_HEARTBEAT_SECONDS": "30", "PREFECT_SERVER_LOG_RETRYABLE_ERRORS": "true"}
    with (
        a_receiver() as told,
        a_server(folder, TIERRA_ALERT_WEBHOOK=told.url, **settings, **environment) as ops,
    ):
        for name in names:
            ops.tierra("train", name)
        ops.tierra("deploy")
        unlimited(ops, names)
        made = datetime.now(UTC)
        for number in range(HEALTHY):
            schedule(ops, f"score/{names[number % len(names)]}", made)
        if at_once:
            ops.call("PATCH", "/work_pools/tierra", {"concurrency_limit": at_once})
        ops.watchdog()
        worker = ops.worker()
        listed = [f"score/{name}" for name in names]
        until("all runs ended", 3000, lambda: all_ended(ops, HEALTHY, *listed), every=5)
        time.sleep(100)  # three signs of life that do not come raise the alarm
        kill(worker)
        report(runs(ops, *listed), made)
        assert told.messages == []
        logs = [line for run in runs(ops, *listed) for _, line in ops.log(run["id"])]
        assert not [line for line in logs if "locked" in line]
    assert "database is locked" not in (folder / "server.log").read_text()


def unlimited(ops: Ops, names: list[str]) -> None:
    """Let the runs of a deployment go side by side, so that the database and the commit protocol have work."""
    for name in names:
        which = ops.deployment(f"score/{name}")["id"]
        ops.call("PATCH", f"/deployments/{which}", {"concurrency_limit": 200})


def report(ended: list[dict[str, Any]], made: datetime) -> None:
    outcomes = [each["state_name"] for each in ended]
    assert set(outcomes) <= {"Published", "NothingDue", "AlreadyPublished"}, outcomes
    assert {each["run_count"] for each in ended} == {1}, "one that lived was started again"
    delays = [(datetime.fromisoformat(each["start_time"]) - made).total_seconds() for each in ended]
    counts = json.dumps({name: outcomes.count(name) for name in sorted(set(outcomes))})
    print(f"\n{len(ended)} runs: {counts}; start delay p95 {quantiles(delays, n=20)[-1]:.1f} s")
