"""The real flows against a real Prefect server: what is due is published once, and each end has its name."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.scoring import pull_partition
from tests.builders import ride_source, ride_spec, rides, write_project
from tests.conftest import ROOT
from tierra.data.completeness import Finding
from tierra.errors import DataRejected, InvalidCall, NoChampion
from tierra.steps import pull as steps_of_pull
from tierra.steps import work as steps_of_work
from tierra.store.local_objects import LocalObjects
from tierra.store.predictions import generations, read_published
from tierra.store.sinks import ObjectSink
from tierra.workspace import open_workspace

CLOCK = "2024-04-29T03:00:00+00:00"
DUE, EARLIER, ABSENT = ["2024-04-28", "2024-04-29"], "2024-04-25", "2023-01-01"
FEATURES = "def build(rows):\n    return rows[['km', 'zone', 'rain']]\n"
EXPECTATIONS = [
    {"type": "expect_column_values_to_be_between", "column": "km", "min_value": 0, "on_fail": "quarantine"},
    {"type": "expect_column_values_to_be_between", "column": "rain", "max_value": 1, "on_fail": "stop"},
]
BAD_ROW = "r002399"  # on the last day, set aside by the contract


def spec(**changes: Any) -> dict[str, Any]:
    stated = {
        "sources": ride_source(known_later=["paid"]),
        "features": "features:build",
        "contract": {"quarantine_budget": "10%", "expectations": EXPECTATIONS},
        "candidates": [{"rule": "base_rate"}, {"model": "logistic", "params": {"C": 0.0001}}],
        "score": {"lookback": "1d", "watch": "10d", "ready": {"min_rows": 15}},
    }
    return ride_spec(**{**stated, **changes})


def paid_rides() -> pd.DataFrame:
    table = rides().assign(paid="")
    table.loc[table["ride_id"] == BAD_ROW, "km"] = -1.0
    return table


@dataclass(frozen=True)
class Installation:
    """A project and the folder its installation lives in; every call is a real flow run."""

    folder: Path

    def train(self) -> tuple[str, Any]:
        from flows.train import train

        return ended(train("rides", return_state=True))

    def score(self, partition: str | None = None, rescore: bool = False) -> tuple[str, Any]:
        from flows.score import score

        return ended(score("rides", partition, rescore, return_state=True))

    @property
    def sink(self) -> ObjectSink:
        return ObjectSink(LocalObjects(self.folder / "var" / "predictions"), "rides")

    @property
    def published(self) -> dict[str, int]:
        return generations(self.sink)

    def read(self, day: str, generation: int | None = None) -> pd.DataFrame:
        return read_published(self.sink, day, generation).to_pandas()

    def change(self, ride: str, **values: Any) -> None:
        """Correct a ride at the source."""
        self.change_where(lambda table: table["ride_id"] == ride, **values)

    def change_where(self, chosen: Any, **values: Any) -> None:
        file = self.folder / "projects" / "rides" / "rides.csv"
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        assert chosen(table).any()
        table.loc[chosen(table), list(values)] = [str(value) for value in values.values()]
        table.to_csv(file, index=False)

    def drop(self, day: str, keep: int = 0) -> None:
        """Take a day's rows away at the source, all but the first few."""
        file = self.folder / "projects" / "rides" / "rides.csv"
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        gone = (table["day"] == day) & (table.groupby("day").cumcount() >= keep)
        table[~gone].to_csv(file, index=False)

    def restate(self, **changes: Any) -> None:
        write_project(self.folder / "projects" / "rides", spec(**changes), paid_rides(), features=FEATURES)

    def digest(self, *below: str) -> str:
        files = sorted(file for name in below for file in (self.folder / "var" / name).rglob("*") if file.is_file())
        return hashlib.sha256(b"".join(str(file).encode() + file.read_bytes() for file in files)).hexdigest()

    def versions(self) -> int:
        return open_workspace().recorder().count_runs("rides")


def ended(state: Any) -> tuple[str, Any]:
    """The state's name and what it carries."""
    return state.name, state.result(raise_on_failure=False)


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.chdir(ROOT)
    settings = {"HOME": folder / "var", "PROJECTS": folder / "projects", "CLOCK": CLOCK, "RUN_REGISTERED_CODE": "true"}
    for name, value in settings.items():
        monkeypatch.setenv(f"TIERRA_{name}", str(value))
    return Installation(folder)


@dataclass(frozen=True)
class History:
    """Installations at two moments, and how the runs that led there ended."""

    trained: Path
    scored: Path
    ends: dict[str, tuple[str, Any]]


@pytest.fixture(scope="module")
def history(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> History:
    """Train once and score once; tests go on from copies."""
    trained, scored = tmp_path_factory.mktemp("trained") / "here", tmp_path_factory.mktemp("scored") / "here"
    ends = {}
    with pytest.MonkeyPatch.context() as monkeypatch:
        first = stand_in(trained, monkeypatch)
        first.restate()
        ends["score before training"] = first.score()
        ends["train"] = first.train()
        shutil.copytree(trained, scored)
        second = stand_in(scored, monkeypatch)
        ends["score"] = second.score()
        ends["score earlier"] = second.score(EARLIER)
    return History(trained, scored, ends)


@pytest.fixture
def trained(history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A champion serves; nothing is published."""
    return stand_in(Path(shutil.copytree(history.trained, tmp_path / "here")), monkeypatch)


@pytest.fixture
def scored(history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A champion serves; the due days and an earlier one are published."""
    return stand_in(Path(shutil.copytree(history.scored, tmp_path / "here")), monkeypatch)


def test_scoring_before_training_ends_as_no_champion(history: History) -> None:
    name, error = history.ends["score before training"]
    assert name == "NoChampion"
    assert isinstance(error, NoChampion)


def test_the_first_training_ends_promoted(history: History) -> None:
    name, end = history.ends["train"]
    assert (name, end.champion.version, end.champion.candidate) == ("Promoted", "1", "logistic")
    assert Path(end.receipt).is_file()


def test_training_again_on_the_same_inputs_keeps_the_champion_and_makes_nothing(trained: Installation) -> None:
    runs, models = trained.versions(), trained.digest("mlflow-artifacts")
    trained.train()  # measures the champion that the first run made, and remembers it
    store = trained.digest("store", "mlflow-artifacts")
    name, end = trained.train()
    assert (name, end.reason) == ("KeptChampion", "same inputs as version 1")
    assert trained.digest("mlflow-artifacts") == models
    assert trained.versions() == runs == 1
    assert trained.digest("store", "mlflow-artifacts") == store


def test_scoring_publishes_exactly_the_due_days(history: History) -> None:
    name, end = history.ends["score"]
    assert name == "Published"
    assert [each.partition for each in end.partitions] == DUE
    assert [(each.generation, each.model_version, each.stale) for each in end.partitions] == [(1, "1", False)] * 2
    assert (end.rows_in, end.rows_scored, end.rows_quarantined) == (40, 39, 1)
    assert history.ends["score earlier"][0] == "Published"


def test_every_row_that_came_in_is_published_once_or_quarantined(scored: Installation) -> None:
    there = paid_rides()
    assert scored.published == {EARLIER: 1, **dict.fromkeys(DUE, 1)}
    for day in scored.published:
        rows = scored.read(day)
        expected = set(there.loc[there["day"] == day, "ride_id"]) - {BAD_ROW}
        assert rows["ride_id"].is_unique
        assert set(rows["ride_id"]) == expected
        assert rows["probability"].between(0, 1).all()
        manifest = json.loads((scored.folder / f"var/predictions/rides/manifests/{day}/000001.json").read_text())
        assert manifest["rows_in"] == manifest["rows_scored"] + manifest["rows_quarantined"] == 20


def test_scoring_again_finds_nothing_due_and_changes_nothing(scored: Installation) -> None:
    before = scored.digest("predictions", "store")
    name, end = scored.score()
    assert (name, end.outcome, end.stale, end.rows_scored) == ("NothingDue", "NothingDue", (), 0)
    assert scored.digest("predictions", "store") == before


def test_a_partition_asked_for_that_is_published_ends_already_published(scored: Installation) -> None:
    before = scored.digest("predictions", "store")
    for day in (DUE[0], EARLIER):
        name, end = scored.score(day)
        assert (name, end.generation, end.rows_scored) == ("AlreadyPublished", 1, 20)
    assert scored.digest("predictions", "store") == before


def test_a_corrected_value_is_stale_and_scored_again_as_generation_two(scored: Installation) -> None:
    day, before = DUE[0], scored.read(DUE[0])
    changed = before["ride_id"].iloc[0]
    scored.change(changed, km=99.0)
    name, end = scored.score()
    assert (name, end.stale) == ("Published", (day,))
    assert scored.published == {EARLIER: 1, DUE[0]: 2, DUE[1]: 1}
    after = scored.read(day)
    moved = before.merge(after, on="ride_id").query("probability_x != probability_y")
    assert list(moved["ride_id"]) == [changed]
    pd.testing.assert_frame_equal(scored.read(day, 1), before)
    assert scored.score()[0] == "NothingDue"


def test_what_is_known_later_and_the_label_make_nothing_stale(scored: Installation) -> None:
    scored.change_where(lambda table: table["day"].isin([*DUE, EARLIER]), paid=12.5, tipped="yes")
    name, end = scored.score()
    assert (name, end.stale) == ("NothingDue", ())
    assert set(scored.published.values()) == {1}


def test_a_change_before_the_lookback_is_reported_and_not_scored_again(scored: Installation) -> None:
    scored.change(scored.read(EARLIER)["ride_id"].iloc[0], km=99.0)
    before = scored.digest("predictions")
    name, end = scored.score()
    assert (name, end.stale) == ("NothingDue", (EARLIER,))
    name, end = scored.score(EARLIER)
    assert (name, end.stale) == ("AlreadyPublished", (EARLIER,))
    assert scored.digest("predictions") == before


def test_a_new_champion_leaves_history_as_it_is_and_serves_what_comes(scored: Installation) -> None:
    scored.restate(candidates=[{"rule": "base_rate"}, {"model": "logistic", "params": {"C": 1.0}}])
    name, end = scored.train()
    assert (name, end.champion.version) == ("Promoted", "2"), end.reason
    name, end = scored.score()
    assert (name, end.stale) == ("NothingDue", ())
    assert set(scored.published.values()) == {1}
    name, end = scored.score("2024-04-27")
    assert (name, end.model_version) == ("Published", "2")


def test_a_rescore_is_a_new_generation(scored: Installation) -> None:
    name, end = scored.score(DUE[0], rescore=True)
    assert (name, end.generation, end.stale) == ("Published", 2, ())
    pd.testing.assert_frame_equal(scored.read(DUE[0], 2), scored.read(DUE[0], 1))


def test_a_rescore_without_a_partition_takes_every_day_of_the_lookback(scored: Installation) -> None:
    name, _ = scored.score(rescore=True)
    assert name == "Published"
    assert scored.published == {EARLIER: 1, **dict.fromkeys(DUE, 2)}


def test_a_rejected_day_does_not_stop_the_others_and_fails_the_run_by_its_name(trained: Installation) -> None:
    bad = paid_rides().query("day == @DUE[1]")["ride_id"].iloc[0]
    trained.change(bad, rain=7.0)
    name, error = trained.score()
    assert name == "DataRejected"
    assert isinstance(error, DataRejected)
    assert error.code == "expectation-failed"
    assert DUE[1] in str(error)
    assert DUE[0] not in str(error)
    assert trained.published == {DUE[0]: 1}
    trained.change(bad, rain=0.5)
    name, end = trained.score()
    assert name == "Published"
    assert [each.partition for each in end.partitions if each.outcome == "Published"] == [DUE[1]]
    assert (end.rows_in, end.rows_scored, end.rows_quarantined) == (20, 19, 1)
    assert trained.published == dict.fromkeys(DUE, 1)


def test_every_rejected_day_is_named(trained: Installation) -> None:
    trained.change_where(lambda table: table["day"].isin(DUE), rain=7.0)
    name, error = trained.score()
    assert (name, error.code) == ("DataRejected", "expectation-failed")
    assert f" {', '.join(DUE)}: " in str(error)
    assert str(error).count("rows fail") == 1
    assert trained.published == {}


@pytest.mark.parametrize(
    ("day", "name", "kind", "code"),
    [(ABSENT, "DataRejected", DataRejected, "partition-absent"),
     ("2030-01-01", "InvalidCall", InvalidCall, "partition-future"),
     ("2024-4-9", "InvalidCall", InvalidCall, "partition-invalid")],
)  # fmt: skip
def test_a_partition_that_cannot_be_is_refused(
    trained: Installation, day: str, name: str, kind: type[Exception], code: str
) -> None:
    said, error = trained.score(day)
    assert (said, type(error), error.code) == (name, kind, code)
    assert trained.published == {}


def test_editing_the_features_after_training_changes_no_score(scored: Installation) -> None:
    (scored.folder / "projects/rides/features.py").write_text(
        "def build(rows):\n    return rows[['km', 'zone', 'rain']].assign(km=0.0)\n"
    )
    assert scored.score()[0] == "NothingDue"
    assert scored.score(DUE[0], rescore=True)[0] == "Published"
    pd.testing.assert_frame_equal(scored.read(DUE[0], 2), scored.read(DUE[0], 1))


def test_a_published_day_the_source_no_longer_holds_stays_published(scored: Installation) -> None:
    scored.drop(EARLIER)
    name, end = scored.score()
    assert (name, end.stale) == ("NothingDueIncomplete", ())
    assert end.incomplete == (Finding(kind="vanished", partition=EARLIER, rows=0, expected=20),)
    assert len(scored.read(EARLIER)) == 20


def test_a_published_day_that_is_loaded_again_is_not_scored_half(scored: Installation) -> None:
    scored.drop(DUE[0], keep=5)
    assert scored.score()[0] == "NothingDueIncomplete"
    assert scored.published[DUE[0]] == 1


def test_a_published_day_that_has_lost_rows_is_replaced_only_by_word(scored: Installation) -> None:
    scored.drop(DUE[0], keep=18)
    for day in (None, DUE[0]):
        name, error = scored.score(day)
        assert (name, error.code) == ("DataRejected", "rows-vanished")
        assert f"{DUE[0]} was published from 20 rows, the source has 18 now" in str(error)
        assert scored.published[DUE[0]] == 1
    assert scored.score(DUE[0], rescore=True)[0] == "Published"
    assert len(scored.read(DUE[0])) == 18
    assert scored.score()[0] == "NothingDue"


def test_a_day_that_is_emptied_while_it_is_read_is_read_again(
    trained: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = trained.folder / "projects" / "rides" / "rides.csv"
    whole, steps = file.read_bytes(), iter(["empty", "still empty", "whole"])
    count, pull = steps_of_work.find_work, steps_of_pull.read_partition

    def empty_after_counting(*arguments: Any) -> Any:
        found = count(*arguments)
        trained.drop(DUE[0])
        return found

    def refill_before_the_third_try(*arguments: Any) -> Any:
        if next(steps, "") == "whole":
            file.write_bytes(whole)
        return pull(*arguments)

    monkeypatch.setattr(steps_of_work, "find_work", empty_after_counting)
    monkeypatch.setattr(steps_of_pull, "read_partition", refill_before_the_third_try)
    monkeypatch.setattr(pull_partition.task, "retry_delay_seconds", [0.1, 0.1, 0.1])
    name, end = trained.score()
    assert (name, end.rows_in) == ("Published", 40)
    assert next(steps, None) is None


def test_a_rescore_replaces_a_part_that_was_damaged(scored: Installation) -> None:
    before, manifest = scored.read(DUE[0]), scored.folder / f"var/predictions/rides/manifests/{DUE[0]}/000001.json"
    part = Path(scored.sink.objects.location(json.loads(manifest.read_text())["parts"][0]["name"]))
    part.write_bytes(part.read_bytes()[:-1])
    assert scored.score(DUE[0], rescore=True)[0] == "Published"
    pd.testing.assert_frame_equal(scored.read(DUE[0]), before)
