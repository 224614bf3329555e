"""Sources: count their rows by day, and read them in Arrow batches.

`SourceReader` is the port; postgres_source.py, sql_source.py and file_source.py are its adapters.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, assert_never

import pyarrow as pa

from tierra.data.columns import require_columns, require_names
from tierra.data.spec import FileSource, Source, SqlSource
from tierra.data.window import Window
from tierra.settings import Connection, Settings

if TYPE_CHECKING:
    from tierra.data.postgres_source import PostgresReader
    from tierra.data.sql_source import SqlReader


class SourceReader(Protocol):
    """One table of a file or a database."""

    @property
    def where(self) -> str:
        """The source's name, for people."""

    def columns(self) -> list[str]:
        """The names of all its columns."""

    def batches(self, columns: list[str], window: Window) -> Iterator[pa.Table]:
        """Its rows in batches; only the window's days when the source is partitioned."""

    def days(self, window: Window) -> dict[date, int]:
        """Rows of each day in the window. Only for partitioned sources."""

    def dayless(self) -> int:
        """Rows without a day, which are in no partition. Only for partitioned sources."""

    def has_fixed_types(self, columns: list[str]) -> bool:
        """Whether the columns' types are the same whatever rows are read."""


def open_source(name: str, source: Source, folder: Path, settings: Settings, zone: str = "UTC") -> SourceReader:
    """The adapter for a declared source, whose instants are read in a time zone.

    Raises Misconfigured when its file or connection is missing.
    """
    match source:
        case SqlSource():
            return _open_sql(name, source, settings.connection(source.connection), zone)
        case FileSource():
            from tierra.data.file_source import FileReader

            return FileReader(name, source, folder, settings, zone)
        case _:
            assert_never(source)


def _open_sql(name: str, source: SqlSource, connection: Connection, zone: str = "UTC") -> "PostgresReader | SqlReader":
    if connection.is_postgres:
        from tierra.data.postgres_source import PostgresReader

        return PostgresReader(name, source, connection, zone)
    from tierra.data.sql_source import SqlReader

    return SqlReader(name, source, connection.address, zone)


def check_connection(name: str, connection: Connection) -> str:
    """Query a connection; the kind of database that answers. Raises Misconfigured or Unavailable."""
    reader = _open_sql(name, SqlSource(kind="sql", connection=name, query="select 1 as one"), connection)
    reader.columns()
    return reader.kind


def columns_to_read(source: Source, reader: SourceReader) -> list[str]:
    """The columns to read. Raises DataRejected when a declared one is missing."""
    available = reader.columns()
    declared = [*source.columns, *source.key, *source.known_later, *source.types]
    declared += [source.partition_by] if source.partition_by else []
    require_columns(reader.where, declared, available)
    chosen = list(source.columns) or available
    require_names(reader.where, chosen, available)
    return chosen
