"""The numbers for a monitor: what was seen in the stores as metrics, each run counted once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deployments.services import numbers
from deployments.services.numbers import GAUGES, Numbers
from tierra.report.index import Run
from tierra.status.seen import Check, ProjectSeen, Publication, Serving, StoresSeen

NOW = datetime(2024, 4, 30, 9, tzinfo=UTC)
Found = dict[tuple[str, frozenset[str]], float]


def a_run(hours_ago: float, outcome: str = "Published", mood: str = "good", **more: Any) -> Run:
    ended = NOW - timedelta(hours=hours_ago)
    stated = {"flow": "score", "sentence": "", "seconds": 12.5, **more}
    return Run(moment=f"{ended:%Y-%m-%d %H:%M:%S UTC}", outcome=outcome, mood=mood, ended=ended, **stated)


def a_project(*runs: Run, **more: Any) -> ProjectSeen:
    stated = {
        "project": "rides", "clock": NOW, "timezone": "America/New_York",
        "champion": Serving(version="3", since=NOW - timedelta(days=2)),
        "publication": Publication(partition="2024-04-29", rows=990, quarantined=10), **more,
    }  # fmt: skip
    return ProjectSeen(runs=runs, **stated)


def read(seen: Numbers) -> Found:
    families = text_string_to_metric_families(seen.render().decode())
    samples = [each for family in families for each in family.samples]
    return {(each.name, frozenset(each.labels.values())): each.value for each in samples}


def of(name: str, *labels: str) -> tuple[str, frozenset[str]]:
    return f"tierra_{name}", frozenset(labels)


def numbers_of(*projects: ProjectSeen, **more: Any) -> Found:
    return read(Numbers(lambda: StoresSeen(projects=projects, **more), lambda: NOW))


def test_every_number_of_a_project_is_what_was_seen() -> None:
    nights = a_run(4, "DataRejected", "bad", retries=2), a_run(28), a_run(52, "Promoted", flow="train")
    found = numbers_of(a_project(*nights))
    expected = {
        of("last_run_timestamp_seconds", "rides", "score"): (NOW - timedelta(hours=4)).timestamp(),
        of("last_success_timestamp_seconds", "rides", "score"): (NOW - timedelta(hours=28)).timestamp(),
        of("last_run_duration_seconds", "rides", "score"): 12.5,
        of("last_run_retries", "rides", "score"): 2,
        of("last_run_failed", "rides", "score"): 1,
        of("last_run_failed", "rides", "train"): 0,
        of("run_outcomes_total", "rides", "score", "DataRejected"): 1,
        of("run_outcomes_total", "rides", "train", "Promoted"): 1,
        of("published_rows", "rides"): 990,
        of("quarantined_rows", "rides"): 10,
        of("newest_partition_age_seconds", "rides"): 5 * 3600,  # the 29th ended in New York at 4 UTC
        of("champion_age_seconds", "rides"): 2 * 86400,
        of("project_readable", "rides"): 1,
    }
    assert {key: found.get(key) for key in expected} == expected


def test_what_is_unknown_is_absent_and_what_is_wrong_is_said() -> None:
    found = numbers_of(
        ProjectSeen(project="new"), wrong={"broken": "line 3"}, checks=(Check(name="disk", level="amber", what="1 GB"),)
    )
    assert of("newest_partition_age_seconds", "new") not in found
    assert [found[of("project_readable", name)] for name in ("new", "broken")] == [1, 0]
    assert found[of("check_level", "disk")] == 1


def test_a_project_without_days_is_as_old_as_its_publication() -> None:
    at = (NOW - timedelta(hours=3)).isoformat()
    all_of_it = Publication(partition="all", rows=5, quarantined=0, published_at=at)
    assert numbers_of(a_project(publication=all_of_it))[of("newest_partition_age_seconds", "rides")] == 3 * 3600
    unsaid = numbers_of(a_project(publication=all_of_it.model_copy(update={"published_at": ""})))
    assert of("newest_partition_age_seconds", "rides") not in unsaid


def test_each_run_is_counted_once_though_old_records_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "KEPT_SECONDS", -1.0)
    nights = [a_run(24 * back) for back in range(6)]
    windows = iter([nights[3:], nights[2:5], nights[2:5], nights[:3]])
    seen = Numbers(lambda: StoresSeen(projects=(a_project(*next(windows), a_run(99, "DryRun", "quiet")),)), lambda: NOW)
    counts = [read(seen)[of("run_outcomes_total", "rides", "score", "Published")] for _ in range(4)]
    assert counts == [3, 4, 4, 6]


def test_the_stores_are_read_once_in_some_seconds_and_again_after_an_error() -> None:
    calls = []

    def read_stores() -> StoresSeen:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("gone")
        return StoresSeen()

    seen = Numbers(read_stores)
    with pytest.raises(OSError, match="gone"):
        seen.render()
    assert [seen.render() == seen.render(), len(calls)] == [True, 2]


def test_names_have_units_and_help_as_prometheus_asks() -> None:
    for name, (about, labels) in GAUGES.items():
        assert name.startswith("tierra_")
        assert about.endswith(".")
        assert set(labels) <= {"project", "flow", "check"}
        if any(word in name for word in ("age", "duration", "timestamp")):
            assert name.endswith("_seconds")
