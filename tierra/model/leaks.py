"""Leaks: a feature that alone predicts the target almost perfectly is probably a copy of it."""

import numpy as np
import pandas as pd

from tierra.model.examples import Examples
from tierra.spec import Task

ALMOST = 0.99
ROWS = 20_000
LEAST_ROWS = 50
RANGES = 100
SEED = 0


def find_leaks(rows: Examples) -> dict[str, float]:
    """Features that alone predict the target, with how well.

    A feature is cut into its values, or a number into a hundred ranges; the target
    learned in each from half of the rows predicts the other half, measured by balanced
    accuracy or, in a regression, R². From 0.99 on it counts as a leak.
    """
    few = rows.sample(ROWS, SEED)
    if len(few.target) < LEAST_ROWS:
        return {}
    features = few.features
    half = np.random.default_rng(SEED).permutation(len(few.target)) % 2 == 0
    found = {name: _predictive_power(_ranges(features[name]), few.target, half, few.labels.task) for name in features}
    return {name: power for name, power in found.items() if power >= ALMOST}


def describe_leaks(leaks: dict[str, float]) -> list[str]:
    """One line a leak."""
    return [f"feature '{name}' alone predicts the target ({power:.1%})" for name, power in leaks.items()]


def _ranges(values: pd.Series) -> pd.Series:
    if values.dtype.kind == "f" and values.nunique() > RANGES:
        return pd.qcut(values, RANGES, labels=False, duplicates="drop").fillna(-1)
    return values.astype("str").fillna("missing")


def _predictive_power(groups: pd.Series, target: np.ndarray, half: np.ndarray, task: Task) -> float:
    """How well each group's target in one half predicts the other half; unseen groups predict nothing."""
    learned = pd.Series(target[half]).groupby(groups[half].to_numpy())
    if task == "regression":
        means = groups[~half].map(learned.mean()).fillna(target[half].mean()).to_numpy()
        actual = target[~half]
        return float(1 - ((actual - means) ** 2).sum() / max(((actual - actual.mean()) ** 2).sum(), 1e-300))
    likeliest = groups[~half].map(learned.agg(lambda values: values.mode().iloc[0])).to_numpy()
    right = likeliest == target[~half]
    return float(pd.Series(right).groupby(target[~half]).mean().mean())
