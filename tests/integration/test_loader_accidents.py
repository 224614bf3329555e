"""Accidents of a source's loader, each by the command line: outcome, exit code, page and status say what is missing."""

import importlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml
from prefect.settings import PREFECT_API_URL, temporary_settings
from typer.testing import CliRunner

from tasks.status import refresh_morning
from tests.builders import ride_source, ride_spec, rides, write_warehouse
from tests.conftest import ROOT
from tests.empty_databases import put_registry
from tierra.cli.commands import app
from tierra.report.index import read_runs
from tierra.store.local_objects import LocalObjects
from tierra.store.predictions import generations
from tierra.store.sinks import ObjectSink
from tierra.workspace import open_workspace

ROWS = 20  # of each day
SOURCES = {
    "csv": ride_source(),
    "sqlite": ride_source(kind="sql", path=None, connection="warehouse", table="rides", types={"day": "date"}),
}
SCORE = {"lookback": "2d", "watch": "10d", "ready": {"min_rows": 15}}


@dataclass(frozen=True)
class Night:
    """How a run ended, as a machine reads it."""

    code: int
    end: dict[str, Any]
    page: str

    @property
    def outcome(self) -> str:
        return str(self.end["outcome"])

    @property
    def missing(self) -> list[tuple[str, str, int]]:
        return [(each["kind"], each["partition"], each["rows"]) for each in self.end["incomplete"]]


@dataclass(frozen=True)
class Place:
    """An installation whose loader can do harm; every call is one of the command line."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch = field(repr=False)

    def stand_in(self, *, scheduled: bool = False, **score: Any) -> "Place":
        self.monkeypatch.chdir(ROOT)
        self.monkeypatch.delenv("PREFECT_API_URL", raising=False)
        values = {"HOME": self.folder / "var", "PROJECTS": self.folder / "projects", "RUN_REGISTERED_CODE": "true",
                  "CONNECTIONS__WAREHOUSE__URL": f"sqlite:///{self.folder / 'warehouse.db'}"}  # fmt: skip
        for name, value in values.items():
            self.monkeypatch.setenv(f"TIERRA_{name}", str(value))
        spec = ride_spec(
            sources=SOURCES[self.folder.name],
            score=SCORE | score,
            **({"schedule": {"score": "0 3 * * *"}} if scheduled else {}),
        )
        file = self.folder / "projects" / "rides" / "project.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(spec, sort_keys=False))
        return self

    def load(self, table: pd.DataFrame) -> "Place":
        """What the loader leaves at the source, in either form."""
        table.to_csv(self.folder / "projects" / "rides" / "rides.csv", index=False)
        write_warehouse(self.folder / "warehouse.db", rides=table)
        return self

    def run(self, *words: str) -> Any:
        return CliRunner().invoke(app, [*words, "--json"])

    def night(self, clock: str, *words: str) -> Night:
        """Score at three in the morning of a day."""
        self.monkeypatch.setenv("TIERRA_CLOCK", f"{clock}T03:00:00+00:00")
        done = self.run("score", "rides", *words)
        try:
            end = json.loads(done.stdout)
        except ValueError:
            end = {"outcome": done.stderr, "incomplete": []}
        pages = sorted(
            (self.folder / "var/receipts/rides").glob("*-score-*.html"), key=lambda file: file.stat().st_mtime
        )
        return Night(done.exit_code, end, pages[-1].read_text() if pages else "")

    def status(self) -> tuple[str, str]:
        """The level of the scoring, and every reason for it."""
        flows = json.loads(self.run("status", "rides").stdout)["flows"]
        found = next(each for each in flows if each["flow"] == "score")
        return found["level"], "; ".join(found["reasons"])

    def states(self) -> dict[str, str]:
        """The state of every partition that has another than published."""
        flows = json.loads(self.run("status", "rides").stdout)["flows"]
        (listed,) = (each["partitions"] for each in flows if each["flow"] == "score")
        assert listed == sorted(listed, key=lambda each: each["partition"], reverse=True)
        return {each["partition"]: each["state"] for each in listed if each["state"] not in ("published", "before")}

    @property
    def published(self) -> dict[str, int]:
        return generations(ObjectSink(LocalObjects(self.folder / "var" / "predictions"), "rides"))


def up_to(day: str) -> pd.DataFrame:
    """The rides as they are when a day has been loaded."""
    return rides().query("day <= @day")


def without(table: pd.DataFrame, day: str, keep: int = 0) -> pd.DataFrame:
    """A table that has lost a day's rows, all but the first few."""
    return table[(table["day"] != day) | (table.groupby("day").cumcount() < keep)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """For a kind of source an installation with a champion, which published 18 to 22 April in five nights."""

    @cache
    def make(kind: str) -> Path:
        with pytest.MonkeyPatch.context() as monkeypatch:
            place = Place(tmp_path_factory.mktemp("trained") / kind, monkeypatch).stand_in().load(rides())
            put_registry(place.folder / "var")
            assert place.run("train", "rides").exit_code == 0
            for day in range(19, 24):
                place.load(up_to(f"2024-04-{day - 1}"))
                assert place.night(f"2024-04-{day}").outcome == "Published"
        return place.folder

    return make


@pytest.fixture(params=["csv", pytest.param("sqlite", marks=pytest.mark.long)])
def place(
    trained: Callable[[str], Path], request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    folder = Path(shutil.copytree(trained(request.param), tmp_path / request.param))
    # A server that another test of this process has would make tasks of stations, which wait in Prefect's way.
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        yield Place(folder, monkeypatch).stand_in()


def test_nights_on_which_all_is_there_say_nothing(place: Place) -> None:
    night = place.load(up_to("2024-04-23")).night("2024-04-24")
    assert (night.code, night.outcome, night.missing, night.end["newest"]) == (0, "Published", [], "2024-04-23")
    night = place.night("2024-04-24")
    assert (night.code, night.outcome, night.missing) == (0, "NothingDue", [])
    assert "Missing at the source" not in night.page
    assert (place.status()[0], place.states()) == ("green", {})


def test_a_dead_loader_is_noticed_before_its_days_are_late_and_fails_a_schedule_after_that(place: Place) -> None:
    assert place.night("2024-04-23").outcome == "NothingDue"
    night = place.night("2024-04-24")
    assert (night.code, night.outcome) == (0, "NothingDue")  # the first night may be the loader's delay
    line = "the source has no new day since 2024-04-22, 3 days ago"
    night = place.night("2024-04-25")
    assert (night.code, night.outcome, night.missing) == (0, "NothingDueIncomplete", [("silent", "2024-04-22", 0)])
    assert line in night.page
    assert place.status() == ("amber", f"INCOMPLETE: {line} (first seen 0.0 s ago)") or line in place.status()[1]
    place.stand_in(scheduled=True)
    for clock, days in (("2024-04-26", 4), ("2024-06-03", 42)):
        night = place.night(clock)
        line = f"the source has no new day since 2024-04-22, {days} days ago, and none of the days that are due"
        assert (night.code, night.outcome, night.missing) == (3, "SourceStalled", [("stalled", "2024-04-22", 0)])
        assert line in night.page
        level, why = place.status()
        assert (level, line in why) == ("red", True)
        assert why.count("no new day") == 1
    night = place.load(up_to("2024-06-02")).night("2024-04-24")
    assert (night.code, night.outcome) == (0, "Published")
    assert place.status()[0] != "red"


def test_days_that_come_after_lookback_are_named_with_the_command_that_scores_them(place: Place) -> None:
    gap = without(up_to("2024-04-26"), "2024-04-23")
    night = place.load(gap).night("2024-04-27")
    assert (night.code, night.outcome) == (0, "PublishedIncomplete")
    assert night.missing == [("late", "2024-04-24", ROWS), ("missing", "2024-04-23", 0)]
    night = place.load(up_to("2024-04-26")).night("2024-04-27")
    assert (night.code, night.outcome) == (0, "NothingDueIncomplete")
    assert night.missing == [("late", f"2024-04-{day}", ROWS) for day in (23, 24)]
    command = "tierra score rides --from 2024-04-23 --to 2024-04-24"
    assert command in night.page
    assert place.status()[0] == "amber"
    late = "2 days ready but older than `lookback` and not published: 2024-04-23, 2024-04-24"
    assert f"{late}; publish with {command}" in place.status()[1]
    assert place.states() == {"2024-04-24": "late", "2024-04-23": "late"}
    assert place.night("2024-04-27", *command.split()[3:]).outcome == "Published"
    assert place.night("2024-04-27").outcome == "NothingDue"
    assert place.status()[0] == "green"


def test_rows_that_were_published_and_are_gone_are_said_and_no_smaller_day_replaces_them(place: Place) -> None:
    table = without(without(up_to("2024-04-22"), "2024-04-19"), "2024-04-20", keep=17)
    night = place.load(table).night("2024-04-23")
    lost = [("vanished", "2024-04-19", 0), ("vanished", "2024-04-20", 17)]
    assert (night.code, night.outcome, night.missing) == (0, "NothingDueIncomplete", lost)
    said = "2024-04-19 (0 of 20 rows left), 2024-04-20 (17 of 20 rows left); what was published stays"
    assert said in night.page
    assert (place.status()[0], said in place.status()[1]) == ("amber", True)
    night = place.load(without(table, "2024-04-22", keep=18)).night("2024-04-23")  # inside lookback
    assert (night.code, night.outcome) == (3, "DataRejected")
    assert night.missing == [*lost, ("vanished", "2024-04-22", 18)]
    assert "2024-04-22 was published from 20 rows, the source has 18 now" in night.page
    assert place.status()[0] == "red"
    gone = {"2024-04-20": "vanished", "2024-04-19": "vanished"}
    assert place.states() == {"2024-04-22": "failed", **gone}
    assert set(place.published.values()) == {1}
    night = place.night("2024-04-23", "--partition", "2024-04-22", "--rescore")
    assert (night.code, night.outcome, night.end["rows_scored"]) == (0, "Published", 18)
    assert place.night("2024-04-23").missing == lost
    assert place.states() == gone


def test_rows_that_are_added_after_lookback_are_named_with_the_command_that_publishes_them(place: Place) -> None:
    half = without(up_to("2024-04-23"), "2024-04-23", keep=16)
    assert place.load(half).night("2024-04-24").outcome == "Published"
    assert place.load(half).night("2024-04-26").outcome == "NothingDueIncomplete"
    night = place.load(up_to("2024-04-25")).night("2024-04-26")
    assert (night.code, night.outcome, night.missing) == (0, "PublishedIncomplete", [("grown", "2024-04-23", ROWS)])
    said = "2024-04-23 (16 of 20 rows published); publish with tierra score rides --partition 2024-04-23 --rescore"
    assert (said in night.page, said in place.status()[1]) == (True, True)
    assert place.states() == {"2024-04-23": "changed"}
    assert place.night("2024-04-26", "--partition", "2024-04-23", "--rescore").outcome == "Published"
    assert place.night("2024-04-26").outcome == "NothingDue"


def test_a_day_that_is_gone_and_asked_for_is_refused_by_what_was_published_of_it(place: Place) -> None:
    night = place.load(without(up_to("2024-04-22"), "2024-04-22")).night("2024-04-23", "--partition", "2024-04-22")
    assert (night.code, place.published["2024-04-22"]) == (3, 1)
    assert "[rows-vanished]" in night.outcome
    assert "2024-04-22 was published from 20 rows, the source has 0 now" in night.page


def test_a_day_that_is_half_there_while_others_have_passed_it_is_said(place: Place) -> None:
    night = place.load(without(up_to("2024-04-24"), "2024-04-23", keep=5)).night("2024-04-25")
    assert (night.code, night.outcome) == (0, "PublishedIncomplete")
    assert night.missing == [("unready", "2024-04-23", 5)]
    assert "not loaded whole, ready from 15 rows: 2024-04-23 (5 rows)" in night.page
    assert "2024-04-23 (5 rows)" in place.status()[1]
    assert place.states() == {"2024-04-23": "unready"}
    refresh_morning(open_workspace())  # as the watchdog does, or a run without a server
    morning = (place.folder / "var/receipts/index.html").read_text()
    assert "not loaded whole, ready from 15 rows: 2024-04-23 (5 rows)" in morning
    assert 'href="rides/' in morning
    assert "2024-04-23: not ready" in (place.folder / "var/receipts/rides/index.html").read_text()
    assert "N not ready" in CliRunner().invoke(app, ["status", "rides"], env={"COLUMNS": "120"}).stdout


def test_days_that_are_left_out_on_purpose_are_not_scored_nor_missing(place: Place) -> None:
    place.stand_in(skip={date(2024, 4, 23): "no service", date(2024, 4, 24): "a strike"})
    night = place.load(without(up_to("2024-04-25"), "2024-04-24")).night("2024-04-26")
    assert (night.code, night.outcome, night.missing) == (0, "Published", [])
    assert sorted(place.published)[-2:] == ["2024-04-22", "2024-04-25"]
    assert place.states() == {"2024-04-24": "skipped", "2024-04-23": "skipped"}
    night = place.night("2024-04-26", "--from", "2024-04-22", "--to", "2024-04-25")
    assert (night.code, night.missing, "2024-04-23" in place.published) == (0, [], False)
    assert place.night("2024-04-26", "--partition", "2024-04-23").outcome == "Published"  # a person asks for it
    assert place.states() == {"2024-04-24": "skipped"}


def test_rows_older_than_fresh_within_fail_the_night_without_any_schedule(place: Place) -> None:
    place.stand_in(fresh_within="36h")
    assert place.night("2024-04-24").outcome == "NothingDue"  # 22 April ended 27 hours ago
    night = place.night("2024-04-25")
    assert (night.code, night.outcome, night.missing) == (3, "SourceStalled", [("stalled", "2024-04-22", 0)])
    line = "the source has no new day since 2024-04-22, 3 days ago, longer than `fresh_within` allows"
    level, why = place.status()
    assert (level, why.count("no new day"), line in why) == ("red", 1, True)


@pytest.mark.long
def test_rows_without_a_day_are_counted_in_every_run(place: Place) -> None:
    table = up_to("2024-04-23").reset_index(drop=True)
    table.loc[table.index[-3:], "day"] = None
    said = "3 rows have no day and are in no partition"
    night = place.load(table).night("2024-04-24")
    assert (night.code, night.outcome, night.missing) == (0, "PublishedIncomplete", [("dayless", "", 3)])
    assert (said in night.page, said in place.status()[1], place.status()[0]) == (True, True, "amber")
    for words, outcome in (((), "NothingDueIncomplete"), (("--partition", "2024-04-23"), "AlreadyPublishedIncomplete")):
        night = place.night("2024-04-24", *words)
        assert (night.code, night.outcome, night.missing) == (0, outcome, [("dayless", "", 3)])
    place.run("train", "rides")
    [page] = sorted((place.folder / "var/receipts/rides").glob("*-train-*.html"))[-1:]
    assert f"rides: {said}" in page.read_text()


@contextmanager
def loading(place: Place, *tables: pd.DataFrame) -> Iterator[list[str]]:
    """A loader at work: the first table stands after the days were counted, the others before each further try."""
    waiting, tries = list(tables), list[str]()

    def go_on(*_: object) -> None:
        tries.append("again")
        if waiting:
            place.load(waiting.pop(0))

    found: Callable[..., Any] = importlib.import_module("flows.score").find_work  # type: ignore[attr-defined]

    def find_work(*arguments: Any) -> Any:
        result = found(*arguments)
        place.load(waiting.pop(0))
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.score.find_work", find_work)
        # The module's own name for it: threads of Prefect sleep, too.
        patch.setattr("tasks.run.station.time", SimpleNamespace(sleep=go_on))
        yield tries


def test_a_source_that_is_emptied_and_refilled_while_it_is_read_is_waited_for(place: Place) -> None:
    whole, empty = up_to("2024-04-23"), without(up_to("2024-04-23"), "2024-04-23")
    few = without(whole, "2024-04-23", keep=3)
    with loading(place.load(whole), empty, few, whole) as tries:
        night = place.night("2024-04-24")
    assert (night.code, night.outcome, night.end["rows_scored"], len(tries)) == (0, "Published", ROWS, 2)
    assert "2 retries" in night.page


@pytest.mark.parametrize("left", [0, 3, 18])
def test_rows_that_were_counted_and_do_not_come_back_are_never_published_as_a_smaller_day(
    place: Place, left: int
) -> None:
    whole = up_to("2024-04-23")
    with loading(place.load(whole), without(whole, "2024-04-23", keep=left)) as tries:
        night = place.night("2024-04-24")
    assert (night.code, night.outcome, len(tries)) == (3, "DataRejected", 3)
    said = f"2024-04-23 had 20 rows when they were counted, and {left} when they were read"
    assert said in night.page
    assert (place.status()[0], said in place.status()[1]) == ("red", True)
    assert "2024-04-23" not in place.published


def test_what_a_record_keeps_is_what_the_status_reads(place: Place) -> None:
    """A run that looks at one day says nothing of the others, and leaves what the last whole run saw."""
    place.load(without(up_to("2024-04-23"), "2024-04-19")).night("2024-04-24")
    first = place.status()
    assert place.night("2024-04-24", "--partition", "2024-04-23").outcome == "AlreadyPublished"
    newest, before, *_ = read_runs(place.folder / "var/receipts/rides", "score")
    assert (newest.missing, newest.mood, before.mood) == (None, "quiet", "warned")
    assert before.missing is not None
    assert "2024-04-19 (0 of 20 rows left)" in place.status()[1]
    assert first[0] == place.status()[0] == "amber"


def test_a_text_that_is_no_date_is_a_row_without_a_day(place: Place) -> None:
    if place.folder.name != "sqlite":
        pytest.skip("of a CSV file such a cell is refused or set aside as it is read")
    place.load(up_to("2024-04-22"))
    with closing(sqlite3.connect(place.folder / "warehouse.db")) as database, database:
        database.execute("update rides set day = '' where ride_id = 'r000001'")
        database.execute("update rides set day = 'unknown' where ride_id = 'r000002'")
    assert place.night("2024-04-23").missing == [("dayless", "", 2)]
