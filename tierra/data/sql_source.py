"""Tables and queries of SQLite and other databases, through SQLAlchemy. The only file that knows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.sql.selectable import FromClause

from tierra.data.columns import require_columns
from tierra.data.frames import plain_type
from tierra.data.spec import SqlSource
from tierra.data.sql_text import describe_source, one_statement
from tierra.data.window import Window
from tierra.errors import DataRejected, Misconfigured, TierraError, Unavailable, first_line

ROWS_A_BATCH = 50_000
ARROW = {
    sa.Boolean: pa.bool_(),
    sa.Integer: pa.int64(),
    sa.Numeric: pa.float64(),
    sa.DateTime: pa.timestamp("us"),
    sa.Date: pa.date32(),
    sa.String: pa.string(),
}


class SqlReader:
    """One table or query."""

    def __init__(self, name: str, source: SqlSource, url: str) -> None:
        self.where = describe_source(name, source)
        self._source = source
        self._engine = self._connect(url)

    @property
    def kind(self) -> str:
        """The kind of database, such as sqlite."""
        return self._engine.dialect.name

    def columns(self) -> list[str]:
        """The names of all its columns."""
        return list(self._relation.c.keys())

    def batches(self, columns: list[str], window: Window) -> Iterator[pa.Table]:
        """Its rows of the window, in batches."""
        found = [self._column(name) for name in columns]
        types, chosen = [self._arrow_type(each) for each in found], [self._as_stored(each) for each in found]
        with self._connected() as connection:
            streamed = connection.execution_options(stream_results=True, max_row_buffer=ROWS_A_BATCH)
            for rows in streamed.execute(self._within(sa.select(*chosen), window)).partitions(ROWS_A_BATCH):
                yield self._table(columns, types, list(zip(*rows, strict=True)))

    def days(self, window: Window) -> dict[date, int]:
        """Rows of each day in the window."""
        column = self._column(self._partition)
        counted: dict[date, int] = {}
        with self._connected() as connection:
            for value, rows in connection.execute(
                self._within(sa.select(column, sa.func.count()).group_by(column), window)
            ):
                if value is not None:
                    counted[self._day(value)] = counted.get(self._day(value), 0) + rows
        return dict(sorted(counted.items()))

    def dayless(self) -> int:
        """Rows whose day is empty, or a text that is no date: they are in no partition."""
        column = self._as_stored(self._column(self._partition))
        no_day = [column.is_(None), *([column.not_like("____-__-__%")] if isinstance(column.type, sa.String) else [])]
        with self._connected() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).where(sa.or_(*no_day))) or 0)

    def has_fixed_types(self, columns: list[str]) -> bool:
        """Not where a column has no type of its own, as in SQLite's queries: its values then decide."""
        return all(self._arrow_type(self._column(name)) for name in columns)

    @property
    def _partition(self) -> str:
        assert self._source.partition_by, "a source without partitions has no days"
        return self._source.partition_by

    def _connect(self, url: str) -> sa.Engine:
        try:
            parsed = sa.make_url(url)
            if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).is_file():
                raise Misconfigured("database-missing", f"{self.where}: no database file {parsed.database}")
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

    def _column(self, name: str) -> sa.ColumnElement[Any]:
        require_columns(self.where, [name], self.columns())
        return self._relation.c[name]

    def _within(self, select: sa.Select[Any], window: Window) -> sa.Select[Any]:
        if not self._source.partition_by:
            return select
        column = self._as_stored(self._column(self._partition))
        for bound, compare in ((window.start, column.__ge__), (window.end, column.__lt__)):
            if bound:
                select = select.where(compare(self._bound(column, bound)))
        return select

    def _bound(self, column: sa.ColumnElement[Any], day: date) -> Any:
        if isinstance(column.type, sa.String):
            # A day's text precedes that of all its times, with or without T, seconds and their fractions.
            return day.isoformat()
        return datetime.combine(day, time()) if isinstance(column.type, sa.DateTime) else day

    def _as_stored(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """SQLite keeps dates as text: Arrow parses a column of them many times faster than Python."""
        text = self._engine.dialect.name == "sqlite" and isinstance(column.type, sa.Date | sa.DateTime)
        return sa.type_coerce(column, sa.String).label(column.key) if text else column

    def _arrow_type(self, column: sa.ColumnElement[Any]) -> pa.DataType | None:
        return next((arrow for kind, arrow in ARROW.items() if isinstance(column.type, kind)), None)

    def _table(self, names: list[str], types: list[pa.DataType | None], values: list[tuple[Any, ...]]) -> pa.Table:
        arrays = [self._array(name, kind, column) for name, kind, column in zip(names, types, values, strict=True)]
        return pa.table(arrays, names=names)

    def _array(self, name: str, kind: pa.DataType | None, values: tuple[Any, ...]) -> pa.Array:
        try:
            if kind and pa.types.is_temporal(kind):
                return pa.array(values).cast(kind)
            array = pa.array(values, kind)
            return array if kind else array.cast(plain_type(array.type) or array.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise DataRejected(
                "column-type", f"{self.where}: column '{name}' is not one type: {first_line(error)}"
            ) from None

    def _day(self, value: Any) -> date:
        if isinstance(value, datetime):
            return value.date()
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
        except ValueError:
            raise DataRejected(
                "column-type", f"{self.where}: '{self._partition}' holds {value!r}, which is no date"
            ) from None

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                if self.kind == "sqlite":
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
        lasting = self._engine.dialect.name == "sqlite" and "lock" not in message and "busy" not in message
        if isinstance(error, exc.OperationalError) and not lasting:
            return Unavailable("database-unavailable", f"{self.where}: {message}")
        return Misconfigured("query-failed", f"{self.where}: {message}")
