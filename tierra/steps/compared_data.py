"""What another source, more rows or other features are worth: one candidate on the data of two project files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from tierra.data.features import feature_names
from tierra.data.row_changes import shown_key
from tierra.errors import InvalidCall
from tierra.model.admission import takes
from tierra.model.examples import Examples
from tierra.model.lift import Lift, measure_lift, require_enough
from tierra.model.training import scorers_of
from tierra.project.project import Project, load_project
from tierra.steps.champion import current_champion
from tierra.steps.fit import choose_candidate, fit_candidates, load_fitted
from tierra.steps.learning_rows import LearningRows, hold_parameters, read_learning_rows
from tierra.steps.parts import read_part, rows_of
from tierra.steps.same_sides import cut_alike, with_sides_of
from tierra.workspace import Workspace


class DataSide(BaseModel):
    """One of the two data sets."""

    name: str
    learning: int
    test: int
    features: int


class DataCompared(BaseModel):
    """Both data sets, and what the second is worth."""

    project: str
    candidate: str
    before: DataSide
    after: DataSide
    lift: Lift


def compare_data(workspace: Workspace, project: Project, before: str, after: str) -> DataCompared:
    """Fit the champion's candidate on both, and measure both on the test rows that both have.

    Rows keep the side of the split that they have in the first. Raises InvalidCall where the two predict other things.
    """
    champion = current_champion(workspace, project)
    name = champion.candidate if champion else ""
    one = hold_parameters(read_learning_rows(workspace, _data_of(workspace, project, before), name))
    second = cut_alike(_data_of(workspace, project, after), one)
    other = read_learning_rows(workspace, second, one.candidate, one.parts.labels, one.parts.table.content)
    other = with_sides_of(one, other)
    other = replace(other, project=other.project.model_copy(update={"candidates": one.project.candidates}))
    places, others = _shared(one, other)
    test = _test(one, places)
    require_enough(test)
    models = _taken({"champion": (_fit(one), test), "after": (_fit(other), _test(other, others)),
                     "rule": (_fit(one, "rule"), test)})  # fmt: skip
    _check_labels(one, models)
    metric = one.project.gate.metric_name
    lift = measure_lift(models, metric, scorers_of(one.parts.labels, one.project.gate, ()))
    return DataCompared(project=project.name, candidate=one.candidate, before=_side(before, one),
                        after=_side(after, other), lift=lift)  # fmt: skip


def _taken(models: dict[str, tuple[Any, Examples]]) -> dict[str, tuple[Any, Examples]]:
    """The same on the rows that every model predicts, each with its own features of them."""
    taken = np.flatnonzero(np.logical_and.reduce([takes(model, rows.table) for model, rows in models.values()]))
    return {name: (model, rows.take(taken).renumbered()) for name, (model, rows) in models.items()}


def _data_of(workspace: Workspace, project: Project, file: str) -> Project:
    """The project with the data of another file: its sources, joins, features and what it says of rows."""
    place = project.folder / file
    settings = workspace.settings
    if not place.is_file() and file.endswith((".yaml", ".yml")) and not Path(file).is_file():
        raise InvalidCall("data-unknown", f"there is no {place}")
    found = load_project(str(place if place.is_file() else Path(file)), settings.projects, settings.overlay)
    if found.target != project.target or found.main_source.key != project.main_source.key:
        raise InvalidCall("data-unlike", f"{found.file}: it has another target or key than {project.file}")
    kept = {name: getattr(project, name) for name in ("name", "candidates", "gate", "decision", "effort", "split")}
    return found.model_copy(update=kept)


def _shared(one: LearningRows, other: LearningRows) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The places among the test rows of each of those that are test rows of both."""
    first, second = (rows.keys[rows_of(rows.workspace, rows.parts.test)] for rows in (one, other))
    _, places, others = np.intersect1d(first.astype(str), second.astype(str), return_indices=True)
    return places, others


def _test(rows: LearningRows, places: np.ndarray[Any, Any]) -> Any:
    return read_part(rows.workspace, rows.parts, "test").take(places).renumbered()


def _fit(rows: LearningRows, name: str = "") -> Any:
    candidates = fit_candidates(rows.workspace, rows.project, rows.parts)
    chosen = choose_candidate(rows.workspace, rows.project, candidates, name or rows.candidate)
    return load_fitted(rows.workspace, rows.project, chosen.best)


def _check_labels(one: LearningRows, models: dict[str, tuple[Any, Any]]) -> None:
    """Raise InvalidCall where a row has another label in the other data: then models are not on the same test."""
    differ = np.flatnonzero(models["champion"][1].target != models["after"][1].target)
    if len(differ):
        where = f"{len(differ):,} test rows have another label, such as {shown_key(str(one.keys[differ[0]]))}"
        raise InvalidCall("data-unlike", f"{one.project.name}: {where}")


def _side(name: str, rows: LearningRows) -> DataSide:
    parts = rows.parts
    return DataSide(name=name, learning=parts.train.rows + parts.validation.rows, test=parts.test.rows,
                    features=len(feature_names(parts.features)))  # fmt: skip
