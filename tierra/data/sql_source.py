"""Tables and queries of SQLite and other databases, through SQLAlchemy. The only file that knows it."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.types import NULLTYPE

from tierra.data.casting import NotExact, cast_column
from tierra.data.columns import require_columns
from tierra.data.spec import ColumnType, SqlSource
from tierra.data.sql_text import describe_misfit, describe_source, one_statement, printable
from tierra.data.sql_values import MOMENTS, NUMBERS_SAID, column_of, number_ranges
from tierra.data.window import EVERYTHING, Window, shift
from tierra.errors import DataRejected, Misconfigured, SourceMissing, TierraError, Unavailable, first_line

ROWS_A_BATCH = 50_000
DECLARED: Final[dict[type[sa.types.TypeEngine[Any]], ColumnType]] = {
    sa.Boolean: "boolean",
    sa.Integer: "integer",
    sa.Numeric: "number",
    sa.DateTime: "timestamp",
    sa.Date: "date",
    sa.String: "text",
}
# How many days a text with an offset may be from its day in a time zone.
DAYS_APART = 2


class SqlReader:
    """One table or query."""

    def __init__(self, name: str, source: SqlSource, url: str, zone: str = "UTC") -> None:
        self.where = describe_source(name, source)
        self._source = source
        self._zone = zone
        self._engine = self._connect(url)
        self._held: sa.Connection | None = None

    @property
    def kind(self) -> str:
        """The kind of database, such as sqlite."""
        return self._engine.dialect.name

    @property
    def database(self) -> Hashable:
        """The database's address."""
        return self._engine.url

    @staticmethod
    @contextmanager
    def hold(readers: Sequence["SqlReader"]) -> Iterator[None]:
        """While this lasts, these readers of one database read in one transaction."""
        with readers[0]._connected() as connection:
            if readers[0]._is_sqlite:
                # Python's driver begins none for what only reads, and SQLite's own begins with what is read first.
                connection.exec_driver_sql("begin")
                connection.exec_driver_sql("select 1 from sqlite_master")
            try:
                for reader in readers:
                    reader._held = connection
                yield
            finally:
                for reader in readers:
                    reader._held = None

    def columns(self) -> list[str]:
        """The names of all its columns."""
        return list(self._relation.c.keys())

    def batches(self, columns: list[str], window: Window) -> Iterator[pa.Table]:
        """Its rows of the window, in batches."""
        day = [self._partition] if self._source.partition_by and self._partition not in columns else []
        chosen = [*columns, *day]
        for values in self._read(self._within(sa.select(*self._as_stored(chosen)), window)):
            arrays = [
                self._array(name, column, self._kind_of(name)) for name, column in zip(chosen, values, strict=True)
            ]
            yield self._exactly(pa.table(arrays, names=chosen), window).select(columns)

    def days(self, window: Window) -> dict[date, int]:
        """Rows of each day in the window."""
        column, kind = self._as_stored([self._partition])[0], self._kind_of(self._partition)
        kind = kind if kind in MOMENTS else "date"
        counted: dict[date, int] = {}
        for values, rows in self._read(self._within(sa.select(column, sa.func.count()).group_by(column), window)):
            days = self._days(pa.chunked_array([self._array(self._partition, values, kind)]))
            for day, number in zip(days.to_pylist(), rows, strict=True):
                if day is not None and window.first <= day <= window.last:
                    counted[day] = counted.get(day, 0) + number
        return dict(sorted(counted.items()))

    def dayless(self) -> int:
        """Rows whose day is empty, or a text that is no date: they are in no partition."""
        column = self._column(self._partition)
        text = sa.type_coerce(column, sa.String)
        is_text = text >= "" if self._is_sqlite else sa.literal(isinstance(column.type, sa.String))
        no_day = sa.or_(column.is_(None), is_text & text.not_like("____-__-__%"))
        with self._connected() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(self._relation).where(no_day)) or 0)

    def has_fixed_types(self, columns: list[str]) -> bool:
        """Not where a column has no type of its own, as in SQLite's queries: its values then decide."""
        return all(self._kind_of(name) for name in columns)

    @property
    def _partition(self) -> str:
        assert self._source.partition_by, "a source without partitions has no days"
        return self._source.partition_by

    @property
    def _is_sqlite(self) -> bool:
        return self.kind == "sqlite"

    def _connect(self, url: str) -> sa.Engine:
        try:
            parsed = sa.make_url(url)
            if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).is_file():
                raise SourceMissing("database-missing", f"{self.where}: no database file {parsed.database}")
            return sa.create_engine(parsed)
        except (exc.ArgumentError, ImportError) as error:
            message = type(error).__name__ if "://" in str(error) else first_line(error)
            raise Misconfigured("connection-invalid", f"{self.where}: {message}") from None

    @cached_property
    def _relation(self) -> FromClause:
        with self._connected() as connection:
            if self._source.table:
                schema, _, table = self._source.table.rpartition(".")
                return sa.Table(table, sa.MetaData(), schema=schema or None, autoload_with=connection)
            # SQLAlchemy takes a colon for the start of a parameter's name.
            query = sa.text(one_statement(str(self._source.query)).replace(":", r"\:"))
            empty = sa.select(sa.text("*")).select_from(query.columns().subquery("q")).limit(0)
            names = list(connection.execute(empty).keys())
            return query.columns(*[sa.column(name) for name in names]).subquery("q")

    def _read(self, select: sa.Select[Any]) -> Iterator[list[tuple[Any, ...]]]:
        """The values of each column, batch by batch."""
        with self._connected() as connection:
            streamed = connection.execution_options(stream_results=True, max_row_buffer=ROWS_A_BATCH)
            for rows in streamed.execute(select).partitions(ROWS_A_BATCH):
                yield list(zip(*rows, strict=True))

    def _column(self, name: str) -> sa.ColumnElement[Any]:
        require_columns(self.where, [name], self.columns())
        return self._relation.c[name]

    def _as_stored(self, names: list[str]) -> list[sa.ColumnElement[Any]]:
        """SQLite's own values: what SQLAlchemy makes of them by the declared type may be something else."""
        found = [self._column(name) for name in names]
        return [sa.type_coerce(each, NULLTYPE).label(each.key) for each in found] if self._is_sqlite else found

    def _kind_of(self, name: str) -> ColumnType | None:
        """The type of ours by the project file or the release, else by the database; None where values decide."""
        declared = self._column(name).type
        if name in self._source.types:
            return self._source.types[name]
        if isinstance(declared, sa.Numeric) and not isinstance(declared, sa.Float) and not declared.scale:
            return None if declared.scale is None else "integer"
        return next((kind for sql, kind in DECLARED.items() if isinstance(declared, sql)), None)

    def _within(self, select: sa.Select[Any], window: Window) -> sa.Select[Any]:
        if not self._source.partition_by or window == EVERYTHING:
            return select
        column, wide = self._column(self._partition), self._widened(window)
        if not self._is_sqlite:
            return select.where(_between(column, *(day and _bound(column, day) for day in (wide.start, wide.end))))
        stored = sa.type_coerce(column, NULLTYPE)
        # A day's text precedes that of all its times, with or without T, seconds and their fractions.
        texts = _between(stored, str(wide.start or ""), wide.end and str(wide.end))
        # Every number is less than every text.
        numbers = sa.and_(stored < "", sa.or_(*[_between(stored, *each) for each in number_ranges(wide)]))
        return select.where(texts if isinstance(column.type, sa.String) else texts | numbers)

    def _widened(self, window: Window) -> Window:
        """The days that instants of these days, which are in a time zone, may be stored under."""
        if self._kind_of(self._partition) != "timestamptz":
            return window
        return Window(window.start and shift(window.start, -DAYS_APART), window.end and shift(window.end, DAYS_APART))

    def _exactly(self, table: pa.Table, window: Window) -> pa.Table:
        """The rows whose instant is on one of these days in the time zone."""
        if not self._source.partition_by or self._widened(window) == window:
            return table
        days = self._days(table.column(self._partition))
        return table.filter(pc.and_(pc.greater_equal(days, window.first), pc.less_equal(days, window.last)))

    def _days(self, moments: pa.ChunkedArray) -> pa.ChunkedArray:
        return cast_column(moments, "date", self._zone)

    def _array(self, name: str, values: tuple[Any, ...], kind: ColumnType | None) -> pa.Array:
        try:
            return column_of(values, kind, self._zone)
        except NotExact as error:
            said = describe_misfit(kind, error.example) if kind else f"'{printable(error.example)}'"
            hint = f" ({NUMBERS_SAID})" if kind in MOMENTS and not isinstance(error.args[0], str) else ""
            raise DataRejected(
                "column-type", f"{self.where}: column '{name}' is {kind or 'of several types'} and holds {said}{hint}"
            ) from None

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            with nullcontext(self._held) if self._held else self._engine.connect() as connection:
                if self._is_sqlite and not self._held:
                    connection.exec_driver_sql("pragma query_only = on")
                yield connection
        except exc.NoSuchTableError:
            raise Misconfigured("table-missing", f"{self.where}: no such table") from None
        except exc.DBAPIError as error:
            raise self._explain(error) from None
        except ValueError as error:
            raise DataRejected("column-type", f"{self.where}: {error}") from None

    def _explain(self, error: exc.DBAPIError) -> TierraError:
        message = " ".join(str(error.orig).split())
        if self._is_sqlite and message.startswith("Could not decode to UTF-8"):
            return DataRejected("column-type", f"{self.where}: {printable(message)}")
        lasting = self._is_sqlite and "lock" not in message and "busy" not in message
        if isinstance(error, exc.OperationalError) and not lasting:
            return Unavailable("database-unavailable", f"{self.where}: {message}")
        return Misconfigured("query-failed", f"{self.where}: {message}")


def _between(column: sa.ColumnElement[Any], first: Any, end: Any) -> sa.ColumnElement[bool]:
    """From the first up to, not including, the end; None is open."""
    conditions = [
        compare(bound) for bound, compare in ((first, column.__ge__), (end, column.__lt__)) if bound is not None
    ]
    return sa.and_(*conditions)


def _bound(column: sa.ColumnElement[Any], day: date) -> Any:
    if isinstance(column.type, sa.String):
        return day.isoformat()
    return datetime.combine(day, time()) if isinstance(column.type, sa.DateTime) else day
