"""Running moments, and a uniform sample of rows, in bounded memory."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

ROWS = 10_000
CELLS = 4_000_000
LONGEST_TEXT = 200


@dataclass
class Moments:
    """Mean and standard deviation in one pass, batch by batch.

    Chan, Golub, LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: np.ndarray) -> None:
        """Add finite numbers."""
        if not len(values):
            return
        # Numbers near the largest float overflow; a result that is not finite is not shown.
        with np.errstate(all="ignore"):
            mean = float(values.mean())
            squares = float(np.square(values - mean).sum())
            away, total = mean - self.mean, self.count + len(values)
            self.mean += away * len(values) / total
            self.squares += squares + float(np.square(away)) * self.count * len(values) / total
        self.count = total

    @property
    def std(self) -> float:
        """The sample's standard deviation; NaN for fewer than two numbers."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else math.nan


class RowSample:
    """Rows drawn uniformly, the same ones however the table was cut into batches.

    Each row draws a number; the rows with the smallest stay.
    """

    def __init__(self, schema: pa.Schema, seed: int = 0) -> None:
        self._size = max(min(ROWS, CELLS // max(len(schema), 1)), 1)
        self._random = np.random.default_rng(seed)
        self._table = schema.empty_table()
        self._drawn = np.empty(0)

    def add(self, batch: pa.Table) -> None:
        """Add the rows of one more batch."""
        drawn = self._random.random(batch.num_rows)
        full = len(self._drawn) >= self._size
        chosen = np.flatnonzero(drawn < self._drawn[self._size - 1]) if full else np.arange(len(drawn))
        chosen = chosen[np.argsort(drawn[chosen])][: self._size]
        both = np.concatenate([self._drawn, drawn[chosen]])
        kept = np.argsort(both)[: self._size]
        self._table = pa.concat_tables([self._table, _cut(batch.take(pa.array(chosen)))]).take(pa.array(kept))
        self._table, self._drawn = self._table.combine_chunks(), both[kept]

    @property
    def table(self) -> pa.Table:
        """The rows drawn."""
        return self._table


def _cut(rows: pa.Table) -> pa.Table:
    for index, field in enumerate(rows.schema):
        if t.is_string(field.type):
            rows = rows.set_column(index, field, pc.utf8_slice_codeunits(rows.column(index), 0, LONGEST_TEXT))
    return rows
