"""Fitting candidates, and choosing among them."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from tasks.run.station import station
from tierra.journal import note, track
from tierra.project.project import Project
from tierra.steps.parts import Parts, read_part
from tierra.store.refs import ObjectRef
from tierra.workspace import open_workspace

if TYPE_CHECKING:
    from tierra.model.examples import Examples
    from tierra.model.spec import Average, Model, Rule


class Fitted(ObjectRef):
    """A fitted candidate as it would serve, and its metrics on validation."""

    candidate: str
    validation: dict[str, float]


class Choice(BaseModel):
    """The best model on validation, and the rule."""

    model_config = ConfigDict(frozen=True)

    best: Fitted
    rule: Fitted


@station
def fit_candidates(project: Project, parts: Parts) -> list[Fitted]:
    """Every candidate fitted on the training part, its threshold set on validation. Leaks are looked for first."""
    from tierra.store.memo import remember

    objects = open_workspace().objects
    train, later = read_part(parts.train, parts.labels), read_part(parts.validation, parts.labels)
    _find_leaks(project, train)
    fitted: dict[str, Fitted] = {}
    for candidate in track(project.candidates or (), "candidates"):
        members = [fitted[name] for name in getattr(candidate, "average", ())]
        inputs = _inputs(project, candidate, parts, members)
        fitted[candidate.name] = remember(objects, "fit", inputs, Fitted,
                                          partial(_fit, project, candidate, train, later, members))  # fmt: skip
    note(validation={name: each.validation for name, each in fitted.items()})
    _note_features(project, train)
    return list(fitted.values())


@station
def choose_candidate(project: Project, fitted: list[Fitted]) -> Choice:
    """The model that is best on validation, beside the rule."""
    from tierra.model.training import choose_candidate as choose

    by_name = {each.candidate: each for each in fitted}
    best = choose({name: each.validation for name, each in by_name.items()}, project.gate)
    note(best=best)
    return Choice(best=by_name[best], rule=by_name["rule"])


def load_fitted(fitted: ObjectRef) -> Any:
    """A fitted candidate from the store, checked before it is loaded."""
    from tierra.model.artifact import load_model

    objects = open_workspace().objects
    return load_model(objects.read(fitted.name), fitted.sha256, objects.location(fitted.name))


def _inputs(
    project: Project, candidate: "Rule | Model | Average", parts: Parts, members: Sequence[Fitted]
) -> list[Any]:
    """All that decides what a fitted candidate is."""
    data, inside = [parts.train.sha256, parts.validation.sha256, parts.labels], [each.sha256 for each in members]
    return [*data, candidate, project.preprocessing, project.gate.metric, project.metrics, project.card.cost, inside]


def _fit(
    project: Project, candidate: "Rule | Model | Average", train: "Examples", later: "Examples",
    members: Sequence[Fitted],
) -> Fitted:  # fmt: skip
    from tierra.model.artifact import dump_model, inner_model
    from tierra.model.candidates import check_types, fit_candidate
    from tierra.model.training import measure, scorers_of, tune_threshold

    check_types(candidate, train, project.preprocessing)
    inside = {each.candidate: inner_model(load_fitted(each)) for each in members}
    model = tune_threshold(fit_candidate(candidate, train, inside, project.preprocessing), later, project.card.cost)
    with open_workspace().objects.draft("models/", ".skops") as draft:
        draft.write(dump_model(model))
    validation = measure(model, later, scorers_of(later.labels, project.gate, project.metrics))
    return Fitted(name=draft.name, sha256=draft.sha256, candidate=candidate.name, validation=validation)


def _note_features(project: Project, train: "Examples") -> None:
    """What preprocessing does with each feature."""
    from tierra.model.preprocessing import describe_features

    note(treatments=describe_features(train.features, project.preprocessing))


def _find_leaks(project: Project, train: "Examples") -> None:
    """Note what tells the target alone. Raises DataRejected where the contract says so."""
    from tierra.errors import DataRejected
    from tierra.model.leaks import describe_leaks, find_leaks

    found = describe_leaks(find_leaks(train))
    note(leaks=found)
    if found and project.contract.leaks == "stop":
        raise DataRejected("leak-found", f"{project.name}: {'; '.join(found)}")
