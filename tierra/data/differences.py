"""What changed between two profiles of the same table."""

import math
from collections.abc import Iterator

import numpy as np

from tierra.data.profile import ColumnProfile, Difference, Profile, Severity

# From which size a difference is notable, and from which it is strong.
MISSING_MOVED = (0.02, 0.10)  # of all rows, up or down
MOSTLY = 0.5
UNSEEN_VALUES = (0.001, 0.05)  # of the rows that hold a value
MORE_OUTLIERS = (0.01, 0.05)  # of the rows that hold a value, more than before
PSI = (0.10, 0.25)  # Siddiqi, Credit Risk Scorecards, 2006
BY_CHANCE = 3.09  # standard deviations: one in a thousand
BINS = 10
COMMON = 0.01
FEW = 3


def compare_profiles(current: Profile, reference: Profile, reference_name: str = "training") -> tuple[Difference, ...]:
    """What changed from the reference profile, worst first; the key and dates, which always change, are left out.

    `reference_name` names the reference in the sentences. A difference that random
    samples would show once in a thousand times is not reported.
    """
    key = {*current.key, *reference.key}
    found = [
        each
        for name in dict.fromkeys((*reference.by_name, *current.by_name))
        if name not in key
        for each in _column(name, current.by_name.get(name), reference.by_name.get(name), reference_name)
    ]
    return tuple(sorted(found, key=lambda each: (each.severity != "strong", -each.size, each.column)))


def hardly_read(current: Profile, reference: Profile, reference_name: str = "training") -> Iterator[str]:
    """A line for each column that is missing or unseen in so many more rows that a model reads something else of it.

    And for each that holds infinite numbers, which are gaps to models, and held none.
    """
    for name in sorted((current.by_name.keys() & reference.by_name.keys()).difference(current.key, reference.key)):
        now, before = current.by_name[name], reference.by_name[name]
        if now.rows and now.missing_share - before.missing_share >= MOSTLY:
            share = f"{_share(now.missing_share)} of rows, {_share(before.missing_share)} in {reference_name}"
            yield f"column '{name}' is missing in {share}"
        if now.kind == before.kind and now.present and before.present and now.kind != "date":
            unseen = (each for each in _unseen(now, before, reference_name) if each.size >= MOSTLY / UNSEEN_VALUES[1])
            yield from (f"column '{name}': {each.what}" for each in (*unseen, *_infinite(now, before, reference_name)))


def _column(
    name: str, current: ColumnProfile | None, reference: ColumnProfile | None, reference_name: str
) -> Iterator[Difference]:
    if current is None or reference is None:
        gone = current is None
        what = (
            f"the column is gone; it was there in {reference_name}"
            if gone
            else f"a new column, not there in {reference_name}"
        )
        yield Difference(column=name, what=what, severity="strong" if gone else "notable", size=2.0)
        return
    yield from _missing(current, reference, reference_name)
    if current.kind != reference.kind:
        # A column without a value has the type of nothing.
        if current.present and reference.present:
            yield Difference(
                column=name,
                what=f"holds {current.kind}, {reference.kind} in {reference_name}",
                severity="strong",
                size=2.0,
            )
    elif current.present and reference.present and current.kind != "date":
        yield from _unseen(current, reference, reference_name)
        yield from _infinite(current, reference, reference_name)
        yield from _outliers(current, reference, reference_name)
        yield from _moved(current, reference, reference_name)


def _missing(current: ColumnProfile, reference: ColumnProfile, reference_name: str) -> Iterator[Difference]:
    if not (current.rows and reference.rows):
        return
    moved = abs(current.missing_share - reference.missing_share)
    if moved > _noise(current.missing_share, current.rows, reference.missing_share, reference.rows):
        what = (
            f"missing in {_share(current.missing_share)} of rows, {_share(reference.missing_share)} in {reference_name}"
        )
        yield from _graded(current.name, what, moved, MISSING_MOVED)


def _unseen(current: ColumnProfile, reference: ColumnProfile, reference_name: str) -> Iterator[Difference]:
    if current.kind == "number" or not reference.complete:
        return
    known = {each.value for each in reference.frequent}
    fresh = [each for each in current.frequent if each.value not in known]
    share = sum(each.rows for each in fresh) / current.present
    if fresh:
        some = ", ".join(f"'{each.value}'" for each in fresh[:FEW]) + (" and others" if len(fresh) > FEW else "")
        yield from _graded(
            current.name, f"{some} in {_share(share)} of rows, never in {reference_name}", share, UNSEEN_VALUES
        )


def _infinite(current: ColumnProfile, reference: ColumnProfile, reference_name: str) -> Iterator[Difference]:
    if current.infinite and not reference.infinite:
        what = f"infinite in {current.infinite:,} rows, never in {reference_name}"
        yield Difference(column=current.name, what=what, severity="strong", size=current.infinite / current.present)


def _outliers(current: ColumnProfile, reference: ColumnProfile, reference_name: str) -> Iterator[Difference]:
    if not (reference.fences and current.quantiles):
        return
    low, high = reference.fences
    values = np.array(current.quantiles)
    share = float(((values < low) | (values > high)).mean())
    more = share - reference.outliers
    if more > _noise(share, current.sampled, reference.outliers, reference.sampled):
        what = (
            f"far outside the usual range in {_share(share)} of rows, {_share(reference.outliers)} in {reference_name}"
        )
        yield from _graded(current.name, what, more, MORE_OUTLIERS)


def _moved(current: ColumnProfile, reference: ColumnProfile, reference_name: str) -> Iterator[Difference]:
    shares = _of_numbers(current, reference) if current.kind == "number" else _of_values(current, reference)
    if shares is None:
        return
    rows = (current.sampled, reference.sampled) if current.kind == "number" else (current.present, reference.present)
    psi = population_stability(shares[0], shares[1], rows)
    if psi > psi_by_chance(len(shares[0]), rows):
        yield from _graded(current.name, _describe_shift(current, reference, reference_name, shares), psi, PSI, psi)


def population_stability(current: np.ndarray, reference: np.ndarray, rows: tuple[int, int]) -> float:
    """The population stability index of two rows of shares; an empty bin counts as half a row.

    Lewis, An Introduction to Credit Scoring, 1994; 0.1 and 0.25 as in Siddiqi, 2006.
    """
    current, reference = np.maximum(current, 0.5 / max(rows[0], 1)), np.maximum(reference, 0.5 / max(rows[1], 1))
    current, reference = current / current.sum(), reference / reference.sum()
    return float(((current - reference) * np.log(current / reference)).sum())


def psi_by_chance(bins: int, rows: tuple[int, int]) -> float:
    """The index that rows of one source exceed once in a thousand times.

    It is (1/n + 1/m) chi squared with bins - 1 degrees of freedom: Yurdakul, Naranjo, Statistical
    properties of the population stability index, 2020; the quantile by Wilson and Hilferty.
    """
    free = max(bins - 1, 1)
    quantile = free * (1 - 2 / (9 * free) + BY_CHANCE * math.sqrt(2 / (9 * free))) ** 3
    return quantile * sum(1 / max(each, 1) for each in rows)


def _of_numbers(current: ColumnProfile, reference: ColumnProfile) -> tuple[np.ndarray, np.ndarray] | None:
    """Shares in bins between the reference's deciles; a value that fills several has a bin of its own."""
    if not (current.quantiles and reference.quantiles):
        return None
    deciles, times = np.unique(np.quantile(reference.quantiles, np.arange(1, BINS) / BINS), return_counts=True)
    edges = np.sort(np.concatenate([deciles, np.nextafter(deciles[times > 1], np.inf)]))
    one, other = (_shares(edges, np.array(each.quantiles)) for each in (current, reference))
    return one, other


def _shares(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1) / len(values)


def _of_values(current: ColumnProfile, reference: ColumnProfile) -> tuple[np.ndarray, np.ndarray] | None:
    """Shares of the values common in either, and of all others together."""
    current_shares, reference_shares = (
        {each.value: each.rows / column.present for each in column.frequent} for column in (current, reference)
    )
    common = sorted(
        name
        for name in {*current_shares, *reference_shares}
        if max(current_shares.get(name, 0), reference_shares.get(name, 0)) >= COMMON
    )
    if not common:
        return None
    one, other = (np.array([each.get(name, 0.0) for name in common]) for each in (current_shares, reference_shares))
    return np.append(one, max(1 - one.sum(), 0)), np.append(other, max(1 - other.sum(), 0))


def _describe_shift(
    current: ColumnProfile, reference: ColumnProfile, reference_name: str, shares: tuple[np.ndarray, np.ndarray]
) -> str:
    if current.kind == "number":
        middle, before = float(np.median(current.quantiles)), float(np.median(reference.quantiles))
        if middle != before:
            return f"distributed differently: the median is {middle:.4g}, {before:.4g} in {reference_name}"
        return f"distributed differently than in {reference_name}, with the same median, {middle:.4g}"
    known = {each.value: each.rows / reference.present for each in reference.frequent}
    far = max(
        current.frequent, key=lambda each: abs(each.rows / current.present - known.get(each.value, 0.0)), default=None
    )
    if far is None:
        return f"its values are spread differently than in {reference_name}"
    share, before = far.rows / current.present, known.get(far.value, 0.0)
    shown = f"'{far.value}' in {_share(share)} of rows, {_share(before)} in {reference_name}"
    return f"its values are spread differently: {shown}"


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
