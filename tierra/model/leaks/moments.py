"""What is not known at a row's moment: features empty until the target is known, and times that lie after it."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import pandas as pd

from tierra.model.leaks.finding import Leak

LEAST_ROWS: Final = 20
EMPTY: Final = 0.9
FILLED: Final = 0.5
NEWEST: Final = 0.05
LATER_SHARE: Final = 0.01
DAY: Final = pd.Timedelta(days=1)


def find_not_known(features: pd.DataFrame, labelled: np.ndarray, days: pd.Series | None) -> Iterator[Leak]:
    """Features filled in rows with a target and empty in those without, or in the newest of those with one."""
    gaps = features.isna().to_numpy()
    unlabelled = ~labelled
    newest, older = _newest(labelled, days)
    for place, name in enumerate(map(str, features)):
        empty, of_labelled = gaps[unlabelled, place], gaps[labelled, place]
        if len(empty) >= LEAST_ROWS and empty.mean() >= EMPTY and of_labelled.mean() <= FILLED:
            evidence = (f"feature '{name}' is filled in {1 - of_labelled.mean():.1%} of {len(of_labelled):,} rows with"
                        f" a target and in {1 - empty.mean():.1%} of {len(empty):,} without")  # fmt: skip
            yield _not_known(name, evidence, empty, of_labelled)
        elif newest.any() and gaps[newest, place].mean() >= EMPTY and gaps[older, place].mean() <= FILLED / 2:
            evidence = (f"feature '{name}' is empty in {gaps[newest, place].mean():.1%} of the {newest.sum():,} newest"
                        f" rows and filled in {1 - gaps[older, place].mean():.1%} before")  # fmt: skip
            yield _not_known(name, evidence, gaps[newest, place], gaps[older, place]).model_copy(
                update={"severity": "warn"})  # fmt: skip


def _not_known(name: str, evidence: str, new: np.ndarray, old: np.ndarray) -> Leak:
    numbers = {"empty": float(new.mean()), "empty_before": float(old.mean()), "rows": len(new)}
    return Leak(kind="not-known-yet", columns=(name,), evidence=evidence, numbers=numbers)


def _newest(labelled: np.ndarray, days: pd.Series | None) -> tuple[np.ndarray, np.ndarray]:
    """The labelled rows of the newest days, a twentieth of them at most, and those before."""
    nothing = np.zeros(len(labelled), bool)
    if days is None or not labelled.any():
        return nothing, nothing
    known = pd.Series(days[labelled]).dt.normalize()
    counts = known.value_counts().sort_index(ascending=False).cumsum()
    enough = counts[counts >= LEAST_ROWS]
    if enough.empty or enough.iloc[0] > NEWEST * labelled.sum():
        return nothing, nothing
    newest = labelled & (days >= enough.index[0]).to_numpy()
    return newest, labelled & ~newest


def find_later(moment: pd.Series, times: pd.DataFrame, sources: Mapping[str, str]) -> Iterator[Leak]:
    """Columns of times that lie after the row's own moment, by the source each comes from.

    Times beyond the newest row are planned ones, such as an end of contract, and known before.
    A row's day must be over, since days are scored whole; and the next one too where the moment is a date, as the
    other clock may be elsewhere.
    """
    rows = _naive(moment)
    is_date = bool((rows.dropna() == rows.dropna().dt.normalize()).all())
    until = rows.dt.normalize() + (2 * DAY if is_date else DAY)
    for name in times:
        values = _naive(times[name])
        both = (values.notna() & rows.notna()).to_numpy()
        if not both.any() or values.max() > rows.max() + 2 * DAY:
            continue
        later = (values > until).to_numpy() & both
        if later.sum() >= LEAST_ROWS and later.mean() >= LATER_SHARE:
            ahead = (values - rows)[later].median()
            evidence = (f"'{name}' of {sources[str(name)]} lies after the row's own '{moment.name}' in {later.sum():,}"
                        f" of {len(later):,} rows, by {_length(ahead)} in the middle of them")  # fmt: skip
            yield Leak(kind="after-the-row", columns=(str(name),), evidence=evidence,
                       numbers={"rows": int(later.sum()), "of": len(later)})  # fmt: skip


def _naive(values: pd.Series) -> pd.Series:
    return values.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(values.dt, "tz", None) else values


def _length(ahead: pd.Timedelta) -> str:
    return f"{ahead / DAY:,.1f} days" if ahead >= DAY else f"{ahead / pd.Timedelta(hours=1):,.1f} hours"
