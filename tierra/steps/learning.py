"""The learning rows: all that are not test, with the folds that candidates are tried on."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tierra.data.code import ProjectCode, load_code
from tierra.data.folds import Fold, make_folds, most_folds
from tierra.data.frames import to_frame
from tierra.data.recipe import TARGET, UNIT
from tierra.errors import DataRejected
from tierra.model.admission import build_admission, sets_aside
from tierra.model.ensemble_spec import Ensemble
from tierra.model.examples import Examples
from tierra.model.spec import Model, Rule
from tierra.model.treatments import infer_treatments
from tierra.project.project import Project
from tierra.steps.parts import Parts, examples_of
from tierra.store.memo import digest
from tierra.store.tables import read_table
from tierra.workspace import Workspace

Candidate = Rule | Model | Ensemble


@dataclass(frozen=True)
class Learning:
    """The rows of training and validation together; read once, when they are first asked for."""

    workspace: Workspace
    project: Project
    parts: Parts

    def of(self, project: Project) -> "Learning":
        """The same rows, for the project with other candidates."""
        other = Learning(self.workspace, project, self.parts)
        vars(other).update({name: value for name, value in vars(self).items() if name != "project"})
        return other

    @property
    def key(self) -> tuple[str, str]:
        """What decides the rows and their folds."""
        rows, prepared = [self.parts, self.project.split, self.project.effort], self.project.preprocessing
        return "learning", digest([*rows, prepared] if sets_aside(prepared) else rows)

    @cached_property
    def rows(self) -> Examples:
        """All of them: those of training, then those of validation."""
        return examples_of(self._frame, self.parts.labels)

    @cached_property
    def folds(self) -> list[Fold]:
        """What is held out, in the order of their places, without rows set aside. Raises DataRejected where all are."""
        units, target = self._frame[UNIT], self._frame[TARGET]
        is_validation = np.arange(len(target)) >= self.parts.train.rows
        labels, taken = self.parts.labels, self.set_aside == ""
        folds = make_folds(units, target, is_validation, self.project.split, labels, self.project.effort)
        folds = [fold._replace(held_out=fold.held_out[taken[fold.held_out]]) for fold in folds]
        if not (left := [fold for fold in folds if len(fold.held_out)]):
            raise DataRejected("rows-none", "preprocessing sets every row aside that candidates are tried on")
        return left

    @property
    def without_folds(self) -> str:
        """Why candidates are tried on the validation part alone though folds were to be made; else empty."""
        labels, frame, split = self.parts.labels, self._frame, self.project.split
        most, units = most_folds(len(frame), labels, self.project.effort), frame[UNIT].nunique()
        if split.by == "time" or len(self.folds) > 1 or most == 1:
            return ""
        why = f"{units:,} groups of rows that are not test are too few for {most} folds"
        if labels.task != "regression" and units >= most:
            rare = frame.groupby(TARGET)[UNIT].nunique().idxmin()
            rows = f"{(frame[TARGET] == rare).sum():,} of {len(frame):,} rows that are not test"
            why = f"class '{labels.classes[int(rare)]}' has {rows}, and would be missing where they are held out"
        return f"{why}: candidates are tried on the {len(self.folds[0].held_out):,} rows of validation alone"

    @cached_property
    def set_aside(self) -> np.ndarray:
        """Why preparation sets each row aside: nothing is learnt from it, and nothing predicted for it; else empty.

        Raises DataRejected where a gap is forbidden.
        """
        features, preprocessing = self.rows.features, self.project.preprocessing
        if not sets_aside(preprocessing):
            return np.full(len(features), "", object)
        admission = build_admission(infer_treatments(features, preprocessing), preprocessing.fence_share)
        return admission.fit(features).find_reasons(features) if admission else np.full(len(features), "", object)

    @cached_property
    def taken(self) -> Examples:
        """The rows that are learnt from, without those set aside."""
        is_taken = self.set_aside == ""
        return self.rows if is_taken.all() else self.rows.take(np.flatnonzero(is_taken))

    @cached_property
    def held_out(self) -> Examples:
        """The rows that are held out, fold by fold; their index counts from 0."""
        found = self.rows.take(np.concatenate([fold.held_out for fold in self.folds]))
        return found.renumbered()

    @cached_property
    def code(self) -> ProjectCode:
        """The project's functions that balance, by name."""
        return load_code(self.project.folder, self.project.balance_functions)

    @cached_property
    def _frame(self) -> pd.DataFrame:
        both = [read_table(self.workspace.objects, part) for part in (self.parts.train, self.parts.validation)]
        return pd.concat([to_frame(each) for each in both], ignore_index=True)


def inputs_of(learning: Learning, candidate: Candidate) -> list[Any]:
    """All that decides what a candidate predicts of the rows held out."""
    parts, project = learning.parts, learning.project
    data = [parts.train.sha256, parts.validation.sha256, parts.labels]
    # What functions return is in the data; what a class does is in its code alone.
    own = load_code(project.folder, project.functions).files if project.own_names else {}
    balancing = dict(learning.code.files) if isinstance(candidate, Model) and candidate.balance else {}
    return [*data, candidate, project.preprocessing, project.split, project.effort, bool(project.score.reasons), own,
            balancing]  # fmt: skip
