"""The tables of a SQL sink: their definitions, and a check of existing ones against them."""

from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.types as t
import sqlalchemy as sa
from sqlalchemy.sql import quoted_name
from sqlalchemy.types import TypeEngine

from tierra.errors import Misconfigured

# The columns that the sink adds.
PART, ROW = "part", "row"
RESERVED_COLUMNS = (PART, ROW, "partition", "generation")


@cache
def tables_of(dataset: str, schema: str | None) -> "SinkTables":
    """The tables of one data set in one schema, described once: that takes as long as a statement."""
    return SinkTables(dataset, schema)


class SinkTables:
    """The tables of one data set in one schema."""

    def __init__(self, dataset: str, schema: str | None) -> None:
        self.dataset, self.schema = dataset, schema
        self._predictions: dict[pa.Schema, sa.Table] = {}
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
        self.pending = sa.Table(
            f"{dataset}_pending",
            self._all,
            sa.Column(PART, sa.BigInteger, sa.ForeignKey(self.parts.c.id), primary_key=True, autoincrement=False),
            sa.Column("partition", sa.Text, nullable=False),
        )
        self.quarantine = sa.Table(
            f"{dataset}_quarantine",
            self._all,
            sa.Column("sha256", sa.Text, primary_key=True),
            sa.Column(ROW, sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("contents", sa.Text, nullable=False),
        )

        # Those that each publication takes, made once: to make one takes as long as to run it.
        named = self.parts.c.sha256 == sa.bindparam("sha256")
        self.begin_part = self.parts.insert().returning(self.parts.c.id)
        self.find_part = sa.select(self.parts.c.id, self.parts.c.arrow_schema, self.parts.c.written_at).where(named)
        self.lock_part = sa.select(self.parts.c.id).where(named).with_for_update(read=True)
        self.mark_part = self.pending.insert()
        self.settle_part = self.pending.delete().where(self.pending.c[PART] == sa.bindparam("number"))
        self.link_part = self.published.insert()
        # The highest generation a partition ever had stands beside its manifests, as number 0.
        m = self.manifests.c
        self.head = sa.case(
            (m.generation == sa.literal_column("0"), sa.cast(m.manifest, sa.BigInteger)), else_=m.generation
        )

    @property
    def bookkeeping(self) -> list[sa.Table]:
        """The tables beside the predictions, each after those it refers to."""
        return [self.parts, self.manifests, self.published, self.pending, self.quarantine]

    def mark_unpublished(self) -> sa.Insert:
        """Make every part pending that no manifest names, as those of a version that kept no account."""
        unknown = sa.select(self.parts.c.id, sa.literal("")).where(
            ~sa.exists().where(self.published.c[PART] == self.parts.c.id)
        )
        return self.pending.insert().from_select([PART, "partition"], unknown)

    def predictions(self, schema: pa.Schema) -> sa.Table:
        """The table of predictions for rows of an Arrow schema."""
        if schema not in self._predictions:
            self._predictions[schema] = self._describe(schema)
        return self._predictions[schema]

    def _describe(self, schema: pa.Schema) -> sa.Table:
        ours = [
            sa.Column(PART, sa.BigInteger, sa.ForeignKey(self.parts.c.id), nullable=False),
            sa.Column(ROW, sa.BigInteger, nullable=False),
        ]
        # Keys of our own: SQLAlchemy makes the names of parameters from them, which may not hold every letter.
        # Always quoted: a bare TRUE is a value.
        names = [quoted_name(field.name, quote=True) for field in schema]
        theirs = [sa.Column(name, sql_type(schema.field(at).type), key=f"c{at}") for at, name in enumerate(names)]
        index = sa.Index(f"{self.dataset}_by_part", PART, ROW)
        return sa.Table(self.dataset, sa.MetaData(schema=self.schema), *ours, *theirs, index)

    def current(self, predictions: sa.Table) -> sa.Select[Any]:
        """The rows of the highest generation of each partition; none where its manifest was removed."""
        m, link = self.manifests, self.published
        latest = sa.select(m.c.partition, sa.func.max(self.head).label("generation")).group_by(m.c.partition)
        newest = latest.subquery("latest")
        shown = [column for column in predictions.c if column.name not in (PART, ROW)]
        chosen = sa.and_(link.c.partition == newest.c.partition, link.c.generation == newest.c.generation)
        joined = newest.join(link, chosen).join(predictions, predictions.c[PART] == link.c[PART])
        return sa.select(newest.c.partition, newest.c.generation, *shown).select_from(joined)


def sql_type(kind: pa.DataType) -> TypeEngine[Any]:
    """The column type that stores an Arrow type exactly. Raises Misconfigured for an unsupported type."""
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
    raise Misconfigured("sink-columns", f"the sink cannot store {kind}")


def find_missing(tables: list[sa.Table], connection: sa.Connection, where: str) -> list[sa.Table]:
    """The tables that do not exist. Raises Misconfigured for one whose columns differ, naming each difference."""
    names, schema = [table.name for table in tables], tables[0].schema
    found = sa.inspect(connection).get_multi_columns(schema=schema, filter_names=names)
    there = {name: {str(each["name"]): each["type"] for each in columns} for (_, name), columns in found.items()}
    for table in tables:
        if table.name in there and (differences := _differences(table, there[table.name], connection.dialect)):
            raise Misconfigured("sink-differs", f"{where}.{table.name}: {'; '.join(differences)}")
    return [table for table in tables if table.name not in there]


def _differences(expected: sa.Table, found: dict[str, TypeEngine[Any]], dialect: sa.Dialect) -> list[str]:
    found_types = {name: _type_name(kind, dialect) for name, kind in found.items()}
    expected_types = {column.name: _type_name(column.type, dialect) for column in expected.columns}
    missing = [f"no column '{name}' ({kind})" for name, kind in expected_types.items() if name not in found_types]
    others = [
        f"'{name}' is {found_types[name]}, not {kind}"
        for name, kind in expected_types.items()
        if name in found_types and found_types[name] != kind
    ]
    return [
        *missing,
        *others,
        *(f"column '{name}' is unexpected" for name in found_types if name not in expected_types),
    ]


def _type_name(kind: TypeEngine[Any], dialect: sa.Dialect) -> str:
    return kind.compile(dialect=dialect).lower()
