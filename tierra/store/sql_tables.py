"""The tables of a SQL sink: what they are, and whether those that are there are they."""

from typing import Any

import pyarrow as pa
import pyarrow.types as t
import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from tierra.errors import Misconfigured

# What we add to the published columns.
PART, ROW = "part", "row"
OURS = (PART, ROW, "partition", "generation")


class SinkTables:
    """The tables of one data set in one schema."""

    def __init__(self, dataset: str, schema: str | None) -> None:
        self.dataset, self.schema = dataset, schema
        self._all = sa.MetaData(schema=schema)
        self.parts = sa.Table(
            f"{dataset}_parts",
            self._all,
            sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
            sa.Column("sha256", sa.Text, nullable=False, unique=True),
            sa.Column("arrow_schema", sa.LargeBinary, nullable=False),
            sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        )
        self.manifests = sa.Table(
            f"{dataset}_manifests",
            self._all,
            sa.Column("partition", sa.Text, primary_key=True),
            sa.Column("generation", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("manifest", sa.Text, nullable=False),
        )
        self.published = sa.Table(
            f"{dataset}_published",
            self._all,
            sa.Column("partition", sa.Text, primary_key=True),
            sa.Column("generation", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column(PART, sa.BigInteger, sa.ForeignKey(self.parts.c.id), primary_key=True),
            sa.ForeignKeyConstraint(
                ["partition", "generation"], [self.manifests.c.partition, self.manifests.c.generation]
            ),
        )
        self.quarantine = sa.Table(
            f"{dataset}_quarantine",
            self._all,
            sa.Column("sha256", sa.Text, primary_key=True),
            sa.Column(ROW, sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("contents", sa.Text, nullable=False),
        )

    @property
    def bookkeeping(self) -> list[sa.Table]:
        """The tables beside the predictions, each after those it refers to."""
        return [self.parts, self.manifests, self.published, self.quarantine]

    def predictions(self, schema: pa.Schema) -> sa.Table:
        """The table of predictions for rows of an Arrow schema."""
        if taken := [name for name in schema.names if name in OURS]:
            raise Misconfigured("sink-columns", f"{self.dataset}: the sink needs the column name '{taken[0]}' itself")
        ours = [
            sa.Column(PART, sa.BigInteger, sa.ForeignKey(self.parts.c.id), nullable=False),
            sa.Column(ROW, sa.BigInteger, nullable=False),
        ]
        theirs = [sa.Column(field.name, sql_type(field.type)) for field in schema]
        index = sa.Index(f"{self.dataset}_by_part", PART, ROW)
        return sa.Table(self.dataset, sa.MetaData(schema=self.schema), *ours, *theirs, index)

    def current(self, predictions: sa.Table) -> sa.Select[Any]:
        """The rows of the highest generation of each partition."""
        m, link = self.manifests, self.published
        latest = sa.select(m.c.partition, sa.func.max(m.c.generation).label("generation")).group_by(m.c.partition)
        newest = latest.subquery("latest")
        shown = [column for column in predictions.c if column.name not in (PART, ROW)]
        chosen = sa.and_(link.c.partition == newest.c.partition, link.c.generation == newest.c.generation)
        joined = newest.join(link, chosen).join(predictions, predictions.c[PART] == link.c[PART])
        return sa.select(newest.c.partition, newest.c.generation, *shown).select_from(joined)


def sql_type(kind: pa.DataType) -> TypeEngine[Any]:
    """The column type that keeps an Arrow type's values exactly. Raises Misconfigured for one that none keeps."""
    if t.is_integer(kind):
        return sa.BigInteger()
    if t.is_floating(kind):
        return sa.Double()
    if t.is_boolean(kind):
        return sa.Boolean()
    if t.is_date(kind):
        return sa.Date()
    if t.is_timestamp(kind):
        return sa.DateTime(timezone=kind.tz is not None)
    if t.is_string(kind) or t.is_large_string(kind):
        return sa.Text()
    raise Misconfigured("sink-columns", f"no column of a database keeps {kind}")


def find_missing(tables: list[sa.Table], connection: sa.Connection, where: str) -> list[sa.Table]:
    """The tables that are not there. Raises Misconfigured for one that is there and is another, column by column."""
    names, schema = [table.name for table in tables], tables[0].schema
    found = sa.inspect(connection).get_multi_columns(schema=schema, filter_names=names)
    there = {name: {str(each["name"]): each["type"] for each in columns} for (_, name), columns in found.items()}
    for table in tables:
        if table.name in there and (differences := _differences(table, there[table.name], connection.dialect)):
            raise Misconfigured("sink-differs", f"{where}.{table.name}: {'; '.join(differences)}")
    return [table for table in tables if table.name not in there]


def _differences(expected: sa.Table, found: dict[str, TypeEngine[Any]], dialect: sa.Dialect) -> list[str]:
    there = {name: _said(kind, dialect) for name, kind in found.items()}
    wanted = {column.name: _said(column.type, dialect) for column in expected.columns}
    missing = [f"no column '{name}' ({kind})" for name, kind in wanted.items() if name not in there]
    others = [
        f"'{name}' is {there[name]}, not {kind}"
        for name, kind in wanted.items()
        if name in there and there[name] != kind
    ]
    return [*missing, *others, *(f"column '{name}' is not ours" for name in there if name not in wanted)]


def _said(kind: TypeEngine[Any], dialect: sa.Dialect) -> str:
    return kind.compile(dialect=dialect).lower()
