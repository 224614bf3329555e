"""`score.keep`: columns of the first source stand beside the predictions as they were read, in every sink."""

from pathlib import Path

import pandas as pd
import pytest

from tests.builders import CLOCK, ride_source, ride_spec, rides, write_project
from tests.direct import score_directly, train_directly
from tierra.reading import read_table

DAY = "2024-04-28"
KEPT = ["zone", "seats", "paid", "day"]


def table() -> pd.DataFrame:
    """Rides with a text of leading zeros, whole numbers with gaps, and booleans with gaps."""
    made = rides().assign(zone=lambda rows: rows["zone"].map({"A": "007", "B": "", "C": 'c, "d"', "D": "ñ"}))
    made["seats"] = [None if number % 7 == 3 else 2**40 + number for number in range(len(made))]
    made["seats"] = made["seats"].astype("Int64")
    return made.assign(paid=[None if number % 5 == 2 else number % 2 == 0 for number in range(len(made))])


def test_kept_columns_stand_beside_the_predictions(sink_key: dict[str, str], workspace: Path) -> None:
    spec = ride_spec(
        score={"lookback": "2d", "sink": sink_key, "keep": KEPT}, sources=ride_source(types={"zone": "text"})
    )
    rows = table()
    write_project(workspace / "projects" / "rides", spec, rows)
    train_directly("rides")
    score_directly("rides", DAY)
    published = read_table("rides", DAY)
    assert published.column_names == ["ride_id", *KEPT, "probability", "decision"]
    there = rows[rows["day"] == DAY].sort_values("ride_id")
    assert published.column("ride_id").to_pylist() == there["ride_id"].to_list()
    assert published.column("seats").to_pylist() == [None if pd.isna(each) else int(each) for each in there["seats"]]
    assert published.column("paid").to_pylist() == there["paid"].to_list()
    assert [str(each) for each in published.column("day").to_pylist()] == [DAY] * len(there)
    assert [each or "" for each in published.column("zone").to_pylist()] == there["zone"].to_list()


def test_a_kept_column_that_is_gone_rejects_the_day(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    project = workspace / "projects" / "rides"
    write_project(project)
    train_directly("rides")
    write_project(project, ride_spec(score={"keep": "colour"}))
    scored, _ = score_directly("rides", DAY)
    assert "source rides (rides.csv): no column 'colour'" in str(scored.error)


def test_a_column_that_the_champion_was_not_trained_on_is_kept_too(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    project = workspace / "projects" / "rides"
    write_project(project)
    train_directly("rides")
    score_directly("rides", DAY)
    before = read_table("rides", DAY)
    write_project(project, ride_spec(score={"lookback": "2d", "keep": "colour"}), rides().assign(colour="red"))
    score_directly("rides", DAY)
    after = read_table("rides", DAY)
    assert after.column("colour").to_pylist() == ["red"] * len(before)
    assert after.drop_columns(["colour"]).equals(before)
