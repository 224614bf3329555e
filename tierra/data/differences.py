"""Naming what moved between two profiles of one table."""

import math
from collections.abc import Iterator

import numpy as np

from tierra.data.profile import ColumnProfile, Difference, Profile, Severity

# Each: from which size on a difference is notable, and from which strong.
MISSING_MOVED = (0.02, 0.10)  # of all rows, up or down
UNSEEN_VALUES = (0.001, 0.05)  # of the rows that hold a value
MORE_OUTLIERS = (0.01, 0.05)  # of the rows that hold a value, more than before
PSI = (0.10, 0.25)  # Siddiqi, Credit Risk Scorecards, 2006
BY_CHANCE = 3.09  # standard deviations: one in a thousand
BINS = 10
COMMON = 0.01
FEW = 3


def compare_profiles(now: Profile, then: Profile, called: str = "training") -> tuple[Difference, ...]:
    """What moved since the earlier profile, worst first; the key aside, and dates, which always move on.

    `called` is the earlier one's name in the sentences. A difference that rows
    drawn at random would show once in a thousand times is not one.
    """
    key = {*now.key, *then.key}
    found = [
        each
        for name in dict.fromkeys((*then.by_name, *now.by_name))
        if name not in key
        for each in _column(name, now.by_name.get(name), then.by_name.get(name), called)
    ]
    return tuple(sorted(found, key=lambda each: (each.severity != "strong", -each.size, each.column)))


def _column(name: str, now: ColumnProfile | None, then: ColumnProfile | None, called: str) -> Iterator[Difference]:
    if now is None or then is None:
        gone = now is None
        what = f"the column is gone; it was there in {called}" if gone else f"a new column, not there in {called}"
        yield Difference(column=name, what=what, severity="strong" if gone else "notable", size=2.0)
        return
    yield from _missing(now, then, called)
    if now.kind != then.kind:
        # A column without a value has the type of nothing.
        if now.present and then.present:
            yield Difference(
                column=name, what=f"holds {now.kind}, {then.kind} in {called}", severity="strong", size=2.0
            )
    elif now.present and then.present and now.kind != "date":
        yield from _unseen(now, then, called)
        yield from _outliers(now, then, called)
        yield from _moved(now, then, called)


def _missing(now: ColumnProfile, then: ColumnProfile, called: str) -> Iterator[Difference]:
    if not (now.rows and then.rows):
        return
    moved = abs(now.missing_share - then.missing_share)
    if moved > _noise(now.missing_share, now.rows, then.missing_share, then.rows):
        what = f"missing in {_share(now.missing_share)} of rows, {_share(then.missing_share)} in {called}"
        yield from _graded(now.name, what, moved, MISSING_MOVED)


def _unseen(now: ColumnProfile, then: ColumnProfile, called: str) -> Iterator[Difference]:
    if now.kind == "number" or not then.complete:
        return
    known = {each.value for each in then.frequent}
    fresh = [each for each in now.frequent if each.value not in known]
    share = sum(each.rows for each in fresh) / now.present
    if fresh:
        some = ", ".join(f"'{each.value}'" for each in fresh[:FEW]) + (" and others" if len(fresh) > FEW else "")
        yield from _graded(now.name, f"{some} in {_share(share)} of rows, never in {called}", share, UNSEEN_VALUES)


def _outliers(now: ColumnProfile, then: ColumnProfile, called: str) -> Iterator[Difference]:
    if now.infinite and not then.infinite:
        what = f"infinite in {now.infinite:,} rows, never in {called}"
        yield Difference(column=now.name, what=what, severity="strong", size=now.infinite / now.present)
    if not (then.fences and now.quantiles):
        return
    low, high = then.fences
    values = np.array(now.quantiles)
    share = float(((values < low) | (values > high)).mean())
    more = share - then.outliers
    if more > _noise(share, now.sampled, then.outliers, then.sampled):
        what = f"far outside the usual range in {_share(share)} of rows, {_share(then.outliers)} in {called}"
        yield from _graded(now.name, what, more, MORE_OUTLIERS)


def _moved(now: ColumnProfile, then: ColumnProfile, called: str) -> Iterator[Difference]:
    shares = _of_numbers(now, then) if now.kind == "number" else _of_values(now, then)
    if shares is None:
        return
    rows = (now.sampled, then.sampled) if now.kind == "number" else (now.present, then.present)
    psi = population_stability(shares[0], shares[1], rows)
    if psi > psi_by_chance(len(shares[0]), rows):
        yield from _graded(now.name, _said(now, then, called, shares), psi, PSI, psi)


def population_stability(now: np.ndarray, then: np.ndarray, rows: tuple[int, int]) -> float:
    """The population stability index of two rows of shares; an empty bin counts as half a row.

    Lewis, An Introduction to Credit Scoring, 1994; 0.1 and 0.25 as in Siddiqi, 2006.
    """
    now, then = np.maximum(now, 0.5 / max(rows[0], 1)), np.maximum(then, 0.5 / max(rows[1], 1))
    now, then = now / now.sum(), then / then.sum()
    return float(((now - then) * np.log(now / then)).sum())


def psi_by_chance(bins: int, rows: tuple[int, int]) -> float:
    """The index that rows of one source exceed once in a thousand times.

    It is (1/n + 1/m) chi squared with bins - 1 degrees of freedom: Yurdakul, Naranjo, Statistical
    properties of the population stability index, 2020; the quantile by Wilson and Hilferty.
    """
    free = max(bins - 1, 1)
    quantile = free * (1 - 2 / (9 * free) + BY_CHANCE * math.sqrt(2 / (9 * free))) ** 3
    return quantile * sum(1 / max(each, 1) for each in rows)


def _of_numbers(now: ColumnProfile, then: ColumnProfile) -> tuple[np.ndarray, np.ndarray] | None:
    """Shares in bins between the earlier one's deciles; a value that fills several has a bin of its own."""
    if not (now.quantiles and then.quantiles):
        return None
    deciles, times = np.unique(np.quantile(then.quantiles, np.arange(1, BINS) / BINS), return_counts=True)
    edges = np.sort(np.concatenate([deciles, np.nextafter(deciles[times > 1], np.inf)]))
    one, other = (_shares(edges, np.array(each.quantiles)) for each in (now, then))
    return one, other


def _shares(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1) / len(values)


def _of_values(now: ColumnProfile, then: ColumnProfile) -> tuple[np.ndarray, np.ndarray] | None:
    """Shares of the values common in either, and of all others together."""
    ours, theirs = ({each.value: each.rows / column.present for each in column.frequent} for column in (now, then))
    common = sorted(name for name in {*ours, *theirs} if max(ours.get(name, 0), theirs.get(name, 0)) >= COMMON)
    if not common:
        return None
    one, other = (np.array([each.get(name, 0.0) for name in common]) for each in (ours, theirs))
    return np.append(one, max(1 - one.sum(), 0)), np.append(other, max(1 - other.sum(), 0))


def _said(now: ColumnProfile, then: ColumnProfile, called: str, shares: tuple[np.ndarray, np.ndarray]) -> str:
    if now.kind == "number":
        middle, before = float(np.median(now.quantiles)), float(np.median(then.quantiles))
        if middle != before:
            return f"distributed differently: the median is {middle:.4g}, {before:.4g} in {called}"
        return f"distributed differently than in {called}, with the same median, {middle:.4g}"
    known = {each.value: each.rows / then.present for each in then.frequent}
    far = max(now.frequent, key=lambda each: abs(each.rows / now.present - known.get(each.value, 0.0)), default=None)
    if far is None:
        return f"its values are spread differently than in {called}"
    share, before = far.rows / now.present, known.get(far.value, 0.0)
    return f"its values are spread differently: '{far.value}' in {_share(share)} of rows, {_share(before)} in {called}"


def _graded(
    column: str, what: str, size: float, limits: tuple[float, float], psi: float | None = None
) -> Iterator[Difference]:
    if size >= limits[0]:
        severity: Severity = "strong" if size >= limits[1] else "notable"
        yield Difference(column=column, what=what, severity=severity, psi=psi, size=size / limits[1])


def _noise(one: float, rows: int, other: float, others: int) -> float:
    """By how much two shares differ by chance once in a thousand times."""
    whole = (one * rows + other * others) / max(rows + others, 1)
    return BY_CHANCE * math.sqrt(whole * (1 - whole) * (1 / max(rows, 1) + 1 / max(others, 1)))


def _share(share: float) -> str:
    return "less than 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"
