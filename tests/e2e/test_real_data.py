"""The whole product on the real tables, through the command line, in the order of a first week.

`make test` takes every tenth flight until December; `make test-long` all of them.
"""

import csv
import io
import runpy
import sqlite3
from contextlib import closing
from math import log
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import ROOT
from tests.e2e.checkout import Checkout
from tests.e2e.flights import PROJECT, make_demo
from tests.oracle import load_champion, says
from tierra.settings import Settings
from tierra.workspace import Workspace

FEW, ALL = 10, 1  # every tenth flight, every flight
LATER = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")


@pytest.fixture(scope="module", params=[FEW, pytest.param(ALL, marks=pytest.mark.long)], ids=["few", "all"])
def checkout(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Checkout:
    return make_demo(tmp_path_factory.mktemp("real"), tmp_path_factory.mktemp("data"), request.param)


def base_rate_log_loss(warehouse: Path) -> float:
    """That of the test part, October and November, when every flight gets the rate of the months to August."""
    query = "select avg(arr_delay >= 15) from flights where flight_date"
    with closing(sqlite3.connect(warehouse)) as database:
        before = database.execute(f"{query} < '2013-09-01'").fetchone()[0]
        late = database.execute(f"{query} between '2013-10-01' and '2013-11-30'").fetchone()[0]
    return float(-late * log(before) - (1 - late) * log(1 - before))


@pytest.fixture(scope="module")
def demo(checkout: Checkout) -> str:
    """What the first demo printed, in a process of its own; every later command is called in this one."""
    return checkout.tierra("demo").stdout


def test_the_demo_publishes_three_days(demo: str, checkout: Checkout) -> None:
    for day in ("2013-12-21", "2013-12-22", "2013-12-23"):
        assert f"{day}  Published" in demo
    manifests = sorted((checkout.folder / "var/predictions" / PROJECT / "manifests").glob("*/*.json"))
    assert [file.parent.name[-2:] for file in manifests] == ["21", "22", "23"]


def test_the_demo_again_adds_nothing_and_says_so(demo: str, checkout: Checkout) -> None:
    again = checkout.call("demo").stdout
    assert "Nothing was added" in again
    assert "same inputs as version 1" in again


def test_the_champion_clears_both_marks(demo: str, checkout: Checkout) -> None:
    champion = Workspace(Settings(home=checkout.folder / "var")).champions.current(PROJECT)
    assert champion
    found, rule = champion.release.metrics, champion.release.rule_metrics
    assert champion.release.verdict.passed
    assert found["roc_auc"] - rule["roc_auc"] >= 0.03
    assert base_rate_log_loss(checkout.folder / "var/warehouse.db") - found["log_loss"] >= 0.03
    receipts = [*(checkout.folder / "var/receipts" / PROJECT).glob("*-train-*.html")]
    assert receipts
    assert all(receipt.read_text().startswith("<!doctype html>") for receipt in receipts)


def test_every_row_of_a_day_is_scored_or_quarantined(demo: str, checkout: Checkout) -> None:
    end = checkout.call_json("score", PROJECT, "--partition", "2013-12-24")
    assert end["outcome"] == "Published"
    assert end["rows_in"] == 761 == end["rows_scored"] + end["rows_quarantined"]
    printed = checkout.call("predictions", PROJECT, "--partition", "2013-12-24", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert len(rows) == end["rows_scored"] == len({row["flight_id"] for row in rows})


def test_every_published_number_is_what_the_pipeline_says_of_the_tables(demo: str, checkout: Checkout) -> None:
    day, home = pd.Timestamp("2013-12-21"), checkout.folder / "var"
    functions = runpy.run_path(str(ROOT / "projects" / PROJECT / "features.py"))
    with closing(sqlite3.connect(home / "warehouse.db")) as database:
        flights, weather, planes = (
            pd.read_sql(f"select * from {table}", database, parse_dates=["flight_date", "time_hour"])
            for table in ("flights", "weather", "planes")
        )
    joined = flights.merge(
        weather.drop(columns=["year", "month", "day", "hour"]), how="left", on=["origin", "time_hour"]
    )
    joined = joined.merge(planes[["tailnum", "plane_year", "seats"]], how="left", on="tailnum")
    past = joined[joined["flight_date"].between(day - pd.Timedelta("28D"), day, inclusive="left")]
    rows = joined[joined["flight_date"] == day].sort_values("flight_id").reset_index(drop=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIERRA_HOME", str(home))
        features = functions["build"](functions["prepare"](rows, past.reset_index(drop=True)))
        expected = says(load_champion(PROJECT), features, {name: rows[name] for name in ("hour", "origin", "carrier")})
    printed = checkout.call("predictions", PROJECT, "--partition", "2013-12-21", "--format", "csv").stdout
    published = pd.read_csv(io.StringIO(printed)).set_index("flight_id")["probability"]
    said = pd.Series(expected, index=rows["flight_id"])[published.index]
    assert len(published) > 500
    assert np.allclose(published, said, rtol=1e-9, atol=0)


def test_a_file_of_a_day_gets_the_predictions_that_were_published(demo: str, checkout: Checkout) -> None:
    """Exported from the warehouse with what is known before departure, and read by a process of its own."""
    with closing(sqlite3.connect(checkout.folder / "var/warehouse.db")) as database:
        columns = [row[1] for row in database.execute("pragma table_info(flights)")]
        known = ", ".join(name for name in columns if name not in LATER)
        rows = pd.read_sql(f"select {known} from flights where flight_date = '2013-12-22' order by dest", database)
    rows.to_csv(checkout.folder / "day.csv", index=False)
    checkout.tierra("predict", PROJECT, "day.csv")
    found = pd.read_csv(checkout.folder / "day.predictions.csv")
    assert found["flight_id"].to_list() == rows["flight_id"].to_list()
    printed = checkout.call("predictions", PROJECT, "--partition", "2013-12-22").stdout
    published = pd.read_csv(io.StringIO(printed)).set_index("flight_id")["probability"]
    scored = found.dropna(subset="probability").set_index("flight_id")["probability"]
    assert len(scored) == len(published)
    assert (scored - published[scored.index]).abs().max() <= 1e-12


def test_a_day_without_weather_is_rejected_and_one_page_says_why(demo: str, checkout: Checkout) -> None:
    end = checkout.call_json("score", PROJECT, "--partition", "2013-12-31", exit_code=3)
    assert end["outcome"] == "DataRejected"
    assert "no match in weather" in Path(end["receipt"]).read_text()
    assert not (checkout.folder / "var/predictions" / PROJECT / "manifests" / "2013-12-31").exists()


@pytest.mark.long  # in small: tests/integration/test_scoring_flow.py
@pytest.mark.parametrize("checkout", [ALL], indirect=True, ids=["all"])
def test_a_corrected_day_is_scored_again_and_late_arrivals_change_nothing(demo: str, checkout: Checkout) -> None:
    with sqlite3.connect(checkout.folder / "var/warehouse.db") as warehouse:
        warehouse.execute("update flights set arr_delay = 99 where flight_date = '2013-12-23'")
    assert checkout.call_json("score", PROJECT)["outcome"] == "NothingDue"
    with sqlite3.connect(checkout.folder / "var/warehouse.db") as warehouse:
        one = "select min(flight_id) from flights where flight_date = '2013-12-22'"
        warehouse.execute(f"update flights set distance = distance + 100 where flight_id = ({one})")
    end = checkout.call_json("score", PROJECT)
    assert end["outcome"] == "Published"
    assert "2013-12-22" in end["stale"]
    assert "stale" in Path(end["receipt"]).read_text()
    again = {each["partition"]: each["generation"] for each in end["partitions"]}
    assert again["2013-12-22"] == 2
    first = checkout.call("predictions", PROJECT, "--partition", "2013-12-22", "--generation", "1").stdout
    second = checkout.call("predictions", PROJECT, "--partition", "2013-12-22").stdout
    assert first != second


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("checkout", [ALL], indirect=True, ids=["all"])
def test_a_trial_of_all_rows_finds_what_the_flow_found(demo: str, checkout: Checkout) -> None:
    trial, end = checkout.call_json("try", PROJECT), checkout.call_json("train", PROJECT)
    assert trial["scores"]["best_metrics"] == end["best"]["metrics"]
    assert trial["scores"]["rule_metrics"] == end["rule"]["metrics"]
