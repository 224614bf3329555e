"""Tables and queries of a PostgreSQL database, read by COPY."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from tierra.data.columns import require_columns
from tierra.data.spec import SqlSource
from tierra.data.sql_text import describe_source, one_statement
from tierra.data.window import Window
from tierra.errors import DataRejected, Misconfigured
from tierra.settings import Connection
from tierra.store.postgres import connect, copy_out, parse_url

BOOLEAN, TEXT, CHARACTER, DATE, TIMESTAMP, TIMESTAMP_WITH_ZONE, REAL = 16, 25, 1042, 1082, 1114, 1184, 700
# By PostgreSQL's numbers of its types: https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
ARROW: dict[int, pa.DataType] = {
    BOOLEAN: pa.bool_(),
    **dict.fromkeys((20, 21, 23, 26), pa.int64()),  # bigint, smallint, integer, oid
    **dict.fromkeys((REAL, 701, 1700), pa.float64()),  # real, double precision, numeric
    DATE: pa.date32(),
    TIMESTAMP: pa.timestamp("us"),
    TIMESTAMP_WITH_ZONE: pa.timestamp("us", "UTC"),
    **dict.fromkeys((TEXT, CHARACTER, 1043, 18, 19, 114, 2950, 3802), pa.string()),  # varchar, name, json, uuid, ...
}
# `char(5)` is padded with blanks, and a real would be read as 0.10000000149.
CAST = {CHARACTER: sql.SQL("::text"), REAL: sql.SQL("::float8")}
DAYS = {
    DATE: sql.SQL("{}"),
    TIMESTAMP: sql.SQL("{}::date"),
    TIMESTAMP_WITH_ZONE: sql.SQL("{}::date"),
    TEXT: sql.SQL("left({}, 10)::date"),
}
NO_DAY, NO_DAY_IN_TEXT = sql.SQL("{0} is null"), sql.SQL("{0} is null or {0} !~ '^\\d{{4}}-\\d{{2}}-\\d{{2}}'")
# And whether the type is a kind of text.
NAMES = "select oid, format_type(oid, null), typtype = 'e' or typname = 'citext' from pg_type where oid = any(%s)"
NUMBERED = re.compile(r"^In CSV column #(\d+): (?:Row #\d+: )?(?:CSV )?")


class PostgresReader:
    """One table or query."""

    kind = "postgresql"

    def __init__(self, name: str, source: SqlSource, connection: Connection) -> None:
        self.where = describe_source(name, source)
        self._source = source
        self._connection = connection
        parse_url(connection.address, self.where)
        self._relation = _relation(source)

    def columns(self) -> list[str]:
        """The names of all its columns."""
        with self._session() as session:
            return list(self._described(session))

    def batches(self, columns: list[str], window: Window) -> Iterator[pa.Table]:
        """Its rows of the window in batches, from one consistent snapshot."""
        with self._session() as session:
            types = self._described(session)
            schema = self._schema(session, {name: self._known(types, name) for name in columns})
            chosen = sql.SQL(", ").join(sql.Identifier(name) + CAST.get(types[name], sql.SQL("")) for name in columns)
            query = sql.SQL("select {} from {}{}").format(chosen, self._relation, self._within(types, window))
            try:
                yield from copy_out(session, query, None, schema)
            except pa.ArrowInvalid as error:
                raise DataRejected("column-type", f"{self.where}: {_named(error, columns)}") from None

    def days(self, window: Window) -> dict[date, int]:
        """Rows of each day in the window."""
        name = str(self._source.partition_by)
        with self._session() as session:
            types = self._described(session)
            within = self._within(types, window)
            day = DAYS[self._kind_of_day(types)].format(sql.Identifier(name))
            query = sql.SQL("select {}, count(*) from {}{} group by 1 order by 1").format(day, self._relation, within)
            try:
                return {found: rows for found, rows in session.execute(query) if found is not None}
            except psycopg.DataError as error:
                message = error.diag.message_primary or error
                raise DataRejected("column-type", f"{self.where}: '{name}' is not a date: {message}") from None

    def dayless(self) -> int:
        """Rows whose day is empty, or a text that is no date: they are in no partition."""
        name = sql.Identifier(str(self._source.partition_by))
        with self._session() as session:
            is_text = self._kind_of_day(self._described(session)) == TEXT
            no_day = (NO_DAY_IN_TEXT if is_text else NO_DAY).format(name)
            query = sql.SQL("select count(*) from {} where {}").format(self._relation, no_day)
            return int((session.execute(query).fetchone() or (0,))[0])

    def has_fixed_types(self, columns: list[str]) -> bool:
        """Always: by the catalogue."""
        return True

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection]:
        limit = self._connection.statement_timeout_seconds
        with connect(self._connection.address, self.where, limit, read_only=True) as session:
            yield session

    def _described(self, session: psycopg.Connection) -> dict[str, int]:
        """The type of each column.

        The answer comes when no loader holds the table, and none can empty it until the
        session ends. The next statement sees what was loaded: under READ COMMITTED its
        snapshot is younger than this lock, under REPEATABLE READ it would be older, and
        a table that was truncated and filled meanwhile would look empty.
        """
        # Binary, because only that way of asking refuses a text of several statements.
        found = session.execute(sql.SQL("select * from {} limit 0").format(self._relation), binary=True).description
        names = [column.name for column in found or ()]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise Misconfigured("query-failed", f"{self.where}: two columns are called '{twice}'")
        return {column.name: column.type_code for column in found or ()}

    def _known(self, types: dict[str, int], name: str) -> int:
        require_columns(self.where, [name], types)
        return types[name]

    def _schema(self, session: psycopg.Connection, kinds: dict[str, int]) -> pa.Schema:
        """The columns as Arrow has them. Raises DataRejected for an unsupported type."""
        others = {kind for kind in kinds.values() if kind not in ARROW}
        found = {kind: (name, text) for kind, name, text in session.execute(NAMES, [list(others)])} if others else {}
        for column, kind in kinds.items():
            name, text = found.get(kind, ("", True))
            if not text and column not in self._source.types:
                raise DataRejected("column-type", f"{self.where}: column '{column}' is {name}, which is not supported")
        return pa.schema([(column, ARROW.get(kind, pa.string())) for column, kind in kinds.items()])

    def _kind_of_day(self, types: dict[str, int]) -> int:
        name = str(self._source.partition_by)
        kind = self._known(types, name)
        day = TEXT if ARROW.get(kind) == pa.string() else kind
        if day not in DAYS:
            raise DataRejected("column-type", f"{self.where}: '{name}' is {ARROW.get(kind, 'no date')}, not a date")
        return day

    def _within(self, types: dict[str, int], window: Window) -> sql.Composable:
        if not self._source.partition_by or window == Window():
            return sql.SQL("")
        kind, column = self._kind_of_day(types), sql.Identifier(self._source.partition_by)
        bounds = [(sql.SQL("{} >= {}"), window.start), (sql.SQL("{} < {}"), window.end)]
        conditions = [condition.format(column, sql.Literal(_bound(kind, day))) for condition, day in bounds if day]
        return sql.SQL(" where ") + sql.SQL(" and ").join(conditions)


def _relation(source: SqlSource) -> sql.Composable:
    """The table or subquery after `from`."""
    if source.table:
        schema, _, table = source.table.rpartition(".")
        return sql.Identifier(*([schema] if schema else []), table)
    # A comment at its end must not swallow the bracket.
    return sql.SQL("({}\n) as q").format(sql.SQL(one_statement(str(source.query))))


def _bound(kind: int, day: date) -> Any:
    if kind == DATE:
        return day
    if kind == TEXT:
        return day.isoformat()
    return datetime.combine(day, time(), UTC if kind == TIMESTAMP_WITH_ZONE else None)


def _named(error: pa.ArrowInvalid, columns: list[str]) -> str:
    """The error's first line, with the column's name instead of its number."""
    return NUMBERED.sub(lambda found: f"column '{columns[int(found[1])]}': ", str(error)).splitlines()[0]
