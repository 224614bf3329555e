"""The rows of one part in a table, inside the caller's transaction."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import exc

from tierra.store.databases import as_stored, insert_rows, now, read_rows
from tierra.store.refs import TableRef
from tierra.store.sql_tables import PART, ROW, SinkTables
from tierra.store.tables import RowDigest, in_groups


class SameRows(Exception):
    """The rows are already stored as a part."""

    def __init__(self, ref: TableRef) -> None:
        self.ref = ref


def insert_part(
    connection: sa.Connection, tables: SinkTables, partition: str, schema: pa.Schema, batches: Iterable[pa.Table]
) -> TableRef:
    """Insert rows, pending, under a new part number and name the part by their digest.

    Raises SameRows when that part exists: the caller then rolls back.
    """
    table, digest, rows = tables.predictions(schema), _digest(schema), 0
    number = _begin(connection, tables, schema)
    for group in (as_stored(connection, each) for each in in_groups(schema, batches)):
        digest.add(group)
        insert_rows(connection, table, _numbered(group, number, rows))
        rows += group.num_rows
    name, columns = digest.hexdigest(), {field.name: str(field.type) for field in schema}
    ref = TableRef(name=name, sha256=name, rows=rows, columns=columns)
    _finish(connection, tables.parts, number, ref)
    connection.execute(tables.mark_part, {PART: number, "partition": partition})
    return ref


def select_part(connection: sa.Connection, table: sa.Table, number: int, schema: pa.Schema) -> tuple[pa.Table, str]:
    """A part's rows in their order, and their digest."""
    rows = pa.concat_tables([schema.empty_table(), *read_rows(connection, table, number, schema)])
    digest = _digest(schema)
    for group in in_groups(schema, [rows]):
        digest.add(group)
    return rows, digest.hexdigest()


def _begin(connection: sa.Connection, tables: SinkTables, schema: pa.Schema) -> int:
    """The number of a part whose digest, and whose time by the database's clock, come when its rows are in."""
    described = {"arrow_schema": schema.serialize().to_pybytes(), "written_at": datetime.now(UTC)}
    return int(connection.execute(tables.begin_part, {"sha256": uuid4().hex, **described}).scalar_one())


def _finish(connection: sa.Connection, parts: sa.Table, number: int, ref: TableRef) -> None:
    finished = parts.update().where(parts.c.id == number)
    try:
        connection.execute(finished.values(sha256=ref.sha256, written_at=now(connection)))
    except exc.IntegrityError:
        raise SameRows(ref) from None


def _digest(schema: pa.Schema) -> RowDigest:
    digest = RowDigest()
    digest.add(schema.empty_table())
    return digest


def _numbered(group: pa.Table, part: int, start: int) -> pa.Table:
    """Rows with their part's number and their position in it."""
    places = {PART: np.full(group.num_rows, part), ROW: np.arange(start, start + group.num_rows)}
    return pa.table({**places, **dict(zip(group.column_names, group.columns, strict=True))})
