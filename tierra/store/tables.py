"""Tables by reference: immutable Parquet objects named by the digest of their content."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tierra.errors import Broken
from tierra.store.objects import Draft, Objects
from tierra.store.refs import TableRef

ROWS_A_GROUP = 131_072
ROWS_TRIED = 8_192


def write_table(
    objects: Objects,
    stem: str,
    schema: pa.Schema,
    batches: Iterable[pa.Table],
    announce: Callable[[str], object] | None = None,
) -> TableRef:
    """Write batches as one Parquet object; the same rows give the same digest however they are cut.

    `announce` is called with the digest before the object can be seen.
    """
    schema, rows = schema.remove_metadata(), 0
    groups = in_groups(schema, batches)
    first = list(islice(groups, 1))
    options = {"compression": "zstd", "use_dictionary": _repeating(first)}
    with objects.draft(stem, ".parquet") as draft:
        with pq.ParquetWriter(draft, schema, **options) as writer:
            for group in chain(first, groups):
                writer.write_table(group, row_group_size=ROWS_A_GROUP)
                rows += group.num_rows
        if announce:
            announce(draft.sha256)
    return reference(draft, rows, schema)


def _repeating(first: list[pa.Table]) -> list[str]:
    """The columns whose values repeat in the first rows.

    For other values, such as keys and measurements, a dictionary takes more time and space.
    """
    seen = {field.name: group.column(field.name).slice(0, ROWS_TRIED) for group in first for field in group.schema}
    return [name for name, values in seen.items() if 2 * len(pc.unique(values)) <= len(values)]


def write_batches(
    objects: Objects, stem: str, batches: Iterator[pa.Table], announce: Callable[[str], object] | None = None
) -> TableRef:
    """Write batches with the schema of the first; there must be at least one."""
    first = next(batches)
    return write_table(objects, stem, first.schema, chain([first], batches), announce)


def reference(draft: Draft, rows: int, schema: pa.Schema) -> TableRef:
    """The reference of a finished draft."""
    columns = {field.name: str(field.type) for field in schema}
    return TableRef(name=draft.name, sha256=draft.sha256, rows=rows, columns=columns)


def in_groups(schema: pa.Schema, batches: Iterable[pa.Table], rows: int = ROWS_A_GROUP) -> Iterator[pa.Table]:
    """The same rows in tables of equal size, the last one smaller."""
    waiting = schema.empty_table()
    for batch in batches:
        waiting = pa.concat_tables([waiting, batch.select(schema.names).cast(schema)])
        while waiting.num_rows >= rows:
            # A chunk would start a new Parquet page.
            yield waiting.slice(0, rows).combine_chunks()
            waiting = waiting.slice(rows)
    if waiting.num_rows:
        yield waiting.combine_chunks()


class RowDigest:
    """SHA-256 of rows, their names and types, however they are cut into batches of one size."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def add(self, batch: pa.Table) -> None:
        """Add rows."""
        fresh = batch.replace_schema_metadata(None).combine_chunks()
        self._sha.update(str(fresh.schema).encode())
        for column in fresh.columns:
            for chunk in column.chunks:
                taken = pc.take(chunk, pa.array(np.arange(len(chunk))))  # drops the undefined bytes under nulls
                self._sha.update(pa.record_batch([taken], names=["c"]).serialize())

    def hexdigest(self) -> str:
        """The digest so far."""
        return self._sha.hexdigest()


def digest_rows(batches: Iterable[pa.Table]) -> str:
    """SHA-256 of the rows, their names and types, however they were cut into batches of one size."""
    digest = RowDigest()
    for batch in batches:
        digest.add(batch)
    return digest.hexdigest()


def read_batches(objects: Objects, ref: TableRef, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The table in pieces of one row group, in order. Raises Broken when it is gone, or not what was written."""
    with _opened(objects, ref) as file:
        if not file.num_row_groups:
            yield file.read(columns=columns)
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=columns)


def read_table(objects: Objects, ref: TableRef, columns: list[str] | None = None) -> pa.Table:
    """The whole table. Raises Broken when it is gone, or not what was written."""
    with _opened(objects, ref) as file:
        return file.read(columns=columns)


def read_schema(objects: Objects, ref: TableRef) -> pa.Schema:
    """The table's Arrow schema. Raises Broken when it is gone, or not what was written."""
    with _opened(objects, ref) as file:
        return file.schema_arrow


@contextmanager
def _opened(objects: Objects, ref: TableRef) -> Iterator[pq.ParquetFile]:
    try:
        # ParquetFile closes a path it opened, but not a file it was handed.
        with objects.open_verified(ref.name, ref.sha256) as data, pq.ParquetFile(data) as file:
            yield file
    except FileNotFoundError:
        raise Broken("snapshot-missing", f"{objects.location(ref.name)} is gone") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise Broken("store-tampered", f"{objects.location(ref.name)}: {error}") from None
