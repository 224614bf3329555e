"""CSV and Parquet files, on this machine or in a bucket, read in pieces."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from tierra.data.frames import TYPES
from tierra.data.row_groups import choose_groups
from tierra.data.row_numbers import ROW_NUMBER, RowNumbers
from tierra.data.spec import FileSource
from tierra.data.window import EVERYTHING, Window
from tierra.errors import DataRejected, Misconfigured, first_line
from tierra.settings import Settings
from tierra.store.opening import is_remote, open_remote

INFERRED_FROM_BYTES = 16 * 1024 * 1024
BYTES_AHEAD = 1024 * 1024
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}


def find_file(name: str, source: FileSource, folder: Path, settings: Settings) -> Callable[[], Any]:
    """A function that returns the source's path, or opens its object, each time it is called. Raises Misconfigured."""
    if is_remote(source.path):
        try:
            return open_remote(source.path, settings)
        except FileNotFoundError:
            raise Misconfigured("file-missing", f"source {name}: no object {source.path}") from None
    file = folder / source.path
    if not file.is_file():
        demo = f"; `tierra demo {folder.name}` writes it" if (folder / "demo.py").is_file() else ""
        raise Misconfigured("file-missing", f"source {name}: no file {file}{demo}")
    return lambda: str(file)


class FileReader:
    """One file."""

    def __init__(self, name: str, source: FileSource, folder: Path, settings: Settings) -> None:
        self.where = f"source {name} ({source.path})"
        self._source = source
        self._file = find_file(name, source, folder, settings)

    def columns(self) -> list[str]:
        """The names of all its columns."""
        with self._opened() as file:
            schema: pa.Schema = file.schema_arrow if isinstance(file, pq.ParquetFile) else file.schema
            return list(schema.names)

    def batches(self, columns: list[str], window: Window) -> Iterator[pa.Table]:
        """Its rows in pieces, those of the window only; `ROW_NUMBER` is the row's number in the file, on request."""
        data = [name for name in columns if name != ROW_NUMBER]
        with self._opened() as file:
            numbers = RowNumbers(self._spans(file, window))
            try:
                for piece in self._pieces(file, data, window):
                    rows = pa.Table.from_batches([piece]).select(data)
                    rows = numbers.add_to(rows) if ROW_NUMBER in columns else rows
                    yield self._within(rows.select(columns), window)
            except pa.ArrowInvalid as error:
                raise DataRejected("column-type", f"{self.where}: {self._describe(error)}") from None

    def days(self, window: Window) -> dict[date, int]:
        """Rows of each day in the window."""
        counted: Counter[date] = Counter()
        for table in self.batches([str(self._source.partition_by)], window):
            for pair in self._dates(table).value_counts().to_pylist():
                if pair["values"] is not None:
                    counted[pair["values"]] += pair["counts"]
        return dict(sorted(counted.items()))

    def dayless(self) -> int:
        """Rows without a day, which are in no partition."""
        batches = self.batches([str(self._source.partition_by)], EVERYTHING)
        return sum(self._dates(table).null_count for table in batches)

    def has_fixed_types(self, columns: list[str]) -> bool:
        """Always: of Parquet by its schema, of CSV by the file's start."""
        return True

    def _pieces(self, file: Any, columns: list[str], window: Window) -> Iterator[pa.RecordBatch]:
        if not isinstance(file, pq.ParquetFile):
            return iter(file)
        groups = choose_groups(file, self._source.partition_by, window)
        batches: Iterator[pa.RecordBatch] = file.iter_batches(row_groups=groups, columns=columns)
        return batches if groups else iter(())

    def _spans(self, file: Any, window: Window) -> list[range]:
        """The numbers of the rows that `_pieces` yields."""
        if not isinstance(file, pq.ParquetFile):
            return [range(sys.maxsize)]
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        ends = list(accumulate(sizes))
        return [range(ends[group] - sizes[group], ends[group])
                for group in choose_groups(file, self._source.partition_by, window)]  # fmt: skip

    def _opened(self) -> Any:
        try:
            if self._source.path.endswith(".parquet"):
                # Else a whole file is read ahead, or at least a whole row group of it.
                return pq.ParquetFile(self._file(), pre_buffer=False, buffer_size=BYTES_AHEAD)
            return self._csv(self._stream(), self._inferred, BYTES_AHEAD)
        except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
            message = self._describe(error)
            if "conversion error" in message:
                raise DataRejected("column-type", f"{self.where}: {message}") from None
            raise Misconfigured("file-invalid", f"{self.where}: {message}") from None

    def _stream(self) -> pa.NativeFile:
        """The file's text, decompressed when its suffix says that it is compressed."""
        return pa.input_stream(self._file(), compression=COMPRESSIONS.get(Path(self._source.path).suffix))

    @cached_property
    def _inferred(self) -> dict[str, pa.DataType]:
        """The declared types, and those that the first values of the other columns have."""
        declared = {name: TYPES[kind] for name, kind in self._source.types.items()}
        with self._start(declared) as file:
            return {field.name: field.type for field in file.schema}

    def _start(self, types: dict[str, pa.DataType]) -> csv.CSVStreamingReader:
        """The file's first block: the reader finds where its last line ends, and parses nothing beyond."""
        with self._stream() as file:
            start = file.read(INFERRED_FROM_BYTES + BYTES_AHEAD)
        return self._csv(pa.BufferReader(start), types, INFERRED_FROM_BYTES)

    def _csv(self, file: Any, types: dict[str, pa.DataType], block: int) -> csv.CSVStreamingReader:
        # The reader keeps up to 32 blocks ahead in memory.
        return csv.open_csv(
            file,
            read_options=csv.ReadOptions(block_size=block),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        )

    def _describe(self, error: Exception) -> str:
        """The error's first line, with the column's name instead of its number."""
        message = first_line(error)
        if number := re.search(r"CSV column #(\d+)", message):
            with self._start({}) as file:
                message = message.replace(number[0], f"column '{file.schema.names[int(number[1])]}'")
        return message

    def _dates(self, table: pa.Table) -> pa.ChunkedArray:
        column = str(self._source.partition_by)
        try:
            return table.column(column).cast(pa.date32())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            kind = table.schema.field(column).type
            raise DataRejected("column-type", f"{self.where}: '{column}' is {kind}, not a date") from None

    def _within(self, table: pa.Table, window: Window) -> pa.Table:
        if window == EVERYTHING or not self._source.partition_by:
            return table
        dates = self._dates(table)
        if window.start:
            table, dates = (each.filter(pc.greater_equal(dates, window.start)) for each in (table, dates))
        return table.filter(pc.less(dates, window.end)) if window.end else table
