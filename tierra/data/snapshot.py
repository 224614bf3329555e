"""Every read of a source becomes an immutable snapshot, sorted by key."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.frames import cast_table, plain_schema
from tierra.data.sources import SourceReader, wanted_columns
from tierra.data.spec import Source
from tierra.data.window import Window
from tierra.errors import DataRejected
from tierra.journal import note
from tierra.store.objects import Objects
from tierra.store.refs import TableRef
from tierra.store.tables import ROWS_A_GROUP, write_table

ROW_NUMBER = "row_number"


def key_of(source: Source) -> tuple[str, ...]:
    """The columns that identify a row: the declared key, else the row's number in the snapshot."""
    return source.key or (ROW_NUMBER,)


def take_snapshot(objects: Objects, source: Source, reader: SourceReader, window: Window) -> TableRef:
    """Read a source's rows of a window into the store.

    Batches are spooled to a temporary Arrow file, sorted through a memory map and
    written as Parquet. Raises DataRejected on empty sources, null or repeated keys.
    """
    columns = wanted_columns(source, reader)
    with tempfile.TemporaryDirectory(prefix="tierra-") as folder:
        table = _spool(Path(folder) / "spool.arrow", source, reader, columns, window)
        if not table.num_rows:
            raise DataRejected("source-empty", f"{reader.where}: no rows{_said(window)}")
        if not source.key and ROW_NUMBER in columns:
            raise DataRejected(
                "name-reserved", f"{reader.where}: '{ROW_NUMBER}' numbers the rows of a source without `key`"
            )
        _check_partition(source, reader, table.schema)
        return write_table(objects, "snapshots/", _final_schema(source, table.schema), _sorted(source, reader, table))


def _spool(path: Path, source: Source, reader: SourceReader, columns: list[str], window: Window) -> pa.Table:
    """All batches in one memory-mapped table; a column that widens on the way is widened throughout."""
    files: list[tuple[Path, pa.Schema]] = []
    schema: pa.Schema | None = None
    writer: pa.RecordBatchFileWriter | None = None
    for batch in reader.batches(columns, window):
        kinds = plain_schema(batch.schema, source.types, reader.where)
        if writer is None or kinds != schema:
            if writer:
                writer.close()
            schema = kinds
            files.append((path.with_suffix(f".{len(files)}"), schema))
            writer = pa.ipc.new_file(str(files[-1][0]), schema)
        writer.write_table(cast_table(batch, kinds, reader.where))
    if writer is None:
        return pa.table({column: pa.array([], pa.string()) for column in columns})
    writer.close()
    tables = [pa.ipc.open_file(pa.memory_map(str(file))).read_all() for file, _ in files]
    return tables[0] if len(tables) == 1 else _widened(tables, reader)


def _widened(tables: list[pa.Table], reader: SourceReader) -> pa.Table:
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataRejected("column-type", f"{reader.where}: {str(error).splitlines()[0]}") from None


def _check_partition(source: Source, reader: SourceReader, schema: pa.Schema) -> None:
    column = source.partition_by
    if column and not pa.types.is_temporal(schema.field(column).type):
        kind = schema.field(column).type
        raise DataRejected("column-type", f"{reader.where}: '{column}' is {kind}, not a date")


def _final_schema(source: Source, schema: pa.Schema) -> pa.Schema:
    return schema if source.key else schema.append(pa.field(ROW_NUMBER, pa.int64()))


def _sorted(source: Source, reader: SourceReader, table: pa.Table) -> Iterator[pa.Table]:
    keys = table.select(list(source.key or table.column_names))
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names]).to_numpy()
    if source.key:
        _check_keys(reader, keys, order)
    in_order = bool((np.diff(order.astype(np.int64)) == 1).all())
    for start in range(0, table.num_rows, ROWS_A_GROUP):
        rows = order[start : start + ROWS_A_GROUP]
        piece = table.slice(start, ROWS_A_GROUP) if in_order else table.take(pa.array(rows))
        numbers = pa.array(np.arange(start, start + len(rows)))
        yield piece if source.key else piece.append_column(ROW_NUMBER, numbers)


def _check_keys(reader: SourceReader, keys: pa.Table, order: np.ndarray) -> None:
    for name in keys.column_names:
        if nulls := keys.column(name).null_count:
            raise DataRejected("keys-null", f"{reader.where}: key '{name}' is empty in {nulls:,} rows")
    same = np.ones(max(len(order) - 1, 0), bool)
    for name in keys.column_names:
        values = keys.column(name).take(pa.array(order))
        same &= pc.equal(values.slice(1), values.slice(0, len(values) - 1)).to_numpy()
    if repeated := int(same.sum()):
        example = keys.slice(int(order[int(same.argmax())]), 1).to_pylist()[0]
        shown = ", ".join(f"{name}={value}" for name, value in example.items())
        raise DataRejected("keys-duplicate", f"{reader.where}: {repeated:,} rows repeat a key, such as {shown}")


def _said(window: Window) -> str:
    return f" from {window.start or 'the start'} to {window.end or 'the end'}" if window != Window() else ""


def note_rows(name: str, ref: TableRef) -> None:
    """Note a snapshot's size for the receipt."""
    note(**{f"{name} rows": ref.rows, f"{name} sha256": ref.sha256[:12]})
