"""Joins with a declared key, cardinality and limit of orphans. Left rows keep their order and number."""

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

from tierra.data.as_of import Timed, newest_known
from tierra.data.casting import cast_column
from tierra.data.columns import require_columns
from tierra.data.frames import to_frame
from tierra.data.spec import ColumnType, Join
from tierra.errors import DataRejected


@dataclass(frozen=True)
class _Side:
    """A join prepared: the right table, indexed by its key, and of a join `as_of` when each row was known."""

    join: Join
    table: pa.Table
    keys: pa.Table
    times: pa.ChunkedArray | None
    # By how the keys are compared: as they are, or as text where the other side holds them so.
    indices: dict[tuple[ColumnType | None, ...], pd.Index]

    def index(self, kinds: tuple[ColumnType | None, ...]) -> pd.Index:
        """The right side's keys, to be compared in these types."""
        if kinds not in self.indices:
            self.indices[kinds] = _index(self.keys, kinds)
        return self.indices[kinds]


class Joiner:
    """Declared joins, prepared once and applied batch by batch.

    Raises DataRejected at once when a right side repeats a key, which would
    multiply rows.
    """

    def __init__(self, joins: Sequence[Join], tables: Mapping[str, pa.Table]) -> None:
        self._sides = [_index_right_side(join, tables[join.right]) for join in joins]
        self._left_out: frozenset[str] = frozenset()
        self._count_anew()

    def _count_anew(self) -> None:
        self.orphans = dict.fromkeys((side.join.right for side in self._sides), 0)
        self._rows = 0

    def for_other_rows(self) -> "Joiner":
        """The same joins, whose orphans are counted from zero."""
        other = copy(self)
        other._count_anew()
        return other

    def without(self, columns: Iterable[str]) -> "Joiner":
        """The same joins without these columns of the joined rows, counted from zero."""
        other = self.for_other_rows()
        other._left_out = frozenset(columns)
        return other

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to join."""
        return not self._sides

    def join(self, left: pa.Table) -> pa.Table:
        """The left rows with the columns of every right side; gaps where there is no match."""
        self._rows += left.num_rows
        joined = left
        for side in self._sides:
            positions = _positions(left, side)
            self.orphans[side.join.right] += int((positions < 0).sum())
            joined = _append(joined, side, positions, self._left_out)
        return joined

    def join_checked(self, left: pa.Table) -> pa.Table:
        """All the left rows at once, and the check of their orphans."""
        joined = self.join(left)
        self.check()
        return joined

    def check(self) -> None:
        """Raise DataRejected when more of the rows joined so far than allowed found no match."""
        for side in self._sides:
            orphans = self.orphans[side.join.right]
            share, limit = orphans / max(self._rows, 1), side.join.max_orphans
            if share > limit:
                raise DataRejected(
                    "join-orphans",
                    f"{orphans:,} of {self._rows:,} rows of {side.join.left} ({share:.1%}) have no match in"
                    f" {side.join.right} by {side.join.by}, limit {limit:.1%}",
                )


def _index_right_side(join: Join, right: pa.Table) -> _Side:
    require_columns(f"{join.right}: join", join.on, right.column_names)
    right = _with_keys(right, join.on)
    times = None
    if join.as_of:
        require_columns(f"{join.right}: join", [join.as_of.right], right.column_names)
        right = right.filter(right.column(join.as_of.right).is_valid())
        times = right.column(join.as_of.right)
    keys = right.select(list(join.on))
    matched_by = [name for name in right.column_names if not join.joined_name(name)]
    side = _Side(join, right.drop_columns(matched_by), keys, times, {})
    index = _index(keys, (None,) * len(join.on)) if times is None else _with_times(keys, times)
    if times is None:
        side.indices[(None,) * len(join.on)] = index
    if not index.is_unique:
        repeated = int(index.duplicated().sum())
        example = index[index.duplicated()][0]
        raise DataRejected(
            "join-fan-out",
            f"{join.right} repeats {repeated:,} keys of {join.by}, such as {example};"
            f" joined {join.cardinality} it would multiply rows of {join.left}",
        )
    return side


def _with_times(keys: pa.Table, times: pa.ChunkedArray) -> pd.Index:
    frame = to_frame(keys.append_column("as of", times))
    return pd.MultiIndex.from_frame(frame)


def _positions(left: pa.Table, side: _Side) -> np.ndarray:
    join = side.join
    require_columns(f"{join.left}: join", join.on, left.column_names)
    kinds = tuple(_compared_as(left.schema.field(name), side.keys.schema.field(name), join) for name in join.on)
    if join.as_of:
        return _positions_as_of(left, side, kinds)
    index = _index(left.select(list(join.on)), kinds)
    if join.cardinality == "one_to_one" and not index.is_unique:
        repeated = int(index.duplicated().sum())
        raise DataRejected("join-fan-out", f"{join.left} repeats {repeated:,} keys of a one_to_one join")
    positions = side.index(kinds).get_indexer(index)
    return np.where(_gaps(left, join.on), -1, positions)


def _gaps(left: pa.Table, names: Sequence[str]) -> np.ndarray:
    """The rows without one of these columns: a gap is equal to nothing."""
    gaps = np.zeros(left.num_rows, bool)
    for name in names:
        gaps |= left.column(name).is_null().to_numpy()
    return gaps


def _positions_as_of(left: pa.Table, side: _Side, kinds: tuple[ColumnType | None, ...]) -> np.ndarray:
    """For each left row the place of the newest match that was known at its moment; -1 for none."""
    join, times = side.join, side.times
    assert join.as_of
    assert times is not None
    require_columns(f"{join.left}: join", [join.as_of.left], left.column_names)
    moments = left.column(join.as_of.left)
    families = {_family(each.type) for each in (moments, times)}
    if len(families) > 1 or not families.pop().startswith("time"):
        raise DataRejected(
            "join-types",
            f"{join.left}.{join.as_of.left} is {moments.type} but {join.right}.{join.as_of.right} is {times.type};"
            " `as_of` needs two dates or timestamps, both with a time zone or neither",
        )
    own, theirs = _codes(left.select(list(join.on)), side.keys, kinds)
    asked = Timed(np.where(_gaps(left, join.on), -1, own), moments)
    return newest_known(asked, Timed(theirs, times), join.tolerance)


def _codes(left: pa.Table, right: pa.Table, kinds: tuple[ColumnType | None, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The keys of both sides as numbers, equal where they are."""
    if not kinds:
        return np.zeros(left.num_rows, int), np.zeros(right.num_rows, int)
    theirs = _index(right, kinds)
    different = theirs.unique()
    return different.get_indexer(_index(left, kinds)), different.get_indexer(theirs)


def _append(joined: pa.Table, side: _Side, positions: np.ndarray, left_out: Collection[str]) -> pa.Table:
    names = [name for name in side.table.column_names if side.join.joined_name(name) not in left_out]
    taken = side.table.select(names).take(pa.array(positions, pa.int64(), mask=positions < 0))
    for name in taken.column_names:
        final = side.join.prefix + name
        if final in joined.column_names:
            raise DataRejected("join-columns", f"both sides of the join with {side.join.right} have '{final}'")
        joined = joined.append_column(final, taken.column(name))
    return joined


def _with_keys(table: pa.Table, key: Sequence[str]) -> pa.Table:
    """The rows that have a key: a gap is equal to nothing."""
    valid = [table.column(name).is_valid() for name in key]
    return table.filter(functools.reduce(pc.and_, valid)) if valid else table


def _compared_as(left: pa.Field, right: pa.Field, join: Join) -> ColumnType | None:
    """The type to compare keys in; None for the one they have. Raises DataRejected when none fits both."""
    families = {_family(left.type), _family(right.type)}
    if len(families) == 1:
        return None
    if families == {"string", "number"} and not (t.is_floating(left.type) or t.is_floating(right.type)):
        return "text"  # such as the keys of a CSV, which are kept as they are written
    raise DataRejected(
        "join-types", f"{join.left}.{left.name} is {left.type} but {join.right}.{right.name} is {right.type}"
    )


def _index(keys: pa.Table, kinds: Sequence[ColumnType | None]) -> pd.Index:
    columns = [cast_column(column, kind) if kind else column for column, kind in zip(keys.columns, kinds, strict=True)]
    frame = to_frame(pa.table(columns, names=keys.column_names))
    return pd.Index(frame.iloc[:, 0]) if len(columns) == 1 else pd.MultiIndex.from_frame(frame)


def _family(kind: pa.DataType) -> str:
    """Types whose values can be equal to each other's."""
    if t.is_integer(kind) or t.is_floating(kind):
        return "number"
    if t.is_date(kind) or t.is_timestamp(kind):
        return f"time {getattr(kind, 'tz', None)}"
    return str(kind)
