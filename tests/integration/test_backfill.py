"""Scoring a range of days: what is missing, changed or all of it, by one model or by those that served then."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.builders import CLOCK, GATE, ride_source, ride_spec, write_project, zones
from tests.conftest import ROOT
from tests.direct import score_directly, train_directly, without_prefect
from tests.sinks import write_manifest
from tierra.cli.commands import app
from tierra.errors import Broken, InvalidCall
from tierra.facts import PartitionPublished
from tierra.outcomes.backfill import Backfill
from tierra.outcomes.scoring import Scored
from tierra.steps import days as steps_of_days
from tierra.steps import publish as steps_of_publish
from tierra.store.predictions import generations, read_manifest, read_published
from tierra.store.sinks import Sink
from tierra.store.tables import read_table
from tierra.workspace import Workspace, open_workspace

PREPARE = "def past(rows, history):\n    return rows.assign(seen=float(len(history)))\n"
FIRST, LAST = date(2024, 4, 1), date(2024, 4, 10)
RANGE = {"from_date": str(FIRST), "to_date": str(LAST)}
DAYS = [str(FIRST + timedelta(number)) for number in range(10)]
SINKS: dict[str, dict[str, Any]] = {
    "files": {"kind": "files"},
    "SQLite": {"kind": "sql", "connection": "warehouse"},
}


def spec(**changes: Any) -> dict[str, Any]:
    """A project whose days are joined and have history."""
    stated = {
        "sources": ride_source(history="3d") | {"zones": {"kind": "file", "path": "zones.csv"}},
        "joins": [{"left": "rides", "right": "zones", "on": "zone"}],
        "prepare": "features:past",
        "features": ["rain", "seen"],
        "candidates": [{"rule": "base_rate"}, {"model": "logistic"}],
        "gate": GATE | {"beat_rule_by": 0.0},
        "score": {"lookback": "2d", "ready": {"min_rows": 15}},
    }
    return ride_spec(**{**stated, **changes})


@dataclass(frozen=True)
class Rides:
    """A trained project, and the folder it lives in."""

    folder: Path

    def state(self, **changes: Any) -> None:
        file = self.folder / "rides.csv"
        table = pd.read_csv(file) if file.exists() else None
        write_project(self.folder, spec(**changes), table, features=PREPARE)
        zones().to_csv(self.folder / "zones.csv", index=False)

    def correct(self, day: str, **values: Any) -> None:
        """A late correction at the source."""
        table = pd.read_csv(self.folder / "rides.csv")
        table.loc[table["day"] == day, list(values)] = list(values.values())
        table.to_csv(self.folder / "rides.csv", index=False)

    def drop(self, day: str, keep: int = 0) -> None:
        table = pd.read_csv(self.folder / "rides.csv")
        gone = (table["day"] == day) & (table.groupby("day").cumcount() >= keep)
        table[~gone].to_csv(self.folder / "rides.csv", index=False)

    @property
    def workspace(self) -> Workspace:
        return open_workspace()

    @property
    def sink(self) -> Sink:
        return self.workspace.sink(self.workspace.project("rides"))

    @property
    def published(self) -> dict[str, int]:
        return generations(self.sink)

    def read(self, day: str, generation: int | None = None) -> pd.DataFrame:
        return read_published(self.sink, day, generation).to_pandas()


def backfill(**more: Any) -> Scored:
    return score_directly("rides", **{**RANGE, **more})[0]


def counts(scored: Scored) -> tuple[int, int, int, int, int]:
    found = scored.backfill
    assert isinstance(found, Backfill)
    return found.planned, found.published, found.already, found.rejected, len(found.not_ready)


def ends(scored: Scored) -> dict[str, str]:
    return {each.partition: each.outcome for each in scored.partitions}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose project has a champion, to be copied."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        stand_in(home, patch)
        Rides(home / "projects" / "rides").state()
        assert train_directly("rides")[0].outcome == "Promoted"
    return home


def stand_in(home: Path, patch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOME": home / "var", "PROJECTS": home / "projects", "CLOCK": CLOCK}.items():
        patch.setenv(f"TIERRA_{name}", str(value))
    patch.setenv("TIERRA_CONNECTIONS__WAREHOUSE__URL", f"sqlite:///{home}/warehouse.db")


@pytest.fixture
def rides(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rides:
    """A copy of that home."""
    home = tmp_path / "home"
    shutil.copytree(trained, home)
    monkeypatch.chdir(home)
    stand_in(home, monkeypatch)
    return Rides(home / "projects" / "rides")


def damage(rides: Rides, day: str) -> None:
    """Change a word of a day's newest manifest."""
    number = rides.published[day]
    text = rides.sink.read_manifest(day, number).decode()
    write_manifest(rides.sink, number, text.replace('"rows_in"', '"rows_out"'), day)


def test_a_manifest_says_where_the_rows_are_kept_that_were_scored(rides: Rides) -> None:
    score_directly("rides", "2024-04-20")
    manifest = read_manifest(rides.sink, "2024-04-20")
    assert manifest
    assert manifest.joined
    assert manifest.joined.history
    kept = read_table(rides.workspace.objects, manifest.joined.rows)
    assert (kept.num_rows, set(kept["day"].cast("string").to_pylist())) == (manifest.rows_scored, {"2024-04-20"})
    assert "centre" in kept.column_names
    days = read_table(rides.workspace.objects, manifest.joined.history)["day"].cast("string").to_pylist()
    assert sorted(set(days)) == ["2024-04-17", "2024-04-18", "2024-04-19"]


@pytest.mark.parametrize("sink", SINKS)
def test_a_range_is_filled_once_and_only_where_it_is_missing(rides: Rides, sink: str) -> None:
    rides.state(score={"lookback": "2d", "ready": {"min_rows": 15}, "sink": SINKS[sink]})
    rides.drop(DAYS[4], keep=7)
    rides.drop(DAYS[5])
    first = backfill()
    assert (first.outcome, counts(first)) == ("PublishedIncomplete", (8, 8, 0, 0, 1))
    assert rides.published == dict.fromkeys([*DAYS[:4], *DAYS[6:]], 1)
    assert [(each.kind, each.partition) for each in first.incomplete] == [("missing", DAYS[5]), ("unready", DAYS[4])]
    again = backfill()
    assert (again.outcome, counts(again), again.partitions) == ("NothingDueIncomplete", (0, 0, 8, 0, 1), ())
    assert "0 planned, 0 published, 8 already published, 0 rejected, 1 not ready" in again.sentence


@pytest.mark.parametrize("sink", SINKS)
def test_a_day_whose_manifest_is_damaged_is_missing(rides: Rides, sink: str) -> None:
    rides.state(score={"lookback": "2d", "ready": {"min_rows": 15}, "sink": SINKS[sink]})
    backfill()
    before = rides.read(DAYS[3])
    damage(rides, DAYS[3])
    assert counts(backfill()) == (1, 1, 9, 0, 0)
    assert rides.published == dict.fromkeys(DAYS, 1) | {DAYS[3]: 2}
    pd.testing.assert_frame_equal(rides.read(DAYS[3]), before)


def test_a_backfill_that_was_stopped_goes_on_where_it_was(rides: Rides, monkeypatch: pytest.MonkeyPatch) -> None:
    published = steps_of_publish.publish_partition

    def stop_after_four(*arguments: Any) -> Any:
        if len(rides.published) == 4:
            raise KeyboardInterrupt
        return published(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(steps_of_publish, "publish_partition", stop_after_four)
        with pytest.raises(KeyboardInterrupt):
            backfill()
    assert len(rides.published) == 4
    assert counts(backfill()) == (6, 6, 4, 0, 0)
    assert rides.published == dict.fromkeys(DAYS, 1)


def test_one_rejected_day_does_not_stop_the_others(rides: Rides) -> None:
    rides.correct(DAYS[9], ride_id="twice")
    scored = backfill()
    assert (scored.outcome, counts(scored)) == ("DataRejected", (10, 9, 0, 1, 0))
    assert scored.error
    assert DAYS[9] in scored.error.what


def test_what_changed_is_replaced_when_it_is_asked_for_and_all_is_scored_anew(rides: Rides) -> None:
    backfill()
    rides.correct(DAYS[9], rain=0.99)
    assert counts(backfill()) == (0, 0, 10, 0, 0)
    dry = backfill(which="stale", dry_run=True)
    assert (dry.outcome, counts(dry), ends(dry)[DAYS[9]]) == ("DryRun", (1, 0, 9, 0, 0), "WouldPublish")
    stale = backfill(which="stale")
    assert (stale.outcome, counts(stale)) == ("Published", (1, 1, 9, 0, 0))
    assert rides.published == dict.fromkeys(DAYS, 1) | {DAYS[9]: 2}
    rides.correct(DAYS[9], rain=0.01)
    every = backfill(which="all")
    assert (every.outcome, counts(every)) == ("Published", (10, 10, 0, 0, 0))
    assert rides.published == dict.fromkeys(DAYS, 2) | {DAYS[9]: 3}
    assert {each.partition: each.note for each in every.partitions if each.note} == {
        DAYS[9]: "the data have changed since generation 2"
    }


def train_another(rides: Rides) -> None:
    """A champion with other features follows."""
    rides.state(features=["km", "rain", "centre", "seen"])
    assert train_directly("rides")[0].outcome == "Promoted"


def test_the_model_and_the_data_of_then_give_what_was_published_then(rides: Rides) -> None:
    backfill()
    before = {day: rides.read(day) for day in DAYS}
    train_another(rides)
    for day in DAYS[5:]:
        rides.correct(day, km=1.0, rain=0.5)
    now = backfill(which="all")
    assert {each.model_version for each in now.partitions} == {"2"}
    assert [each.partition for each in now.partitions if "changed since generation 1" in each.note] == DAYS[5:]
    assert not rides.read(DAYS[7]).equals(before[DAYS[7]])
    then = backfill(which="all", model="then")
    assert {each.model_version for each in then.partitions} == {"1"}
    assert all(each.note.startswith("data of generation 1, published 20") for each in then.partitions)
    for day in DAYS:
        found = rides.read(day)
        assert rides.published[day] == 3
        assert (found["probability"] - before[day]["probability"]).abs().max() <= 1e-12
        assert found["ride_id"].equals(before[day]["ride_id"])


def test_a_day_whose_rows_of_then_are_gone_is_scored_from_those_of_now_and_says_so(rides: Rides) -> None:
    backfill()
    manifest = read_manifest(rides.sink, DAYS[1])
    assert manifest
    assert manifest.joined
    rides.workspace.objects.remove(manifest.joined.rows.name)
    then = backfill(which="all", model="then")
    assert then.outcome == "Published"
    notes = {each.partition: each.note for each in then.partitions}
    assert notes[DAYS[1]] == f"data as of now: no snapshot of {DAYS[1]} stands"
    assert sum(note.startswith("data of generation 1") for note in notes.values()) == 9


def test_the_rows_of_an_older_version_s_publication_are_found_where_they_are_remembered(rides: Rides) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps_of_publish, "RowsScored", lambda **_: None)
        backfill()
    manifest = read_manifest(rides.sink, DAYS[1])
    assert manifest
    assert manifest.joined is None
    before = rides.read(DAYS[1])
    rides.correct(DAYS[1], rain=0.99)
    min(Path(rides.workspace.settings.root, "store", "memo", "features-joined").iterdir()).unlink()
    then = backfill(which="all", model="then")
    notes = Counter(each.note.split(",")[0].split(":")[0] for each in then.partitions)
    assert notes == {"data of generation 1": 9, "data as of now": 1}
    kept = next(each for each in then.partitions if each.partition == DAYS[1]).note.startswith("data of")
    assert rides.read(DAYS[1]).equals(before) is kept


def test_no_champion_served_a_day_that_was_due_before_the_first(rides: Rides) -> None:
    with pytest.raises(InvalidCall, match=f"no champion served {DAYS[0]} on 2024-04-02 00:00 UTC; the first one") as no:
        backfill(model="then")
    assert (no.value.code, rides.published) == ("champion-later", {})


def test_overlapping_backfills_beside_the_nightly_run_publish_each_day_once(rides: Rides) -> None:
    runs: list[dict[str, Any]] = [RANGE, {**RANGE, "from_date": DAYS[4], "to_date": "2024-04-20"}, {}]
    with without_prefect("score") as body, ThreadPoolExecutor(3) as threads:
        ended = list(threads.map(lambda request: body(open_workspace(), "rides", **request), runs))
    expected = [*DAYS, *(f"2024-04-{day}" for day in [*range(11, 21), 27, 28, 29])]
    assert rides.published == dict.fromkeys(expected, 1)
    published = Counter(name for scored in ended for name, end in ends(scored).items() if end == "Published")
    assert published == dict.fromkeys(expected, 1)


def test_the_steps_of_a_process_of_its_own_publish_what_the_stations_do(
    rides: Rides, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_stations = backfill(to_date=DAYS[4])

    def here(work: Any, slices: Any, *shared: Any, preload: Any) -> Iterator[Any]:
        return (each for days in slices for each in work(*shared, days))

    monkeypatch.setattr("tierra.engine.run_apart", here)
    apart, journal = score_directly("rides", **RANGE, which="all", jobs=2)
    assert (apart.outcome, counts(apart), len(journal.entries)) == ("Published", (10, 10, 0, 0, 0), 19)
    first = {each.partition: each for each in by_stations.partitions}
    for each in apart.partitions[:5]:
        assert each.rows_scored == first[each.partition].rows_scored
        assert rides.read(each.partition, 2).equals(rides.read(each.partition, 1))
    assert [fact.partition for fact in journal.facts(PartitionPublished)] == DAYS


def test_a_day_that_may_do_better_at_another_try_is_scored_by_the_run_itself(
    rides: Rides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tierra.engine.run_apart", lambda work, slices, *shared, preload: (
        steps_of_days.DayDone(day.work.partition, None) for days in slices for day in days))  # fmt: skip
    assert counts(backfill(jobs=2)) == (10, 10, 0, 0, 0)


def test_the_command_fills_a_range_and_refuses_a_wrong_one_in_one_line(
    rides: Rides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["score", "rides", *words])

    for words, code in (
        (["--from", DAYS[9], "--to", DAYS[0]], "range-invalid"),
        (["--from", DAYS[0], "--to", "2031-01-01"], "range-invalid"),
        (["--from", "2004-01-01"], "range-long"),
        (["--from", DAYS[0], "--stale", "--all"], "call-contradictory"),
        (["--from", DAYS[0], "--model", "then"], "champion-later"),
    ):
        refused = run(*words)
        assert (refused.exit_code, refused.stderr.count("error ")) == (2, 1), words
        assert f"[{code}]" in refused.stderr
    assert rides.published == {}
    filled = run("--from", DAYS[8], "--to", DAYS[9], "--json")
    assert json.loads(filled.stdout)["backfill"] == {
        "first": DAYS[8], "last": DAYS[9], "which": "missing", "model": "now", "planned": 2, "published": 2,
        "already": 0, "rejected": 0, "not_ready": [],
    }  # fmt: skip
    assert f"{DAYS[8]} to {DAYS[9]} (missing, model now): 0 planned" in run("--from", DAYS[8], "--to", DAYS[9]).stdout
    page = Path(json.loads(filled.stdout)["receipt"]).read_text()
    assert "Range of days" in page
    assert "2 planned, 2 published, 0 already published, 0 rejected, 0 not ready" in page


@pytest.mark.long
def test_processes_of_their_own_share_a_range_and_one_that_is_killed_ends_the_run(
    rides: Rides, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert counts(backfill(jobs=2, to_date=DAYS[5])) == (6, 6, 0, 0, 0)
    with monkeypatch.context() as patch:
        patch.setattr(steps_of_days, "score_days", killed_after_one)
        with pytest.raises(Broken, match="ended by signal 9"):
            backfill(jobs=2, which="all")
    before = rides.published
    assert all(1 <= number <= 2 for number in before.values())
    assert counts(backfill(jobs=2)) == (10 - len(before), 10 - len(before), len(before), 0, 0)
    assert rides.published == dict.fromkeys(DAYS, 1) | before


@pytest.mark.long
def test_a_backfill_that_is_killed_leaves_no_process_and_goes_on_when_it_is_started_again(rides: Rides) -> None:
    command = [sys.executable, "-m", "tests.bench.direct_child", "score", "rides", json.dumps({**RANGE, "jobs": 2})]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    first = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    while len(rides.published) < 3 and first.poll() is None:
        time.sleep(0.02)
    first.kill()
    first.wait()
    ended = time.monotonic() + 60
    while time.monotonic() < ended and _has_processes(first.pid):
        time.sleep(0.1)
    assert not _has_processes(first.pid)
    before = len(rides.published)
    assert counts(backfill(jobs=2)) == (10 - before, 10 - before, before, 0, 0)
    assert rides.published == dict.fromkeys(DAYS, 1)


def _has_processes(group: int) -> bool:
    with suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


def killed_after_one(workspace: Workspace, days: Any) -> Iterator[Any]:
    """Score a day, and die."""
    yield from steps_of_days.score_days(workspace, days[:1])
    os.kill(os.getpid(), 9)


@pytest.mark.long
def test_a_run_of_the_server_has_a_task_for_each_day_that_another_process_scored(
    rides: Rides, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    from flows.score import score

    state = score("rides", **RANGE, jobs=2, return_state=True)  # type: ignore[arg-type]
    assert (state.name, counts(state.result())) == ("Published", (10, 10, 0, 0, 0))
    with get_client(sync_client=True) as client:
        of_run = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
        names = Counter(each.name.rpartition("-")[0] for each in client.read_task_runs(flow_run_filter=of_run))
        run = client.read_flow_run(state.state_details.flow_run_id)
    assert (names["record-partition"], names["pull-partition"]) == (10, 0)
    assert run.name == f"score-rides-{DAYS[0]}..{DAYS[9]}"
