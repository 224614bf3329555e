"""An external sort: rows spooled to disk and read back in order, in bounded memory.

Rows are sorted run by run, and each run is written in small pieces. The pieces of
all runs are read back by their first rows. In memory are two runs and, while they
interleave, one piece of each other run: an eighth of a per cent of the table.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ROWS_A_RUN = 131_072
ROWS_A_PIECE = 1_024


class Spool:
    """Rows to be sorted by some columns; smallest first, then NaN, then gaps."""

    def __init__(self, folder: Path, by: Sequence[str]) -> None:
        self.rows = 0
        self._by = list(by)
        self._folder = folder
        self._segments: list[_Segment] = []
        self._waiting: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        """Add rows. A table may have wider types than those before it, and columns that they lack."""
        if not self._segments or table.schema != self._segments[-1].schema:
            self._write_runs(at_least=1)
            self._waiting = []  # tables without rows
            self._segments.append(_Segment(self._folder / f"spool.{len(self._segments)}", table.schema))
        self.rows += table.num_rows
        self._waiting.append(table)
        self._write_runs(at_least=ROWS_A_RUN)

    def schema(self) -> pa.Schema:
        """The widest types of the rows so far. Raises ArrowTypeError when there is none for a column."""
        return pa.unify_schemas([segment.schema for segment in self._segments], promote_options="permissive")

    def in_order(self) -> Iterator[pa.Table]:
        """All rows, sorted, in tables of about one run. Raises ArrowInvalid for a value that does not fit its type."""
        self._write_runs(at_least=1)
        places, firsts = self._pieces()
        order = pc.sort_indices(firsts, sort_keys=self._ascending()).to_pylist() if places else []
        held, loaded = self.schema().empty_table(), 0
        for position, number in enumerate(order, 1):
            piece = self._read(places[number])
            held, loaded = pa.concat_tables([held, piece]), loaded + piece.num_rows
            if position == len(order):
                yield self._sorted(held)
            elif loaded >= ROWS_A_RUN:
                ready, held = self._split_at(held, firsts.slice(order[position], 1))
                loaded = 0
                yield ready

    def _write_runs(self, at_least: int) -> None:
        while sum(table.num_rows for table in self._waiting) >= at_least:
            waiting = pa.concat_tables(self._waiting)
            self._segments[-1].write(self._sorted(waiting.slice(0, ROWS_A_RUN)), self._by)
            self._waiting = [waiting.slice(ROWS_A_RUN)] if waiting.num_rows > ROWS_A_RUN else []

    def _pieces(self) -> tuple[list[tuple[int, int]], pa.Table]:
        """The segment and number of each piece, and its first row's key."""
        for segment in self._segments:
            segment.close()
        schema = self.schema()
        kinds = pa.schema([schema.field(name) for name in self._by])
        places = [(number, piece) for number, segment in enumerate(self._segments) for piece in range(segment.pieces)]
        firsts = [first.cast(kinds) for segment in self._segments for first in segment.firsts]
        return places, pa.concat_tables([kinds.empty_table(), *firsts]).combine_chunks()

    def _read(self, place: tuple[int, int]) -> pa.Table:
        rows, schema = self._segments[place[0]].read(place[1]), self.schema()
        for name in set(schema.names) - set(rows.column_names):  # one that begins later
            rows = rows.append_column(name, pa.nulls(rows.num_rows, schema.field(name).type))
        return rows.select(schema.names).cast(schema)

    def _sorted(self, rows: pa.Table) -> pa.Table:
        keys = rows.select(self._by)
        return rows if _is_sorted(keys) else rows.take(pc.sort_indices(keys, sort_keys=self._ascending()))

    def _split_at(self, rows: pa.Table, bound: pa.Table) -> tuple[pa.Table, pa.Table]:
        """The rows that no piece to come can precede, and the rest; both sorted."""
        keys = pa.concat_tables([rows.select(self._by), bound]).combine_chunks()
        if _is_sorted(keys):
            return rows, rows.slice(rows.num_rows)
        # The sort is stable: rows equal to the bound, which is last, come before it.
        order = pc.sort_indices(keys, sort_keys=self._ascending()).to_numpy()
        cut = int(np.flatnonzero(order == rows.num_rows)[0])
        whole = rows.combine_chunks()
        return whole.take(pa.array(order[:cut])), whole.take(pa.array(order[cut + 1 :]))

    def _ascending(self) -> list[tuple[str, str]]:
        return [(name, "ascending") for name in self._by]


class _Segment:
    """One file of pieces of one schema."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.schema = schema
        self.pieces = 0
        self.firsts: list[pa.Table] = []
        self._path = path
        self._writer = pa.ipc.new_file(str(path), schema)
        self._reader: pa.RecordBatchFileReader | None = None

    def write(self, run: pa.Table, by: list[str]) -> None:
        starts = range(0, run.num_rows, ROWS_A_PIECE)
        self._writer.write_table(run.combine_chunks(), max_chunksize=ROWS_A_PIECE)
        self.firsts.append(run.select(by).take(pa.array(starts)))
        self.pieces += len(starts)

    def close(self) -> None:
        self._writer.close()

    def read(self, piece: int) -> pa.Table:
        # Read, not mapped: pages of a mapped file would count as this process's memory.
        self._reader = self._reader or pa.ipc.open_file(pa.OSFile(str(self._path)))
        return pa.Table.from_batches([self._reader.get_batch(piece)])


def _is_sorted(keys: pa.Table) -> bool:
    """Whether rows need no sorting. False when there is a NaN or a gap."""
    tied = np.ones(max(keys.num_rows - 1, 0), bool)
    for column in keys.columns:
        left, right = column.slice(0, len(tied)), column.slice(1)
        less, equal = (_filled(compare(left, right)) for compare in (pc.less, pc.equal))
        if (tied & ~less & ~equal).any():
            return False
        tied &= equal
    return True


def _filled(answers: pa.ChunkedArray) -> np.ndarray:
    return answers.fill_null(False).to_numpy()
