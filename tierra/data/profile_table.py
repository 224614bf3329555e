"""Profile a table in one pass: every row is counted, a bounded sample is kept."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

from tierra.data.correlations import correlate
from tierra.data.counting import Distinct, Frequencies, Repeated, as_integers, hash_values, mix_hashes
from tierra.data.frames import plain_type
from tierra.data.profile import ColumnProfile, Kind, Profile, ValueCount
from tierra.data.ranks import finite_or_none, ordered_numbers, outer_fences, quantiles
from tierra.data.sampling import Moments, RowSample

QUANTILES = 501
QUANTILES_IN_ALL = 50_000
FREQUENT = 200
FREQUENT_IN_ALL = 10_000
COUNTED = 1024
COUNTED_IN_ALL = 200_000
_MISSING = np.uint64(0x9E3779B97F4A7C15)


def profile_table(batches: Iterable[pa.Table], name: str, key: Sequence[str]) -> Profile:
    """The profile of a table, from its batches; columns of unsupported types are left out.

    Counts, missing, minimum, maximum, mean and standard deviation are exact;
    quantiles, outliers and correlations come from a seeded uniform sample of at
    most 10,000 rows. Rows are duplicates when all columns but the key are equal.
    """
    states: dict[str, _Column] = {}
    repeated, sample, rows = Repeated(), None, 0
    for batch in batches:
        plain = _plain(batch)
        if sample is None:
            sample = RowSample(plain.schema)
            states = {field.name: _Column(field, plain.num_columns) for field in plain.schema}
        hashes = np.zeros(plain.num_rows, np.uint64)
        for column, state in states.items():
            added = state.add(plain.column(column))
            hashes = hashes if column in key else mix_hashes(hashes, added)
        repeated.add(hashes)
        sample.add(plain)
        rows += plain.num_rows
    return _finish(name, tuple(key), rows, states, sample.table if sample else pa.table({}), repeated)


def _finish(
    name: str, key: tuple[str, ...], rows: int, states: "dict[str, _Column]", sample: pa.Table, repeated: Repeated
) -> Profile:
    bare = not set(states) - set(key)
    return Profile(
        name=name,
        rows=rows,
        sampled=sample.num_rows,
        key=key,
        columns=tuple(state.profile(rows, sample.column(column)) for column, state in states.items()),
        correlations=correlate(sample, key),
        duplicates=None if bare else repeated.count,
        duplicates_exact=repeated.exact,
    )


def _plain(batch: pa.Table) -> pa.Table:
    """The supported columns in Tierra's types; NaN is missing, and minus zero is zero."""
    columns = {}
    for field in batch.schema:
        # Integers beyond 64 bits with a sign are not integers to Tierra's stores either.
        kind = pa.float64() if t.is_uint64(field.type) else plain_type(field.type)
        if kind is not None:
            values = batch.column(field.name).cast(kind, safe=False)
            columns[field.name] = _without_nan(values) if t.is_floating(kind) else values
    return pa.table(columns)


def _without_nan(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values.to_numpy() + 0.0, from_pandas=True)])


class _Column:
    """The running counts of one column."""

    def __init__(self, field: pa.Field, among: int) -> None:
        self._field, self._kind = field, _kind(field.type)
        self._missing = self._infinite = 0
        self._least: Any = None
        self._most: Any = None
        self._distinct, self._moments = Distinct(), Moments()
        self._frequencies = Frequencies(max(min(COUNTED, COUNTED_IN_ALL // among), 64))
        self._listed = max(min(FREQUENT, FREQUENT_IN_ALL // among), 10)
        self._ranks = max(min(QUANTILES, QUANTILES_IN_ALL // among), 51)

    def add(self, column: pa.ChunkedArray) -> np.ndarray:
        """Add one batch's values. Returns a hash for each row."""
        self._missing += column.null_count
        encoded = column.combine_chunks().dictionary_encode()
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        rows, values = np.asarray(encoded.indices.fill_null(-1)), encoded.dictionary
        hashes = hash_values(values)
        if len(values):
            self._distinct.add(hashes)
            self._frequencies.add(values, hashes, np.bincount(rows[rows >= 0], minlength=len(values)))
            self._measure(column, values)
        return np.append(hashes, _MISSING)[rows]

    def _measure(self, column: pa.ChunkedArray, values: pa.Array) -> None:
        if self._kind in ("number", "boolean"):
            numbers = pc.drop_null(column).cast(pa.float64(), safe=False).to_numpy()
            finite = numbers[np.isfinite(numbers)]
            self._infinite += len(numbers) - len(finite)
            self._moments.add(finite)
            values = values.filter(pc.is_finite(values)) if t.is_floating(values.type) else values
        if self._kind in ("number", "date") and len(values):
            self._bound(values)

    def _bound(self, values: pa.Array) -> None:
        bounds = pc.min_max(as_integers(values))
        least, most = bounds["min"].as_py(), bounds["max"].as_py()
        self._least = least if self._least is None else min(least, self._least)
        self._most = most if self._most is None else max(most, self._most)

    def profile(self, rows: int, sample: pa.ChunkedArray) -> ColumnProfile:
        """The column's profile."""
        numbers = ordered_numbers(sample, self._kind)
        fences, outside = outer_fences(numbers) if self._kind == "number" else (None, 0.0)
        measured = self._kind in ("number", "boolean") and self._moments.count
        return ColumnProfile(
            name=self._field.name,
            type=str(self._field.type),
            kind=self._kind,
            rows=rows,
            missing=self._missing,
            distinct=min(self._distinct.count, rows - self._missing),
            distinct_exact=self._distinct.exact,
            minimum=self._shown(self._least),
            maximum=self._shown(self._most),
            mean=finite_or_none(self._moments.mean) if measured else None,
            std=finite_or_none(self._moments.std) if measured else None,
            infinite=self._infinite,
            sampled=len(numbers),
            quantiles=quantiles(numbers, self._ranks),
            fences=fences,
            outliers=outside,
            frequent=self._frequent(),
            frequent_exact=self._frequencies.exact,
        )

    def _frequent(self) -> tuple[ValueCount, ...]:
        """The most frequent values; those in a single row only when every value is listed."""
        most = self._frequencies.most(self._listed)
        listed = self._frequencies.exact and self._distinct.count == len(most)
        return tuple(ValueCount(value=value, rows=count) for value, count in most if listed or count > 1)

    def _shown(self, value: Any) -> int | float | str | None:
        if value is None or self._kind != "date":
            return value
        return str(np.datetime64(value, "us" if t.is_timestamp(self._field.type) else "D"))


def _kind(kind: pa.DataType) -> Kind:
    if t.is_string(kind):
        return "text"
    return "boolean" if t.is_boolean(kind) else "date" if t.is_temporal(kind) else "number"
