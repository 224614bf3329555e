"""`tierra check` looks at the first rows of each source: what is wrong with them is said there, in one line."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.builders import ride_source, ride_spec, rides, write_project, write_warehouse, zoned_spec, zones
from tierra.cli.commands import app

SQL = {"kind": "sql", "connection": "warehouse", "path": None, "table": "rides"}


@dataclass(frozen=True)
class Wrong:
    """Data that does not fit its project, and what is said of it."""

    says: str
    exit: int = 3
    spec: dict[str, Any] = field(default_factory=ride_spec)
    rows: Callable[[], pd.DataFrame] = rides
    content: bytes | None = None
    sides: Callable[[], pd.DataFrame] = zones


def expecting(column: str) -> dict[str, Any]:
    return {"expectations": [{"type": "expect_column_values_to_not_be_null", "column": column}]}


def lettered() -> bytes:
    return b"ride_id,day,km,zone,rain,tipped\nr1,2024-01-01,1.5,Le\xf3n,0.1,yes\n"


WRONG = {
    "another kind of file": Wrong("rides.parquet", 2, ride_spec(sources=ride_source(path="rides.parquet")),
                                  content=b"%PDF-1.4\n"),
    "an empty file": Wrong("it is empty", content=b""),
    "a header without rows": Wrong("no rows", rows=lambda: rides().head(0)),
    "another encoding": Wrong("rides.csv", content=lettered()),
    "two columns of a name": Wrong("2 columns are called 'km'", content=b"ride_id,day,km,km\nr1,2024-01-01,1,2\n"),
    "a misspelt target": Wrong("target: no column 'tiped'; did you mean 'tipped'?", spec=ride_spec(target="tiped")),
    "a misspelt key": Wrong("did you mean 'ride_id'?", spec=ride_spec(sources=ride_source(key="ride-id"))),
    "a declared type": Wrong("no column 'kms'", spec=ride_spec(sources=ride_source(types={"kms": "number"}))),
    "text for a number": Wrong("'zone' is number by", spec=ride_spec(sources=ride_source(types={"zone": "number"}))),
    "a day that is none": Wrong("'km' is number, not a date", spec=ride_spec(sources=ride_source(partition_by="km"))),
    "rows without a key": Wrong("'ride_id' is empty in", rows=lambda: rides().assign(
        ride_id=lambda table: table["ride_id"].mask(table.index % 2 == 1))),
    "a feature": Wrong("features: no column 'rainy'", spec=ride_spec(features=["km", "rainy"])),
    "a rate's column": Wrong("rate_by: no column 'zones'", spec=ride_spec(
        candidates=[{"rule": {"rate_by": ["zones"]}}, {"model": "logistic"}])),
    "a weight": Wrong("weight: no column 'wait'", spec=ride_spec(weight="wait")),
    "a slice": Wrong("slices: no column 'guest'", spec=ride_spec(slices=["guest"])),
    "a split's column": Wrong("split: no column 'guest'", spec=ride_spec(split={"by": "group", "column": "guest"})),
    "a prepared column": Wrong("preprocessing: no column 'zones'", spec=ride_spec(
        preprocessing={"columns": {"zones": {"encode": "ordinal"}, "day_month": {"scale": "none"}}})),
    "a condition's column": Wrong("balance: remove: no column 'kms'", spec=ride_spec(
        balance=[{"remove": ["kms > 1", "day_month == 2 and target == 'yes'"]}])),
    "an expectation's column": Wrong("rides: contract: no column 'kn'", spec=ride_spec(contract=expecting("kn"))),
    "a kept column": Wrong("score.keep: no column 'colour'", spec=ride_spec(score={"keep": "colour"})),
    "a name of ours": Wrong("'row_number' is reserved", spec=ride_spec(sources=ride_source(key=None)),
                            rows=lambda: rides().assign(row_number=1)),
    "a name of ours beside a key": Wrong("'row_number__' is reserved", rows=lambda: rides().assign(row_number__=1)),
    "a join's column": Wrong("zones: join: no column 'zone'", spec=zoned_spec(),
                             sides=lambda: zones().rename(columns={"zone": "area"})),
    "both sides of a join": Wrong("both sides of the join with zones have 'km'", spec=zoned_spec(),
                                  sides=lambda: zones().assign(km=1.0)),
    "a table of a database": Wrong("no such table", 2, ride_spec(sources=ride_source(**SQL | {"table": "trips"}))),
    "a column of a database": Wrong("did you mean 'tipped'?", spec=ride_spec(
        sources=ride_source(**SQL, types={"day": "date"}), target="tiped")),
}  # fmt: skip


@pytest.fixture
def folder(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TIERRA_CONNECTIONS__WAREHOUSE__URL", f"sqlite:///{workspace / 'warehouse.db'}")
    shutil.rmtree(workspace / "var")
    return workspace


def write(folder: Path, wrong: Wrong) -> None:
    project = write_project(folder / "projects" / "rides", wrong.spec, wrong.rows())
    wrong.sides().to_csv(project / "zones.csv", index=False)
    write_warehouse(folder / "warehouse.db", rides=rides())
    if wrong.content is not None:
        (project / wrong.spec["sources"]["rides"]["path"]).write_bytes(wrong.content)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_the_data_is_said_in_one_line(folder: Path, name: str) -> None:
    wrong = WRONG[name]
    write(folder, wrong)
    ended = CliRunner().invoke(app, ["check", "rides"])
    assert ended.exit_code == wrong.exit, ended.output
    assert wrong.says in ended.output
    assert ended.output.count("\n") == 1, "one line"
    without = CliRunner().invoke(app, ["check", "rides", "--no-data"])
    assert without.exit_code == 0, without.output
    assert not (folder / "var").exists(), "nothing is written"


def test_an_estimator_or_a_parameter_that_there_is_not_is_said_before_anything_is_read(folder: Path) -> None:
    search = {"trials": 3, "space": {"cs": [1, 2]}}
    for stated, says in (
        ({"model": "sklearn.svm.SVM"}, "there is no sklearn.svm.SVM"),
        ({"model": "logistic", "params": {"c": 1}}, "'c' is no parameter of logistic (did you mean 'C'?)"),
        ({"model": "sklearn.svm.SVC", "search": search}, "'cs' is no parameter of sklearn.svm.SVC"),
        ({"model": "sklearn.linear_model.Lasso"}, "cannot predict a binary target"),
    ):
        write_project(
            folder / "projects" / "rides", ride_spec(task="binary", candidates=[{"rule": "base_rate"}, stated])
        )
        ended = CliRunner().invoke(app, ["check", "rides", "--no-data"])
        assert ended.exit_code == 2
        assert says in ended.output
        assert ended.output.count("\n") == 1, "one line"


def test_only_the_first_rows_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of many pieces is closed after the one that follows the first thousand rows."""
    monkeypatch.setattr("tierra.data.csv_source.BYTES_AHEAD", 2_000)
    read: list[int] = []
    from tierra.data.file_source import FileReader

    plain = FileReader.batches

    def counted(self: Any, *about: Any) -> Any:
        for batch in plain(self, *about):
            read.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(FileReader, "batches", counted)
    write_project(folder / "projects" / "rides")
    assert CliRunner().invoke(app, ["check", "rides"]).exit_code == 0
    assert sum(read[:-1]) < 1_100


def test_predictions_that_cannot_be_joined_back_are_warned_of(folder: Path) -> None:
    write(folder, Wrong("", spec=ride_spec(sources=ride_source(**SQL, key=None, types={"day": "date"}))))
    ended = CliRunner().invoke(app, ["check", "rides"])
    assert ended.exit_code == 0, ended.output
    assert "declare `key`" in ended.output
