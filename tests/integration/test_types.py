"""What docs/types.md promises of each kind of source, value by value."""

import pytest

from tests.cases import each
from tests.databases import Database
from tests.types_table import PROMISES, REFUSED, Example, Promise
from tierra.data.casting import arrow_type
from tierra.data.spec import ColumnType
from tierra.errors import DataRejected

ZONE = "Pacific/Auckland"


def promises(source: str) -> list[tuple[Promise, Example, ColumnType | None]]:
    return [(each, *example) for each in PROMISES if each.source == source for example in each.examples]


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
