"""All tables that a run reads of one database are of one moment, in training and in a night; else the run says so."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.builders import ride_spec, write_project
from tests.databases import Database
from tierra.data import read_once
from tierra.data.partitions import ALL, Work
from tierra.data.snapshot import take_snapshot
from tierra.project.project import Project
from tierra.steps import pull
from tierra.store.objects import MemoryObjects
from tierra.store.refs import TableRef
from tierra.store.tables import read_table
from tierra.workspace import Workspace, open_workspace

DAYS = [date(2024, 4, 27), date(2024, 4, 28)]


@pytest.fixture
def workspace(database: Database) -> Workspace:
    """With two tables that are loaded together: `load` is the number of their load."""
    rides = {"ride_id": range(40), "day": [DAYS[number % 2] for number in range(40)], "zone": ["A", "B"] * 20}
    database.write("rides", pa.table({**rides, "load": [0] * 40, "tipped": ["yes"] * 40}))
    database.write("zones", pa.table({"zone": ["A", "B"], "load": [0, 0]}))
    if database.is_sqlite:
        database.run("pragma journal_mode = wal")  # else the loader waits
    return Workspace(database.settings, MemoryObjects())


def project_at(folder: Path, partition_by: str | None = "day", history: str | None = None) -> Project:
    table = {"kind": "sql", "connection": "warehouse"}
    main = {**table, "table": "rides", "key": "ride_id", "partition_by": partition_by, "history": history}
    spec = ride_spec(
        sources={"rides": {key: value for key, value in main.items() if value},
                 "zones": {**table, "query": "select zone, load from zones", "key": "zone"}},
        joins=[{"left": "rides", "right": "zones", "on": "zone", "prefix": "zone_"}],
        split={"validation": "20%", "test": "20%", "by": "random"},
    )  # fmt: skip
    return open_workspace().project(str(write_project(folder, spec)))


@pytest.fixture
def load(database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A loader, which comes by whenever a table has been read."""

    def load() -> None:
        database.run("update rides set load = load + 1")
        database.run("update zones set load = load + 1")

    def read_and_load(*how: Any, **more: Any) -> TableRef:
        taken = take_snapshot(*how, **more)
        load()
        return taken

    monkeypatch.setattr(pull, "take_snapshot", read_and_load)
    return load


def loads(workspace: Workspace, *tables: TableRef) -> set[int]:
    return {number for table in tables for number in read_table(workspace.objects, table)["load"].to_pylist()}


@pytest.mark.usefixtures("load")
def test_a_training_reads_its_tables_of_one_moment(workspace: Workspace, tmp_path: Path) -> None:
    found = pull.pull_sources(workspace, project_at(tmp_path)).tables
    assert found["rides"].rows == 40
    assert loads(workspace, *found.values()) == {0}
    assert loads(workspace, *pull.pull_sources(workspace, project_at(tmp_path)).tables.values()) == {2}


@pytest.mark.parametrize("project", [
    {}, {"history": "3d"}, {"partition_by": None},
])  # fmt: skip
def test_a_night_reads_its_days_and_what_is_joined_to_them_of_one_moment(
    workspace: Workspace,
    load: Callable[[], None],
    tmp_path: Path,
    project: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(read_once, "warn", warned.append)
    spec = project_at(tmp_path, **project)
    work = [Work(ALL)] if spec.main_source.partition_by is None else [Work(str(day)) for day in DAYS]
    days = pull.open_days(workspace, spec, work)
    sides = pull.pull_side_tables(workspace, spec, days)
    load()
    pulled = [pull.pull_partition(workspace, spec, days, each) for each in work]
    assert loads(workspace, *sides.tables.values(), *(each.rows for each in pulled)) == {0}
    assert sum(each.rows.rows for each in pulled) == 40
    assert warned == []
    days.forget()
    assert loads(workspace, pull.pull_partition(workspace, spec, days, work[0]).rows) != {0}
    pull.pull_partition(workspace, spec, days, work[0])
    assert len(warned) == 1
    assert "rides (warehouse.rides): some of its rows were read later than the other tables" in warned[0]


def test_one_day_alone_is_read_with_its_tables_too(
    workspace: Workspace, load: Callable[[], None], tmp_path: Path
) -> None:
    spec, work = project_at(tmp_path), Work(str(DAYS[1]))
    days = pull.open_days(workspace, spec, [work])
    sides = pull.pull_side_tables(workspace, spec, days)
    load()
    assert loads(workspace, *sides.tables.values(), pull.pull_partition(workspace, spec, days, work).rows) == {0}


def test_a_night_s_table_may_lack_what_is_known_later(workspace: Workspace, database: Database, tmp_path: Path) -> None:
    spec = project_at(tmp_path)
    source = spec.main_source.model_copy(update={"columns": ("ride_id", "day", "zone", "load", "tipped")})
    spec = spec.model_copy(update={"sources": {**spec.sources, "rides": source}})
    database.run("alter table rides drop column tipped")
    work = [Work(str(day)) for day in DAYS]
    days = pull.open_days(workspace, spec, work)
    pull.pull_side_tables(workspace, spec, days)
    assert [pull.pull_partition(workspace, spec, days, each).rows.rows for each in work] == [20, 20]
