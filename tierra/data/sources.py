"""Sources: count their rows by day, and read them in Arrow batches.

`SourceReader` is the port; postgres_source.py, sql_source.py and file_source.py are its adapters.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, assert_never, runtime_checkable

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


@runtime_checkable
class DatabaseReader(SourceReader, Protocol):
    """A source in a database, which can show several of its tables as they are at one moment."""

    @property
    def database(self) -> Hashable:
        """What the readers of one database have in common."""

    @staticmethod
    def hold(readers: Sequence[Any]) -> AbstractContextManager[None]:
        """While this lasts, these readers of one database read in one transaction."""


@contextmanager
def one_moment(readers: Iterable[SourceReader]) -> Iterator[None]:
    """While this lasts, what is read of one database is what it held at one moment, whatever is loaded meanwhile."""
    of_database: dict[Hashable, list[DatabaseReader]] = defaultdict(list)
    for reader in readers:
        if isinstance(reader, DatabaseReader):
            of_database[type(reader), reader.database].append(reader)
    with ExitStack() as stack:
        for group in of_database.values():
            if len(group) > 1:
                stack.enter_context(group[0].hold(group))
        yield


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


def share_a_database(source: Source, others: Iterable[Source], settings: Settings) -> bool:
    """Whether one of the other sources is in the same database."""
    return isinstance(source, SqlSource) and any(
        isinstance(each, SqlSource) and settings.connection(each.connection) == settings.connection(source.connection)
        for each in others
    )


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
