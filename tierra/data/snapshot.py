"""Every read of a source becomes an immutable snapshot, sorted by key, or in the order of a file without one."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.frames import UNREAD, conform
from tierra.data.row_numbers import ROW_NUMBER, has_row_numbers, refuse_name
from tierra.data.sources import SourceReader, columns_to_read
from tierra.data.spec import Source
from tierra.data.spool import Spool
from tierra.data.window import Window
from tierra.errors import DataRejected, first_line
from tierra.journal import advance, note_made
from tierra.store.objects import Objects
from tierra.store.refs import TableRef
from tierra.store.tables import write_table
from tierra.temporary import prefix


def take_snapshot(
    objects: Objects, source: Source, reader: SourceReader, window: Window, numbered: bool = False
) -> TableRef:
    """Read a source's rows of a window into the store, in bounded memory.

    Rows are spooled to a temporary folder, sorted there and written as Parquet. With `numbered`, rows
    without a key have their number: in the file, or, of a database, among the sorted rows.
    Raises DataRejected on empty sources, null or repeated keys.
    """
    note_made()
    numbered = numbered and not source.key
    columns = _columns(source, reader, numbered)
    in_file = ROW_NUMBER in columns
    with tempfile.TemporaryDirectory(prefix=prefix()) as folder:
        spool = Spool(Path(folder), [ROW_NUMBER] if in_file else source.key or columns)
        schema = _final_schema(_fill(spool, source, reader, columns, window), source, reader)
        rows = _with_keys_checked(reader, spool, source.key) if source.key else spool.in_order()
        if numbered and not in_file:
            schema, rows = schema.append(pa.field(ROW_NUMBER, pa.int64())), _counted(rows)
        try:
            return write_table(objects, "snapshots/", schema, rows)
        except pa.ArrowInvalid as error:
            raise _mixed_types(reader, error) from None


def look_at_rows(source: Source, reader: SourceReader, most: int) -> pa.Schema:
    """The types of a source's first rows. Raises what a snapshot of them would, but for keys that are repeated."""
    table = conform(_first_rows(source, reader, most), source.types, reader.where, source.key)
    _refuse_gaps(reader, {name: table.column(name).null_count for name in source.key})
    return _with_dates(table.schema, source, reader)


def _first_rows(source: Source, reader: SourceReader, most: int) -> pa.Table:
    """The first rows. Raises DataRejected when there are none, or when few of them are what the source should hold."""
    columns, first = _columns(source, reader, numbered=False), None
    with closing(reader.batches(columns, Window())) as batches:  # type: ignore[type-var]  # every reader's can be
        for batch in batches:  # a source of few rows is read to its end, and told what is said there
            if first and first.num_rows >= most:  # what is said at the end of a file of one piece is heard
                break
            first = pa.concat_tables([first, batch], promote_options="default") if first else batch
    if not first:
        raise DataRejected("source-empty", f"{reader.where}: no rows")
    unread = first.column(UNREAD).drop_null() if UNREAD in first.column_names else []
    if len(unread) > first.num_rows / 2:
        rows = f"{len(unread):,} of the first {first.num_rows:,} rows"
        raise DataRejected("column-type", f"{reader.where}: {rows} cannot be read, such as {unread[0]}")
    return first


def _columns(source: Source, reader: SourceReader, numbered: bool) -> list[str]:
    """The columns to read, and the row's number where it is asked for and the source has it."""
    columns = columns_to_read(source, reader)
    refuse_name(reader.where, ROW_NUMBER, columns)
    return [*columns, ROW_NUMBER] if numbered and has_row_numbers(source) else columns


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
    _refuse_gaps(reader, gaps)
    return spool


def _refuse_gaps(reader: SourceReader, gaps: dict[str, int]) -> None:
    for name, rows in gaps.items():
        if rows:
            raise DataRejected("keys-null", f"{reader.where}: key '{name}' is empty in {rows:,} rows")


def _final_schema(spool: Spool, source: Source, reader: SourceReader) -> pa.Schema:
    try:
        schema = spool.schema()
    except pa.ArrowTypeError as error:
        raise _mixed_types(reader, error) from None
    return _with_dates(schema, source, reader)


def _with_dates(schema: pa.Schema, source: Source, reader: SourceReader) -> pa.Schema:
    """The same schema. Raises DataRejected when what partitions the source is no date."""
    column = source.partition_by
    if column and not pa.types.is_temporal(schema.field(column).type):
        kind = schema.field(column).type
        raise DataRejected("column-type", f"{reader.where}: '{column}' is {kind}, not a date")
    return schema


def _mixed_types(reader: SourceReader, error: pa.ArrowException) -> DataRejected:
    return DataRejected("column-type", f"{reader.where}: {first_line(error)}")


def _counted(batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    start = 0
    for rows in batches:
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
