"""A table with the newest predictions of a data set, for consumers that know no view: replaced in one transaction."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name
from sqlalchemy.types import TypeEngine

from tierra.errors import Misconfigured
from tierra.store.databases import lock
from tierra.store.sql_tables import PART, ROW, SinkTables, find_missing


def renew(connection: sa.Connection, tables: SinkTables, where: str, name: str, count: int | None) -> bool:
    """Let the table hold the newest partitions, so many or all; whether it did not before.

    Raises Misconfigured for a table of that name whose columns are others: it is not ours.
    """
    lock(connection, f"tierra latest {where}.{name}")
    columns = _columns(connection, tables)
    if not columns:
        return False
    table = sa.Table(name, sa.MetaData(schema=tables.schema), *columns)
    newest = _newest(tables, count)
    if _create_missing(connection, table, where):
        pass
    elif _held(connection, table) == set(map(tuple, connection.execute(newest))):
        return False
    else:
        connection.execute(table.delete())
    connection.execute(_fill(table, tables, newest))
    return True


def _columns(connection: sa.Connection, tables: SinkTables) -> list[sa.Column[Any]]:
    """Those of the view of what is published, with the types of the tables; none before the first publication."""
    if not sa.inspect(connection).has_table(tables.dataset, schema=tables.schema):
        return []
    found = sa.inspect(connection).get_columns(tables.dataset, schema=tables.schema)
    named: list[tuple[str, TypeEngine[Any]]] = [("partition", sa.Text()), ("generation", sa.BigInteger())]
    named += [(each["name"], each["type"]) for each in found if each["name"] not in (PART, ROW)]
    # Keys of our own and quoted names: as in the tables of the sink.
    return [sa.Column(quoted_name(name, quote=True), kind, key=f"c{at}") for at, (name, kind) in enumerate(named)]


def _newest(tables: SinkTables, count: int | None) -> sa.Select[Any]:
    partition = tables.manifests.c.partition
    chosen = sa.select(partition, sa.func.max(tables.head)).group_by(partition)
    return chosen.order_by(partition.desc()).limit(count)


def _create_missing(connection: sa.Connection, table: sa.Table, where: str) -> bool:
    try:
        missing = find_missing([table], connection, where)
    except Misconfigured as error:
        raise Misconfigured("latest-taken", error.what) from None
    for each in missing:
        each.create(connection)
    return bool(missing)


def _held(connection: sa.Connection, table: sa.Table) -> set[tuple[Any, ...]]:
    """Partition and generation of the rows that are there."""
    return set(map(tuple, connection.execute(sa.select(table.c.c0, table.c.c1).distinct())))


def _fill(table: sa.Table, tables: SinkTables, newest: sa.Select[Any]) -> sa.Insert:
    names: list[sa.ColumnClause[Any]] = [sa.column(each.name) for each in table.c]
    view = sa.table(f"{tables.dataset}_current", *names, schema=tables.schema)
    shown = newest.subquery("newest")
    chosen = sa.select(*view.c).where(view.c.partition.in_(sa.select(shown.c.partition)))
    return table.insert().from_select(list(table.c), chosen)
