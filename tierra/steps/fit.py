"""Trying candidates on folds of the learning rows, choosing one, and fitting it on all of these rows."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tierra.errors import Misconfigured
from tierra.facts import CandidatesFitted, DecisionsChosen, FeaturesExamined
from tierra.journal import note, track
from tierra.model import training
from tierra.model.artifact import dump_model, load_model
from tierra.model.candidates import check_types, fit_candidate
from tierra.model.deciding import Decided, decide, put_inside
from tierra.model.decision_chosen import DecisionChosen
from tierra.model.decision_spec import REVIEW
from tierra.model.ensemble_spec import Ensemble
from tierra.model.ensembles import cross_mix, learn_blend
from tierra.model.leaks.finding import Leak
from tierra.model.preprocessing import LEFT_OUT, describe_features
from tierra.model.recorded import Recorded, score_columns, scores_of
from tierra.model.spec import Model, Rule
from tierra.project.project import Project
from tierra.steps.leaks import find_leaks
from tierra.steps.learning import Learning
from tierra.steps.parts import Parts, read_part
from tierra.store.memo import remember
from tierra.store.refs import ObjectRef, TableRef
from tierra.store.tables import read_table, write_table
from tierra.workspace import Workspace

Candidate = Rule | Model | Ensemble


class HeldOut(BaseModel):
    """What a candidate predicted of the rows that it was not fitted on, fold by fold."""

    model_config = ConfigDict(frozen=True)

    scores: TableRef


class Tried(HeldOut):
    """The same with its metrics on these rows, their intervals, and how it would decide."""

    candidate: str
    validation: dict[str, float]
    chosen: DecisionChosen
    intervals: dict[str, tuple[float, float]] = {}
    weights: dict[str, float] = {}


class FittedCandidates(BaseModel):
    """Every candidate tried on the same folds, and what was found on the way."""

    model_config = ConfigDict(frozen=True)

    parts: Parts
    fitted: dict[str, Tried]
    treatments: dict[str, str]
    leaks: tuple[Leak, ...]
    folds: int

    @property
    def validation(self) -> dict[str, dict[str, float]]:
        """Metrics on the rows held out by candidate."""
        return {name: each.validation for name, each in self.fitted.items()}


class Fitted(ObjectRef):
    """A candidate fitted on all learning rows, as it would serve."""

    candidate: str
    chosen: DecisionChosen


class Choice(BaseModel):
    """The best model on the rows held out, the rule, and the leaks that the project acknowledges."""

    model_config = ConfigDict(frozen=True)

    parts: Parts
    best: Fitted
    rule: Fitted
    leaks: tuple[Leak, ...] = ()


def fit_candidates(workspace: Workspace, project: Project, parts: Parts) -> FittedCandidates:
    """Every candidate tried on folds of the rows that are not test; leaks are looked for first.

    Its threshold is set on what it predicted of the rows that it was not fitted on.
    """
    _refuse_class(project, parts)
    train = read_part(workspace, parts, "train")
    treatments = describe_features(train.features, project.preprocessing)
    note(FeaturesExamined(treatments))
    seen = [name for name, treatment in treatments.items() if not treatment.startswith(LEFT_OUT)]
    leaks = find_leaks(workspace, project, parts, seen)
    learning = Learning(workspace, project, parts)
    tried = _try_all(learning)
    done = FittedCandidates(parts=parts, fitted=tried, treatments=treatments, leaks=leaks, folds=len(learning.folds))
    note(CandidatesFitted(done.validation, {name: each.intervals for name, each in tried.items()}))
    note(DecisionsChosen({name: each.chosen for name, each in tried.items()}))
    return done


def choose_candidate(workspace: Workspace, project: Project, candidates: FittedCandidates, best: str = "") -> Choice:
    """The model that is best on the rows held out, or the one named, and the rule, both fitted on all learning rows."""
    learning = Learning(workspace, project, candidates.parts)
    best = best or training.choose_candidate(candidates.validation, project.gate)
    fitted = {name: _fit_whole(learning, candidates.fitted, name) for name in dict.fromkeys((best, "rule"))}
    return Choice(parts=candidates.parts, best=fitted[best], rule=fitted["rule"], leaks=candidates.leaks)


def load_fitted(workspace: Workspace, fitted: ObjectRef) -> Any:
    """A fitted candidate from the store, checked before it is loaded."""
    objects = workspace.objects
    return load_model(objects.read(fitted.name), fitted.sha256, objects.location(fitted.name))


def _refuse_class(project: Project, parts: Parts) -> None:
    """Raise Misconfigured where a class has the name that rows for a person are published with."""
    if project.decision.review and REVIEW in parts.labels.classes:
        what = f"{project.file}: decision.review: '{REVIEW}' is a class of {project.target} already"
        raise Misconfigured("columns-conflict", what)


def _try_all(learning: Learning) -> dict[str, Tried]:
    """What each candidate predicts of the rows held out; ensembles after the candidates they combine."""
    objects, project = learning.workspace.objects, learning.project
    single = [each for each in project.candidates or () if not isinstance(each, Ensemble)]
    held: dict[str, HeldOut] = {}
    for candidate in track(single, "candidates"):
        make = partial(_predict_held_out, learning, candidate)
        held[candidate.name] = remember(objects, __name__, _inputs(learning, candidate), HeldOut, make)
    tried: dict[str, Tried] = {}
    for each in project.candidates or ():
        inputs = [*_inputs(learning, each), *_decides(project), held]
        tried[each.name] = remember(objects, __name__, inputs, Tried, partial(_try, learning, each, held))
    return tried


def _inputs(learning: Learning, candidate: Candidate) -> list[Any]:
    """All that decides what a candidate predicts of the rows held out."""
    parts, project = learning.parts, learning.project
    data = [parts.train.sha256, parts.validation.sha256, parts.labels]
    return [*data, candidate, project.preprocessing, project.split, project.effort, bool(project.score.reasons)]


def _decides(project: Project) -> list[Any]:
    """All that decides what becomes of its scores."""
    return [project.decision, project.card.cost, project.gate.metric, project.measured]


def _predict_held_out(learning: Learning, candidate: Rule | Model) -> HeldOut:
    project = learning.project
    check_types(candidate, learning.rows, project.preprocessing, bool(project.score.reasons))
    scores = []
    for fold in learning.folds:
        model = fit_candidate(candidate, learning.rows.take(fold.fitted), project.preprocessing)
        scores.append(scores_of(model, learning.rows.table.iloc[fold.held_out], learning.parts.labels))
    return HeldOut(scores=_write_scores(learning, np.concatenate(scores)))


def _try(learning: Learning, candidate: Candidate, held: Mapping[str, HeldOut]) -> Tried:
    """A candidate's metrics, and how it would decide, by its scores of the rows held out."""
    project, rows = learning.project, learning.held_out
    scorers = training.scorers_of(rows.labels, project.gate, project.measured)
    scores, weights = _scores(learning, candidate, held)
    decided = _decide(learning, candidate, _read_scores(learning, scores))
    return Tried(
        scores=scores, candidate=candidate.name, chosen=decided.chosen, weights=weights,
        validation=training.measure(decided.model, rows, scorers, decided.predictions),
        intervals=training.measure_intervals(decided.model, rows, scorers, decided.predictions),
    )  # fmt: skip


def _scores(learning: Learning, candidate: Candidate, held: Mapping[str, HeldOut]) -> tuple[TableRef, dict[str, float]]:
    """The candidate's scores of the rows held out, and of an ensemble the weights of its members."""
    if not isinstance(candidate, Ensemble):
        return held[candidate.name].scores, {}
    members, metric = _members(learning, candidate, held), learning.project.gate.metric_name
    mixed = cross_mix(candidate, members, learning.held_out, metric)
    weights = learn_blend(candidate, members, learning.held_out, metric).weights
    return _write_scores(learning, mixed), dict(zip(candidate.members, weights, strict=False))


def _members(learning: Learning, candidate: Ensemble, held: Mapping[str, HeldOut]) -> list[np.ndarray]:
    shape = -1 if learning.parts.labels.task == "multiclass" else 0
    found = [_read_scores(learning, held[name].scores).to_numpy(float) for name in candidate.members]
    return found if shape else [each[:, 0] for each in found]


def _decide(learning: Learning, candidate: Candidate, scores: pd.DataFrame) -> Decided:
    """How a candidate decides, by its scores of the rows held out. A rule, what one would do without a model, stays."""
    project, is_model, in_time = learning.project, not isinstance(candidate, Rule), learning.project.split.by == "time"
    recorded = Recorded(scores, learning.parts.labels, 0.5)
    return decide(recorded, learning.held_out, project.decision, project.card.cost, is_model, in_time)


def _fit_whole(learning: Learning, tried: Mapping[str, Tried], name: str) -> Fitted:
    """A candidate fitted on all learning rows, deciding as its scores of the rows held out say."""
    candidate = next(each for each in learning.project.candidates or () if each.name == name)
    inputs = [*_inputs(learning, candidate), *_decides(learning.project), tried]
    make = partial(_fit_and_write, learning, candidate, tried)
    return remember(learning.workspace.objects, __name__, inputs, Fitted, make)


def _fit_and_write(learning: Learning, candidate: Candidate, tried: Mapping[str, Tried]) -> Fitted:
    decided = _decide(learning, candidate, _read_scores(learning, tried[candidate.name].scores))
    model = put_inside(decided.model, _fit(learning, candidate, tried))
    with learning.workspace.objects.draft("models/", ".skops") as draft:
        draft.write(dump_model(model))
    return Fitted(name=draft.name, sha256=draft.sha256, candidate=candidate.name, chosen=decided.chosen)


def _fit(learning: Learning, candidate: Candidate, tried: Mapping[str, Tried]) -> Any:
    if not isinstance(candidate, Ensemble):
        return fit_candidate(candidate, learning.rows, learning.project.preprocessing)
    by_name = {each.name: each for each in learning.project.candidates or ()}
    blend = learn_blend(candidate, _members(learning, candidate, tried), learning.held_out,
                        learning.project.gate.metric_name)  # fmt: skip
    models = [_fit(learning, by_name[name], tried) for name in blend.needed(candidate.members)]
    return blend.of(models, learning.parts.labels.task == "regression")


def _write_scores(learning: Learning, scores: np.ndarray) -> TableRef:
    columns = score_columns(learning.parts.labels)
    table = pa.table(list(scores.reshape(len(scores), -1).T), names=columns)
    return write_table(learning.workspace.objects, "scores/", table.schema, [table])


def _read_scores(learning: Learning, scores: TableRef) -> pd.DataFrame:
    return read_table(learning.workspace.objects, scores).to_pandas()
