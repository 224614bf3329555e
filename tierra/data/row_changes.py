"""Two tables compared row by row: which keys came, went and stayed, and in which columns those that stayed changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.casting import cast_column
from tierra.data.row_numbers import ROW_NUMBER

SEPARATOR = "\x1f"
_GAP = "\x00"


@dataclass(frozen=True)
class Matched:
    """The places of rows: those of keys in both tables, pair by pair, and those of keys in one of them."""

    before: np.ndarray
    after: np.ndarray
    removed: np.ndarray
    added: np.ndarray

    @property
    def common(self) -> int:
        """How many keys are in both."""
        return len(self.before)


def key_texts(table: pa.Table, key: Sequence[str]) -> pa.Array:
    """Each row's key as one text, whatever types hold it."""
    return pc.binary_join_element_wise(*_texts(table, key), SEPARATOR)


def shown_key(text: str) -> str:
    """A key's text as people write it."""
    return text.replace(SEPARATOR, ",")


def match_rows(before: pa.Table, after: pa.Table, key: Sequence[str]) -> Matched:
    """Match the rows of two tables by their key.

    Rows without a declared key are matched by all that they hold: equal rows one to one, in their order. The number
    of such a row is its place in a file, and says nothing of what it is.
    """
    one, other = _index(before, key), _index(after, key)
    found = one.get_indexer(other)
    added = np.flatnonzero(found < 0)
    shared = np.flatnonzero(found >= 0)
    removed = np.setdiff1d(np.arange(len(one)), found[shared])
    return Matched(before=found[shared], after=shared, removed=removed, added=added)


def count_changes(before: pa.Table, after: pa.Table, matched: Matched) -> dict[str, int]:
    """In how many of the matched rows each column changed; most first, unchanged columns left out."""
    names = [name for name in before.column_names if name in after.column_names and name != ROW_NUMBER]
    counts = {
        name: int(np.sum(_values(before, name)[matched.before] != _values(after, name)[matched.after]))
        for name in names
    }
    return {name: rows for name, rows in sorted(counts.items(), key=lambda each: -each[1]) if rows}


def compare_columns(before: pa.Table, after: pa.Table) -> Iterator[str]:
    """A line for each column that is in one table alone, or has another type."""
    one, other = (
        {each.name: each.type for each in table.schema if each.name != ROW_NUMBER} for table in (before, after)
    )
    for name in dict.fromkeys((*one, *other)):
        if name not in other:
            yield f"column '{name}' ({one[name]}) is gone"
        elif name not in one:
            yield f"column '{name}' ({other[name]}) is new"
        elif one[name] != other[name]:
            yield f"column '{name}' was {one[name]} and is {other[name]}"


def _index(table: pa.Table, key: Sequence[str]) -> pd.Index:
    if key:
        return pd.Index(key_texts(table, key).to_pandas())
    names = sorted(name for name in table.column_names if name != ROW_NUMBER)
    texts = pd.Series([SEPARATOR.join(row) for row in zip(*(_values(table, name) for name in names), strict=True)])
    # The second of two equal rows is matched with the second of the other table.
    return pd.Index(texts + SEPARATOR + texts.groupby(texts).cumcount().astype("str"))


def _texts(table: pa.Table, names: Sequence[str]) -> list[pa.Array]:
    return [cast_column(table.column(name), "text").combine_chunks() for name in names]


def _values(table: pa.Table, name: str) -> np.ndarray:
    """A column's values as texts that can be compared, a gap among them."""
    (texts,) = _texts(table, [name])
    return np.asarray(pc.fill_null(texts, _GAP).to_pandas(), dtype=object)
