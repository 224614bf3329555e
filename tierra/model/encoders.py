"""Features as other columns: bins, circles, buckets of hashed values, words, products and pairs."""

from typing import Any, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.utils import murmurhash3_32

from tierra.data.plain_columns import LARGEST

PAIR_BINS = 5
PAIR = " x "
GAP = "no value"


class Bins(TransformerMixin, BaseEstimator):
    """Numbers as bins of like many training rows: a column each, or the bin's number. A gap is in no bin."""

    def __init__(self, count: int = 5, apart: bool = True) -> None:
        self.count = count
        self.apart = apart

    def fit(self, table: Any, target: Any = None) -> Self:
        """Learn where bins end; equal ends are one."""
        values = np.asarray(table, float)
        shares = np.linspace(0, 1, self.count + 1)[1:-1]
        self.ends_ = [np.unique(np.quantile(each[~np.isnan(each)], shares)) if (~np.isnan(each)).any() else np.zeros(0)
                      for each in values.T]  # fmt: skip
        self.n_features_in_ = values.shape[1]
        return self

    def transform(self, table: Any) -> np.ndarray:
        """The bins."""
        values = np.asarray(table, float)
        return np.hstack([self._binned(each, ends) for each, ends in zip(values.T, self.ends_, strict=True)])

    def made_of(self, owner: np.ndarray) -> np.ndarray:
        """Of which feature each column is made."""
        return np.repeat(owner, [len(ends) + 1 if self.apart else 1 for ends in self.ends_])

    def _binned(self, values: np.ndarray, ends: np.ndarray) -> np.ndarray:
        number = np.where(np.isnan(values), np.nan, np.searchsorted(ends, values, side="right"))[:, None]
        return (number == np.arange(len(ends) + 1)).astype(float) if self.apart else number


class Circle(TransformerMixin, BaseEstimator):
    """Numbers on a circle, such as hours, as sine and cosine of one and of two turns. A gap is the middle."""

    def __init__(self, period: float = 24.0) -> None:
        self.period = period

    def fit(self, table: Any, target: Any = None) -> Self:
        """Nothing is learnt but the width."""
        self.n_features_in_ = np.asarray(table).shape[1]
        return self

    def transform(self, table: Any) -> np.ndarray:
        """Four columns for each."""
        angle = np.asarray(table, float) * (2 * np.pi / self.period)
        return np.nan_to_num(np.hstack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]))

    def made_of(self, owner: np.ndarray) -> np.ndarray:
        """Of which feature each column is made."""
        return np.tile(owner, 4)


class Buckets(TransformerMixin, BaseEstimator):
    """Each value of a category in one of so many columns, by its hash. A gap is in none, an unseen value in its own."""

    def __init__(self, buckets: int = 32) -> None:
        self.buckets = buckets

    def fit(self, table: Any, target: Any = None) -> Self:
        """Nothing is learnt but the width."""
        self.n_features_in_ = np.asarray(table).shape[1]
        return self

    def transform(self, table: Any) -> Any:
        """One in the value's column."""
        frame = pd.DataFrame(table)
        return sparse.hstack([self._bucketed(frame.iloc[:, place]) for place in range(frame.shape[1])]).tocsr()

    def made_of(self, owner: np.ndarray) -> np.ndarray:
        """Of which feature each column is made."""
        return np.repeat(owner, self.buckets)

    def _bucketed(self, values: pd.Series) -> Any:
        codes, different = pd.factorize(values)
        places = np.array([murmurhash3_32(str(each), positive=True) % self.buckets for each in different], int)
        rows = np.flatnonzero(codes >= 0)
        cells = (np.ones(len(rows)), (rows, places[codes[rows]]))
        return sparse.csr_array(cells, shape=(len(values), self.buckets))


class Words(TransformerMixin, BaseEstimator):
    """The words of one text: weighed by how rare they are (tf-idf), or hashed to so many columns. A gap has none."""

    def __init__(self, encode: str = "tfidf", columns: int = 200) -> None:
        self.encode = encode
        self.columns = columns

    def fit(self, table: Any, target: Any = None) -> Self:
        """Learn the words and their weights."""
        texts = _texts(table)
        if self.encode == "hash":
            self.words_ = HashingVectorizer(n_features=self.columns, alternate_sign=False)
        else:
            self.words_ = TfidfVectorizer(max_features=self.columns, min_df=2, sublinear_tf=True)
        try:
            self.words_.fit(texts)
        except ValueError:  # no word stands in two rows
            self.words_ = HashingVectorizer(n_features=self.columns, alternate_sign=False)
        self.n_features_in_ = 1
        return self

    def transform(self, table: Any) -> Any:
        """The weights, a column a word."""
        return self.words_.transform(_texts(table))

    def made_of(self, owner: np.ndarray) -> np.ndarray:
        """Of which feature each column is made."""
        known = getattr(self.words_, "vocabulary_", None)
        return np.repeat(owner, self.columns if known is None else len(known))


class Product(TransformerMixin, BaseEstimator):
    """The product of two numbers, at most what a 32-bit float holds, as trees read it."""

    def fit(self, table: Any, target: Any = None) -> Self:
        """Nothing is learnt but the width."""
        self.n_features_in_ = np.asarray(table).shape[1]
        return self

    def transform(self, table: Any) -> np.ndarray:
        """One column."""
        values = np.asarray(table, float)
        return np.clip(values[:, :1] * values[:, 1:2], -LARGEST, LARGEST)


class Pairs(TransformerMixin, BaseEstimator):
    """Two features as one category, whose values are the pairs of theirs; a number is in one of five bins."""

    def fit(self, table: pd.DataFrame, target: Any = None) -> Self:
        """Learn the bins of numbers."""
        numbers = [place for place, kind in enumerate(table.dtypes) if kind.kind == "f"]
        self.bins_ = {str(place): Bins(PAIR_BINS, apart=False).fit(table.iloc[:, [place]]) for place in numbers}
        self.n_features_in_ = table.shape[1]
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        """One column of text."""
        one, other = (self._texts(table, place) for place in range(2))
        return pd.DataFrame({PAIR.join(map(str, table.columns)): one + PAIR + other})

    def _texts(self, table: pd.DataFrame, place: int) -> Any:
        values = table.iloc[:, place]
        if str(place) in self.bins_:
            values = pd.Series(self.bins_[str(place)].transform(table.iloc[:, [place]])[:, 0], index=table.index)
        return values.astype("str").fillna(GAP)


def _texts(table: Any) -> list[str]:
    return [str(each) for each in pd.DataFrame(table).iloc[:, 0].fillna("")]
