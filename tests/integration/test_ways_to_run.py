"""A run started on the command line ends the same way in a process alone and as a run of a server."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.builders import CLOCK, ride_source, ride_spec, rides, write_project, write_warehouse
from tests.e2e.checkout import Checkout, make_checkout
from tests.empty_databases import put_registry
from tests.servers import call_api, until
from tierra.report.index import Run, read_runs

DAY = "2024-04-28"
SLOW = "import pathlib, time\n\ndef build(rows):\n    while pathlib.Path('slow').exists():\n        pathlib.Path('waits').touch()\n        time.sleep(0.1)\n    return rows[['km', 'zone', 'rain']]\n"  # noqa: E501
# Refuses what a machine without a network refuses, and loopback too.
NO_NETWORK = """
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.bind") and isinstance(arguments[1], tuple):
        raise PermissionError(f"{event} {arguments[1]}")
sys.addaudithook(refuse)
from tierra.cli.commands import main
main()
"""
MAIN = "from tierra.cli.commands import main; main()"


@pytest.fixture(scope="module", params=["alone", pytest.param("server", marks=pytest.mark.long)])
def here(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with a trained project, whose runs are of a server or of nobody."""
    folder = tmp_path_factory.mktemp("ways")
    environment = {"TIERRA_CLOCK": CLOCK, "TIERRA_CONNECTIONS__WAREHOUSE__URL": f"sqlite:///{folder}/warehouse.db"}
    if request.param == "server":
        environment["PREFECT_API_URL"] = request.getfixturevalue("prefect_server")
    else:
        environment |= {"PREFECT_API_URL": "", "PREFECT_HOME": str(folder / "prefect")}
    checkout = make_checkout(folder, **environment)
    put_registry(folder / "var")
    source = ride_source(kind="sql", connection="warehouse", path=None, table="rides", types={"day": "date"})
    spec = ride_spec(sources=source, features="features:build", contract={"expectations": [WITHIN]})
    write_project(folder / "projects/rides", spec, features=SLOW)
    write_warehouse(folder / "warehouse.db", rides=rides())
    done = checkout.tierra("train", "rides")
    said = "in this process" if request.param == "alone" else f"a run of {environment['PREFECT_API_URL']}"
    assert said in done.stderr.replace("\n", "")
    return checkout


WITHIN = {"type": "expect_column_values_to_be_between", "column": "km", "min_value": 0, "max_value": 1000}


def begin(here: Checkout, *arguments: str, code: str = MAIN) -> "subprocess.Popen[str]":
    """Start the command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=here.folder, env={**os.environ, **here.environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def last_run(here: Checkout, flow: str = "score") -> Run:
    return read_runs(here.folder / "var/receipts/rides", flow)[0]


def state_of(here: Checkout, run: Run) -> dict[str, Any] | None:
    """The state that the server holds; None for a run of nobody."""
    if not here.environment["PREFECT_API_URL"]:
        assert run.flow_run_id == ""
        return None
    found: dict[str, Any] = call_api(here.environment["PREFECT_API_URL"], "GET", f"/flow_runs/{run.flow_run_id}")
    return found["state"]


def ends(here: Checkout, outcome: str, kind: str, mood: str) -> Run:
    """The last run ended so: on its page, in its record and in the server."""
    run, state = last_run(here), None
    assert (run.outcome, run.mood) == (outcome, mood)
    state = state_of(here, run)
    assert state is None or (state["name"], state["type"]) == (outcome, kind)
    pages = sorted((here.folder / "var/receipts/rides").glob("*-score-*.html"))
    assert outcome in pages[-1].read_text()
    return run


def stopped_by(here: Checkout, number: signal.Signals, day: str) -> tuple[int, str]:
    """Score a day, send a signal in the middle; the exit code and what was printed."""
    (here.folder / "slow").touch()
    (here.folder / "waits").unlink(missing_ok=True)
    process = begin(here, "score", "rides", "--partition", day)
    try:
        until("the run is in the middle", 30, (here.folder / "waits").exists)
        process.send_signal(number)
        (here.folder / "slow").unlink()
        printed, _ = process.communicate(timeout=60)
        return process.returncode, printed
    finally:
        (here.folder / "slow").unlink(missing_ok=True)
        process.kill()
        process.communicate()


@pytest.mark.long
def test_a_source_that_is_locked_for_a_while_is_waited_for(here: Checkout) -> None:
    with sqlite3.connect(here.folder / "warehouse.db", isolation_level=None) as held:
        held.execute("BEGIN EXCLUSIVE")
        process = begin(here, "score", "rides", "--partition", DAY)
        printed = ""
        assert process.stdout
        while "retry 1 of 3" not in printed:
            line = process.stdout.readline()
            assert line, printed
            printed += line
        held.execute("ROLLBACK")
    held.close()
    printed += process.communicate(timeout=60)[0]
    assert process.returncode == 0, printed
    assert ends(here, "Published", "COMPLETED", "good").retries == 1


def set_sign_of_km(here: Checkout, day: str, sign: int) -> None:
    with sqlite3.connect(here.folder / "warehouse.db") as warehouse:
        warehouse.execute("UPDATE rides SET km = ? * abs(km) WHERE day = ?", (sign, day))
    warehouse.close()


def test_a_rejected_day_ends_with_3_and_nothing_is_published(here: Checkout) -> None:
    set_sign_of_km(here, "2024-04-27", -1)
    printed = here.tierra("score", "rides", "--partition", "2024-04-27", exit_code=3).stderr
    assert "[expectation-failed]" in printed
    ends(here, "DataRejected", "FAILED", "bad")
    set_sign_of_km(here, "2024-04-27", 1)
    assert not list((here.folder / "var/predictions").glob("*/manifests/2024-04-27/*"))


@pytest.mark.parametrize(
    ("number", "code", "outcome"),
    [
        pytest.param(signal.SIGINT, 130, "Cancelled", marks=pytest.mark.long),
        (signal.SIGTERM, 143, "Stopped"),
        pytest.param(signal.SIGHUP, 143, "Stopped", marks=pytest.mark.long),
    ],
)
def test_a_run_that_is_stopped_has_its_page(here: Checkout, number: signal.Signals, code: int, outcome: str) -> None:
    before = list((here.folder / "var/predictions").glob("*/manifests/*/*"))
    ended, printed = stopped_by(here, number, f"2024-04-{int(number):02}")
    assert ended in (code, -number), printed  # a shell shows 143 for both
    assert "Traceback" not in printed
    run = last_run(here)
    assert (run.outcome, run.mood) == (outcome, "bad")
    state = state_of(here, run)
    assert state is None or state["name"] == ("Cancelled" if outcome == "Cancelled" else "Crashed")
    assert list((here.folder / "var/predictions").glob("*/manifests/*/*")) == before


@pytest.mark.long
def test_a_killed_run_leaves_nothing_and_the_next_one_ends_as_if_it_had_never_been(here: Checkout) -> None:
    before = list((here.folder / "var/predictions").glob("*/manifests/*/*"))
    ended, _ = stopped_by(here, signal.SIGKILL, "2024-04-09")
    assert ended == -9
    assert list((here.folder / "var/predictions").glob("*/manifests/*/*")) == before
    here.tierra("score", "rides", "--partition", "2024-04-09")
    ends(here, "Published", "COMPLETED", "good")


@pytest.mark.long
def test_without_a_network_and_two_at_once_a_day_is_published_once(here: Checkout) -> None:
    if here.environment["PREFECT_API_URL"]:
        pytest.skip("a server is reached over the network")
    both = [begin(here, "score", "rides", "--partition", "2024-04-26", code=NO_NETWORK) for _ in range(2)]
    assert both[0].stdout
    first = both[0].stdout.readline()
    assert first.startswith("score rides")
    printed = [first + both[0].communicate(timeout=120)[0], both[1].communicate(timeout=120)[0]]
    assert [each.returncode for each in both] == [0, 0], printed
    outcomes = [run.outcome for run in read_runs(here.folder / "var/receipts/rides", "score")[:2]]
    assert sorted(outcomes) in (["AlreadyPublished", "Published"], ["NothingDue", "Published"]), outcomes
    assert len(list((here.folder / "var/predictions").glob("*/manifests/2024-04-26/*"))) == 1
    train = begin(here, "train", "rides", "--dry-run", code=NO_NETWORK)
    text = train.communicate(timeout=120)[0]
    assert train.returncode == 0, text


def test_the_time_of_a_run_is_that_of_its_process(here: Checkout) -> None:
    started = time.perf_counter()
    here.tierra("score", "rides", "--partition", DAY)
    whole = time.perf_counter() - started
    assert 0.5 < last_run(here).seconds / whole <= 1
