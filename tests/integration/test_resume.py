"""What a retry costs: a request that is made again is no step made again, and finished work is never redone."""

import os
from pathlib import Path

import pytest

from tests.builders import CLOCK, ride_spec, rides, write_project
from tests.conftest import ROOT
from tests.direct import score_directly, train_directly
from tests.s3_server import S3Server, proxy_before

DAY = "2024-04-29"
# What a step of ours makes of the same inputs; pulling looks at the source each time, to see whether it changed.
STEPS = {"build-features", "split-table", "fit-candidates", "evaluate-models"}


@pytest.fixture
def lake(workspace: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project whose rows, store and predictions lie in a bucket."""
    bucket = s3.bucket()
    rides().to_csv(workspace / "rides.csv", index=False)
    s3.client().upload_file(str(workspace / "rides.csv"), bucket, "rides.csv")
    spec = ride_spec(score={"sink": {"uri": f"s3://{bucket}/predictions"}})
    spec["sources"]["rides"]["path"] = f"s3://{bucket}/rides.csv"
    write_project(workspace / "projects" / "rides", spec)
    monkeypatch.chdir(ROOT)
    for name, value in {**s3.variables(), "TIERRA_STORE": f"s3://{bucket}/store", "TIERRA_CLOCK": CLOCK}.items():
        monkeypatch.setenv(name, value)
    return bucket


def test_a_source_that_throttles_twice_costs_two_warnings_and_no_step(
    lake: str, workspace: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy_before(s3) as proxy:
        monkeypatch.setenv("TIERRA_S3__ENDPOINT_URL", proxy.url)
        proxy.rule("GET", r"/rides\.csv", "slow down", times=2)
        trained, journal = train_directly("rides")
    assert trained.outcome == "Promoted"
    lines = [line for file in (workspace / "var/logs").glob("*.log") for line in file.read_text().splitlines()]
    throttled = {line for line in lines if "WARNING" in line and "the store answers 503" in line}
    assert sorted("retry 1 of 2" in line for line in throttled) == [False, True]
    assert [(each.station, each.attempt) for each in journal.retries] == [("pull-sources", 1), ("pull-sources", 2)]
    stations = [entry.station for entry in journal.entries]
    assert len(stations) == len(set(stations)), "no station ran twice"


@pytest.mark.long
def test_another_machine_that_shares_the_store_finds_every_step_done(
    lake: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_directly("rides")
    monkeypatch.setenv("TIERRA_HOME", str(workspace / "another"))
    _, journal = train_directly("rides")
    reused = {entry.station for entry in journal.entries if entry.reused}
    assert reused >= STEPS
    assert "register-model" not in reused, "the registry is that machine's own"
    ends = [score_directly("rides", DAY)[0].outcome for _ in range(2)]
    assert ends == ["Published", "AlreadyPublished"]


@pytest.mark.long
def test_finished_work_is_not_redone_in_many_retries(lake: str) -> None:
    """Fifteen, or as many as RETRIES says."""
    train_directly("rides")
    redone, seen = [], set()
    for _ in range(int(os.environ.get("RETRIES", 15))):
        _, journal = train_directly("rides")
        seen |= {entry.station for entry in journal.entries}
        redone += [entry.station for entry in journal.entries if entry.station in STEPS and not entry.reused]
    assert (redone, seen >= STEPS) == ([], True)
