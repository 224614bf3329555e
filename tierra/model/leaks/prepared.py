"""What `prepare` gives a row that other rows decide: those of the test part, their order, or targets not come yet."""

from collections.abc import Iterator
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from tierra.data.code import ProjectCode
from tierra.data.features import build_features, first_difference, rows_before
from tierra.data.recipe import Recipe
from tierra.errors import DataRejected
from tierra.model.leaks.finding import Leak

ROWS: Final = 1_000
DAYS: Final = 2
DELAY: Final = 2  # of yesterday's rows the targets are known tonight
LEAST_ROWS: Final = 20
TOLERANCE: Final = 1e-6


def find_in_prepare(
    recipe: Recipe, code: ProjectCode, rows: pd.DataFrame, target: np.ndarray, today: date
) -> Iterator[Leak]:
    """Features that `prepare` makes otherwise of the same rows in another order, of fewer, or as a night sees them."""
    if code["prepare"] is None or rows.empty:
        return
    name = recipe.functions["prepare"]
    if not recipe.partition_by:
        drawn = rows.sample(min(len(rows), ROWS), random_state=0).sort_index().reset_index(drop=True)
        yield from _of_batch(recipe, code, drawn, rows.iloc[:0], name)
        if column := _differs_in_part(recipe, code, drawn):
            evidence = f"{name} gives '{column}' of a row another value when half of the rows are left out"
            yield Leak(kind="all-rows", columns=(column,), evidence=evidence)
        return
    known = rows.assign(**{_TARGET: target})
    for day in _days_tried(rows, recipe.partition_by):
        batch, history = rows_before(recipe, rows, day)
        if leak := next(_of_batch(recipe, code, batch, history, name), None):
            yield leak
            break
    yield from _by_delay(recipe, code, known, today, name)


_TARGET: Final = "__known__"


def _of_batch(
    recipe: Recipe, code: ProjectCode, batch: pd.DataFrame, history: pd.DataFrame, name: str
) -> Iterator[Leak]:
    """Whether the rows and those before them give the same the other way round."""
    together = build_features(recipe, code, batch, history)
    try:
        turned = build_features(recipe, code, batch.iloc[::-1].reset_index(drop=True), history.iloc[::-1])
    except DataRejected as error:
        evidence = f"{name} fails when the rows come in another order ({error.what})"
        yield Leak(kind="row-order", evidence=evidence)
        return
    if column := first_difference(together, turned.iloc[::-1].reset_index(drop=True), TOLERANCE):
        evidence = f"{name} gives '{column}' of a row another value when the rows come in another order"
        yield Leak(kind="row-order", columns=(column,), evidence=evidence)


def _differs_in_part(recipe: Recipe, code: ProjectCode, drawn: pd.DataFrame) -> str | None:
    together, half = build_features(recipe, code, drawn, drawn.iloc[:0]), drawn.iloc[::2].reset_index(drop=True)
    try:
        alone = build_features(recipe, code, half, half.iloc[:0])
    except DataRejected:  # so few rows may be too few for it
        return None
    return first_difference(together.iloc[::2].reset_index(drop=True), alone, TOLERANCE)


def _days_tried(rows: pd.DataFrame, column: str) -> list[pd.Timestamp]:
    """A few days spread over those that have several rows."""
    counts = rows[column].dropna().dt.normalize().value_counts().sort_index()
    several = counts[counts > 1].index
    if not len(several):
        return []
    places = np.unique(np.linspace(len(several) // 2, len(several) - 1, DAYS).astype(int))
    return [several[place] for place in places]


def _by_delay(recipe: Recipe, code: ProjectCode, rows: pd.DataFrame, today: date, name: str) -> Iterator[Leak]:
    """Whether `prepare` reads targets of days so near that a night does not have them yet."""
    assert recipe.partition_by
    days = rows[recipe.partition_by].dt.normalize()
    known = rows[_TARGET].notna()
    if not known.any() or not recipe.history:
        return
    last = days[known].max()
    waiting = days[(days > last) & (days <= pd.Timestamp(today, tz=days.dt.tz))]
    delay = (waiting.max() - last).days if len(waiting) >= LEAST_ROWS else 0
    tried = [day for day in _days_tried(rows[known], recipe.partition_by) if delay >= DELAY]
    later = [each for each in (*recipe.withheld, _TARGET) if each in rows]
    for day in tried:
        batch, history = rows_before(recipe, rows, day)
        recent = (history[recipe.partition_by] > day - pd.Timedelta(days=delay)).to_numpy()
        as_at_night = history.assign(**{each: history[each].mask(recent) for each in later}).drop(columns=_TARGET)
        batch, history = batch.drop(columns=_TARGET), history.drop(columns=_TARGET)
        one, other = (build_features(recipe, code, batch, each) for each in (history, as_at_night))
        if column := first_difference(one, other, TOLERANCE):
            evidence = (f"targets reach {last:%Y-%m-%d} and rows {waiting.max():%Y-%m-%d}, {delay} days more;"
                        f" {name} makes '{column}' of targets of those days")  # fmt: skip
            yield Leak(kind="label-delay", columns=(column,), evidence=evidence, numbers={"days": delay})
            return
