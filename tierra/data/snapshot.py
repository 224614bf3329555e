"""Every read of a source becomes an immutable snapshot, sorted by key."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.frames import conform
from tierra.data.sources import SourceReader, columns_to_read
from tierra.data.spec import Source
from tierra.data.spool import Spool
from tierra.data.window import Window
from tierra.errors import DataRejected, first_line
from tierra.journal import advance, note_made
from tierra.store.objects import Objects
from tierra.store.refs import TableRef
from tierra.store.tables import write_table

ROW_NUMBER = "row_number"


def key_of(source: Source) -> tuple[str, ...]:
    """The columns that identify a row: the declared key, else the row's number in the snapshot."""
    return source.key or (ROW_NUMBER,)


def take_snapshot(objects: Objects, source: Source, reader: SourceReader, window: Window) -> TableRef:
    """Read a source's rows of a window into the store, in bounded memory.

    Rows are spooled to a temporary folder, sorted there and written as Parquet.
    Raises DataRejected on empty sources, null or repeated keys.
    """
    note_made()
    columns = columns_to_read(source, reader)
    if not source.key and ROW_NUMBER in columns:
        raise DataRejected(
            "name-reserved", f"{reader.where}: '{ROW_NUMBER}' is reserved for the row numbers of a source without `key`"
        )
    with tempfile.TemporaryDirectory(prefix="tierra-") as folder:
        spool = _fill(Spool(Path(folder), source.key or columns), source, reader, columns, window)
        schema = _final_schema(spool, source, reader)
        rows = _with_keys_checked(reader, spool, source.key) if source.key else _numbered(spool)
        try:
            return write_table(objects, "snapshots/", schema, rows)
        except pa.ArrowInvalid as error:
            raise _mixed_types(reader, error) from None


def _fill(spool: Spool, source: Source, reader: SourceReader, columns: list[str], window: Window) -> Spool:
    """The spool with every batch in it. Raises DataRejected when there are no rows, or rows without a key."""
    gaps = dict.fromkeys(source.key, 0)
    for batch in reader.batches(columns, window):
        table = conform(batch, source.types, reader.where, source.key)
        gaps = {name: count + table.column(name).null_count for name, count in gaps.items()}
        spool.add(table)
        advance(spool.rows, None, "rows")
    if not spool.rows:
        raise DataRejected("source-empty", f"{reader.where}: no rows{_describe_window(window)}")
    for name, rows in gaps.items():
        if rows:
            raise DataRejected("keys-null", f"{reader.where}: key '{name}' is empty in {rows:,} rows")
    return spool


def _final_schema(spool: Spool, source: Source, reader: SourceReader) -> pa.Schema:
    try:
        schema = spool.schema()
    except pa.ArrowTypeError as error:
        raise _mixed_types(reader, error) from None
    column = source.partition_by
    if column and not pa.types.is_temporal(schema.field(column).type):
        kind = schema.field(column).type
        raise DataRejected("column-type", f"{reader.where}: '{column}' is {kind}, not a date")
    return schema if source.key else schema.append(pa.field(ROW_NUMBER, pa.int64()))


def _mixed_types(reader: SourceReader, error: pa.ArrowException) -> DataRejected:
    return DataRejected("column-type", f"{reader.where}: {first_line(error)}")


def _numbered(spool: Spool) -> Iterator[pa.Table]:
    start = 0
    for rows in spool.in_order():
        yield rows.append_column(ROW_NUMBER, pa.array(np.arange(start, start + rows.num_rows)))
        start += rows.num_rows


def _with_keys_checked(reader: SourceReader, spool: Spool, key: tuple[str, ...]) -> Iterator[pa.Table]:
    """The rows in order. Raises DataRejected at their end when some repeat a key."""
    repeated, example, last = 0, None, spool.schema().empty_table().select(key)
    for rows in spool.in_order():
        keys = pa.concat_tables([last, rows.select(key)])
        same = _repeats(keys)
        if example is None and same.any():
            example = keys.slice(int(same.argmax()), 1).to_pylist()[0]
        repeated, last = repeated + int(same.sum()), keys.slice(keys.num_rows - 1)
        yield rows
    if example is not None:
        shown = ", ".join(f"{name}={value}" for name, value in example.items())
        raise DataRejected("keys-duplicate", f"{reader.where}: {repeated:,} rows repeat a key, such as {shown}")


def _repeats(keys: pa.Table) -> np.ndarray:
    """For each row but the last, whether the next has the same key."""
    same = np.ones(max(keys.num_rows - 1, 0), bool)
    for column in keys.columns:
        same &= pc.equal(column.slice(1), column.slice(0, len(same))).to_numpy()
    return same


def _describe_window(window: Window) -> str:
    return f" from {window.start or 'the start'} to {window.end or 'the end'}" if window != Window() else ""
