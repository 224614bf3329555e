"""Labels that are likely wrong, for a person to look at: the model is held fixed, the data are looked through."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from tierra.data.labels import Labels
from tierra.data.row_changes import shown_key
from tierra.model.suspicion import contradictions, says, spread_of, suspicion_of
from tierra.project.project import Project
from tierra.steps.fit import fit_candidates
from tierra.steps.learning import Learning
from tierra.steps.learning_rows import LearningRows, hold_parameters, read_learning_rows, split_key
from tierra.store.tables import read_table
from tierra.workspace import Workspace

CORRECTED: Final = "corrected"
SHOWN: Final = 12
LEAST_SHARE: Final = 10  # a tenth of the rows is written


class Suspect(BaseModel):
    """A label that is likely wrong."""

    key: str
    label: str
    suspicion: float
    model_says: str
    contradictory_with: str


class Suspected(BaseModel):
    """What was looked through, and the most suspicious labels."""

    project: str
    candidate: str
    key: str
    rows: int
    looked_at: int
    contradictory: int
    written: int = 0
    output: str = ""
    suspects: tuple[Suspect, ...]


@dataclass(frozen=True)
class SuspectTable:
    """The same with the table that is written for review, the most suspicious first."""

    found: Suspected
    table: pa.Table


def find_suspects(workspace: Workspace, project: Project, most: int | None = None) -> SuspectTable:
    """Rank the labels of the rows that are not test by how little a model that has not seen them expects them.

    The champion's candidate is fitted on folds of these rows; `most` are written, a tenth when not given, and beside
    them all with the same features as a row of another label.
    """
    rows = hold_parameters(read_learning_rows(workspace, project))
    learning = Learning(workspace, _in_any_order(rows.project), rows.parts)
    tried = fit_candidates(workspace, learning.project, rows.parts).fitted[rows.candidate]
    scores = read_table(workspace.objects, tried.scores).to_pandas().to_numpy(float)
    scores = scores if rows.parts.labels.task == "multiclass" else scores[:, 0]
    places = np.concatenate([fold.held_out for fold in learning.folds])
    return _ranked(rows, learning, places, scores, most)


def _in_any_order(project: Project) -> Project:
    """The project with folds of all rows, whenever they were: a label is no forecast."""
    split = project.split.model_copy(update={"by": "random"})
    return project.model_copy(update={"split": split, "effort": "high"})


def _ranked(
    rows: LearningRows, learning: Learning, places: np.ndarray[Any, Any], scores: np.ndarray[Any, Any], most: int | None
) -> SuspectTable:
    labels, target = rows.parts.labels, learning.rows.target
    suspicion = suspicion_of(scores, target[places], labels)
    is_number = labels.task == "regression"
    tolerance = spread_of(target[places] - scores) if is_number else 0.0
    alike = contradictions(learning.rows.features, target, tolerance)
    order = np.argsort(-suspicion, kind="stable")
    count = most if most is not None else -(-len(order) // LEAST_SHARE)
    kept = [each for rank, each in enumerate(order) if rank < count or int(places[each]) in alike]
    keys = rows.keys[rows.places]
    others = [_others(alike.get(int(places[each]), []), keys, target, labels) for each in kept]
    table = pa.table({
        **split_key(keys[places[kept]], rows.key_names),
        "label": _named(target[places[kept]], labels),
        "suspicion": pa.array(suspicion[kept].round(6)),
        "model_says": pa.array([_said(each) for each in says(scores[kept], labels)]),
        "contradictory_with": pa.array(others, pa.string()),
        CORRECTED: pa.array([""] * len(kept), pa.string()),
    })  # fmt: skip
    shown = [
        Suspect(key=shown_key(str(keys[places[each]])), **{name: line[name] for name in SHARED})
        for each, line in zip(kept[:SHOWN], table.slice(0, SHOWN).to_pylist(), strict=True)
    ]
    found = Suspected(project=rows.project.name, candidate=rows.candidate, key=", ".join(rows.key_names),
                      rows=len(target), looked_at=len(places), contradictory=len(alike), written=len(kept),
                      suspects=tuple(shown))  # fmt: skip
    return SuspectTable(found, table)


SHARED: Final = ("label", "suspicion", "model_says", "contradictory_with")


def _said(value: Any) -> str:
    """A class as it is, a number in seven digits."""
    return np.format_float_positional(value, 7, fractional=False, trim="-") if isinstance(value, float) else str(value)


def _named(target: np.ndarray[Any, Any], labels: Labels) -> pa.Array:
    if labels.task == "regression":
        return pa.array([str(each) for each in target])
    return pa.array([labels.classes[int(code)] for code in target], pa.string())


def _others(places: list[int], keys: np.ndarray[Any, Any], target: np.ndarray[Any, Any], labels: Labels) -> str:
    """The keys of rows with the same features, each with its label."""
    named = _named(target[places], labels).to_pylist() if places else []
    return "; ".join(f"{shown_key(str(keys[each]))} ({name})" for each, name in zip(places, named, strict=True))
