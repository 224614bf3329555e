"""Predictions in the tables of a database: PostgreSQL or SQLite.

A part is the rows of one transaction, a manifest is one row with a primary key,
and the view `<dataset>_current` shows what is published.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite

from tierra.errors import Broken, Misconfigured, Unavailable
from tierra.store import sql_latest
from tierra.store.column_names import check_columns
from tierra.store.databases import explain, lock, now, open_engine, read_only
from tierra.store.part_names import Part
from tierra.store.refs import TableRef
from tierra.store.sinks import Fate, StoredPart, read_fate
from tierra.store.sql_parts import SameRows, insert_part, select_part
from tierra.store.sql_tables import PART, ROW, find_missing, tables_of

INSERTS: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


class TableSink:
    """The predictions of one data set in one schema of a database."""

    def __init__(self, url: str, where: str, dataset: str, schema: str | None = None, timeout: int = 600) -> None:
        self.dataset, self.where = dataset, f"{where}{'.' + schema if schema else ''}"
        self._tables = tables_of(dataset, schema)
        self._engine = open_engine(url, self.where, timeout)
        self._reading = read_only(self._engine)
        if schema and self._engine.dialect.name == "sqlite":
            raise Misconfigured("sink-invalid", f"{where}: SQLite has no schemas")

    def write_part(self, partition: str, generation: int, batches: Iterator[pa.Table]) -> TableRef:
        """Write rows in one transaction, under a number that no manifest names. The same rows are one part."""
        first = next(batches)
        schema = first.schema.remove_metadata()
        try:
            with self._transaction() as connection:
                self._ensure_tables(connection, schema)
                return insert_part(connection, self._tables, partition, schema, chain([first], batches))
        except SameRows as same:
            return self._touch(same.ref)

    def write_record(self, partition: str, generation: int, rows: pa.Table) -> TableRef | None:
        """None: the row of number 0 beside the manifests knows the highest generation."""
        return None

    def read_part(self, part: TableRef) -> pa.Table:
        """The rows of a part, in the order they were written."""
        with self._transaction(writing=False) as connection:
            found = self._find(connection, part)
            if found is None:
                raise Broken("store-tampered", f"{self._describe(part)} is gone")
            schema = pa.ipc.read_schema(pa.py_buffer(found.arrow_schema))
            rows, digest = select_part(connection, self._tables.predictions(schema), found.id, schema)
        if digest != part.sha256:
            raise Broken("store-tampered", f"{self._describe(part)} is not what was published")
        return rows

    def is_written_for(self, part: TableRef, partition: str, generation: int) -> bool:
        """Always: the manifest's transaction locks its parts, and sweeping asks under the same lock who links."""
        return True

    def keep_quarantine(self, ref: TableRef, batches: Iterable[pa.Table]) -> None:
        """Write quarantined rows, each as JSON, under the digest of all of them."""
        table = self._tables.quarantine
        with self._transaction() as connection:
            self._ensure_tables(connection, None)
            if connection.scalar(sa.select(sa.func.count()).where(table.c.sha256 == ref.sha256)):
                return
            rows = chain.from_iterable(batch.to_pylist() for batch in batches)
            texts = (json.dumps(row, default=str) for row in rows)
            kept = [{"sha256": ref.sha256, ROW: at, "contents": text} for at, text in enumerate(texts)]
            connection.execute(table.insert(), kept)

    def put_manifest(self, partition: str, generation: int, text: bytes, parts: Iterable[TableRef]) -> bool:
        """Insert a manifest and links to its parts in one transaction, unless its key is taken."""
        key = {"partition": partition, "generation": generation}
        with self._transaction() as connection:
            if not self._take_number(connection, key, text.decode()):
                return False
            numbers = [self._lock_part(connection, part) for part in parts]
            connection.execute(self._tables.link_part, [{**key, PART: number} for number in numbers])
            self._settle(connection, numbers)
            return True

    def read_manifest(self, partition: str, generation: int) -> bytes:
        """A manifest's text."""
        table = self._tables.manifests
        chosen = sa.select(table.c.manifest).where(table.c.partition == partition, table.c.generation == generation)
        with self._transaction(writing=False) as connection:
            text = connection.scalar(chosen) if self._exists(connection, table) else None
        if text is None:
            raise FileNotFoundError(self.location(partition, generation))
        return str(text).encode()

    def manifests(self, partitions: Collection[str] | None = None) -> list[tuple[str, int]]:
        """Partition and generation of every manifest of some partitions."""
        table = self._tables.manifests
        return self._numbers(partitions, sa.select(table.c.partition, table.c.generation).where(table.c.generation > 0))

    def highest(self, partitions: Collection[str] | None = None) -> dict[str, int]:
        """The highest generation of each partition, from its manifests and its row of number 0."""
        table, head = self._tables.manifests, self._tables.head
        chosen = sa.select(table.c.partition, sa.func.max(head)).where(table.c.generation >= 0)
        return dict(self._numbers(partitions, chosen.group_by("partition")))

    def location(self, partition: str, generation: int) -> str:
        """The table, and the manifest's key in it."""
        return f"{self.where}.{self.dataset} ({partition}, generation {generation})"

    def parts(self) -> list[Part]:
        """Every part."""
        table = self._tables.parts
        with self._transaction(writing=False) as connection:
            found = connection.scalars(sa.select(table.c.sha256)).all() if self._exists(connection, table) else []
        return [Part("", str(name)) for name in found]

    def pending(self) -> list[Part]:
        """The parts that no manifest names: the same transactions keep account."""
        parts, pending = self._tables.parts, self._tables.pending
        chosen = sa.select(pending.c.partition, parts.c.sha256).join_from(pending, parts)
        with self._transaction(writing=False) as connection:
            found = connection.execute(chosen).all() if self._exists(connection, pending) else []
        return [Part(str(partition), str(name)) for partition, name in found]

    def settle_part(self, name: str) -> None:
        """Delete a part's row among the pending ones."""
        parts = self._tables.parts
        with self._transaction() as connection:
            found = connection.scalars(sa.select(parts.c.id).where(parts.c.sha256 == name))
            self._settle(connection, found.all())

    def needs_inventory(self, month: str) -> bool:
        """Never: the parts of older versions are compared once, when the table of pending ones is made."""
        return False

    def note_inventory(self, month: str) -> None:
        """Nothing to do."""

    def remove_part(self, part: Part, before: datetime) -> bool:
        """Delete a part's rows, unless it has been written since or a manifest names it."""
        parts, link = self._tables.parts, self._tables.published
        with self._transaction() as connection:
            chosen = sa.select(parts.c.id, parts.c.arrow_schema, parts.c.written_at).where(parts.c.sha256 == part.name)
            found = connection.execute(chosen.with_for_update()).first()
            if found is None or _aware(found.written_at) >= before:
                return False
            if connection.scalar(sa.select(sa.func.count()).where(link.c[PART] == found.id)):
                return False
            self._delete_rows(connection, found)
            return True

    def decide_fate(self, partition: str, generation: int, fate: Fate) -> Fate:
        """Insert the row of the generation's negative number beside the manifests, unless it is there; what it says."""
        table, key = self._tables.manifests, {"partition": partition, "generation": -generation}
        insert = INSERTS[self._engine.dialect.name](table).values({**key, "manifest": fate})
        with self._transaction() as connection:
            connection.execute(insert.on_conflict_do_nothing())
            chosen = sa.select(table.c.manifest).where(*(table.c[name] == value for name, value in key.items()))
            return read_fate(str(connection.scalar(chosen)).encode(), self.location(partition, generation))

    def fates(self, partitions: Collection[str] | None = None) -> dict[tuple[str, int], Fate]:
        """What those rows say."""
        table = self._tables.manifests
        chosen = sa.select(table).where(table.c.generation < 0)
        if partitions is not None:
            chosen = chosen.where(table.c.partition.in_(partitions))
        with self._transaction(writing=False) as connection:
            found = connection.execute(chosen).all() if self._exists(connection, table) else []
        where = f"{self.where}.{self.dataset}"
        return {(str(day), -number): read_fate(str(text).encode(), where) for day, number, text in found}

    def stored_parts(self) -> Iterator[StoredPart]:
        """The parts that manifests link to, each for every generation that does; of what size, nobody knows."""
        parts, link = self._tables.parts, self._tables.published
        chosen = sa.select(link.c.partition, parts.c.sha256, link.c.generation, parts.c.written_at)
        with self._transaction(writing=False) as connection:
            chosen = chosen.join_from(link, parts)
            found = connection.execute(chosen).all() if self._exists(connection, link) else []
        for partition, name, generation, written in found:
            yield StoredPart(Part(str(partition), str(name), int(generation)), 0, _aware(written))

    def collect_part(self, part: Part, before: datetime) -> bool:
        """Delete a generation's link to a part, and the part's rows unless another generation has one or is to have.

        The part's row is locked: whoever publishes it, or writes the same rows, comes before or after.
        """
        parts, link, pending = self._tables.parts, self._tables.published, self._tables.pending
        with self._transaction() as connection:
            chosen = sa.select(parts.c.id, parts.c.arrow_schema, parts.c.written_at).where(parts.c.sha256 == part.name)
            found = connection.execute(chosen.with_for_update()).first()
            if found is None or _aware(found.written_at) >= before:
                return False
            mine = link.c.partition == part.partition, link.c.generation == part.generation, link.c[PART] == found.id
            connection.execute(link.delete().where(*mine))
            users = (sa.select(sa.func.count()).where(table.c[PART] == found.id) for table in (link, pending))
            if any(connection.scalar(each) for each in users):
                return False
            self._delete_rows(connection, found)
            return True

    def abandon_uploads(self, before: datetime) -> int:
        """Nothing to do: the database rolls back what a killed writer began."""
        return 0

    def renew_latest(self, name: str, count: int | None) -> bool:
        """Let a table hold the newest partitions, so many or all; whether it did not before. Raises Misconfigured."""
        with self._transaction() as connection:
            return sql_latest.renew(connection, self._tables, self.where, name, count)

    def check(self, schema: pa.Schema | None = None) -> list[sa.Table]:
        """The tables still to be created. Raises Misconfigured when one differs, naming each difference."""
        check_columns(schema.names if schema else (), self._engine.dialect.name, f"{self.where}.{self.dataset}")
        with self._transaction(writing=False) as connection:
            return find_missing(self._needed(schema), connection, self.where)

    def _take_number(self, connection: sa.Connection, key: dict[str, Any], text: str) -> bool:
        """Insert a manifest unless its key is taken, and note its number as the highest. Raises Broken if it is not."""
        table, head = self._tables.manifests, {**key, "generation": 0}
        insert = INSERTS[self._engine.dialect.name](table)
        insert = insert.values([{**key, "manifest": text}, {**head, "manifest": f"{key['generation']:012d}"}])
        is_higher = sa.and_(table.c.generation == 0, insert.excluded.manifest > table.c.manifest)
        update = {"manifest": insert.excluded.manifest}
        keys = [table.c.partition, table.c.generation]
        made = insert.on_conflict_do_update(index_elements=keys, set_=update, where=is_higher)
        changed = set(connection.scalars(made.returning(table.c.generation)))
        if changed == {key["generation"]}:
            raise Broken("store-tampered", f"{self.location(**key)} was published and is gone")
        return key["generation"] in changed

    def _numbers(self, partitions: Collection[str] | None, chosen: "sa.Select[Any]") -> list[tuple[str, int]]:
        table = self._tables.manifests
        if partitions is not None:
            chosen = chosen.where(table.c.partition.in_(partitions))
        with self._transaction(writing=False) as connection:
            found = connection.execute(chosen).all() if self._exists(connection, table) else []
        return [(str(partition), int(generation)) for partition, generation in found]

    def _needed(self, schema: pa.Schema | None) -> list[sa.Table]:
        return [*self._tables.bookkeeping, *([self._tables.predictions(schema)] if schema else [])]

    def _ensure_tables(self, connection: sa.Connection, schema: pa.Schema | None) -> None:
        """Create the tables that are missing; the table of predictions and its view only for a schema."""
        known = (self._tables.parts.fullname, schema)
        if known in _seen(connection):
            return
        check_columns(schema.names if schema else (), connection.dialect.name, f"{self.where}.{self.dataset}")
        if find_missing(self._needed(schema), connection, self.where):
            self._create_tables(connection, self._needed(schema), with_view=schema is not None)
        else:
            _seen(connection).add(known)

    def _create_tables(self, connection: sa.Connection, tables: list[sa.Table], with_view: bool) -> None:
        lock(connection, f"tierra {self.where}.{self.dataset}")
        if self._tables.schema and not sa.inspect(connection).has_schema(self._tables.schema):
            connection.execute(sa.schema.CreateSchema(self._tables.schema))
        missing = find_missing(tables, connection, self.where)
        for table in missing:
            table.create(connection)
        if self._tables.pending in missing:
            connection.execute(self._tables.mark_unpublished())
        if with_view:
            self._create_view(connection, tables[-1])

    def _create_view(self, connection: sa.Connection, table: sa.Table) -> None:
        """Create the view of what is published."""
        name = f"{self.dataset}_current"
        if name in sa.inspect(connection).get_view_names(schema=self._tables.schema):
            return
        quoted = connection.dialect.identifier_preparer.format_table(
            sa.Table(name, sa.MetaData(), schema=self._tables.schema)
        )
        select = str(self._tables.current(table).compile(connection))
        connection.exec_driver_sql(f"create view {quoted} as {select}")

    def _touch(self, ref: TableRef) -> TableRef:
        """Mark an existing part as written now, so that it is not swept."""
        parts = self._tables.parts
        with self._transaction() as connection:
            renewed = parts.update().where(parts.c.sha256 == ref.sha256).values(written_at=now(connection))
            if connection.execute(renewed.returning(parts.c.id)).first() is None:
                raise Unavailable("publish-unanswered", f"{self._describe(ref)} was swept while it was written again")
        return ref

    def _lock_part(self, connection: sa.Connection, part: TableRef) -> int:
        """A part's number; the part cannot be swept until the transaction ends."""
        found = connection.scalar(self._tables.lock_part, {"sha256": part.sha256})
        if found is None:
            raise Broken("part-late", f"{self._describe(part)} is gone")
        return int(found)

    def _delete_rows(self, connection: sa.Connection, found: Any) -> None:
        """Delete a part, which is locked, and its rows."""
        table = self._tables.predictions(pa.ipc.read_schema(pa.py_buffer(found.arrow_schema)))
        connection.execute(table.delete().where(table.c[PART] == found.id))
        self._settle(connection, [found.id])
        connection.execute(self._tables.parts.delete().where(self._tables.parts.c.id == found.id))

    def _settle(self, connection: sa.Connection, numbers: Collection[int]) -> None:
        """Parts are pending no more; a sink that an older version made has no table of them until a part is written."""
        if numbers and self._exists(connection, self._tables.pending):
            connection.execute(self._tables.settle_part, [{"number": number} for number in numbers])

    def _find(self, connection: sa.Connection, part: TableRef) -> "sa.Row[tuple[int, bytes, datetime]] | None":
        parts = self._tables.parts
        if not self._exists(connection, parts):
            return None
        return connection.execute(self._tables.find_part, {"sha256": part.sha256}).first()

    def _exists(self, connection: sa.Connection, table: sa.Table) -> bool:
        if table.fullname not in (seen := _seen(connection)):
            if not sa.inspect(connection).has_table(table.name, schema=table.schema):
                return False
            seen.add(table.fullname)
        return True

    def _describe(self, part: TableRef) -> str:
        return f"{self.where}.{self.dataset}, part {part.sha256[:12]}"

    @contextmanager
    def _transaction(self, writing: bool = True) -> Iterator[sa.Connection]:
        """All of the block, or nothing of it."""
        try:
            with (self._engine if writing else self._reading).begin() as connection:
                yield connection
        except exc.SQLAlchemyError as error:
            if isinstance(error, exc.ProgrammingError):
                self._engine.dispose()  # the tables may not be any more what its sessions saw
            raise explain(error, self.where) from None


def _seen(connection: sa.Connection) -> set[Any]:
    """What a session has found out about its tables, which then is not asked again."""
    seen: set[Any] = connection.info.setdefault("tierra", set())
    return seen


def _aware(moment: datetime) -> datetime:
    """SQLite gives back a time without its zone, which is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
