"""CSV and Parquet files, read in pieces."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from tierra.data.frames import TYPES
from tierra.data.spec import FileSource
from tierra.data.window import EVERYTHING, Window
from tierra.errors import DataRejected, Misconfigured

INFERRED_FROM_BYTES = 16 * 1024 * 1024


class FileReader:
    """One file."""

    def __init__(self, name: str, source: FileSource, folder: Path) -> None:
        self.where = f"source {name} ({source.path})"
        self._source = source
        self._file = folder / source.path
        if not self._file.is_file():
            demo = f"; `tierra demo {folder.name}` writes it" if (folder / "demo.py").is_file() else ""
            raise Misconfigured("file-missing", f"source {name}: no file {self._file}{demo}")

    def columns(self) -> list[str]:
        """The names of all its columns."""
        with self._opened() as file:
            schema: pa.Schema = file.schema_arrow if isinstance(file, pq.ParquetFile) else file.schema
            return list(schema.names)

    def batches(self, columns: list[str], window: Window) -> Iterator[pa.Table]:
        """Its rows in pieces, those of the window only."""
        with self._opened() as file:
            pieces = file.iter_batches(columns=columns) if isinstance(file, pq.ParquetFile) else file
            try:
                for piece in pieces:
                    yield self._within(pa.Table.from_batches([piece]).select(columns), window)
            except pa.ArrowInvalid as error:
                raise DataRejected("column-type", f"{self.where}: {self._said(error)}") from None

    def days(self, window: Window) -> dict[date, int]:
        """Rows of each day in the window."""
        counted: Counter[date] = Counter()
        for table in self.batches([str(self._source.partition_by)], window):
            for pair in self._dates(table).value_counts().to_pylist():
                if pair["values"] is not None:
                    counted[pair["values"]] += pair["counts"]
        return dict(sorted(counted.items()))

    def _opened(self) -> Any:
        try:
            if self._file.suffix == ".parquet":
                return pq.ParquetFile(self._file)
            return self._csv({name: TYPES[kind] for name, kind in self._source.types.items()})
        except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
            said = self._said(error)
            if "conversion error" in said:
                raise DataRejected("column-type", f"{self.where}: {said}") from None
            raise Misconfigured("file-invalid", f"{self.where}: {said}") from None

    def _csv(self, types: dict[str, pa.DataType]) -> csv.CSVStreamingReader:
        return csv.open_csv(
            self._file,
            read_options=csv.ReadOptions(block_size=INFERRED_FROM_BYTES),
            convert_options=csv.ConvertOptions(
                column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        )

    def _said(self, error: Exception) -> str:
        """The error's first line, with a column's name in the place of its number."""
        said = str(error).splitlines()[0]
        if number := re.search(r"CSV column #(\d+)", said):
            with self._csv({}) as file:
                said = said.replace(number[0], f"column '{file.schema.names[int(number[1])]}'")
        return said

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
