"""When deployments run: what may be written, and what follows from it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.plan import Deployment, plan
from deployments.times import times_of
from tests.builders import ride_spec, write_project
from tierra.errors import Misconfigured
from tierra.project.project import load_project
from tierra.project.schedule import Schedule, When, longest_gap
from tierra.spec import format_duration

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def times(written: Any, timezone: str = "UTC") -> tuple[When, ...]:
    return Schedule.model_validate({"score": written, "timezone": timezone}).times("score")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0 3 * * *", ["0 3 * * * UTC"]),
        ({"every": "6h"}, ["every 6h UTC"]),
        (["0 3 * * *", {"cron": "0 9 * * 0", "timezone": "Asia/Tokyo"}], ["0 3 * * * UTC", "0 9 * * 0 Asia/Tokyo"]),
        ([{"every": "45m", "parameters": {"rescore": True}}], ["every 45m UTC, rescore: True"]),
        ([], []),
        (None, []),
    ],
)
def test_a_schedule_is_written_as_one_line_one_object_or_a_list(written: Any, read: list[str]) -> None:
    assert [each.text for each in times(written)] == read


@pytest.mark.parametrize(
    ("written", "gap"),
    [
        ("0 3 * * *", timedelta(days=1)),
        ("0 4 * * 1", timedelta(days=7)),
        ("0 3 * * 1-5", timedelta(days=3)),
        ("*/15 * * * *", timedelta(minutes=15)),
        ("0 0 1 * *", timedelta(days=31)),
        ({"every": "6h"}, timedelta(hours=6)),
        (["0 3 * * *", "0 15 * * *"], timedelta(hours=12)),
    ],
)
def test_the_longest_gap_is_that_between_two_runs_of_any_schedule(written: Any, gap: timedelta) -> None:
    assert longest_gap(times(written), NOW) == gap


def test_a_day_with_its_clock_set_back_is_the_longest() -> None:
    assert longest_gap(times("0 3 * * *", "America/New_York"), datetime(2026, 10, 20, tzinfo=UTC)) == timedelta(
        hours=25
    )


@pytest.mark.parametrize(
    "written",
    ["every night", "61 3 * * *", "0 3 * *", {"cron": "0 3 * * *", "every": "1d"}, {}, {"every": "1 night"}, 3,
     {"every": "0h"}, {"cron": "0 3 * * *", "timezone": "Mars/Olympus"}, [["0 3 * * *"]]],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_with_its_place(written: Any, tmp_path: Path) -> None:
    folder = write_project(tmp_path / "rides", ride_spec(schedule={"score": written}))
    with pytest.raises(Misconfigured, match=r"project.yaml:\d+: schedule"):
        load_project(str(folder))


@given(st.timedeltas(timedelta(minutes=1), timedelta(days=900)))
def test_a_time_is_read_as_it_is_written(length: timedelta) -> None:
    whole = timedelta(minutes=int(length / timedelta(minutes=1)))
    if len(format_duration(whole)) <= 5:
        assert times({"every": format_duration(whole)})[0].every == whole


def test_each_flow_of_a_project_is_planned_with_its_schedule_and_tags(tmp_path: Path) -> None:
    spec = ride_spec(schedule={"score": "0 3 * * *", "tags": ["nightly"]})
    train, score, rollback, status, gc = plan([load_project(str(write_project(tmp_path / "rides", spec)))])
    assert (train.times, [each.cron for each in score.times]) == ((), ["0 3 * * *"])
    assert (rollback.name, rollback.times) == ("rollback/rides", ())
    assert score.tags == ("tierra", "rides", "nightly")
    assert (status.name, status.entrypoint, status.times) == ("status/all", "flows/status.py:status", ())
    assert (gc.name, gc.entrypoint, gc.parameters) == ("gc/all", "flows/gc.py:gc", {})
    assert [each.cron for each in gc.times] == ["30 5 * * 0"]


def test_a_gate_with_a_shadow_has_a_flow_that_runs_when_partitions_are_scored(tmp_path: Path) -> None:
    spec = ride_spec(gate={"shadow": 7}, schedule={"score": "0 3 * * *"})
    found = {each.flow: each for each in plan([load_project(str(write_project(tmp_path / "rides", spec)))])}
    assert [each.cron for each in found["shadow"].times] == ["0 3 * * *"]
    assert found["shadow"].parameters == {"project": "rides"}


def test_no_project_needs_no_status() -> None:
    assert plan([]) == []


def test_an_interval_counts_from_a_midnight_of_its_zone() -> None:
    given = times_of(When(every=timedelta(hours=6), timezone="Europe/Madrid"))
    assert given == {"interval": 6 * 3600, "anchor_date": "2024-01-01T00:00:00+01:00"}


def test_runs_give_a_sign_of_life_as_often_as_the_settings_say() -> None:
    assert (
        Deployment("score", "rides", "", heartbeat_seconds=30).environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"
    )
