"""Rows that a model does not take: those with a gap where it may have none, and those far out, where declared so."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from tierra.errors import DataRejected
from tierra.model.artifact import inner_model
from tierra.model.examples import Examples
from tierra.model.outliers import Forest, find_fences
from tierra.model.preprocessing_spec import Preprocessing, Treatment

ADMIT = "admit"


class Admission(TransformerMixin, BaseEstimator):
    """Says of each row why it is set aside; the rows themselves pass as they are.

    `gaps` are features in which a gap sets the row aside, `forbidden` those in which it is refused, `fences` those
    whose numbers far out set it aside, each with how fences are found.
    """

    def __init__(
        self, gaps: list[str] | None = None, forbidden: list[str] | None = None,
        fences: dict[str, str] | None = None, share: float = 0.01,
    ) -> None:  # fmt: skip
        self.gaps = gaps
        self.forbidden = forbidden
        self.fences = fences
        self.share = share

    def fit(self, table: pd.DataFrame, target: Any = None) -> Self:
        """Learn the fences of training."""
        self.fences_ = {
            name: [float(end[0]) for end in find_fences(table[[name]].to_numpy(float), by, self.share)]
            for name, by in (self.fences or {}).items() if by != "isolation_forest"
        }  # fmt: skip
        self.apart_ = [name for name, by in (self.fences or {}).items() if by == "isolation_forest"]
        self.forest_ = Forest(self.share).fit(table[self.apart_]) if self.apart_ else None
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows as they are."""
        return table

    def find_reasons(self, table: pd.DataFrame) -> np.ndarray:
        """Why each row is set aside, reasons joined by '; '; an empty text where it is not. Raises DataRejected."""
        for name in self.forbidden or ():
            if gaps := int(table[name].isna().sum()):
                what = f"feature '{name}' has no value in {gaps:,} of {len(table):,} rows"
                raise DataRejected("features-gaps", what)
        reasons = np.full(len(table), "", object)
        for reason, places in self._found(table):
            reasons[places] = [f"{each}; {reason}" if each else reason for each in reasons[places]]
        return reasons

    def is_aside(self, table: pd.DataFrame) -> np.ndarray:
        """Which rows are set aside; a gap that is forbidden sets none aside."""
        aside = np.zeros(len(table), bool)
        for _, places in self._found(table):
            aside |= places
        return aside

    def _found(self, table: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
        for name in self.gaps or ():
            yield f"{name} has no value", table[name].isna().to_numpy()
        for name, (low, high) in self.fences_.items():
            values = table[name].to_numpy(float)
            yield f"{name} is not between {low:.6g} and {high:.6g}", (values < low) | (values > high)
        if self.forest_ is not None:
            yield f"{', '.join(self.apart_)} lie apart", self.forest_.is_apart(table[self.apart_].to_numpy(float))


def build_admission(treatments: Mapping[str, Treatment], share: float) -> Admission | None:
    """What sets rows aside by the treatments of features; None where nothing does."""
    used = {name: each for name, each in treatments.items() if each.kind != "left_out"}
    gaps = [name for name, each in used.items() if each.gaps == "drop"]
    forbidden = [name for name, each in used.items() if each.gaps == "forbid"]
    fences: dict[str, str] = {name: each.fence or "iqr" for name, each in used.items() if each.outliers == "quarantine"}
    return Admission(gaps, forbidden, fences, share) if gaps or forbidden or fences else None


def sets_aside(preprocessing: Preprocessing) -> bool:
    """Whether any row may be set aside, or refused."""
    every: tuple[Preprocessing | Treatment, ...] = (preprocessing, *preprocessing.columns.values())
    return any(each.gaps in ("drop", "forbid") or each.outliers == "quarantine" for each in every)


def with_admission(pipeline: Pipeline, fitted: Admission) -> Pipeline:
    """The pipeline behind its admission, whose fences are those of all training rows, the ones set aside too."""
    return Pipeline([(ADMIT, FrozenEstimator(fitted)), *pipeline.steps])


def find_set_aside(model: Any, table: pd.DataFrame) -> np.ndarray:
    """Why a model, or one that it is made of, does not take each row; empty where it does. Raises DataRejected."""
    reasons = np.full(len(table), "", object)
    for admission in _admissions(model):
        reasons = np.where(reasons == "", admission.find_reasons(table), reasons)
    return reasons


def takes(model: Any, table: pd.DataFrame) -> np.ndarray:
    """Which rows a model, or one that it is made of, predicts at night; the others are set aside."""
    taken = np.ones(len(table), bool)
    for admission in _admissions(inner_model(model)):
        taken &= ~admission.is_aside(table)
    return taken


def taken_of(rows: Examples, *models: Any) -> Examples:
    """The rows that all of these models predict, numbered anew."""
    taken = np.logical_and.reduce([takes(model, rows.table) for model in models])
    return rows if taken.all() else rows.take(np.flatnonzero(taken)).renumbered()


def _admissions(model: Any) -> Iterator[Admission]:
    if isinstance(model, Pipeline) and ADMIT in model.named_steps:
        yield model.named_steps[ADMIT].estimator
    for member in getattr(model, "models", ()):
        yield from _admissions(member)
