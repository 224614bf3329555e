"""Rows that stand on both sides of a split with a little noise: far closer than rows of their kind are."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from tierra.model.examples import Examples
from tierra.model.leaks.finding import Leak
from tierra.model.leaks.groups import kappa
from tierra.spec import Task

LOOKED: Final = 400
ROWS: Final = 20_000
LEAST: Final = 5
LEAST_SHARE: Final = 0.01
NEAR: Final = 0.05
AROUND: Final = 4
AGREE: Final = 0.2
SURE: Final = 2.33  # one-sided, 99 %
MOST_NUMBERS: Final = 50
MOST_GAPS: Final = 0.2
KNOTS: Final = np.linspace(0, 1, 101)
REPEATED: Final = 20  # a number that is measured has more different values than one in so many rows


def find_near(train: Examples, test: Examples, by_time: bool) -> Iterator[Leak]:
    """Test rows much closer to a training row than others are, which share its target and all that is not measured.

    Distances of independent draws thin out towards zero: four times closer, there are at most a
    quarter as many. Copies with a little noise are as many at a twentieth of the usual distance.
    """
    few, looked = train.sample(ROWS, 0), test.sample(LOOKED, 0)
    names = _measured(few)
    few, looked = (_without_gaps(each, names) for each in (few, looked))
    if len(names) < 2 or min(len(few.target), len(looked.target)) < LEAST:
        return
    distance, nearest = _nearest(few.table[names].to_numpy(), looked.table[names].to_numpy())
    alike = _rest(few, names)[nearest] == _rest(looked, names)
    usual = float(np.median(distance))
    near, around = ((distance < share * usual) & alike for share in (NEAR, AROUND * NEAR))
    if near.sum() < max(LEAST, LEAST_SHARE * len(near)) or _least(near.sum(), around.sum()) <= 2 / AROUND:
        return
    told = agreement(looked.target[near], few.target[nearest[near]], few.labels.task)
    if told < AGREE:
        return
    evidence = (f"{near.sum():,} of {len(near):,} test rows looked at are {1 / NEAR:.0f} times closer to a training row"
                " than the others are to theirs, and share its target")  # fmt: skip
    yield Leak(kind="near-twins", severity="warn" if by_time else "refuse", evidence=evidence,
               numbers={"rows": int(near.sum()), "of": len(near), "agreement": told})  # fmt: skip


def agreement(own: np.ndarray, theirs: np.ndarray, task: Task) -> float:
    """How far two targets agree beyond chance: their correlation, or Cohen's kappa."""
    if task == "regression":
        return float(np.corrcoef(own, theirs)[0, 1]) if min(own.std(), theirs.std()) > 0 else 0.0
    return kappa(own, theirs)


def _measured(rows: Examples) -> list[str]:
    """Numbers of many values and few gaps."""
    numbers = [name for name in rows.features if rows.table[name].dtype.kind == "f"]
    few_gaps = [name for name in numbers if rows.table[name].isna().mean() <= MOST_GAPS]
    return [name for name in few_gaps if rows.table[name].nunique() * REPEATED > len(rows.target)][:MOST_NUMBERS]


def _without_gaps(rows: Examples, names: list[str]) -> Examples:
    whole = rows.table[names].notna().all(axis="columns").to_numpy()
    return Examples(rows.table[whole], rows.target[whole], rows.labels)


def _nearest(learnt: np.ndarray, looked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far each row is from the nearest learnt, and which that is; by quantiles, so that no part is denser."""
    from sklearn.metrics import pairwise_distances_argmin

    one, other = np.empty_like(learnt), np.empty_like(looked)
    for column in range(learnt.shape[1]):
        knots, first = np.unique(np.quantile(learnt[:, column], KNOTS), return_index=True)
        one[:, column], other[:, column] = (
            np.interp(each[:, column], knots, KNOTS[first]) for each in (learnt, looked)
        )
    nearest = pairwise_distances_argmin(other, one)
    return np.sqrt(((other - one[nearest]) ** 2).sum(axis=1)), nearest


def _rest(rows: Examples, names: list[str]) -> np.ndarray:
    """A digest of each row's other features."""
    rest = rows.features.drop(columns=names)
    return pd.util.hash_pandas_object(rest, index=False).to_numpy() if len(rest.columns) else np.zeros(len(rest))


def _least(count: int, of: int) -> float:
    """The lower bound of a share, one-sided at 99 %, by Wilson."""
    share, z2 = count / max(of, 1), SURE**2 / max(of, 1)
    return float((share + z2 / 2 - np.sqrt(z2 * (share * (1 - share) + z2 / 4))) / (1 + z2))
