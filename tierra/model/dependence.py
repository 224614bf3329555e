"""Partial dependence: what a model predicts, on the mean, when one feature has the same value in every row.

After Friedman, Greedy Function Approximation (2001). It shows the direction of an effect; where features go
together, it also looks at rows that do not exist.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tierra.data.frames import text_of
from tierra.model.artifact import predict
from tierra.model.distributions import count_between, edges_of
from tierra.model.evaluation import Dependence
from tierra.model.examples import Examples

FEATURES = 5
ROWS = 300
POINTS = 12
MOST_VALUES = 8
MOST_LINES = 3
SECONDS = 3.0
SEED = 0


def find_dependence(model: Any, rows: Examples, features: Sequence[str]) -> tuple[Dependence, ...]:
    """The dependence on the first five of these features, as many as there is time for."""
    few, found, ends = rows.sample(ROWS, SEED), list[Dependence](), time.monotonic() + SECONDS
    for feature in features[:FEATURES]:
        values = rows.table[feature]
        places = _places(values)
        if found and time.monotonic() > ends:
            break
        if len(places) > 1:
            lines = _lines(model, few, values.iloc[places])
            found.append(Dependence(feature=feature, lines=lines, **_described(values, places)))
    return tuple(found)


def _places(values: pd.Series) -> np.ndarray:
    """Rows whose values are tried: twelve quantiles of a number from 2.5 % to 97.5 %, else the most frequent values."""
    present = np.flatnonzero(values.notna().to_numpy())
    known = values.iloc[present]
    if is_number(values):
        order = present[np.argsort(known.to_numpy(float), kind="stable")]
        quantiles = order[(np.linspace(0.025, 0.975, POINTS) * (len(order) - 1)).round().astype(int)]
        return quantiles[~values.iloc[quantiles].duplicated().to_numpy()]
    texts = text_of(known)
    often = sorted(texts.value_counts().index[:MOST_VALUES])
    return np.array([present[np.flatnonzero((texts == each).to_numpy())[0]] for each in often], int)


def is_number(values: pd.Series) -> bool:
    """Whether a feature is drawn along an axis: a number of more than a few values."""
    numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    return bool(numeric and values.nunique() > MOST_VALUES)


def _described(values: pd.Series, places: np.ndarray) -> dict[str, Any]:
    tried = values.iloc[places]
    if not is_number(values):
        names = text_of(tried).tolist()
        counts = text_of(values.dropna()).value_counts()
        return {"names": tuple(names), "rows": tuple(int(counts[name]) for name in names)}
    numbers = values.dropna().to_numpy(float)
    at = tried.to_numpy(float)
    inside = numbers[(numbers >= at[0]) & (numbers <= at[-1])]
    return {"at": tuple(at.tolist()), "histogram": count_between(inside, edges_of(inside))}


def _lines(model: Any, few: Examples, tried: pd.Series) -> dict[str, tuple[float, ...]]:
    """The mean prediction at each value; of several classes, those whose share moves most, in their order."""
    copies = pd.concat([few.table] * len(tried), ignore_index=True)
    same = tried.iloc[np.repeat(np.arange(len(tried)), len(few.target))].set_axis(copies.index)
    scores = predict(model, copies.assign(**{str(tried.name): same}), few.labels).scores
    means = scores.reshape(len(tried), len(few.target), -1).mean(axis=1)
    if few.labels.task != "multiclass":
        return {"": tuple(means[:, 0].tolist())}
    moving = np.sort(np.argsort(-np.ptp(means, axis=0), kind="stable")[:MOST_LINES])
    return {few.labels.classes[code]: tuple(means[:, code].tolist()) for code in moving}
