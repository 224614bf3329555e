"""Groups on both sides of a split: many small ones, whose rows share a target that nothing else tells as well."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from tierra.model.leaks.columns import power_of_ranges, score
from tierra.model.leaks.finding import Leak
from tierra.spec import Task

LEAST_GROUPS: Final = 30
MOST_ROWS: Final = 60
TOLD: Final = 0.8
KNOWN: Final = 0.1
LEAST_ROWS: Final = 30


def find_groups(rows: pd.DataFrame, target: np.ndarray, part: np.ndarray, task: Task) -> Iterator[Leak]:
    """Columns whose values stand in training and test and determine the target, though their order does not.

    `rows` are columns of the source for the labelled rows, `part` says which of them is in which part.
    """
    for name in rows:
        values = rows[name]
        different = values.nunique()
        if different < LEAST_GROUPS or not 2 <= values.notna().sum() / different <= MOST_ROWS:
            continue
        if leak := _of_column(values, target, part, task):
            yield leak


def _of_column(values: pd.Series, target: np.ndarray, part: np.ndarray, task: Task) -> Leak | None:
    train, test = (values.notna().to_numpy() & (part == name) for name in ("train", "test"))
    known = np.isin(values[test], values[train].unique())
    if known.sum() < LEAST_ROWS or known.mean() < KNOWN:
        return None
    own, theirs = target[test][known], of_their_group(
        values[train].to_numpy(), target[train], values[test][known], task
    )
    told = score(theirs, own, task) if task == "regression" else kappa(own, theirs)
    if told < TOLD or told - max(_told_by_order(values, target, task), 0) < TOLD / 2:
        return None
    evidence = (f"{known.sum():,} of {test.sum():,} test rows have a '{values.name}' of training, which tells their"
                f" target to {told:.1%} beyond chance")  # fmt: skip
    return Leak(kind="groups", columns=(str(values.name),), evidence=evidence,
                proposal=f"`split: {{by: group, column: {values.name}}}`",
                numbers={"rows": int(known.sum()), "of": int(test.sum()), "told": told})  # fmt: skip


def of_their_group(values: np.ndarray, target: np.ndarray, asked: pd.Series, task: Task) -> np.ndarray:
    """The mean target of the rows with each asked value, or its commonest class."""
    groups = pd.Series(target).groupby(values)
    if task == "regression":
        return asked.map(groups.mean()).to_numpy(float)
    counts = groups.value_counts().rename("rows").rename_axis(["group", "target"]).reset_index()
    return asked.map(counts.drop_duplicates("group").set_index("group")["target"]).to_numpy(float)


def kappa(own: np.ndarray, theirs: np.ndarray) -> float:
    """Cohen's kappa: how far classes agree beyond chance; 0 where all are one, as nothing is told then."""
    chance = sum((own == code).mean() * (theirs == code).mean() for code in np.unique(own))
    return float(((own == theirs).mean() - chance) / max(1 - chance, 1e-9))


def _told_by_order(values: pd.Series, target: np.ndarray, task: Task) -> float:
    """How well a number's neighbours tell the target: then it measures something, and groups nothing."""
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return 0.0
    half = np.random.default_rng(0).permutation(values.nunique())[pd.factorize(values)[0]] % 2 == 0
    power = power_of_ranges(values.astype("float64"), target, half, task)
    return power if task == "regression" else 2 * power - 1
