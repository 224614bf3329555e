"""Counting values in bounded memory: how many differ, which are frequent, which rows repeat."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

KEPT_HASHES = 4096
KEPT_ROWS = 1 << 19
LONGEST_TEXT = 60
_PRIME = np.uint64(0xBF58476D1CE4E5B9)
_HASHES = 2.0**64


def as_integers(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Dates and timestamps as their integers; other values unchanged."""
    if pa.types.is_date32(values.type):
        return values.cast(pa.int32())
    return values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values


def hash_values(values: pa.Array) -> np.ndarray:
    """64-bit hashes of values without gaps, the same in every process."""
    return pd.util.hash_array(as_integers(values).to_numpy(zero_copy_only=False), categorize=False)


def mix_hashes(rows: np.ndarray, column: np.ndarray) -> np.ndarray:
    """The hashes of rows combined with the hashes of one more column."""
    mixed = (rows ^ column) * _PRIME
    return mixed ^ (mixed >> np.uint64(29))


def as_texts(values: pa.Array) -> np.ndarray:
    """Values as text for a page; long ones are cut."""
    texts = values.cast(pa.string())
    cut = pc.utf8_slice_codeunits(texts, 0, LONGEST_TEXT)
    long = pc.greater(pc.utf8_length(texts), LONGEST_TEXT)
    short = pc.if_else(long, pc.binary_join_element_wise(cut, "…", ""), cut)
    if pa.types.is_timestamp(values.type):
        short = pc.replace_substring_regex(short, r"( 00:00:00)?\.0+", "")
    return short.to_numpy(zero_copy_only=False)


class Distinct:
    """How many values differ: exact up to 4,096, else estimated to 1.6 % by the k smallest hashes.

    Bar-Yossef et al., Counting distinct elements in a data stream, RANDOM 2002.
    """

    def __init__(self) -> None:
        self._smallest = np.empty(0, np.uint64)

    @property
    def exact(self) -> bool:
        """Whether the count is exact."""
        return len(self._smallest) <= KEPT_HASHES

    @property
    def count(self) -> int:
        """How many values differ."""
        if self.exact:
            return len(self._smallest)
        return round((KEPT_HASHES - 1) / (float(self._smallest[KEPT_HASHES - 1]) / _HASHES))

    def add(self, hashes: np.ndarray) -> None:
        """Add the hashes of more values."""
        fresh = hashes if self.exact else hashes[hashes < self._smallest[-1]]
        self._smallest = np.unique(np.concatenate([self._smallest, fresh]))[: KEPT_HASHES + 1]


class Frequencies:
    """The most frequent values; exact while no more than `bound` differ, else counts are lower bounds.

    Kept beside their hashes, so that long texts that begin alike stay apart.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._hashes = np.empty(0, np.uint64)
        self._counts = np.empty(0, np.int64)
        self._texts = np.empty(0, object)
        self.exact = True

    def add(self, values: pa.Array, hashes: np.ndarray, counts: np.ndarray) -> None:
        """Add distinct values, with their hashes and the number of rows of each."""
        best = self._best(counts, hashes)
        texts = as_texts(values.take(pa.array(best)))
        merged, first, where = np.unique(
            np.concatenate([self._hashes, hashes[best]]), return_index=True, return_inverse=True
        )
        total = np.bincount(where, np.concatenate([self._counts, counts[best]]), len(merged)).astype(np.int64)
        kept = self._best(total, merged)
        self._texts = np.concatenate([self._texts, texts])[first[kept]]
        self._hashes, self._counts = merged[kept], total[kept]

    def most(self, number: int) -> list[tuple[str, int]]:
        """The most frequent values, with their counts."""
        order = sorted(range(len(self._counts)), key=lambda row: (-self._counts[row], self._texts[row]))
        return [(str(self._texts[row]), int(self._counts[row])) for row in order[:number]]

    def _best(self, counts: np.ndarray, hashes: np.ndarray) -> np.ndarray:
        if len(counts) <= self._bound:
            return np.arange(len(counts))
        self.exact = False
        # Sorting all of them would cost ten times as much as finding those that stay.
        least = np.partition(counts, -self._bound)[-self._bound]
        above, tied = np.flatnonzero(counts > least), np.flatnonzero(counts == least)
        missing = self._bound - len(above)
        tied = tied[np.argpartition(hashes[tied], missing - 1)[:missing]]
        kept = np.concatenate([above, tied])
        return kept[np.lexsort((hashes[kept], -counts[kept]))]


class Repeated:
    """How many rows repeat another; exact up to half a million that differ, else estimated from a share of all hashes.

    A share of the hashes is a share of the distinct rows, with all their copies:
    a table without duplicates is never reported to have some.
    """

    def __init__(self) -> None:
        self._kept = np.empty(0, np.uint64)
        self._rows = np.empty(0, np.int64)
        self._share = 1.0
        self._waiting: list[np.ndarray] = []

    @property
    def exact(self) -> bool:
        """Whether the count is exact."""
        self._count_waiting()
        return self._share == 1.0

    @property
    def count(self) -> int:
        """Rows beyond the first of each kind."""
        self._count_waiting()
        return round(float(self._rows.sum() - len(self._kept)) / self._share)

    def add(self, hashes: np.ndarray) -> None:
        """Add the hashes of more rows."""
        self._waiting.append(self._inside(hashes))
        if sum(map(len, self._waiting)) > KEPT_ROWS:
            self._count_waiting()

    def _count_waiting(self) -> None:
        fresh, rows = np.unique(np.concatenate([np.empty(0, np.uint64), *self._waiting]), return_counts=True)
        self._waiting = []
        if len(fresh):
            self._merge(fresh, rows)
        while len(self._kept) > KEPT_ROWS:
            self._share /= 2
            inside = len(self._inside(self._kept))
            self._kept, self._rows = self._kept[:inside], self._rows[:inside]

    def _merge(self, fresh: np.ndarray, rows: np.ndarray) -> None:
        hashes, counts = np.concatenate([self._kept, fresh]), np.concatenate([self._rows, rows])
        order = np.argsort(hashes, kind="stable")
        hashes, counts = hashes[order], counts[order]
        first = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
        self._kept, self._rows = hashes[first], np.add.reduceat(counts, first)

    def _inside(self, hashes: np.ndarray) -> np.ndarray:
        return hashes if self._share == 1.0 else hashes[hashes < np.uint64(self._share * _HASHES)]
