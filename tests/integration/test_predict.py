"""`tierra predict`: any rows of the first source's form beside the champion's predictions, and nothing published."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.builders import CLOCK, ride_source, ride_spec, rides, write_project, zones
from tests.direct import score_directly, train_directly
from tierra.cli.commands import app
from tierra.reading import read_predictions

DAY = "2024-04-28"
CODE = """
def prepare(rows, history):
    seen = history.groupby("zone")["km"].mean() if len(history) else {}
    return rows.assign(usual=rows["zone"].map(seen).astype(float), rides_today=float(len(rows)))
"""
NO_LESS = {"type": "expect_column_values_to_be_between", "column": "km", "min_value": 0, "on_fail": "quarantine"}


@pytest.fixture
def trained(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with history, a join and a contract, trained and scored; returns the folder we stand in."""
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    later = {"type": "expect_column_values_to_not_be_null", "column": "fare"}
    sources = ride_source(history="7d", types={"ride_id": "text"}, known_later="fare") | {
        "zones": {"kind": "file", "path": "zones.csv"}
    }
    joins = [{"left": "rides", "right": "zones", "on": "zone", "max_orphans": "1%"}]
    many = {"type": "expect_table_row_count_to_be_between", "min_value": 15}
    contract = {"quarantine_budget": "1%", "expectations": [NO_LESS, many, later]}
    spec = ride_spec(sources=sources, joins=joins, contract=contract, prepare="features:prepare")
    project = write_project(workspace / "projects" / "rides", spec, rides().assign(fare=1.0), features=CODE)
    zones().to_csv(project / "zones.csv", index=False)
    train_directly("rides")
    score_directly("rides", DAY)
    return workspace


def call(*words: str, exit: int = 0) -> str:
    ended = CliRunner().invoke(app, ["predict", "rides", *words])
    assert ended.exit_code == exit, ended.output
    return ended.output


def everything(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in (folder / "var").rglob("*") if file.is_file()}


def test_rows_of_a_published_day_get_what_was_published(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another order, without the target, with a column of their own: the file's columns stay as they are."""
    monkeypatch.setattr("tierra.data.csv_source.BYTES_AHEAD", 200)  # some pieces
    there, before = rides(), everything(trained)
    day = there[there["day"] == DAY].sample(frac=1, random_state=1).drop(columns="tipped")
    day = day[["rain", "zone", "ride_id", "km", "day"]].assign(memo="007")
    day.to_csv(trained / "day.csv", index=False)
    call("day.csv")
    written = pd.read_csv(trained / "day.predictions.csv", dtype=str)
    assert list(written) == [*day, "probability", "decision"]
    assert written[list(day)].equals(pd.read_csv(trained / "day.csv", dtype=str))
    published = read_predictions("rides", DAY).set_index("ride_id")["probability"]
    assert written["probability"].astype(float).to_list() == published[written["ride_id"]].to_list()
    assert everything(trained) == before, "nothing is published, nothing is kept"


def test_other_rows_may_lack_key_day_and_target_and_repeat_themselves(trained: Path) -> None:
    other = rides(40, seed=9)[["km", "zone", "rain"]]
    other.loc[3, "km"] = -2.0
    other.loc[5, "zone"] = "Z"
    other.loc[7, "rain"] = np.inf
    pd.concat([other, other]).to_parquet(trained / "other.parquet", index=False)
    found = json.loads(call("other.parquet", "--output", "there.csv", "--json"))
    written = pd.read_csv(trained / "there.csv")
    assert len(written) == found["rows"] == 80
    assert list(written.index[written["probability"].isna()]) == [3, 43]
    assert (found["predicted"], found["quarantined"], sum(found["reasons"].values())) == (78, 2, 2)
    assert found["unseen"] == {"zone": 2}
    aside, infinite, history, orphans = found["warnings"]
    assert infinite == "'rain' of rides is infinite in 2 rows: as a feature these are gaps"
    assert aside.startswith("2 of 80 rows are set aside")
    assert history.startswith("78 rows are predicted without history")
    assert orphans.startswith("2 of 78 rows have no match in zones")
    first, second = (written.iloc[start : start + 40]["probability"].to_list() for start in (0, 40))
    np.testing.assert_allclose(first, second, rtol=1e-12)  # as far as how many rows stand beside a row may move it


def test_parquet_keeps_its_types_and_days_their_history(trained: Path) -> None:
    """Rows without a day are predicted last and stand where they stood."""
    rows = rides()[rides()["day"].between("2024-03-01", "2024-03-03")].reset_index(drop=True)
    rows["day"] = pd.to_datetime(rows["day"]).dt.date.where(rows.index != 4, None)
    rows.to_parquet(trained / "rows.parquet", index=False)
    told = call("rows.parquet")
    written = pd.read_parquet(trained / "rows.predictions.parquet")
    assert written[list(rows)].equals(pd.read_parquet(trained / "rows.parquet"))
    assert written["probability"].notna().all()
    assert "1 rows are predicted without history" in told
    assert f"{len(rows)} of {len(rows)} rows predicted" in told.replace("\n", "")


REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...], int, str]] = {
    "no such file": ({}, ("none.csv",), 2, "input-missing"),
    "another form": ({"km": [1.0]}, ("rows.csv", "--output", "rows.xml"), 2, "output-form"),
    "a column that is missing": ({"km": [1.0], "zone": ["A"]}, ("rows.csv",), 3, "no column 'rain'"),
    "no rows": ({"km": [], "zone": [], "rain": []}, ("rows.csv",), 3, "no rows"),
    "a name of ours": ({"km": [1.0], "zone": ["A"], "rain": [0.1], "decision": [1]}, ("rows.csv",), 3, "'decision'"),
    "no row that is fit": ({"km": [-1.0, -2.0], "zone": ["A", "B"], "rain": [0.1, 0.2]}, ("rows.csv",), 3, "none of 2"),
}


def test_what_cannot_be_predicted_is_refused_in_one_line_and_nothing_is_written(trained: Path) -> None:
    for name, (columns, words, code, says) in REFUSED.items():
        pd.DataFrame(columns).to_csv(trained / "rows.csv", index=False)
        told = call(*words, exit=code)
        assert says in told.replace("\n", " "), f"{name}: {told}"
        assert told.strip().splitlines()[-1].startswith("error"), f"{name}: {told}"
        assert sorted(file.name for file in trained.iterdir() if file.is_file()) == ["rows.csv"], name


def test_a_file_is_replaced_only_when_told(trained: Path) -> None:
    rides(9).to_csv(trained / "rows.csv", index=False)
    (trained / "rows.predictions.csv").write_text("mine\n")
    assert "output-exists" in call("rows.csv", exit=2)
    assert (trained / "rows.predictions.csv").read_text() == "mine\n"
    call("rows.csv", "--overwrite")
    assert len(pd.read_csv(trained / "rows.predictions.csv")) == 9


def test_before_the_first_training_there_is_nothing_to_predict_with(workspace: Path) -> None:
    write_project(workspace / "projects" / "rides")
    rides(9).to_csv("rows.csv", index=False)
    assert "no-champion" in call("rows.csv", exit=4)
