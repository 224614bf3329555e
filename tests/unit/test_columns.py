"""A column that is missing is named with its source, what its name may be now, and what is new there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from tests.cases import each
from tests.databases import Database
from tierra.data.columns import require_columns
from tierra.data.sources import SourceReader, columns_to_read, open_source
from tierra.data.spec import FileSource, Source, SqlSource
from tierra.errors import DataRejected

KNOWN = {"columns": ("id", "kilometre", "zone"), "types": {"id": "integer", "kilometre": "number", "zone": "text"}}


def in_file(folder: Path, table: pa.Table, ending: str, write: Callable[..., None]) -> tuple[Source, SourceReader]:
    write(table, folder / f"rides.{ending}")
    source = FileSource.model_validate({"kind": "file", "path": f"rides.{ending}", **KNOWN})
    return source, open_source("rides", source, folder, Database("sqlite://", folder).settings)


def in_sqlite(folder: Path, table: pa.Table) -> tuple[Source, SourceReader]:
    (folder / "warehouse.db").touch()
    database = Database(f"sqlite:///{folder}/warehouse.db", folder)
    database.write("rides", table)
    source = {"table": "rides", **KNOWN}
    return SqlSource.model_validate({"kind": "sql", "connection": "warehouse", **source}), database.open(**source)


SOURCES = {
    "csv": lambda folder, table: in_file(folder, table, "csv", csv.write_csv),
    "parquet": lambda folder, table: in_file(folder, table, "parquet", pq.write_table),
    "SQLite": in_sqlite,
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_column_renamed_at_the_source_is_told_with_its_new_name(kind: str, tmp_path: Path) -> None:
    table = pa.table({"id": [1], "Kilometres": [2.5], "zone": ["A"], "wind": [1]})
    source, reader = SOURCES[kind](tmp_path, table)
    said = r"^source rides .*: no column 'kilometre'; did you mean 'Kilometres'\? \(also there: Kilometres, wind\)"
    with pytest.raises(DataRejected, match=said) as refused:
        columns_to_read(source, reader)
    assert refused.value.code == "column-missing"
    assert "rain again" not in str(refused.value)


SAID: list[tuple[list[Any], list[Any], str]] = [
    (["a"], [], "no column 'a' (nothing new is there)"),
    (["a", "km", "zone"], ["zone", "KM", "x"], "no column 'a', 'km'; did you mean 'KM'? (also there: KM, x)"),
    (["km"], ["day", "fare"], "no column 'km' (available: day, fare)"),
    (["km", "day"], ["day"], "no column 'km' (nothing new is there)"),
    (["tiped"], ["day", "tipped"], "no column 'tiped'; did you mean 'tipped'? (available: day, tipped)"),
    (["1"], [1, 2, "x"], ""),
    (["c"], [f"x{n}" for n in range(300)], f"(available: {', '.join(f'x{n}' for n in range(20))} and 280 more)"),
]


def test_what_is_missing_and_what_is_there() -> None:
    def check(needed: list[Any], known: list[Any], said: str) -> None:
        if not said:
            return require_columns("rides", needed, known)
        with pytest.raises(DataRejected) as refused:
            require_columns("rides", needed, known)
        assert said in str(refused.value)
        return None

    each(SAID, check)
