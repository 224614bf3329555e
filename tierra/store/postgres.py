"""PostgreSQL: sessions, its errors as ours, and Arrow tables in and out by COPY.

The only file that opens a connection with psycopg.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as csv
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from tierra.errors import Broken, DataRejected, Misconfigured, TierraError, Unavailable

BYTES_A_TABLE = 4 * 1024 * 1024
ROWS_A_WRITE = 8_192
CANCEL_SECONDS = 5.0
# Any @, / or # inside user and password must be percent-encoded, else a part of the password reads as host.
URL = re.compile(r"postgres(?:ql)?(?:\+psycopg)?://(?:[^@/?#\[\]]*@)?[^@]*")
# The URL's own options win over these.
SESSION = {"application_name": "tierra", "connect_timeout": "10", "client_encoding": "utf8", "keepalives_idle": "30",
           "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "60000"}  # fmt: skip
# By the start of the SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
TRANSIENT = ("08", "25P", "40", "53", "55P03", "55006", "57", "58")


def parse_url(url: str, where: str) -> dict[str, Any]:
    """The parts of an address. Raises Misconfigured, with none of them in the message."""
    try:
        parts = conninfo_to_dict(re.sub(r"^postgres(ql)?(\+psycopg)?:", "postgresql:", url))
    except psycopg.Error:
        parts = {}
    ports = str(parts.get("port", "5432")).split(",")
    if not URL.fullmatch(url) or not parts or not all(port.isdecimal() for port in ports):
        raise Misconfigured("address-invalid", f"{where}: the URL cannot be read")
    return {**SESSION, **parts}


@contextmanager
def connect(url: str, where: str, timeout_seconds: int, read_only: bool = False) -> Iterator[psycopg.Connection]:
    """A session in UTC; its transaction is committed at the end, and rolled back when an error leaves the block.

    No statement takes longer than `timeout_seconds`. Errors of psycopg are raised
    as a TierraError. A statement still running when the block is left is cancelled. A
    session that is `read_only` commits nothing.
    """
    try:
        with open_session(url, where, timeout_seconds, read_only) as connection:
            try:
                yield connection
                if read_only:
                    # Before 16, PostgreSQL lets a transaction that only reads make large objects.
                    connection.rollback()
            except BaseException:
                _cancel(connection)
                raise
    except psycopg.Error as error:
        raise explain(error, where) from None


@contextmanager
def borrow(connection: psycopg.Connection, where: str) -> Iterator[psycopg.Connection]:
    """A session whose transaction is under way, for a part of it: what fails there is undone, and the rest goes on."""
    try:
        with connection.transaction():
            try:
                yield connection
            except BaseException:
                _cancel(connection)
                raise
    except psycopg.Error as error:
        raise explain(error, where) from None


def open_session(url: str, where: str, timeout_seconds: int, read_only: bool = False) -> psycopg.Connection:
    """The same session; the caller closes it and translates its errors."""
    connection = psycopg.connect(**parse_url(url, where), autocommit=True, prepare_threshold=None)
    _set_session(connection, timeout_seconds, read_only)
    return connection


def explain(error: psycopg.Error, where: str) -> TierraError:
    """Our error for psycopg's, in one line without secrets: Unavailable when a retry may succeed."""
    message = _message_of(error)
    if error.sqlstate:
        return _by_state(error.sqlstate, f"{where}: {message}")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return _by_words(message, f"{where}: {message}")
    return Misconfigured("query-failed", f"{where}: {message}")


def copy_out(
    connection: psycopg.Connection,
    query: sql.Composable,
    params: Sequence[Any] | Mapping[str, Any] | None,
    schema: pa.Schema,
) -> Iterator[pa.Table]:
    """The rows of a query in tables of some megabytes, by one statement: one consistent snapshot.

    The query must give the schema's columns in its order. Without `params`, % stands for itself.
    Raises ArrowInvalid when a value does not fit its type.
    """
    statement = sql.SQL("copy ({}) to stdout (format csv)").format(query)
    with connection.cursor() as cursor, cursor.copy(statement, params) as rows:
        for piece in _pieces(rows):
            yield _parsed(piece, schema)


def copy_in(connection: psycopg.Connection, table: sql.Identifier, batches: Iterable[pa.Table]) -> int:
    """Append rows to a table, by the names of their columns. Returns how many."""
    rows = 0
    for names, alike in groupby(batches, lambda batch: tuple(batch.column_names)):
        columns = sql.SQL(", ").join(sql.Identifier(name) for name in names)
        statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(table, columns)
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for batch in alike:
                rows += batch.num_rows
                for start in range(0, batch.num_rows, ROWS_A_WRITE):
                    copy.write(_written(batch.slice(start, ROWS_A_WRITE)))
    return rows


def _set_session(connection: psycopg.Connection, timeout_seconds: int, read_only: bool) -> None:
    """Set time zone, formats and time limit, outside a transaction so that no rollback undoes it."""
    connection.execute(
        "select set_config('statement_timeout', %s, false), set_config('TimeZone', 'UTC', false),"
        " set_config('DateStyle', 'ISO', false), set_config('extra_float_digits', '3', false)",
        [f"{timeout_seconds}s"],
    )
    connection.autocommit = False
    connection.read_only = read_only


def _cancel(connection: psycopg.Connection) -> None:
    """Cancel a running statement: closing the connection alone would let it go on."""
    if connection.info.transaction_status == TransactionStatus.ACTIVE:
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=CANCEL_SECONDS)


def _by_state(state: str, what: str) -> TierraError:
    if state == "57014":
        return Unavailable("database-timeout", what)
    if state.startswith(TRANSIENT):
        return Unavailable("database-unavailable", what)
    if state.startswith("XX"):  # the server's own disk or files
        return Broken("store-failed", what)
    if state in ("22021", "22P05"):  # a NUL, in no text of PostgreSQL
        return DataRejected("sink-value", what)
    lasting = {
        "42501": "permission-denied",
        "42P01": "table-missing",
        "3F": "table-missing",
        "3D": "database-missing",
        "28": "login-refused",
        "25006": "query-writes",
    }
    code = next((code for start, code in lasting.items() if state.startswith(start)), "query-failed")
    return Misconfigured(code, what)


def _by_words(message: str, what: str) -> TierraError:
    """For a refused connection the client library gives only a text."""
    refused = {
        r"authentication failed|no password supplied|pg_hba\.conf": "login-refused",
        r'role ".*" (does not exist|is not permitted to log in)': "login-refused",
        r"permission denied": "permission-denied",
        r'database ".*" does not exist': "database-missing",
    }
    code = next((code for words, code in refused.items() if re.search(words, message)), None)
    return Misconfigured(code, what) if code else Unavailable("database-unavailable", what)


def _message_of(error: psycopg.Error) -> str:
    if error.diag.message_primary:
        return " ".join(error.diag.message_primary.split())
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Of several addresses that failed, each has a line of its own after the first.
    return lines[-1 if lines[0].endswith(":") else 0] if lines else type(error).__name__


def _pieces(rows: Iterable[Any]) -> Iterator[bytearray]:
    """Whole rows, which arrive one by one, joined until they are worth parsing."""
    # Not a list of rows to join: a million small objects keep the garbage collector busy.
    held = bytearray()
    for row in rows:
        held += row
        if len(held) >= BYTES_A_TABLE:
            yield held
            held = bytearray()
    if held:
        yield held


def _parsed(piece: bytearray, schema: pa.Schema) -> pa.Table:
    return csv.read_csv(
        pa.py_buffer(piece),
        # One block: no row can straddle two.
        read_options=csv.ReadOptions(column_names=schema.names, block_size=len(piece)),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )


def _written(table: pa.Table) -> memoryview:
    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink, csv.WriteOptions(include_header=False))
    return memoryview(sink.getvalue())
