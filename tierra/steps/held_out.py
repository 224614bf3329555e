"""What candidates predict of rows that they were not fitted on: by it they are compared, and learn to decide."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tierra.data.code import load_code
from tierra.journal import track
from tierra.model import training
from tierra.model.candidates import check_types, fit_candidate
from tierra.model.deciding import Decided, decide
from tierra.model.decision_chosen import DecisionChosen
from tierra.model.ensemble_spec import Ensemble
from tierra.model.ensembles import Blend, cross_mix, learn_blend
from tierra.model.recorded import Recorded, score_columns, scores_of
from tierra.model.spec import Model, Rule
from tierra.steps.learning import Learning
from tierra.steps.own import own_classes
from tierra.store.memo import remember
from tierra.store.refs import TableRef
from tierra.store.tables import read_table, write_table

Candidate = Rule | Model | Ensemble


class HeldOut(BaseModel):
    """A candidate's scores of the rows held out, fold by fold."""

    model_config = ConfigDict(frozen=True)

    scores: TableRef


class Tried(HeldOut):
    """The same with its metrics on these rows, their intervals, how it would decide, and an ensemble's weights."""

    candidate: str
    validation: dict[str, float]
    chosen: DecisionChosen
    intervals: dict[str, tuple[float, float]] = {}
    weights: dict[str, float] = {}


def try_candidates(learning: Learning) -> dict[str, Tried]:
    """Every candidate on the same folds; ensembles combine what the others predict."""
    objects, candidates = learning.workspace.objects, learning.project.candidates or ()
    held: dict[str, HeldOut] = {}
    for candidate in track([each for each in candidates if not isinstance(each, Ensemble)], "candidates"):
        make = partial(_predict_held_out, learning, candidate)
        held[candidate.name] = remember(objects, __name__, inputs_of(learning, candidate), HeldOut, make)
    tried: dict[str, Tried] = {}
    for each in candidates:
        inputs = [*inputs_of(learning, each), *decided_by(learning), held]
        tried[each.name] = remember(objects, __name__, inputs, Tried, partial(_try, learning, each, held))
    return tried


def inputs_of(learning: Learning, candidate: Candidate) -> list[Any]:
    """All that decides what a candidate predicts of the rows held out."""
    parts, project = learning.parts, learning.project
    data = [parts.train.sha256, parts.validation.sha256, parts.labels]
    # What functions return is in the data; what a class does is in its code alone.
    own = load_code(project.folder, project.functions).files if project.own_names else {}
    return [*data, candidate, project.preprocessing, project.split, project.effort, bool(project.score.reasons), own]


def decided_by(learning: Learning) -> list[Any]:
    """All that decides what becomes of its scores."""
    project = learning.project
    return [project.decision, project.card.cost, project.gate.metric, project.measured]


def decide_by(learning: Learning, candidate: Candidate, scores: TableRef) -> Decided:
    """How a candidate decides, by its scores of the rows held out. A rule, what one would do without a model, stays."""
    project, is_model, in_time = learning.project, not isinstance(candidate, Rule), learning.project.split.by == "time"
    recorded = Recorded(_read(learning, scores), learning.parts.labels, 0.5)
    return decide(recorded, learning.held_out, project.decision, project.card.cost, is_model, in_time)


def blend_of(learning: Learning, ensemble: Ensemble, held: Mapping[str, HeldOut]) -> Blend:
    """How an ensemble combines its members, by their scores of all rows held out."""
    return learn_blend(ensemble, _members(learning, ensemble, held), learning.held_out, _metric(learning))


def _predict_held_out(learning: Learning, candidate: Rule | Model) -> HeldOut:
    project, own = learning.project, own_classes(learning.project)
    check_types(candidate, learning.rows, project.preprocessing, bool(project.score.reasons), own)
    scores = []
    for fold in learning.folds:
        model = fit_candidate(candidate, learning.rows.take(fold.fitted), project.preprocessing, own=own)
        scores.append(scores_of(model, learning.rows.table.iloc[fold.held_out], learning.parts.labels))
    return HeldOut(scores=_write(learning, np.concatenate(scores)))


def _try(learning: Learning, candidate: Candidate, held: Mapping[str, HeldOut]) -> Tried:
    project, rows, weights = learning.project, learning.held_out, dict[str, float]()
    if isinstance(candidate, Ensemble):
        mixed = cross_mix(candidate, _members(learning, candidate, held), rows, _metric(learning))
        blend, scores = blend_of(learning, candidate, held), _write(learning, mixed)
        weights = dict(zip(candidate.members, blend.weights, strict=False))
    else:
        scores = held[candidate.name].scores
    decided = decide_by(learning, candidate, scores)
    scorers = training.scorers_of(rows.labels, project.gate, project.measured)
    measured = decided.model, rows, scorers, decided.predictions
    return Tried(scores=scores, candidate=candidate.name, chosen=decided.chosen, weights=weights,
                 validation=training.measure(*measured), intervals=training.measure_intervals(*measured))  # fmt: skip


def _metric(learning: Learning) -> str:
    return learning.project.gate.metric_name


def _members(learning: Learning, ensemble: Ensemble, held: Mapping[str, HeldOut]) -> list[np.ndarray]:
    found = [_read(learning, held[name].scores).to_numpy(float) for name in ensemble.members]
    return found if learning.parts.labels.task == "multiclass" else [each[:, 0] for each in found]


def _write(learning: Learning, scores: np.ndarray) -> TableRef:
    columns = score_columns(learning.parts.labels)
    table = pa.table(list(scores.reshape(len(scores), -1).T), names=columns)
    return write_table(learning.workspace.objects, "scores/", table.schema, [table])


def _read(learning: Learning, scores: TableRef) -> pd.DataFrame:
    return read_table(learning.workspace.objects, scores).to_pandas()
