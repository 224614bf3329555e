"""A file without a key: its predictions are joined back to its rows by the number that is published."""

from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tests.builders import CLOCK, ride_source, ride_spec, rides, write_project, write_warehouse
from tests.direct import score_directly, train_directly
from tierra.facts import PartitionDrifted, RowsQuarantined, TableProfiled
from tierra.journal import Warned
from tierra.reading import read_predictions

FIRST_OF_TEST = "2024-03-31"  # 30 days to the last one
CODE = """
def prepare(rows, history):
    assert set(rows) <= {"day", "km", "zone", "rain"}, list(rows)
    assert set(history) <= {"day", "km", "zone", "rain", "tipped"}, list(history)
    return rows
"""
NO_LESS = {"type": "expect_column_values_to_be_between", "column": "km", "min_value": 0, "on_fail": "quarantine"}
CONTRACT = {"quarantine_budget": "1%", "expectations": [NO_LESS]}


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Rides without a key in no order, many of them equal, and one that is set aside."""
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    plain = rides().drop(columns="ride_id").sample(frac=1, random_state=3).reset_index(drop=True)
    plain = plain.assign(km=plain["km"].round(), rain=plain["rain"].round())
    plain.loc[5, "km"] = -1.0
    assert plain.duplicated().any()
    return plain


def write(workspace: Path, frame: pd.DataFrame, **source: object) -> None:
    sources = ride_source(**{"key": None, "partition_by": None, **source})
    spec = ride_spec(sources=sources, contract=CONTRACT, prepare="features:prepare")
    write_project(workspace / "projects" / "rides", spec, frame, features=CODE)


def joined_back(table: pd.DataFrame, partition: str | None = None) -> pd.DataFrame:
    published = read_predictions("rides", partition or "all").set_index("row_number")
    assert list(published) == ["probability", "decision"]
    return table.join(published, how="inner")


def test_joined_back_by_its_number_each_row_has_its_own_prediction(workspace: Path, table: pd.DataFrame) -> None:
    write(workspace, table)
    trained, journal = train_directly("rides")
    score_directly("rides")
    joined = joined_back(table)
    assert sorted(set(table.index) - set(joined.index)) == [5], "all but the one set aside"
    assert not any("key" in warned.text for warned in journal.facts(Warned))
    test = joined[joined["day"] >= FIRST_OF_TEST]
    assert trained.champion.candidate == "logistic"
    auc = roc_auc_score(test["tipped"] == "yes", test["probability"])
    assert auc == pytest.approx(trained.champion.metrics["roc_auc"], abs=1e-9)


def test_the_rows_of_a_day_keep_their_number_in_the_whole_file(workspace: Path, table: pd.DataFrame) -> None:
    write(workspace, table, partition_by="day", history="3d")
    train_directly("rides")
    _, journal = score_directly("rides", "2024-04-28")
    joined = joined_back(table, "2024-04-28")
    assert list(joined.index) == list(table.index[table["day"] == "2024-04-28"])
    profiles = [fact.profile for fact in journal.facts(TableProfiled)]
    assert profiles
    assert not any("row_number" in name for each in profiles for name in each.by_name)
    found = [each for fact in journal.facts(PartitionDrifted) for each in fact.differences]
    assert not any("row_number" in each.column for each in found)


def test_equal_rows_are_counted_and_no_page_speaks_of_the_number(workspace: Path, table: pd.DataFrame) -> None:
    write(workspace, table)
    _, journal = train_directly("rides")
    found = [fact.profile for fact in journal.facts(TableProfiled) if fact.profile.name == "rides"]
    assert [each.duplicates for each in found] == [int(table.duplicated().sum())]
    aside = [reason for fact in journal.facts(RowsQuarantined) for reason in fact.reasons]
    assert [each.examples[0]["km"] for each in aside] == ["-1.0"]
    assert "row_number" not in str([*found, *aside])


def test_rows_of_a_database_without_a_key_are_warned_of(workspace: Path, table: pd.DataFrame) -> None:
    write(workspace, table, kind="sql", connection="warehouse", table="rides", path=None, types={"day": "date"})
    url = write_warehouse(workspace / "warehouse.db", rides=table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIERRA_CONNECTIONS__WAREHOUSE__URL", url)
        _, journal = train_directly("rides")
        score_directly("rides")
    warned = [each.text for each in journal.facts(Warned) if "declare `key`" in each.text]
    assert len(warned) == 1
    assert "source rides: " in warned[0]
    assert len(read_predictions("rides", "all")) == len(table) - 1
