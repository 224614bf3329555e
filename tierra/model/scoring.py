"""Scoring: rows to keys with probability and decision, batch by batch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tierra.data.code import ProjectCode
from tierra.data.features import build_features
from tierra.data.frames import empty_table, to_frame
from tierra.data.labels import Labels
from tierra.data.quarantine import REASON
from tierra.data.recipe import Recipe
from tierra.errors import Misconfigured
from tierra.model.admission import find_set_aside
from tierra.model.artifact import Predictions, inner_model, predict
from tierra.model.candidates import unseen_categories
from tierra.model.decision_spec import REVIEW
from tierra.model.distributions import PROBABILITIES, distribution
from tierra.model.evaluation import Histogram
from tierra.model.promises import promise_of
from tierra.model.reason_texts import REASONS
from tierra.model.reasons import reasons_of


@dataclass
class Scorer:
    """A champion with the code and recipe it was evaluated with; counts unseen categories and decisions."""

    model: Any
    code: ProjectCode
    recipe: Recipe
    features: tuple[str, ...]
    types: dict[str, str]
    labels: Labels = field(default_factory=Labels)
    columns: tuple[str, ...] | None = None
    reasons: int = 0
    unseen: Counter[str] = field(default_factory=Counter)
    decided: Counter[str] = field(default_factory=Counter)
    edges: tuple[float, ...] = PROBABILITIES
    counts: np.ndarray | None = None
    set_aside: list[pa.Table] = field(default_factory=list)

    def score(self, rows: pa.Table, history: pd.DataFrame, beside: Mapping[str, str]) -> pa.Table:
        """One prediction a row, beside columns of the row under published names; rows that the model does not take
        have none, and are kept with the reasons.

        Raises Misconfigured when a feature no longer exists, DataRejected when it has a gap where that is forbidden.
        """
        rows, table = self._admit(rows, self.features_of(rows, history))
        predictions = predict(self.model, table, self.labels)
        self.unseen.update(unseen_categories(self.model, table))
        self._count(predictions)
        made = published_columns(predictions, self.labels, self.columns)
        if self.reasons:
            made[REASONS] = reasons_of(self.model, table, predictions, self.labels, self.reasons)
        return pa.table({**{name: rows.column(column) for name, column in beside.items()}, **made})

    def _admit(self, rows: pa.Table, table: pd.DataFrame) -> tuple[pa.Table, pd.DataFrame]:
        reasons = find_set_aside(inner_model(self.model), table)
        aside = reasons != ""
        if not aside.any():
            return rows, table
        kept = rows.filter(pa.array(aside))
        self.set_aside.append(kept.append_column(REASON, pa.array(reasons[aside], pa.string())))
        return rows.filter(pa.array(~aside)), table[~aside].reset_index(drop=True)

    @property
    def promise(self) -> str:
        """What the model promises of its predictions; empty where it promises nothing."""
        return promise_of(self.model)

    @property
    def scores(self) -> Histogram | None:
        """The distribution of the predictions; None for several classes."""
        return None if self.counts is None else Histogram(edges=self.edges, counts=tuple(map(int, self.counts)))

    def _count(self, predictions: Predictions) -> None:
        scores, decided = distribution(predictions, self.labels, self.edges)
        self.decided.update(decided)
        if scores:
            self.counts = np.array(scores.counts) + (0 if self.counts is None else self.counts)

    def features_of(self, rows: pa.Table, history: pd.DataFrame) -> pd.DataFrame:
        """The features of joined rows, as the model was trained on them."""
        table = build_features(self.recipe, self.code, to_frame(rows), history)
        return select_features(table, self.features)

    def history_frame(self, history: pa.Table | None) -> pd.DataFrame:
        """The history rows as `prepare` saw them in training; an empty frame when there is no history."""
        return to_frame(empty_table(self.types) if history is None else history)


def select_features(table: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """The features a champion was trained on, in its order. Raises Misconfigured when one no longer exists."""
    if missing := [name for name in features if name not in table]:
        raise Misconfigured("features-changed", f"the champion needs '{missing[0]}', which no longer exists")
    return table[list(features)]


def published_columns(predictions: Predictions, labels: Labels, columns: tuple[str, ...] | None) -> dict[str, pa.Array]:
    """The columns to publish: those of the task, or the ones chosen among them.

    Of two classes `probability` and `decision`; of several a `probability_<class>` each and
    the name of the likeliest as `decision`; the `prediction` of a regression, and the ends of its interval.
    """
    match labels.task:
        case "regression":
            ends = {"prediction_low": predictions.low, "prediction_high": predictions.high}
            made = {"prediction": pa.array(predictions.scores)}
            made |= {name: pa.array(values) for name, values in ends.items() if values is not None}
        case "binary":
            made = {"probability": pa.array(predictions.scores), "decision": _decisions(predictions, labels)}
        case _:
            made = {
                f"probability_{name}": pa.array(predictions.scores[:, code]) for code, name in enumerate(labels.classes)
            }
            made["decision"] = _decisions(predictions, labels)
    return {name: values for name, values in made.items() if columns is None or name.partition("_")[0] in columns}


def _decisions(predictions: Predictions, labels: Labels) -> pa.Array:
    """0 and 1 of two classes, else names; names too where rows may be left to a person, whose decision is `review`."""
    if predictions.review is None and labels.task == "binary":
        return pa.array(predictions.decision)
    names = np.array(labels.classes, dtype=object)[predictions.decision.astype(int)]
    return pa.array(names if predictions.review is None else np.where(predictions.review, REVIEW, names), pa.string())
