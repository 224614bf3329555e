"""What balancing does with the rows: how many of each class are learnt from, and which went, came or were repeated."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tierra.model.balance import Changed, Functions, change_rows, split_removed
from tierra.model.balance_found import RowsChanged, RowsCounted
from tierra.model.balance_spec import Balance, Resample
from tierra.model.examples import Examples

ALL = "all rows"


@dataclass(frozen=True)
class Effect:
    """The counts, and the rows that went with their places and reasons, and those that were made."""

    counts: RowsChanged
    removed: pd.DataFrame
    added: pd.DataFrame


def effect_of(balance: Balance, examples: Examples, functions: Functions, features: list[str]) -> Effect:
    """What a way to balance makes of these rows."""
    kept, reasons = split_removed(balance, examples, functions)
    changed = change_rows(balance, kept, functions, features)
    class_of = _classes(examples, examples.target)
    removed = _removed(balance, changed, reasons, class_of)
    added = _added(balance, changed, examples, class_of)
    counts = RowsChanged(
        name=balance.name,
        before=_count(class_of),
        after=_count(np.concatenate([_classes(kept, kept.target)[changed.places], _classes(kept, changed.target)])),
        removed=_by_reason(removed),
        added=_by_reason(added),
        weights=_mean_weights(changed, kept),
    )
    return Effect(counts, removed, added)


def _removed(balance: Balance, changed: Changed, reasons: pd.Series, class_of: np.ndarray) -> pd.DataFrame:
    if len(reasons):
        places = reasons.index.to_numpy()
        return pd.DataFrame({"place": places, "class": class_of[places], "reason": reasons.to_numpy()})
    gone = np.setdiff1d(np.arange(len(class_of)), changed.places)
    return pd.DataFrame({"place": gone, "class": class_of[gone], "reason": _reason(balance)})


def _added(balance: Balance, changed: Changed, examples: Examples, class_of: np.ndarray) -> pd.DataFrame:
    """Rows that were made, or repetitions of rows by the places of these."""
    if changed.added is not None:
        made = _classes(examples, changed.target)
        return changed.added.assign(**{"class": made, "reason": _reason(balance)})
    times = np.bincount(changed.places, minlength=1) - 1
    again = np.repeat(np.arange(len(times)), np.maximum(times, 0))
    return pd.DataFrame({"place": again, "class": class_of[again], "reason": _reason(balance)})


def _reason(balance: Balance) -> str:
    words = {"over": "over-sampling: repeated", "under": "under-sampling", "smote": "SMOTE: made between neighbours"}
    return words[balance.resample] if isinstance(balance, Resample) else f"{balance.name}: made by the project"


def _classes(examples: Examples, target: np.ndarray) -> np.ndarray:
    if examples.labels.task == "regression":
        return np.full(len(target), ALL, dtype=object)
    return np.asarray(examples.labels.classes, dtype=object)[target.astype(int)]


def _count(classes: np.ndarray) -> dict[str, int]:
    names, rows = np.unique(classes.astype(str), return_counts=True)
    return dict(zip(names.tolist(), rows.tolist(), strict=True))


def _by_reason(rows: pd.DataFrame) -> tuple[RowsCounted, ...]:
    if rows.empty:
        return ()
    counted = rows.groupby(["reason", "class"]).size().sort_values(ascending=False)
    return tuple(RowsCounted(reason=str(why), of=str(of), rows=int(many)) for (why, of), many in counted.items())


def _mean_weights(changed: Changed, kept: Examples) -> dict[str, float]:
    """The mean weight of each class, where rows weigh."""
    if changed.weight is None or changed.added is not None:
        return {}
    classes = _classes(kept, kept.target)[changed.places].astype(str)
    return {name: float(changed.weight[classes == name].mean()) for name in np.unique(classes)}
