"""What a search makes better: a candidate's metric on the folds, by its parameters. It is handed to processes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tierra.data.code import load_code
from tierra.data.folds import Fold
from tierra.model.balance import Functions
from tierra.model.candidates import build_estimator, fit_candidate
from tierra.model.counting import with_counted
from tierra.model.difference import signed
from tierra.model.examples import Examples
from tierra.model.own import NONE, OwnClasses
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.recorded import Recorded, score_columns, scores_of
from tierra.model.spec import Model
from tierra.model.training import measure


@dataclass(frozen=True)
class Problem:
    """A candidate, the folds it is tried on, and the metric. `folder` holds the project's functions that balance."""

    candidate: Model
    rows: Examples
    folds: list[Fold]
    metric: str
    preprocessing: Preprocessing
    folder: Path
    functions: Mapping[str, str] = field(default_factory=dict)
    own: OwnClasses = NONE

    def value(self, params: Mapping[str, Any], goes_on: Callable[[int, float], bool]) -> tuple[float, bool]:
        """The metric of all rows held out, better when higher, and whether every fold was tried.

        After each fold but the last `goes_on` is given its number and the metric of the folds so far.
        """
        scores: list[np.ndarray] = []
        value, candidate = float("nan"), self._with(params)
        for number, fold in enumerate(self.folds):
            scores.append(self._scores(candidate, fold))
            value = self._measure(np.concatenate(scores), number + 1)
            if number + 1 < len(self.folds) and not goes_on(number, value):
                return value, False
        return value, True

    def defaults(self, names: list[str]) -> dict[str, Any]:
        """The parameters that the candidate has without a search."""
        known = build_estimator(self.candidate, self.rows, self.own).get_params()
        return {name: known[name] for name in names if name in known}

    def _with(self, params: Mapping[str, Any]) -> Model:
        return with_counted(self.candidate.with_params(params), self.rows, self.preprocessing, self.own)

    def _scores(self, candidate: Model, fold: Fold) -> np.ndarray:
        model = fit_candidate(
            candidate, self.rows.take(fold.fitted), self.preprocessing, own=self.own, functions=self._functions
        )
        return scores_of(model, self.rows.table.iloc[fold.held_out], self.rows.labels)

    def _measure(self, scores: np.ndarray, folds: int) -> float:
        labels = self.rows.labels
        held_out = self.rows.take(np.concatenate([fold.held_out for fold in self.folds[:folds]])).renumbered()
        columns = score_columns(labels)
        model = Recorded(pd.DataFrame(scores.reshape(len(scores), -1), columns=columns), labels, 0.5)
        return signed(self.metric, measure(model, held_out, [self.metric])[self.metric])

    @cached_property
    def _functions(self) -> Functions:
        return load_code(self.folder, self.functions).functions
