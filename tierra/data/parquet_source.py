"""Parquet files, read in pieces; of a partitioned source only the row groups that may have the days asked for."""

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as t

from tierra.data.row_groups import choose_groups
from tierra.data.window import Window

BYTES_AHEAD: Final = 1024 * 1024


class ParquetTables:
    """The rows of one Parquet file, in the types they are stored in."""

    def __init__(self, opened: Callable[[], Any], partition_by: str | None) -> None:
        self._open, self._partition_by = opened, partition_by

    def columns(self) -> list[str]:
        """The names of all its columns."""
        with self._file() as file:
            return list(file.schema_arrow.names)

    def nested(self) -> dict[str, str]:
        """The columns whose values are lists or tables themselves, with their types."""
        with self._file() as file:
            return {field.name: str(field.type) for field in file.schema_arrow if _is_nested(field.type)}

    def pieces(self, columns: list[str], window: Window) -> Iterator[tuple[int, pa.Table]]:
        """Its rows in pieces, and the number of each piece's first row."""
        with self._file() as file:
            ends = list(accumulate(file.metadata.row_group(each).num_rows for each in range(file.num_row_groups)))
            for group in choose_groups(file, self._partition_by, window):
                start = ends[group - 1] if group else 0
                for batch in file.iter_batches(row_groups=[group], columns=columns):
                    yield start, pa.Table.from_batches([batch])
                    start += batch.num_rows

    def rows(self) -> int:
        """How many rows it has."""
        with self._file() as file:
            return int(file.metadata.num_rows)

    def _file(self) -> pq.ParquetFile:
        # Else a whole file is read ahead, or at least a whole row group of it.
        return pq.ParquetFile(self._open(), pre_buffer=False, buffer_size=BYTES_AHEAD)


def _is_nested(stored: pa.DataType) -> bool:
    return bool(t.is_nested(stored)) or (t.is_dictionary(stored) and bool(t.is_nested(stored.value_type)))
