"""Fitting candidates, and choosing among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict

from tierra.errors import Misconfigured
from tierra.facts import CandidatesFitted, DecisionsChosen, FeaturesExamined
from tierra.journal import note, track
from tierra.model import training
from tierra.model.artifact import dump_model, inner_model, load_model
from tierra.model.candidates import check_types, fit_candidate
from tierra.model.deciding import decide
from tierra.model.decision_chosen import DecisionChosen
from tierra.model.decision_spec import REVIEW
from tierra.model.examples import Examples
from tierra.model.leaks.finding import Leak
from tierra.model.spec import Average, Model, Rule
from tierra.model.treatments import LEFT_OUT, describe_features
from tierra.project.project import Project
from tierra.steps.leaks import find_leaks
from tierra.steps.parts import Parts, read_part
from tierra.store.memo import remember
from tierra.store.refs import ObjectRef
from tierra.workspace import Workspace

Candidate = Rule | Model | Average


class Fitted(ObjectRef):
    """A fitted candidate as it would serve, and its metrics on validation with their intervals."""

    candidate: str
    validation: dict[str, float]
    chosen: DecisionChosen | None = None
    intervals: dict[str, tuple[float, float]] = {}


class FittedCandidates(BaseModel):
    """Every candidate fitted, and what was found on the way."""

    model_config = ConfigDict(frozen=True)

    parts: Parts
    fitted: dict[str, Fitted]
    treatments: dict[str, str]
    leaks: tuple[Leak, ...]

    @property
    def validation(self) -> dict[str, dict[str, float]]:
        """Metrics on validation by candidate."""
        return {name: each.validation for name, each in self.fitted.items()}


class Choice(BaseModel):
    """The best model on validation, the rule, and the leaks that the project acknowledges."""

    model_config = ConfigDict(frozen=True)

    parts: Parts
    best: Fitted
    rule: Fitted
    leaks: tuple[Leak, ...] = ()


@dataclass(frozen=True)
class _Material:
    """What every candidate is fitted on, and tuned on."""

    parts: Parts
    train: Examples
    validation: Examples


def fit_candidates(workspace: Workspace, project: Project, parts: Parts) -> FittedCandidates:
    """Every candidate fitted on the training part, its threshold set on validation. Leaks are looked for first."""
    _refuse_class(project, parts)
    material = _Material(parts, *(read_part(workspace, parts, name) for name in ("train", "validation")))
    treatments = describe_features(material.train.features, project.preprocessing)
    note(FeaturesExamined(treatments))
    seen = [name for name, treatment in treatments.items() if not treatment.startswith(LEFT_OUT)]
    leaks = find_leaks(workspace, project, parts, seen)
    fitted: dict[str, Fitted] = {}
    for candidate in track(project.candidates or (), "candidates"):
        members = {name: fitted[name] for name in getattr(candidate, "average", ())}
        inputs = _inputs(project, candidate, parts, members)
        make = partial(_fit, workspace, project, candidate, material, members)
        fitted[candidate.name] = remember(workspace.objects, __name__, inputs, Fitted, make)
    done = FittedCandidates(parts=parts, fitted=fitted, treatments=treatments, leaks=leaks)
    note(CandidatesFitted(done.validation, {name: each.intervals for name, each in fitted.items()}))
    note(DecisionsChosen({name: each.chosen for name, each in fitted.items() if each.chosen}))
    return done


def choose_candidate(project: Project, candidates: FittedCandidates) -> Choice:
    """The model that is best on validation, beside the rule."""
    best = training.choose_candidate(candidates.validation, project.gate)
    fitted = candidates.fitted
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


def _inputs(project: Project, candidate: Candidate, parts: Parts, members: Mapping[str, Fitted]) -> list[Any]:
    """All that decides what a fitted candidate is."""
    data, inside = [parts.train.sha256, parts.validation.sha256, parts.labels], [
        each.sha256 for each in members.values()
    ]
    decided = [project.decision, project.split.by, project.card.cost, bool(project.score.reasons)]
    return [*data, candidate, project.preprocessing, project.gate.metric, project.measured, *decided, inside]


def _fit(
    workspace: Workspace, project: Project, candidate: Candidate, material: _Material, members: Mapping[str, Fitted]
) -> Fitted:
    check_types(candidate, material.train, project.preprocessing, bool(project.score.reasons))
    inside = {name: inner_model(load_fitted(workspace, each)) for name, each in members.items()}
    model = fit_candidate(candidate, material.train, inside, project.preprocessing)
    # A rule is what one would do without a model: it stays as it is.
    is_model = not isinstance(candidate, Rule)
    in_time = project.split.by == "time"
    decided = decide(model, material.validation, project.decision, project.card.cost, is_model, in_time)
    scorers = training.scorers_of(material.parts.labels, project.gate, project.measured)
    with workspace.objects.draft("models/", ".skops") as draft:
        draft.write(dump_model(decided.model))
    validation = training.measure(decided.model, material.validation, scorers, decided.predictions)
    intervals = training.measure_intervals(decided.model, material.validation, scorers, decided.predictions)
    return Fitted(name=draft.name, sha256=draft.sha256, candidate=candidate.name, validation=validation,
                  intervals=intervals, chosen=decided.chosen)  # fmt: skip
