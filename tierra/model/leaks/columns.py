"""The target in one column: a feature that predicts it alone, is named after it, or is empty by what it is."""

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from tierra.model.examples import Examples
from tierra.model.leaks.finding import Leak, Severity
from tierra.spec import Task

ALONE = 0.99
MONOTONE = 0.999
NAMED = 0.9
LEAST_LEAD = 0.2  # over the same with the target shuffled, which shows what chance alone tells
BY_GAPS = 0.95
COMMON = 0.8  # a class that most rows have says little where it stands
ROWS = 20_000
LEAST_ROWS = 50
LEAST_NAME = 4
VALUES = 1_000
LEAVES = 64
SEED = 0
# Earlier values of the target are known: they are named after it, and predict it well.
EARLIER = re.compile(
    r"(?:^|_)(?:lag|prev|past|last|lately|yester|ago|before|hist|roll|mean|avg|average|rate|median|sum|count|per)|\d$"
)


def find_in_columns(rows: Examples, names: tuple[str, ...]) -> Iterator[Leak]:
    """Features that alone predict the target of other rows; `names` are those of the target.

    A number is cut into ranges, another feature into its values; the target learnt in each
    from half of the rows predicts the other half, measured by balanced accuracy or, in a
    regression, R².
    """
    few = rows.sample(ROWS, SEED)
    if len(few.target) < LEAST_ROWS:
        return
    half = np.random.default_rng(SEED).permutation(len(few.target)) % 2 == 0
    for name in few.features:
        yield from _of_column(few, str(name), names, half)


def _of_column(rows: Examples, name: str, names: tuple[str, ...], half: np.ndarray) -> Iterator[Leak]:
    values, task = rows.table[name], rows.labels.task
    if leak := _by_gaps(values, rows):
        yield leak
        return
    power = measure_power(values, rows.target, half, task)
    if task == "regression":
        power = max(power, _monotone(values, rows.target))
    if power < NAMED:
        return
    shuffled = measure_power(values, np.random.default_rng(SEED).permutation(rows.target), half, task)
    if power - shuffled < LEAST_LEAD:
        return
    numbers = {"power": power, "shuffled": shuffled, "rows": len(values)}
    measured = _describe(power, shuffled, task)
    if power >= ALONE:
        evidence = f"feature '{name}' alone predicts the target ({measured})"
        # A number may follow another closely and honestly, as a series follows its last value.
        severity: Severity = "warn" if task == "regression" and power < MONOTONE else "refuse"
        yield Leak(kind="target-in-feature", columns=(name,), severity=severity, evidence=evidence, numbers=numbers)
    elif of := _named_after(name, names):
        evidence = f"feature '{name}' is named after the target '{of}' and alone predicts it ({measured})"
        yield Leak(kind="target-name", columns=(name,), evidence=evidence, numbers=numbers)


def measure_power(values: pd.Series, target: np.ndarray, half: np.ndarray, task: Task) -> float:
    """How well a feature of one half predicts the target of the other: balanced accuracy, or R², of unseen rows."""
    if values.dtype.kind == "f" and values.nunique() > LEAVES:
        return power_of_ranges(values, target, half, task)
    groups = values.astype("str").fillna("missing")
    return _by_values(groups, target, half, task) if groups.nunique() <= VALUES else 0.0


def score(predicted: np.ndarray, actual: np.ndarray, task: Task) -> float:
    """Balanced accuracy, or R²."""
    if task == "regression":
        return float(1 - ((actual - predicted) ** 2).sum() / max(((actual - actual.mean()) ** 2).sum(), 1e-300))
    right = predicted == actual
    return float(np.mean([right[actual == code].mean() for code in np.unique(actual)]))


def power_of_ranges(values: pd.Series, target: np.ndarray, half: np.ndarray, task: Task) -> float:
    """How well ranges of numbers of one half of the rows predict the other half."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    table = values.to_numpy(float)[:, None]
    shape = {"max_leaf_nodes": LEAVES, "min_samples_leaf": 3, "random_state": SEED}
    if task == "regression":
        tree = DecisionTreeRegressor(**shape)
        return score(tree.fit(table[half], target[half]).predict(table[~half]), target[~half], task)
    tree = DecisionTreeClassifier(class_weight="balanced", **shape)
    unseen = score(tree.fit(table[half], target[half]).predict(table[~half]), target[~half], task)
    # Two cuts through all rows learn no chance, and find the bounds of a rare class exactly.
    cuts = DecisionTreeClassifier(class_weight="balanced", max_leaf_nodes=3, random_state=SEED).fit(table, target)
    return max(unseen, score(cuts.predict(table), target, task))


def _by_values(groups: pd.Series, target: np.ndarray, half: np.ndarray, task: Task) -> float:
    """Each value's target in one half predicts the other half; unseen values predict the mean, or nothing."""
    learned = pd.DataFrame({"group": groups[half].to_numpy(), "target": target[half]})
    if task == "regression":
        means = learned.groupby("group")["target"].mean()
        return score(groups[~half].map(means).fillna(target[half].mean()).to_numpy(), target[~half], task)
    # Balanced, so that a rare class is told where it is likelier than elsewhere.
    share = learned.groupby(["group", "target"]).size() / learned.groupby("target").size()
    likeliest = share.unstack(fill_value=0).idxmax(axis=1)
    return score(groups[~half].map(likeliest).to_numpy(float), target[~half], task)


def _monotone(values: pd.Series, target: np.ndarray) -> float:
    """How far the values order the rows as the target does: the size of Spearman's correlation, where it is near 1."""
    present = values.notna().to_numpy()
    if values.dtype.kind != "f" or present.mean() < COMMON or values.nunique() < LEAVES:
        return 0.0
    ranks = (each.rank().to_numpy() for each in (values[present], pd.Series(target[present])))
    correlation = abs(float(np.corrcoef(*ranks)[0, 1]))
    return correlation if correlation >= MONOTONE else 0.0


def _by_gaps(values: pd.Series, rows: Examples) -> Leak | None:
    """Whether the target is told by whether the feature has a value, or is zero."""
    if leak := _by_filling(values, values.isna().to_numpy(), rows, "empty", "filled", False):
        return leak
    if values.dtype.kind != "f" or values.min() != 0 or values.nunique() <= 2:
        return None
    # Zeros are values, and often honest: here both sides must tell.
    return _by_filling(values, (values == 0).to_numpy(bool), rows, "zero", "not zero", True)


def _by_filling(
    values: pd.Series, empty: np.ndarray, rows: Examples, without: str, having: str, both_sides: bool
) -> Leak | None:
    few, target, classes = max(LEAST_ROWS // 2, len(empty) // 50), rows.target, rows.labels.classes
    if min(empty.sum(), (~empty).sum()) < few:
        return None
    if rows.labels.task == "regression":
        told = score(np.where(empty, target[empty].mean(), target[~empty].mean()), target, "regression")
        how = f"whether feature '{values.name}' is {without} explains {told:.1%} of the target"
        return _gaps(values, told, how) if told >= BY_GAPS else None
    for where, said in ((~empty, having), (empty, without)):
        code, told = _commonest(target[where])
        other, of_others = _commonest(target[~where])
        sure = told - 2.33 * np.sqrt(told * (1 - told) / where.sum())  # one-sided, 99 %
        both = not both_sides or (code != other and of_others >= NAMED)
        if sure >= BY_GAPS and both and (target == code).mean() <= COMMON:
            elsewhere = (target[~where] == code).mean()
            how = (f"where feature '{values.name}' is {said}, in {where.sum():,} of {len(empty):,} rows, the target"
                   f" is '{classes[int(code)]}' in {told:.1%}, elsewhere in {elsewhere:.1%}")  # fmt: skip
            return _gaps(values, told, how)
    return None


def _commonest(target: np.ndarray) -> tuple[float, float]:
    """The commonest class, and its share."""
    codes, counts = np.unique(target, return_counts=True)
    return float(codes[counts.argmax()]), float(counts.max() / len(target))


def _gaps(values: pd.Series, told: float, how: str) -> Leak:
    return Leak(kind="gaps", columns=(str(values.name),), evidence=how, numbers={"told": float(told)})


def _named_after(name: str, names: tuple[str, ...]) -> str:
    """The target's name inside a feature's; empty where there is none, or an earlier value is meant."""
    plain = _plain(name)
    if EARLIER.search(name.lower()):
        return ""
    return next((each for each in names if len(_plain(each)) >= LEAST_NAME and _plain(each) in plain), "")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _describe(power: float, shuffled: float, task: Task) -> str:
    metric = "R²" if task == "regression" else "balanced accuracy"
    return f"{metric} {power:.1%}, {max(shuffled, 0):.1%} with the target shuffled"
