"""What differs between the databases of a SQL sink: PostgreSQL and SQLite."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t
import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.pool import NullPool, Pool

from tierra.errors import Broken, Misconfigured, TierraError, Unavailable, first_line
from tierra.store.disk import NEW_STORE, create, make_folder
from tierra.store.sql_tables import PART, ROW

ROWS_A_BATCH = 50_000
IDLE_SESSIONS = 2  # kept between transactions; those of more threads are closed when they are done
_INHERITED: list[Pool] = []


def open_engine(url: str, where: str, timeout: int) -> sa.Engine:
    """A SQLAlchemy engine for PostgreSQL or SQLite. Raises Misconfigured."""
    if url.startswith("sqlite:"):
        return _sqlite(sa.make_url(url), timeout)
    if url.startswith(("postgres:", "postgresql:", "postgresql+psycopg:")):
        return _postgresql(url, where, timeout)
    raise Misconfigured("connection-invalid", f"{where}: predictions go to postgresql:// or sqlite:///")


def read_only(engine: sa.Engine) -> sa.Engine:
    """The same for reading: without locks, and where each statement sees one moment anyway, without a transaction."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    return engine.execution_options(writing=False)


def now(connection: sa.Connection) -> Any:
    """The database's own time, where it has a clock of its own."""
    return sa.func.clock_timestamp() if _is_postgresql(connection) else datetime.now(UTC)


def lock(connection: sa.Connection, name: str) -> None:
    """Hold the lock of this name until the transaction ends; in SQLite every writing transaction has it already."""
    if _is_postgresql(connection):
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(name))))


def as_stored(connection: sa.Connection, rows: pa.Table) -> pa.Table:
    """Rows as the database will return them: SQLite has no NaN and no minus zero."""
    if _is_postgresql(connection):
        return rows
    columns = [pc.add(_without_nan(each), 0.0) if t.is_floating(each.type) else each for each in rows.columns]
    return pa.table(columns, schema=rows.schema)


def insert_rows(connection: sa.Connection, table: sa.Table, rows: pa.Table) -> None:
    """Append rows to a table; times are stored as UTC."""
    rows = rows.cast(_in_utc(rows.schema))
    if _is_postgresql(connection):
        from psycopg import sql

        from tierra.store.postgres import copy_in

        with _driver_connection(connection) as driver:
            copy_in(driver, sql.Identifier(*_qualified_name(table)), [rows])
        return
    keys = {column.name: column.key for column in table.c}
    connection.execute(table.insert(), rows.rename_columns([keys[name] for name in rows.column_names]).to_pylist())


def read_rows(connection: sa.Connection, table: sa.Table, part: int, schema: pa.Schema) -> Iterator[pa.Table]:
    """A part's rows in their order."""
    if _is_postgresql(connection):
        from psycopg import sql

        from tierra.store.postgres import copy_out

        names = sql.SQL(", ").join(map(sql.Identifier, schema.names))
        query = sql.SQL("select {} from {} where {} = {} order by {}").format(
            names, sql.Identifier(*_qualified_name(table)), sql.Identifier(PART), sql.Literal(part), sql.Identifier(ROW)
        )
        with _driver_connection(connection) as driver:
            # No parameters: with them a % in a column's name would stand for one.
            for rows in copy_out(driver, query, None, _in_utc(schema)):
                yield rows.cast(schema)
        return
    named = {column.name: column for column in table.c}
    chosen = sa.select(*[named[name] for name in schema.names]).where(table.c[PART] == part).order_by(table.c[ROW])
    for rows in connection.execute(chosen).partitions(ROWS_A_BATCH):
        columns = zip(*rows, strict=True)
        arrays = [pa.array(list(values), field.type) for values, field in zip(columns, schema, strict=True)]
        yield pa.table(arrays, schema=schema)


def explain(error: exc.SQLAlchemyError, where: str) -> TierraError:
    """Our error for a database's error, in one line without addresses or passwords."""
    origin: Any = getattr(error, "orig", None) or error
    if type(origin).__module__.startswith("psycopg"):
        from tierra.store.postgres import explain as explain_postgres

        return explain_postgres(origin, where)
    message = first_line(origin)
    if "locked" in message or "busy" in message:
        return Unavailable("database-unavailable", f"{where}: {message}")
    if "full" in message or "disk I/O" in message or "readonly" in message or "malformed" in message:
        return Broken("store-failed", f"{where}: {message}")
    return Misconfigured("query-failed", f"{where}: {message}")


def _is_postgresql(connection: sa.Connection) -> bool:
    return connection.dialect.name == "postgresql"


@contextmanager
def _driver_connection(connection: sa.Connection) -> Iterator[Any]:
    """psycopg's own connection; its errors are raised as SQLAlchemy raises a driver's errors."""
    import psycopg

    try:
        yield connection.connection.driver_connection
    except psycopg.Error as error:
        raise exc.DBAPIError("copy", None, error) from None


def _qualified_name(table: sa.Table) -> list[str]:
    return [table.schema, table.name] if table.schema else [table.name]


def _in_utc(schema: pa.Schema) -> pa.Schema:
    zoned = [t.is_timestamp(field.type) and field.type.tz is not None for field in schema]
    utc = pa.timestamp("us", "UTC")
    return pa.schema([field.with_type(utc) if each else field for field, each in zip(schema, zoned, strict=True)])


def _without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.is_nan(column), None, column)


def _postgresql(url: str, where: str, timeout: int) -> sa.Engine:
    from tierra.store.postgres import parse_url

    parse_url(url, where)
    return _pooled(url, timeout)


@cache
def _pooled(url: str, timeout: int) -> sa.Engine:
    """One engine for all sinks of a database, so that a run has one session; as many as there are threads at work.

    A session is asked whether it lives before it is used: the server may have ended it since.
    """
    from tierra.store.postgres import open_session

    engine = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: open_session(url, "", timeout),
        pool_pre_ping=True, pool_size=IDLE_SESSIONS, max_overflow=-1,
    )  # fmt: skip
    os.register_at_fork(after_in_child=partial(_leave_to_parent, engine))
    return engine


def _leave_to_parent(engine: sa.Engine) -> None:
    """In a child, sessions of its own: two processes that speak in one would mix their words.

    Those of the parent are kept from the garbage collector, which would close them.
    """
    _INHERITED.append(engine.pool)
    engine.dispose(close=False)


def _make_file(path: Path) -> None:
    """A new database can be read by whom its folder lets in, whatever the umask."""
    mode = make_folder(path.parent, NEW_STORE) & 0o666
    with suppress(OSError):  # it is there, or SQLite says why it cannot be
        create(path, mode).close()


def _sqlite(url: sa.URL, timeout: int) -> sa.Engine:
    """Writers take the lock when they begin: they may wait there, and none fails half-way on it."""
    if url.database and url.database != ":memory:":
        _make_file(Path(url.database))
    engine = sa.create_engine(url, poolclass=NullPool, connect_args={"timeout": min(timeout, 30)})

    @event.listens_for(engine, "connect")
    def connect(driver: Any, _: Any) -> None:
        driver.isolation_level = None  # else Python begins transactions by its own rules
        driver.execute("pragma foreign_keys = on")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writing = connection.get_execution_options().get("writing", True)
        connection.exec_driver_sql("begin immediate" if writing else "begin")

    return engine
