"""Tables and queries of a PostgreSQL database, read by COPY."""

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from time import monotonic, sleep
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
import pyarrow as pa
from psycopg import sql

from tierra.data.casting import NotExact, arrow_type, cast_column
from tierra.data.columns import require_columns
from tierra.data.spec import ColumnType, SqlSource
from tierra.data.sql_text import describe_misfit, describe_source, one_statement
from tierra.data.window import Window
from tierra.errors import DataRejected, Misconfigured, Unavailable, first_line
from tierra.settings import Connection
from tierra.store.postgres import borrow, connect, copy_out, parse_url

BOOLEAN, TEXT, CHARACTER, DATE, TIMESTAMP, TIMESTAMP_WITH_ZONE, REAL, NUMERIC = (
    16, 25, 1042, 1082, 1114, 1184, 700, 1700)  # fmt: skip
# By PostgreSQL's numbers of its types: https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
KINDS: Final[dict[int, ColumnType]] = {
    BOOLEAN: "boolean",
    **dict.fromkeys((20, 21, 23, 26), "integer"),  # bigint, smallint, integer, oid
    **dict.fromkeys((REAL, 701), "number"),  # real, double precision
    DATE: "date",
    TIMESTAMP: "timestamp",
    TIMESTAMP_WITH_ZONE: "timestamptz",
    **dict.fromkeys((TEXT, CHARACTER, 1043, 18, 19, 114, 2950, 3802), "text"),  # varchar, name, json, uuid, ...
}
# `char(5)` is padded with blanks, and a real would be read as 0.10000000149.
CAST: Final = {CHARACTER: sql.SQL("{}::text"), REAL: sql.SQL("{}::float8")}
# Of a numeric; its digits are never made a floating-point number on the way to a key or a text.
DIGITS: Final = sql.SQL("nullif({}, 'NaN')::text")
# One that does not say how many decimals it has keeps 5 and 5.0 apart, which are one value.
SHORTEST: Final = sql.SQL(
    "case when {0} = trunc({0}) then nullif(trunc({0}), 'NaN')::text else rtrim({0}::text, '0') end"
)
WHOLE: Final = sql.SQL("(case when {0} = trunc({0}) then nullif(trunc({0}), 'NaN') else {0} end)::text")
ALL_WHOLE: Final = sql.SQL("coalesce(bool_and({0} = trunc({0}) and {0}::text !~ '[a-z]'), false)")
NO_DAY: Final = sql.SQL("{0} is null")
NO_DAY_IN_TEXT: Final = sql.SQL("{0} is null or {0} !~ '^\\d{{4}}-\\d{{2}}-\\d{{2}}'")
# Shorter than the second after which PostgreSQL looks for a deadlock, and ends one of its sessions.
LOCK_MILLISECONDS: Final = 300
# And whether the type is a kind of text.
NAMES = "select oid, format_type(oid, null), typtype = 'e' or typname = 'citext' from pg_type where oid = any(%s)"
CELL: Final = re.compile(r"In CSV column #(?P<column>\d+): .*?'(?P<value>.*)'", re.DOTALL)


@dataclass(frozen=True)
class _Stored:
    """A column's type: PostgreSQL's number of it, and how many decimals a numeric has; None when it does not say."""

    oid: int
    scale: int | None


class PostgresReader:
    """One table or query."""

    kind = "postgresql"

    def __init__(self, name: str, source: SqlSource, connection: Connection, zone: str = "UTC") -> None:
        self.where = describe_source(name, source)
        self._source = source
        self._connection = connection
        self._zone = zone
        self._held: psycopg.Connection | None = None
        parse_url(connection.address, self.where)
        self._relation = _relation(source)

    @property
    def database(self) -> Hashable:
        """The database's address, and how long it may be asked."""
        return self._connection.address, self._connection.statement_timeout_seconds

    @staticmethod
    @contextmanager
    def hold(readers: Sequence["PostgresReader"]) -> Iterator[None]:
        """While this lasts, these readers of one database read in one transaction."""
        with ExitStack() as stack:
            session = stack.enter_context(readers[0]._session())
            session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with readers[0]._session() as keeper:
                _wait_for(lambda: _began(session, keeper, readers), readers[0])
            try:
                for reader in readers:
                    reader._held = session
                yield
            finally:
                for reader in readers:
                    reader._held = None

    def columns(self) -> list[str]:
        """The names of all its columns."""
        with self._session() as session:
            return list(self._described(session))

    def batches(self, columns: list[str], window: Window) -> Iterator[pa.Table]:
        """Its rows of the window in batches, from one consistent snapshot."""
        with self._session() as session:
            stored = self._described(session)
            within = self._within(stored, window)
            kinds = self._kinds(session, {name: self._known(stored, name) for name in columns}, within)
            chosen = sql.SQL(", ").join(_expression(name, stored[name], kinds[name]) for name in columns)
            query = sql.SQL("select {} from {}{}").format(chosen, self._relation, within)
            try:
                for table in copy_out(session, query, None, self._schema(kinds)):
                    yield self._in_types(table, kinds)
            except pa.ArrowInvalid as error:
                raise self._refused(*_cell(error, columns), kinds) from None

    def days(self, window: Window) -> dict[date, int]:
        """Rows of each day in the window."""
        with self._session() as session:
            stored = self._described(session)
            day, within = self._day(stored), self._within(stored, window)
            query = sql.SQL("select {}, count(*) from {}{} group by 1 order by 1").format(day, self._relation, within)
            try:
                return {found: rows for found, rows in session.execute(query) if found is not None}
            except psycopg.DataError as error:
                message = error.diag.message_primary or error
                raise DataRejected(
                    "column-type", f"{self.where}: '{self._partition}' is not a date: {message}"
                ) from None

    def dayless(self) -> int:
        """Rows whose day is empty, or a text that is no date: they are in no partition."""
        name = sql.Identifier(self._partition)
        with self._session() as session:
            is_text = self._form_of_day(self._described(session)) == "text"
            no_day = (NO_DAY_IN_TEXT if is_text else NO_DAY).format(name)
            query = sql.SQL("select count(*) from {} where {}").format(self._relation, no_day)
            return int((session.execute(query).fetchone() or (0,))[0])

    def has_fixed_types(self, columns: list[str]) -> bool:
        """By the catalogue, but for a numeric that does not say whether it has decimals."""
        if all(name in self._source.types for name in columns):
            return True
        with self._session() as session:
            stored = self._described(session)
        return not any(_is_open(self._known(stored, name)) and name not in self._source.types for name in columns)

    @property
    def _partition(self) -> str:
        return str(self._source.partition_by)

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection]:
        limit = self._connection.statement_timeout_seconds
        if self._held:
            with borrow(self._held, self.where) as session:
                yield session
            return
        with connect(self._connection.address, self.where, limit, read_only=True) as session:
            yield session

    def _described(self, session: psycopg.Connection) -> dict[str, _Stored]:
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
        return {column.name: _Stored(column.type_code, column.scale) for column in found or ()}

    def _known(self, stored: dict[str, _Stored], name: str) -> _Stored:
        require_columns(self.where, [name], stored)
        return stored[name]

    def _kinds(
        self, session: psycopg.Connection, stored: dict[str, _Stored], within: sql.Composable
    ) -> dict[str, ColumnType]:
        """The type of ours that each column is read in. Raises DataRejected for an unsupported type."""
        self._require_supported(session, stored)
        undeclared = [name for name, each in stored.items() if _is_open(each) and name not in self._source.types]
        whole = self._whole(session, undeclared, within)
        return {name: self._kind(name, each, name in whole) for name, each in stored.items()}

    def _kind(self, name: str, stored: _Stored, whole: bool) -> ColumnType:
        declared = self._source.types.get(name)
        if stored.oid != NUMERIC:
            return KINDS.get(stored.oid, "text")
        if declared:
            return declared if declared in ("text", "number") else "integer"
        if stored.scale == 0 or whole:
            return "integer"
        return "text" if name in self._source.key else "number"

    def _whole(self, session: psycopg.Connection, names: list[str], within: sql.Composable) -> set[str]:
        """Of numerics that do not say whether they have decimals, those without a row that has."""
        if not names:
            return set()
        asked = sql.SQL(", ").join(ALL_WHOLE.format(sql.Identifier(name)) for name in names)
        answers = session.execute(sql.SQL("select {} from {}{}").format(asked, self._relation, within)).fetchone()
        return {name for name, whole in zip(names, answers or (), strict=True) if whole}

    def _require_supported(self, session: psycopg.Connection, stored: dict[str, _Stored]) -> None:
        others = {each.oid for each in stored.values()} - set(KINDS) - {NUMERIC}
        found = {oid: (name, text) for oid, name, text in session.execute(NAMES, [list(others)])} if others else {}
        for column, each in stored.items():
            name, text = found.get(each.oid, ("", True))
            if not text and column not in self._source.types:
                raise DataRejected("column-type", f"{self.where}: column '{column}' is {name}, which is not supported")

    def _schema(self, kinds: dict[str, ColumnType]) -> pa.Schema:
        return pa.schema([(name, arrow_type(kind, self._zone)) for name, kind in kinds.items()])

    def _in_types(self, table: pa.Table, kinds: dict[str, ColumnType]) -> pa.Table:
        """The table with the columns that have another type in the project file or the release cast to it."""
        for at, (name, kind) in enumerate(kinds.items()):
            wanted = self._source.types.get(name, kind)
            if wanted != kind:
                try:
                    table = table.set_column(at, name, cast_column(table.column(name), wanted, self._zone))
                except NotExact as error:
                    raise self._refused(name, error.example, kinds) from None
        return table

    def _refused(self, name: str, example: str, kinds: dict[str, ColumnType]) -> DataRejected:
        wanted, found = self._source.types.get(name, kinds[name]), kinds[name]
        is_now = f", and {found} now, such as" if wanted != found else " and holds"
        said = f"column '{name}' is {wanted}{is_now} {describe_misfit(wanted, example)}"
        return DataRejected("column-type", f"{self.where}: {said}")

    def _day(self, stored: dict[str, _Stored]) -> sql.Composable:
        """The day of a row, as SQL."""
        column = sql.Identifier(self._partition)
        match self._form_of_day(stored):
            case "timestamptz":
                return sql.SQL("({} at time zone {})::date").format(self._instant(stored), sql.Literal(self._zone))
            case "text":
                return sql.SQL("left({}::text, 10)::date").format(column)
            case "integer":
                return sql.SQL("trunc({})::text::date").format(column)
            case _:
                return sql.SQL("{}::date").format(column)

    def _instant(self, stored: dict[str, _Stored]) -> sql.Composable:
        is_text = stored[self._partition].oid != TIMESTAMP_WITH_ZONE
        return sql.SQL("{}::timestamptz" if is_text else "{}").format(sql.Identifier(self._partition))

    def _form_of_day(self, stored: dict[str, _Stored]) -> ColumnType:
        """How the column of days writes them: as a date or a moment, a text, or a number such as 20240428."""
        each, declared = self._known(stored, self._partition), self._source.types.get(self._partition)
        kind = self._kind(self._partition, each, whole=True)
        if kind == "text" and declared == "timestamptz":
            return "timestamptz"
        if kind in ("boolean", "number") or (kind == "integer" and declared != "date"):
            raise DataRejected("column-type", f"{self.where}: '{self._partition}' is {kind}, not a date")
        return kind

    def _within(self, stored: dict[str, _Stored], window: Window) -> sql.Composable:
        if not self._source.partition_by or window == Window():
            return sql.SQL("")
        form = self._form_of_day(stored)
        column = self._instant(stored) if form == "timestamptz" else sql.Identifier(self._partition)
        bounds = [(sql.SQL("{} >= {}"), window.start), (sql.SQL("{} < {}"), window.end)]
        conditions = [condition.format(column, sql.Literal(self._bound(form, day))) for condition, day in bounds if day]
        return sql.SQL(" where ") + sql.SQL(" and ").join(conditions)

    def _bound(self, form: ColumnType, day: date) -> Any:
        match form:
            case "date":
                return day
            case "text":
                return day.isoformat()
            case "integer":
                return int(f"{day:%Y%m%d}")
            case _:
                return datetime.combine(day, time(), ZoneInfo(self._zone) if form == "timestamptz" else None)


def _is_open(stored: _Stored) -> bool:
    """Whether it is a numeric that does not say how many decimals it has."""
    return stored.oid == NUMERIC and stored.scale is None


def _expression(name: str, stored: _Stored, kind: ColumnType) -> sql.Composable:
    column = sql.Identifier(name)
    if stored.oid == NUMERIC and kind != "number":
        digits = SHORTEST if stored.scale is None else DIGITS
        return (digits if kind == "text" else WHOLE).format(column)
    return CAST.get(stored.oid, sql.SQL("{}")).format(column)


def _began(session: psycopg.Connection, keeper: psycopg.Connection, readers: Sequence[PostgresReader]) -> bool:
    """Whether the session now has a snapshot of all tables and none of them can be emptied; not while one is loaded.

    A snapshot must be younger than the locks, as `_described` says, but to ask for a lock is to take a snapshot: so
    another session keeps the tables until this one has them. Neither waits for long, because a loader
    that has one of the tables may want the next.
    """
    begun = False
    try:
        for each in (keeper, session):
            each.execute(f"set local lock_timeout = {LOCK_MILLISECONDS}")
            for reader in readers:
                reader._described(each)
        # Between two tables the session waits while the first one is sorted.
        session.execute("set local lock_timeout = 0; set local idle_in_transaction_session_timeout = 0")
        begun = True
    except psycopg.errors.LockNotAvailable:
        session.rollback()
    keeper.rollback()
    return begun


def _wait_for(began: Callable[[], bool], reader: PostgresReader) -> None:
    until = monotonic() + reader._connection.statement_timeout_seconds
    while not began():
        if monotonic() > until:
            raise Unavailable("database-timeout", f"{reader.where}: its tables are being loaded")
        sleep(LOCK_MILLISECONDS / 1000)


def _relation(source: SqlSource) -> sql.Composable:
    """The table or subquery after `from`."""
    if source.table:
        schema, _, table = source.table.rpartition(".")
        return sql.Identifier(*([schema] if schema else []), table)
    # A comment at its end must not swallow the bracket.
    return sql.SQL("({}\n) as q").format(sql.SQL(one_statement(str(source.query))))


def _cell(error: pa.ArrowInvalid, columns: list[str]) -> tuple[str, str]:
    """The column of a value that cannot be read, and the value."""
    found = CELL.search(str(error))
    return (columns[int(found["column"])], found["value"]) if found else (columns[0], first_line(error))
