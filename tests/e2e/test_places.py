"""One project in three places: files and SQLite, PostgreSQL, S3. Settings and an overlay are all that differs.

One registered model scores alike in each; trained anew in each, it is the same model.
"""

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg import sql

from tests.conftest import ROOT
from tests.e2e.checkout import Checkout, make_checkout
from tests.e2e.flights import PROJECT, make_demo
from tests.s3_server import S3Server
from tests.servers import make_database
from tierra.data.sources import open_source
from tierra.data.window import EVERYTHING
from tierra.project.project import load_project
from tierra.settings import Settings
from tierra.store.postgres import connect, copy_in

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]
DAY = "2013-12-22"
TYPES = {
    **{pa.int64(): "bigint", pa.float64(): "double precision", pa.bool_(): "boolean"},
    **{pa.string(): "text", pa.large_string(): "text", pa.date32(): "date", pa.timestamp("us"): "timestamp"},
}
PLACES = ("PostgreSQL", "S3")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("places")


@pytest.fixture(scope="module")
def local(home: Path, prefect_server: str) -> Checkout:
    """The demo with every fourth flight: SQLite, files, and a champion."""
    checkout = make_demo(home, home / "data", 4)
    checkout.tierra("demo")
    return checkout


@pytest.fixture(scope="module")
def tables(local: Checkout, home: Path) -> dict[str, pa.Table]:
    """What the demo's sources hold."""
    spec = load_project(PROJECT, ROOT / "projects")
    settings = Settings(connections={"warehouse": {"url": f"sqlite:///{home / 'var' / 'warehouse.db'}"}})
    found = {}
    for name, source in spec.sources.items():
        reader = open_source(name, source, spec.folder, settings)
        found[name] = pa.concat_tables(reader.batches(reader.columns(), EVERYTHING))
    return found


@pytest.fixture(scope="module")
def places(
    tables: dict[str, pa.Table], postgres: str, s3: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, str]]:
    """The settings of each place, with the same tables in it."""
    url = make_database(postgres, "flights")
    with connect(url, "test", 600) as session:
        for name, table in tables.items():
            session.execute(create(name, table))
            copy_in(session, sql.Identifier(name), [table])
    client, folder = s3.client(), tmp_path_factory.mktemp("lake")
    for bucket in ("lake", "predictions"):
        client.create_bucket(Bucket=bucket)
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
        client.upload_file(str(folder / f"{name}.parquet"), "lake", f"{name}.parquet")
    return {
        "PostgreSQL": {"TIERRA_OVERLAY": "postgres", "TIERRA_CONNECTIONS__WAREHOUSE__URL": url},
        "S3": {"TIERRA_OVERLAY": "s3", "TIERRA_STORE": "s3://lake/store", **s3.variables()},
    }


def create(name: str, table: pa.Table) -> sql.Composed:
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(TYPES[field.type])) for field in table.schema
    ]
    return sql.SQL("create table {} ({})").format(sql.Identifier(name), sql.SQL(", ").join(columns))


def standing_in(place: dict[str, str], home: Path) -> Checkout:
    """The checkout with the settings of a place."""
    clock = {"TIERRA_CLOCK": "2013-12-23T03:00:00-05:00"}
    folder = home / place["TIERRA_OVERLAY"]
    return make_checkout(
        folder, TIERRA_HOME=str(home / "var"), TIERRA_PROJECTS=str(ROOT / "projects"), **clock, **place
    )


def published(checkout: Checkout) -> pd.DataFrame:
    printed = checkout.call("predictions", PROJECT, "--partition", DAY, "--format", "json").stdout
    return pd.DataFrame(json.load(io.StringIO(printed))).set_index("flight_id").sort_index()


@pytest.mark.parametrize("place", PLACES)
def test_the_same_model_scores_alike_in_each_place(
    place: str, places: dict[str, dict[str, str]], local: Checkout, home: Path
) -> None:
    there = standing_in(places[place], home)
    ends = [there.call_json("score", PROJECT, "--partition", DAY) for _ in range(2)]
    assert [end["outcome"] for end in ends] == ["Published", "AlreadyPublished"]
    assert ends[0]["model_version"] == "1"
    ours, theirs = published(local), published(there)
    assert list(ours.index) == list(theirs.index)
    assert (ours["decision"] == theirs["decision"]).all()
    furthest = float((ours["probability"] - theirs["probability"]).abs().max())
    print(f"\n{place}: {len(ours):,} rows, furthest apart {furthest}")
    assert furthest <= 1e-12


@pytest.mark.parametrize("place", PLACES)
def test_trained_anew_in_each_place_it_is_the_same_model(
    place: str, places: dict[str, dict[str, str]], local: Checkout, tmp_path: Path
) -> None:
    # A store of its own: who serves is said there.
    settings = places[place] | ({"TIERRA_STORE": "s3://lake/anew"} if place == "S3" else {})
    here, there = local.call_json("train", PROJECT), standing_in(settings, tmp_path).call_json("train", PROJECT)
    assert there["outcome"] == "Promoted"
    apart = {name: abs(here["best"]["metrics"][name] - value) for name, value in there["best"]["metrics"].items()}
    print(f"\n{place}: metrics apart by at most {max(apart.values())}")
    assert max(apart.values()) <= 1e-6


def test_the_database_shows_what_is_published_in_a_view(places: dict[str, dict[str, str]]) -> None:
    with connect(places["PostgreSQL"]["TIERRA_CONNECTIONS__WAREHOUSE__URL"], "test", 60) as session:
        query = "select count(*), count(distinct flight_id), max(generation) from scores.flight_delays_current"
        rows: Any = session.execute(query).fetchone()
    assert rows[0] == rows[1] > 500
    assert rows[2] == 1
