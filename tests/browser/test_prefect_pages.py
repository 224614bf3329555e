"""What ops sees and clicks in the real Prefect pages, with a real server, worker, locked database and browser.

`SCREENSHOTS=docs/images` makes the long test write the pictures of the documents.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser.ui import ASKED_ANYWAY, Ui
from tests.builders import CLOCK, ride_spec, rides, write_project, write_warehouse
from tests.ops import Ops, a_server, kill, until
from tests.servers import Receiver

DAY = "2024-04-29"
WARNING, ERROR = 30, 40
SOURCES = {"rides": {"kind": "sql", "connection": "warehouse", "table": "rides", "key": "ride_id",
                     "partition_by": "day", "types": {"day": "date"}}}  # fmt: skip
PROJECTS: dict[str, dict[str, Any]] = {
    "rides": {"timezone": "America/New_York", "score": "0 3 * * *", "train": "0 4 * * 1"},
    "fares": {"timezone": "Europe/Madrid", "score": ["0 6 * * *", "0 14 * * *"]},
}
HELP = (
    "The day to score, as YYYY-MM-DD. Leave it empty to score every day that is due.",
    "Publish a new generation of what is published, even when nothing changed.",
    "Do everything but publish, and say what would be published.",
    "Why this run was started by hand. It is kept on the run's receipt.",
)

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def ops(told: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """A server with everything deployed and a worker, over two projects that read one database."""
    folder = tmp_path_factory.mktemp("pages")
    for name, schedule in PROJECTS.items():
        card = {"goal": f"Say whether a guest will tip ({name})", "owner": "ops@example.org"}
        write_project(
            folder / "projects" / name, ride_spec(project=name, sources=SOURCES, schedule=schedule, card=card)
        )
    url = write_warehouse(folder / "warehouse.db", rides=rides())
    ours = {"TIERRA_CLOCK": CLOCK, "TIERRA_CONNECTIONS__WAREHOUSE__URL": f"{url}?timeout=0.1",
            "TIERRA_ALERT_WEBHOOK": told.url, "TIERRA_RECEIPTS_URL": "http://127.0.0.1:4300",
            "TIERRA_MLFLOW_URL": "http://127.0.0.1:5000"}  # fmt: skip
    with a_server(folder, **ours) as server:
        server.tierra("deploy")
        worker = server.worker()
        until("the worker polls", 120, lambda: server.deployment("score/rides")["status"] == "READY")
        yield server
        kill(worker)


@pytest.fixture
def ui(chromium: Any, ops: Ops) -> Iterator[Ui]:
    opened = Ui(chromium, ops)
    yield opened
    opened.page.close()
    assert [each for each in opened.asked_elsewhere if not each.startswith(ASKED_ANYWAY)] == []


@contextmanager
def locked(file: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else has the database to themselves, until they roll back."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("begin exclusive")
        yield database


def warnings(ops: Ops, run: str) -> list[str]:
    return [text for level, text in ops.log(run) if level == WARNING]


def test_deployments_are_listed_with_their_schedules(ui: Ui) -> None:
    ui.open()
    ui.go_to("Deployments")
    ui.wait_for("8 Deployments")
    for flow, project, schedule in (
        ("score", "rides", "At 03:00 AM"),
        ("train", "rides", "At 04:00 AM, only on Monday"),
    ):
        # What is too long for its column is told when one points at it.
        if schedule not in ui.row(flow, project).inner_text():
            ui.point_at(ui.row(flow, project).get_by_text("1 schedules"), schedule)
    ui.shoot("deployments")


@pytest.mark.long
def test_a_wrong_date_ends_the_run_at_once_in_one_clear_line(ui: Ui, ops: Ops) -> None:
    """The calendar of the form takes no date that is none. A link that carries the form's values does."""
    ui.open_form("score", "rides")
    for each in HELP:
        ui.wait_for(each)
    ui.type_day("2013-13-45")
    assert ui.button("Pick a date").is_visible()
    ui.open_form_by_link("score", "rides", '{"project": "rides", "partition": "2013-13-45"}')
    run = ui.submit()
    ui.wait_for("InvalidCall")
    assert ops.ended(run)["message"] == "'2013-13-45' is not a date. Give a date as YYYY-MM-DD. [partition-invalid]"
    until("its last line arrived", 30, lambda: any(level == ERROR for level, _ in ops.log(run)))
    errors = [text for level, text in ops.log(run) if level >= ERROR]
    assert errors == [ops.state(run)["message"]]
    ui.open_run(run, "Logs")
    ui.least_level("Error")
    ui.wait_for(errors[0])
    assert "Traceback" not in ui.text
    assert ops.call("GET", f"/flow_runs/{run}")["total_run_time"] < 10


@pytest.mark.long
def test_a_source_that_fails_twice_and_then_works_is_told_on_every_page(ui: Ui, ops: Ops, told: Receiver) -> None:
    ops.tierra("train", "rides")
    ui.open_form("score", "rides")
    ui.type_day(DAY)
    ui.page.get_by_label("reason").fill("the load was late")
    ui.shoot("form")
    with locked(ops.folder / "warehouse.db") as database:
        run = ui.submit()
        until("two retries", 180, lambda: len(warnings(ops, run)) == 2)
        database.execute("rollback")
    assert ops.ended(run)["name"] == "Published"
    assert [text[:12] for text in warnings(ops, run)] == ["retry 1 of 3", "retry 2 of 3"]
    see_its_run(ui, run)
    see_its_summary(ui)
    assert told.messages == []


def see_its_run(ui: Ui, run: str) -> None:
    """The run's page: its named state, the first line of its summary, retries as warnings."""
    ui.open_run(run, "Artifacts")
    for each in (f"score-rides-{DAY}", "Published", f"Published: {DAY}: 20 rows in, 20 scored, 0 quarantined"):
        ui.wait_for(each)
    ui.shoot("run")
    ui.open_run(run, "Logs")
    ui.least_level("Warning")
    ui.wait_for("retry 2 of 3 in 10 s: source rides (warehouse.rides): database is locked")
    ui.shoot("retries")


def see_its_summary(ui: Ui) -> None:
    """The summary: rows, retries, duration, and where to read on."""
    ui.open_artifact("score-rides", "rides: Published")
    for each in ("20 rows in, 20 scored, 0 quarantined.", "2 retries: find-work: source rides", "Duration:",
                 "the load was late", "version 1, logistic"):  # fmt: skip
        ui.wait_for(each)
    assert ui.tables_cut_off() == 0
    links = {name: ui.page.get_by_role("link", name=name).get_attribute("href")
             for name in ("the whole page", "the champion's run")}  # fmt: skip
    assert links["the whole page"].startswith("http://127.0.0.1:4300/rides/")
    assert links["the champion's run"].startswith("http://127.0.0.1:5000/#/experiments/")
    ui.shoot("summary")


@pytest.mark.long
def test_the_status_says_who_needs_a_person_and_nobody_is_told_of_anything_else(
    ui: Ui, ops: Ops, told: Receiver
) -> None:
    assert ops.ended(ops.run("score/fares"))["name"] == "NoChampion"
    ui.open_deployment("status", "all")
    ui.run("Quick run")
    assert ops.ended(ui.follow())["name"] == "NeedsAttention"
    ui.open_artifact("status", "RED: score/fares")
    for each in ("no model has been registered yet", "score/rides", "As of"):
        ui.wait_for(each)
    assert "**" not in ui.text
    assert ui.tables_cut_off() == 0
    ui.shoot("status")
    until("somebody is told", 90, lambda: told.messages)
    assert [(each["project"], each["subject"]) for each in told.messages] == [("fares", "fares: score NoChampion")]


@pytest.mark.long
def test_what_mends_and_tells_is_listed_as_automations(ui: Ui, ops: Ops) -> None:
    ui.open()
    ui.go_to("Automations")
    names = [each["name"] for each in ops.ask("/automations/filter")]
    assert {"tierra: a run failed", "tierra: no worker", "tierra: the watchdog is silent"} <= set(names)
    for name in names:
        assert name.startswith("tierra: ")
        ui.wait_for(name)
    ui.shoot("automations")
