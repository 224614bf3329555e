"""The rows a model learns from, as a training of today would read them, with the champion's own candidate alone."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from tierra.data.labels import Labels
from tierra.data.row_changes import SEPARATOR, key_texts
from tierra.data.row_numbers import published_key
from tierra.errors import Misconfigured
from tierra.model.release import Champion
from tierra.project.project import Project
from tierra.steps.champion import champion_content, champion_labels, champion_project, current_champion
from tierra.steps.features import build_features
from tierra.steps.learning import Learning
from tierra.steps.parts import Parts, rows_of, split_table
from tierra.steps.pull import pull_sources
from tierra.steps.search import search_parameters, with_found
from tierra.steps.validate import validate_tables
from tierra.store.tables import read_table
from tierra.workspace import Workspace


@dataclass(frozen=True)
class LearningRows:
    """A project with one candidate to fit, the parts of its rows, and how each row is known."""

    workspace: Workspace
    project: Project
    candidate: str
    parts: Parts

    @property
    def key_names(self) -> list[str]:
        """The names by which a row is known; `row_number` where there is no key."""
        return list(published_key(self.project.main_source))

    @cached_property
    def keys(self) -> np.ndarray[Any, Any]:
        """The key of each joined row as one text."""
        columns = list(published_key(self.project.main_source).values())
        table = read_table(self.workspace.objects, self.parts.table.joined)
        if missing := [name for name in columns if name not in table.column_names]:
            what = f"{self.project.file}: rows are known by no key, and have no place in a file ('{missing[0]}')"
            raise Misconfigured("key-needed", what)
        return np.asarray(key_texts(table, columns).to_pylist(), dtype=object)

    @cached_property
    def places(self) -> np.ndarray[Any, Any]:
        """The joined row of each learning row: those of training, then those of validation."""
        return np.concatenate([rows_of(self.workspace, part) for part in (self.parts.train, self.parts.validation)])


def split_key(texts: np.ndarray[Any, Any], names: list[str]) -> dict[str, pa.Array]:
    """A column for each name of a key."""
    values = [str(text).split(SEPARATOR) for text in texts]
    return {name: pa.array([each[place] for each in values], pa.string()) for place, name in enumerate(names)}


def read_learning_rows(
    workspace: Workspace, project: Project, candidate: str = "", labels: Labels | None = None,
    content: tuple[str, ...] = (),
) -> LearningRows:  # fmt: skip
    """Pull, validate, prepare and split, as a training does; `candidate` is the champion's when none is named.

    Raises Misconfigured where the champion was no candidate of the project file.
    """
    champion = current_champion(workspace, project)
    snapshots = pull_sources(workspace, project)
    clean = validate_tables(workspace, project, snapshots)
    known = labels or champion_labels(workspace, project)
    table = build_features(workspace, project, clean, known, content or champion_content(workspace, project))
    project = project.for_task(table.labels.task)
    name = candidate or (champion.candidate if champion else "")
    fixed = _with_candidate(workspace, project, champion, name).model_copy(update={"complexity": None})
    return LearningRows(workspace, fixed, name or _first_model(fixed), split_table(workspace, fixed, table))


def hold_parameters(rows: LearningRows) -> LearningRows:
    """The same with the parameters that searches find on these rows, so that data may change and the model does not."""
    found = search_parameters(Learning(rows.workspace, rows.project, rows.parts))
    return replace(rows, project=with_found(rows.project, found))


def _with_candidate(workspace: Workspace, project: Project, champion: Champion | None, name: str) -> Project:
    """The project with that candidate as the champion was trained, its members and the rule; with all before one."""
    if not name:
        return project
    stated = champion_project(workspace, champion).for_task(project.task or "binary") if champion else project
    every = {each.name: each for each in stated.candidates or ()}
    if name not in every:
        what = f"{project.name}: the champion, {name}, is no candidate of the project file it was trained with"
        raise Misconfigured("candidate-unknown", what)
    kept = ["rule", *getattr(every[name], "members", ()), name]
    return project.model_copy(update={"candidates": tuple(every[each] for each in dict.fromkeys(kept))})


def _first_model(project: Project) -> str:
    """Before the first champion, the last candidate: an ensemble where there is one."""
    return (project.candidates or ())[-1].name
