"""What candidates predict of rows that they were not fitted on: by it they are compared, and learn to decide."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from tierra.model import training
from tierra.model.deciding import Decided, decide
from tierra.model.decision_chosen import DecisionChosen
from tierra.model.ensemble_spec import Ensemble
from tierra.model.ensembles import Blend, cross_mix, learn_blend
from tierra.model.recorded import Recorded
from tierra.model.spec import Model, Rule
from tierra.steps.fold_scores import HeldOut, hold_out, read_scores, write_scores
from tierra.steps.learning import Candidate, Learning, inputs_of
from tierra.store.memo import remember
from tierra.store.refs import TableRef


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
    held = hold_out(learning, [each for each in candidates if not isinstance(each, Ensemble)])
    tried: dict[str, Tried] = {}
    for each in candidates:
        inputs = [*inputs_of(learning, each), *decided_by(learning), held]
        tried[each.name] = remember(objects, __name__, inputs, Tried, partial(_try, learning, each, held))
    return tried


def decided_by(learning: Learning) -> list[Any]:
    """All that decides what becomes of its scores."""
    project = learning.project
    return [project.decision, project.card.cost, project.gate.metric, project.measured]


def decide_by(learning: Learning, candidate: Candidate, scores: TableRef) -> Decided:
    """How a candidate decides, by its scores of the rows held out. A rule, what one would do without a model, stays."""
    project, is_model, in_time = learning.project, not isinstance(candidate, Rule), learning.project.split.by == "time"
    recorded = Recorded(read_scores(learning, scores), learning.parts.labels, 0.5)
    balanced = isinstance(candidate, Model) and bool(candidate.balance or candidate.class_weight)
    return decide(recorded, learning.held_out, project.decision, project.card.cost, is_model, in_time, balanced)


def blend_of(learning: Learning, ensemble: Ensemble, held: Mapping[str, HeldOut]) -> Blend:
    """How an ensemble combines its members, by their scores of all rows held out."""
    return learn_blend(ensemble, _members(learning, ensemble, held), learning.held_out, _metric(learning))


def _try(learning: Learning, candidate: Candidate, held: Mapping[str, HeldOut]) -> Tried:
    project, rows, weights = learning.project, learning.held_out, dict[str, float]()
    if isinstance(candidate, Ensemble):
        mixed = cross_mix(candidate, _members(learning, candidate, held), rows, _metric(learning))
        blend, scores = blend_of(learning, candidate, held), write_scores(learning, mixed)
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
    found = [read_scores(learning, held[name].scores).to_numpy(float) for name in ensemble.members]
    return found if learning.parts.labels.task == "multiclass" else [each[:, 0] for each in found]
