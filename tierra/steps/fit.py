"""Trying candidates, choosing one, and fitting it on all rows that are not test."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from tierra.data.labels import Labels
from tierra.errors import Misconfigured
from tierra.facts import CandidatesFitted, DecisionsChosen, FeaturesExamined
from tierra.journal import note, warn
from tierra.model import training
from tierra.model.artifact import dump_model, load_model
from tierra.model.balance_found import Balanced
from tierra.model.candidates import fit_candidate
from tierra.model.deciding import put_inside
from tierra.model.decision_chosen import DecisionChosen
from tierra.model.decision_spec import REVIEW
from tierra.model.ensemble_spec import Ensemble, Selection
from tierra.model.examples import Examples
from tierra.model.growing_spec import Cost
from tierra.model.leaks.finding import Leak
from tierra.model.log_target import OF_TARGET, describe_target
from tierra.model.preference import is_shown_better
from tierra.model.search_found import SearchDone
from tierra.model.treatments_described import LEFT_OUT, describe_features, describe_pairs
from tierra.project.project import Project
from tierra.steps.balance import compare_balance, without_unfit
from tierra.steps.counted import with_trees
from tierra.steps.fold_scores import costs_of
from tierra.steps.growing import grow
from tierra.steps.held_out import Tried, blend_of, decide_by, decided_by, try_candidates
from tierra.steps.large import in_parts
from tierra.steps.leaks import find_leaks
from tierra.steps.learning import Candidate, Learning, inputs_of
from tierra.steps.own import own_classes
from tierra.steps.parts import Parts, read_part
from tierra.steps.search import with_found
from tierra.store.memo import remember
from tierra.store.refs import ObjectRef
from tierra.workspace import Workspace


class FittedCandidates(BaseModel):
    """Every candidate tried on the same folds, and what was found on the way."""

    model_config = ConfigDict(frozen=True)

    parts: Parts
    fitted: dict[str, Tried]
    treatments: dict[str, str]
    beside: dict[str, str] = {}  # of pairs of features and of the target: what is made of them
    leaks: tuple[Leak, ...]
    rows: int
    folds: int
    balance: Balanced = Balanced()
    searches: tuple[SearchDone, ...] = ()
    costs: dict[str, Cost] = {}
    stopped: str = ""
    ensembles: tuple[str, ...] = ()

    @property
    def validation(self) -> dict[str, dict[str, float]]:
        """Metrics on the rows held out by candidate."""
        return {name: each.validation for name, each in self.fitted.items()}

    @property
    def compared(self) -> dict[str, dict[str, float]]:
        """The same of those that are chosen among: without ways to balance that are not shown to pay."""
        return {name: each for name, each in self.validation.items() if name not in self.balance.left_out}


class Fitted(ObjectRef):
    """A fitted candidate as it would serve."""

    candidate: str
    chosen: DecisionChosen


class Choice(BaseModel):
    """The best model on the rows held out, the rule, and the leaks that the project acknowledges."""

    model_config = ConfigDict(frozen=True)

    parts: Parts
    best: Fitted
    rule: Fitted
    tried: dict[str, Tried] = {}
    leaks: tuple[Leak, ...] = ()
    balance: Balanced = Balanced()
    searches: tuple[SearchDone, ...] = ()
    stopped: str = ""


def fit_candidates(workspace: Workspace, project: Project, parts: Parts) -> FittedCandidates:
    """Every candidate tried on folds of the rows that are not test; leaks are looked for first.

    Its threshold is set on what it predicted of the rows that it was not fitted on.
    """
    _refuse_classes(project, parts.labels)
    train = read_part(workspace, parts, "train")
    treatments = describe_features(train.features, project.preprocessing, train.is_grouped)
    beside = describe_pairs(treatments, project.preprocessing)
    if parts.labels.task == "regression":
        beside |= {OF_TARGET: describe_target(train.target, project.preprocessing)}
    note(FeaturesExamined(treatments | beside))
    seen = [name for name, treatment in treatments.items() if not treatment.startswith(LEFT_OUT)]
    leaks = find_leaks(workspace, project, parts, seen)
    learning = Learning(workspace, without_unfit(project, train), parts)
    if learning.without_folds:
        warn(learning.without_folds)
    learning, searches, stopped = grow(learning)
    tried = try_candidates(learning)
    balance = compare_balance(learning, tried)
    done = FittedCandidates(parts=parts, fitted=tried, treatments=treatments, beside=beside, leaks=leaks,
                            rows=len(learning.held_out.target), folds=len(learning.folds), balance=balance,
                            searches=searches, stopped=stopped, costs=costs_of(learning, tried),
                            ensembles=_ensembles_of(learning.project))  # fmt: skip
    _note(done)
    return done


def choose_candidate(workspace: Workspace, project: Project, candidates: FittedCandidates, best: str = "") -> Choice:
    """The model that is best on the rows held out, or the one named, and the rule, both fitted on all learning rows."""
    project, tried = with_found(project, candidates.searches), candidates.fitted
    learning = Learning(workspace, project, candidates.parts)
    best = best or _prefer_selection(learning, tried, training.choose_candidate(candidates.compared, project.gate))
    fitted = {name: _fit_whole(learning, tried, name) for name in dict.fromkeys((best, "rule"))}
    return Choice(parts=candidates.parts, best=fitted[best], rule=fitted["rule"], tried=tried, leaks=candidates.leaks,
                  balance=candidates.balance, searches=candidates.searches, stopped=candidates.stopped)  # fmt: skip


def load_fitted(workspace: Workspace, project: Project, fitted: ObjectRef) -> Any:
    """A fitted candidate from the store, checked before it is loaded, once a run."""
    objects, own = workspace.objects, own_classes(project)

    def load() -> Any:
        return load_model(objects.read(fitted.name), fitted.sha256, objects.location(fitted.name), own)

    return workspace.once.get(("fitted", fitted.sha256), load)


def fit_on(learning: Learning, tried: Mapping[str, Tried], name: str, rows: Examples) -> Fitted:
    """A candidate fitted on these rows, that decides as its scores of the rows held out say."""
    candidate = candidate_of(learning.project, name)
    decided = decide_by(learning, candidate, tried[name].scores)
    model = put_inside(decided.model, _fit(learning, candidate, tried, rows))
    with learning.workspace.objects.draft("models/", ".skops") as draft:
        draft.write(dump_model(model, own_classes(learning.project)))
    return Fitted(name=draft.name, sha256=draft.sha256, candidate=name, chosen=decided.chosen)


def candidate_of(project: Project, name: str) -> Candidate:
    """The candidate of this name."""
    return next(each for each in project.candidates or () if each.name == name)


def _ensembles_of(project: Project) -> tuple[str, ...]:
    """The names of the candidates that are made of others."""
    return tuple(each.name for each in project.candidates or () if isinstance(each, Ensemble))


def _prefer_selection(learning: Learning, tried: Mapping[str, Tried], best: str) -> str:
    """The selection over the best candidate, unless that is shown to be better: the best of several is so by chance."""
    project, rows = learning.project, learning.held_out
    selections = [each for each in project.candidates or () if isinstance(each, Selection) and best in each.members]
    for each in selections:
        ours, theirs = (decide_by(learning, candidate_of(project, name), tried[name].scores).predictions
                        for name in (best, each.name))  # fmt: skip
        if not is_shown_better(project.gate.metric_name, ours, theirs, rows, project.measured):
            return each.name
    return best


def _note(done: FittedCandidates) -> None:
    tried = done.fitted.items()
    weights = {name: each.weights for name, each in tried if each.weights}
    intervals = {name: each.intervals for name, each in tried}
    note(CandidatesFitted(done.compared, intervals, weights, done.rows, done.folds, done.costs, done.stopped,
                          done.ensembles))  # fmt: skip
    note(DecisionsChosen({name: each.chosen for name, each in tried}))


def _refuse_classes(project: Project, labels: Labels) -> None:
    """Raise Misconfigured for a class called as rows for a person are published, and a floor of one there is not."""
    if project.decision.review and REVIEW in labels.classes:
        what = f"{project.file}: decision.review: '{REVIEW}' is a class of {project.target} already"
        raise Misconfigured("columns-conflict", what)
    floors = project.gate.classes.floor if project.gate.classes else None
    if strange := [name for name in floors if name not in labels.classes] if isinstance(floors, dict) else []:
        what = f"{project.file}: gate.classes.floor: '{strange[0]}' is no class ({', '.join(labels.classes)})"
        raise Misconfigured("value-invalid", what)


def _fit_whole(learning: Learning, tried: Mapping[str, Tried], name: str) -> Fitted:
    inputs = [*inputs_of(learning, candidate_of(learning.project, name)), *decided_by(learning), tried]
    return remember(learning.workspace.objects, __name__, inputs, Fitted,
                    lambda: fit_on(learning, tried, name, learning.rows))  # fmt: skip


def _fit(learning: Learning, candidate: Candidate, tried: Mapping[str, Tried], rows: Examples) -> Any:
    if not isinstance(candidate, Ensemble):
        project, own, functions = learning.project, own_classes(learning.project), learning.code.functions
        with in_parts(learning.workspace, candidate):
            return fit_candidate(
                with_trees(learning, candidate), rows, project.preprocessing, own=own, functions=functions
            )
    blend = blend_of(learning, candidate, tried)
    members = [candidate_of(learning.project, name) for name in blend.needed(candidate.members)]
    models = [_fit(learning, each, tried, rows) for each in members]
    return blend.of(models, rows.labels.task == "regression")
