"""Rows that stand on both sides of a split: the same features, or nearly, in training and test."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd

from tierra.data.split import mix
from tierra.model.examples import Examples
from tierra.model.leaks.finding import Leak
from tierra.model.leaks.groups import of_their_group
from tierra.model.leaks.near import agreement, find_near

ROWS: Final = 50_000
DRAWN: Final = 5_000
LEAST: Final = 5
LEAST_SHARE: Final = 0.01
DISTINCT: Final = 0.2
BEYOND: Final = 2.0  # columns depend on each other, and then more are equal than chance says
TELLING: Final = 8
SURE: Final = 2.33  # one-sided, 99 %
AGREE: Final = 0.2
SHOWN: Final = 12


@dataclass(frozen=True)
class _Vectors:
    """A digest of each row's features, and what each column adds to it: less one column, it is that of the others."""

    whole: np.ndarray
    parts: np.ndarray

    def without(self, rows: np.ndarray, *columns: int) -> np.ndarray:
        """The digests of these rows' other columns."""
        with np.errstate(over="ignore"):
            return self.whole[rows] - sum((self.parts[column, rows] for column in columns), np.uint64(0))


@dataclass(frozen=True)
class _Twins:
    """How many test rows have a twin, how many twins agree, and how far they agree beyond chance."""

    rows: int
    test_rows: int
    agreeing: int | None
    agreement: float

    @property
    def evidence(self) -> str:
        """The twins in a sentence."""
        how = f"{self.agreeing:,} of them its class" if self.agreeing is not None else (
            f"their targets correlated by {self.agreement:.2f}")  # fmt: skip
        return f"{self.rows:,} of {self.test_rows:,} test rows have the features of a training row, {how}"


def find_twins(train: Examples, test: Examples, by_time: bool, made_by: str = "") -> Iterator[Leak]:
    """Test rows with a training row's features, beyond what independent draws would give.

    `made_by` is the function that makes the features, for the proposal; they are columns when not stated.

    Draws from few values repeat rows too, as often as nearly the same rows tell. Where far more
    are the same, and share the target, rows were copied.
    """
    features = list(train.features)
    vectors = _digest(pd.concat([train.table[features], test.table[features]], ignore_index=True))
    size = len(train.target)
    has_twin = np.isin(vectors.whole[size:], vectors.whole[:size])
    if has_twin.sum() >= LEAST and _is_copied(vectors, size):
        twins = _describe(train, test, vectors.whole[:size], vectors.whole[size:], has_twin)
        if twins.agreement >= AGREE:
            yield _leak(twins, features, by_time, made_by)
    yield from find_near(train, _without(test, has_twin), by_time)


def _leak(twins: _Twins, features: list[str], by_time: bool, made_by: str) -> Leak:
    shown = ", ".join(f"'{name}'" for name in features[:SHOWN]) + (", ..." if len(features) > SHOWN else "")
    seen = f"{made_by}(rows)" if made_by else f"rows[[{shown}]]"
    proposal = (f"return rows.assign(twin=pd.util.hash_pandas_object({seen}, index=False)) from `prepare`, and"
                " state `split: {by: group, column: twin}`")  # fmt: skip
    numbers = {"rows": twins.rows, "of": twins.test_rows, "agreement": twins.agreement}
    return Leak(kind="twins", severity="warn" if by_time else "refuse", evidence=twins.evidence, numbers=numbers,
                proposal="" if by_time else proposal)  # fmt: skip


def _digest(table: pd.DataFrame) -> _Vectors:
    parts = np.empty((table.shape[1], len(table)), np.uint64)
    for place, name in enumerate(table):
        # Mixed by its place: equal values of two columns must not add up to those of two others.
        parts[place] = mix(pd.util.hash_pandas_object(table[name], index=False).to_numpy("uint64"), place)
    return _Vectors(parts.sum(axis=0, dtype=np.uint64), parts)


def _is_copied(vectors: _Vectors, size: int) -> bool:
    """Whether far more of the different vectors in test equal one of training than independent draws would give."""
    random = np.random.default_rng(0)
    train = _some(np.unique(vectors.whole[:size], return_index=True)[1], ROWS, random)
    own = _some(size + np.unique(vectors.whole[size:], return_index=True)[1], DRAWN, random)
    repeated = len(own) + len(train) < DISTINCT * min(len(vectors.whole), ROWS + DRAWN)
    if repeated or len(vectors.parts) < 2:  # the values of one column say nothing of how often two rows meet
        return False
    equal = _pairs(vectors, own, train)
    sure = equal - SURE * np.sqrt(equal)  # one-sided, 99 %, of a count
    return bool(equal >= LEAST_SHARE * len(own) and sure > BEYOND * _expected(vectors, own, train, equal))


def _expected(vectors: _Vectors, own: np.ndarray, train: np.ndarray, equal: int) -> float:
    """How many pairs would be equal if of those equal in all but two columns, the two agreed by chance alone.

    Of these pairs some differ in one of the two columns, some in the other, some in both: by how
    many, independent columns say how many differ in none. The most of any two columns counts.
    """
    one = {column: _pairs(vectors, own, train, column) - equal for column in range(len(vectors.parts))}
    telling = sorted(one, key=lambda column: -one[column])[:TELLING]
    most = 0.0
    for left, right in combinations(telling, 2):
        both = _pairs(vectors, own, train, left, right) - one[left] - one[right] - equal
        most = max(most, (one[left] + 1) * (one[right] + 1) / (both + 1))
    return most


def _pairs(vectors: _Vectors, own: np.ndarray, train: np.ndarray, *without: int) -> int:
    """The pairs of a row of test and one of training that are equal in all columns but these."""
    asked, learnt = vectors.without(own, *without), vectors.without(train, *without)
    different, counts = np.unique(learnt, return_counts=True)
    places = np.minimum(np.searchsorted(different, asked), len(different) - 1)
    return int(counts[places][different[places] == asked].sum())


def _some(places: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
    return places if len(places) <= most else random.choice(places, most, replace=False)


def _describe(train: Examples, test: Examples, learnt: np.ndarray, seen: np.ndarray, has_twin: np.ndarray) -> _Twins:
    own, task = test.target[has_twin], train.labels.task
    theirs = of_their_group(learnt, train.target, pd.Series(seen[has_twin]), task)
    agreeing = None if task == "regression" else int((own == theirs).sum())
    return _Twins(int(has_twin.sum()), len(seen), agreeing, agreement(own, theirs, task))


def _without(rows: Examples, left_out: np.ndarray) -> Examples:
    return Examples(rows.table[~left_out], rows.target[~left_out], rows.labels)
