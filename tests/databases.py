"""Databases for tests of sources: SQLite and real PostgreSQL, filled and read in one way."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from tierra.data.snapshot import take_snapshot
from tierra.data.sources import SourceReader, open_source
from tierra.data.spec import SqlSource
from tierra.data.window import EVERYTHING, Window
from tierra.settings import Settings
from tierra.store.objects import MemoryObjects
from tierra.store.postgres import connect, copy_in
from tierra.store.refs import TableRef

DEBIANS = Path("/usr/lib/postgresql/15/bin")
TYPES = {
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.bool_(): "boolean",
    pa.string(): "text",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp",
    pa.timestamp("us", "UTC"): "timestamptz",
}


@dataclass(frozen=True)
class Database:
    """One database."""

    url: str
    home: Path
    timeout: int = 600

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def name(self) -> str:
        """Its own among the databases of its server."""
        return self.url.rpartition("/")[2]

    @property
    def settings(self) -> Settings:
        connection = {"url": self.url, "statement_timeout_seconds": self.timeout}
        return Settings(home=self.home, connections={"warehouse": connection})

    def at(self, url: str, timeout: int = 600) -> "Database":
        """The same by another address."""
        return Database(url, self.home, timeout)

    def run(self, *statements: str) -> list[Any]:
        """Do them one by one; the rows of the last."""
        rows: list[Any] = []
        if self.is_sqlite:
            with sqlite3.connect(self.url.removeprefix("sqlite:///")) as connection:
                rows = [connection.execute(each).fetchall() for each in statements][-1]
            connection.close()
            return rows
        with psycopg.connect(self.url, autocommit=True) as session:
            for each in statements:
                cursor = session.execute(each.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def write(self, name: str, table: pa.Table, schema: str = "") -> None:
        """Make a table with these rows."""
        columns = ", ".join(f"{quoted(field.name)} {TYPES[field.type]}" for field in table.schema)
        self.run(f"create table {quoted(schema) + '.' if schema else ''}{quoted(name)} ({columns})")
        if self.is_sqlite:
            self._insert(name, table)
            return
        with connect(self.url, "test", 600) as session:
            copy_in(session, sql.Identifier(*([schema] if schema else []), name), [table])

    def open(self, zone: str = "UTC", **source: Any) -> SourceReader:
        return open_source("rides", self.source(**source), self.home, self.settings, zone)

    def read(self, window: Window = EVERYTHING, columns: list[str] | None = None, **source: Any) -> pa.Table:
        """All rows of a source at once."""
        reader = self.open(**source)
        return pa.concat_tables(reader.batches(columns or reader.columns(), window))

    def snapshot(self, objects: MemoryObjects, **source: Any) -> TableRef:
        return take_snapshot(objects, self.source(**source), self.open(**source), EVERYTHING)

    def source(self, **source: Any) -> SqlSource:
        return SqlSource.model_validate({"kind": "sql", "connection": "warehouse", **source})

    def _insert(self, name: str, table: pa.Table) -> None:
        """Dates and times as SQLite keeps them: text."""
        texts = [each.cast(pa.string()) if pa.types.is_temporal(each.type) else each for each in table.columns]
        rows = zip(*(each.to_pylist() for each in texts), strict=True)
        with sqlite3.connect(self.url.removeprefix("sqlite:///")) as connection:
            connection.executemany(f"insert into {quoted(name)} values ({', '.join('?' * table.num_columns)})", rows)
        connection.close()


def quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
