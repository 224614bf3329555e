"""What docs/types.md promises of each kind of source, value by value."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cases import each
from tests.databases import Database
from tests.types_table import PROMISES, REFUSED, Example, Promise
from tierra.data.casting import arrow_type
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import open_source
from tierra.data.spec import ColumnType, FileSource
from tierra.data.window import EVERYTHING
from tierra.errors import DataRejected
from tierra.settings import Settings
from tierra.store.objects import MemoryObjects
from tierra.store.tables import read_table

STORED = {"large_string": pa.large_string(), "decimal128(38, 0)": pa.decimal128(38, 0), "double": pa.float64(),
          "decimal128(10, 2)": pa.decimal128(10, 2), "timestamp[us, tz=UTC]": pa.timestamp("us", "UTC"),
          "dictionary": pa.dictionary(pa.int8(), pa.string())}  # fmt: skip


def promises(source: str) -> list[tuple[Promise, Example, ColumnType | None]]:
    return [(each, *example) for each in PROMISES if each.source == source for example in each.examples]


def write_csv(file: Path, example: Example) -> None:
    file.write_text(f"id,value\n0,\n1,{example.written}\n")


def write_parquet(file: Path, example: Example) -> None:
    texts = pa.array([None, example.written])
    kind = STORED.get(example.column) or pa.type_for_alias(example.column)
    values = texts.dictionary_encode() if pa.types.is_dictionary(kind) else texts.cast(kind)
    pq.write_table(pa.table({"id": [0, 1], "value": values}), file)


def read_file(file: Path, kind: ColumnType | None) -> pa.ChunkedArray:
    """The column as a run sees it: of a snapshot."""
    types = {"value": kind} if kind else {}
    source = FileSource.model_validate({"kind": "file", "path": file.name, "key": "id", "types": types})
    objects, reader = MemoryObjects(), open_source("rides", source, file.parent, Settings())
    return read_table(objects, take_snapshot(objects, source, reader, EVERYTHING))["value"]


@pytest.mark.parametrize(
    ("name", "ending", "write"), [("CSV", "csv", write_csv), ("Parquet", "parquet", write_parquet)]
)
def test_each_file_is_read_as_the_page_says(
    name: str, ending: str, write: Callable[[Path, Example], None], tmp_path: Path
) -> None:
    def check(promise: Promise, example: Example, declared: ColumnType | None) -> None:
        file = tmp_path / f"rides.{name.lower()}"
        write(file, example)
        if example.read == REFUSED:
            with pytest.raises(DataRejected, match=r"column 'value'.*column-type"):
                read_file(file, declared)
            return
        found = read_file(file, declared)
        assert found.type == arrow_type(promise.type, "UTC")
        assert found.to_pylist() == [None, example.read]

    each(promises(name), check)


def test_each_database_reads_each_type_as_the_page_says(database: Database) -> None:
    def check(promise: Promise, example: Example, declared: ColumnType | None) -> None:
        database.run(
            "drop table if exists kept",
            f"create table kept (value {example.column})",
            "insert into kept values (null)",
            f"insert into kept values ({example.written})",
        )
        source = {"table": "kept", "types": {"value": declared} if declared else {}}
        if example.read == REFUSED:
            with pytest.raises(DataRejected, match=r"column 'value'.*column-type") as refused:
                database.read(**source)
            assert len(str(refused.value).splitlines()) == 1
            return
        found = database.read(**source)["value"]
        assert found.type == arrow_type(promise.type, "UTC")
        assert found.to_pylist() == [None, example.read]

    each(promises("SQLite" if database.is_sqlite else "PostgreSQL"), check)
