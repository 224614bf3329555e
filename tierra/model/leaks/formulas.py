"""The target in several columns: computed of them, or its mean by the values of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from tierra.model.leaks.finding import Leak

ROWS = 400
MOST_COLUMNS = 60
CLOSE = 1e-3
MATCHING = 0.98
LEAST_GROUPS = 30
TRIED = 2_000
SIGNS = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b}


@dataclass(frozen=True)
class _Numbers:
    """Numbers with different values on a few rows that have them all, and the target there."""

    table: pd.DataFrame
    target: np.ndarray

    def matches(self, values: np.ndarray) -> bool:
        """Whether these are the target, nearly everywhere, and where it is not what it mostly is."""
        equal = np.abs(values - self.target) <= CLOSE * self.target.std()
        return bool(min(equal.mean(), equal[self._is_telling].mean()) >= MATCHING)

    @cached_property
    def _is_telling(self) -> np.ndarray:
        """The rows that do not have the commonest value: of a target that is mostly 0 many a product is 0 too."""
        values, counts = np.unique(self.target, return_counts=True)
        return np.asarray(self.target != values[counts.argmax()])


def find_formulas(features: pd.DataFrame, target: np.ndarray, known: Sequence[str] = ()) -> Iterator[Leak]:
    """Two features whose sum, difference, product or ratio is the target, and more whose sum it is.

    Features in `known`, which tell the target alone, are left out.
    """
    numbers = _numbers(features.drop(columns=list(known)), target)
    if len(numbers.target) < ROWS // 8 or not numbers.target.std() > 0:
        return
    made = [(pair, how) for pair in combinations(numbers.table, 2) if (how := _computed_of(numbers, *pair))]
    for pair, how in made[:3]:
        yield _formula(pair, how)
    if not made and len(parts := _addends(numbers)) > 2:
        signs = [("-" if sign < 0 else "+") + f" {name}" for name, sign in parts.items()]
        yield _formula(tuple(parts), " ".join(signs).removeprefix("+ "))


def find_means(rows: pd.DataFrame, features: pd.DataFrame, target: np.ndarray) -> Iterator[Leak]:
    """Features that know by a column more of the target than its values can say of it: means of these very rows.

    The means of a target by group have noise, which is known from how the target varies within
    groups. What is known before can be correlated with what is behind the noise, never with it.
    """
    numbers = features.loc[:, (features.dtypes == "float64").to_numpy()]
    numbers = numbers.loc[:, [LEAST_GROUPS <= numbers[name].nunique() < len(numbers) / 2 for name in numbers]]
    found: dict[str, Leak] = {}
    for by in rows if len(numbers.columns) else ():
        codes, different = pd.factorize(rows[by], use_na_sentinel=False)
        if not LEAST_GROUPS <= len(different) < len(rows) / 2:
            continue
        for feature in _constant(numbers, codes):
            leak = None if feature in (by, *found) else _own_mean(feature, str(by), numbers[feature], codes, target)
            found |= {feature: leak} if leak else {}
    yield from found.values()


def _constant(numbers: pd.DataFrame, codes: np.ndarray) -> list[str]:
    """The features that are one value in each group, as far as the first rows show."""
    first = np.unique(codes, return_index=True)[1]
    table = numbers.to_numpy()
    own, of_group = table[:TRIED], table[first[codes[:TRIED]]]
    same = ((own == of_group) | (np.isnan(own) & np.isnan(of_group))).all(axis=0)
    return [str(name) for name in numbers.columns[same]]


def _own_mean(feature: str, name: str, values: pd.Series, codes: np.ndarray, target: np.ndarray) -> Leak | None:
    table = pd.DataFrame({"value": values.to_numpy(), "target": target}).groupby(codes, sort=False)
    made = table.agg(value=("value", "first"), least=("value", "min"), most=("value", "max"),
                     mean=("target", "mean"), rows=("target", "size"), spread=("target", "var"))  # fmt: skip
    if not np.allclose(made["least"], made["most"], equal_nan=True):
        return None
    made = made[made["value"].notna()]
    several = made[made["rows"] > 1]
    if len(made) < LEAST_GROUPS or len(several) < LEAST_GROUPS or made["value"].nunique() < LEAST_GROUPS:
        return None
    within = float((several["spread"] * (several["rows"] - 1)).sum() / (several["rows"] - 1).sum())
    noise = float((within / made["rows"]).mean())
    known = max(0.0, 1 - noise / max(float(made["mean"].var()), 1e-300))
    told = float(np.corrcoef(made["value"], made["mean"])[0, 1]) ** 2
    # The lower bound of the correlation, one-sided at 99.9 %, by Fisher's z.
    sure = np.tanh(np.arctanh(min(np.sqrt(told), 1 - 1e-12)) - 3.09 / np.sqrt(len(made) - 3)) ** 2
    if not (sure > known + 0.02 and 1 - told < (1 - known) / 2):
        return None
    evidence = (f"feature '{feature}' follows the target's mean in each of {len(made):,} values of '{name}' to"
                f" {told:.1%}, chance included; what is known before could to {known:.1%}")  # fmt: skip
    return Leak(kind="target-mean", columns=(feature, name), evidence=evidence,
                numbers={"told": told, "could": known, "groups": len(made)})  # fmt: skip


def _numbers(features: pd.DataFrame, target: np.ndarray) -> _Numbers:
    numbers = features.loc[:, (features.dtypes == "float64").to_numpy()].iloc[:, :MOST_COLUMNS]
    numbers = numbers.loc[:, numbers.notna().mean() > 1 - CLOSE]
    places = np.flatnonzero(numbers.notna().all(axis="columns").to_numpy())
    places = places[:: max(1, len(places) // ROWS)]
    drawn = numbers.iloc[places]
    return _Numbers(drawn.loc[:, (drawn.nunique() > 1).to_numpy()], target[places])


def _computed_of(numbers: _Numbers, one: str, other: str) -> str:
    """How the target is computed of two columns; empty where it is not."""
    values = {name: numbers.table[name].to_numpy() for name in (one, other)}
    with np.errstate(all="ignore"):
        for left, right, signs in ((one, other, "+-*/"), (other, one, "-/")):
            for sign in signs:
                if numbers.matches(SIGNS[sign](values[left], values[right])):
                    return f"{left} {sign} {right}"
    return ""


def _addends(numbers: _Numbers) -> dict[str, float]:
    """The features whose sum is the target, each with its sign."""
    table, target = numbers.table.to_numpy(), numbers.target
    if len(target) <= 2 * table.shape[1]:
        return {}
    weights, *_ = np.linalg.lstsq(np.column_stack([table, np.ones(len(table))]), target, rcond=None)
    used = np.abs(weights[:-1]) > CLOSE
    signs = np.where(used, np.sign(weights[:-1]), 0)
    if np.abs(weights[:-1] - signs)[used].max(initial=0) > CLOSE or not numbers.matches(table @ signs):
        return {}
    return {str(name): float(sign) for name, sign in zip(numbers.table, signs, strict=True) if sign}


def _formula(columns: tuple[str, ...], formula: str) -> Leak:
    evidence = f"the target is {formula} in {MATCHING:.0%} of the rows or more"
    return Leak(kind="target-formula", columns=columns, evidence=evidence)
