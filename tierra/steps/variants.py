"""Making smaller variants of the champion: what can be left out of it, and what can stand in its place."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
from pydantic import BaseModel, ConfigDict

from tierra.errors import Broken, DataRejected, Misconfigured
from tierra.journal import track
from tierra.model import training
from tierra.model.artifact import check_agreement, dump_model, inner_model, predict
from tierra.model.candidates import check_reasons
from tierra.model.compressed import compress
from tierra.model.deciding import decide, put_inside
from tierra.model.decision_chosen import DecisionChosen
from tierra.model.difference import signed
from tierra.model.distilling import distil, smallest_within, students_of
from tierra.model.ensemble_spec import Ensemble
from tierra.model.examples import Examples
from tierra.model.pruning import SHARES, pruned
from tierra.model.release import Champion
from tierra.model.rounding import rounded
from tierra.model.spec import Model
from tierra.model.variant_spec import VariantKind, margin_of
from tierra.project.project import Project
from tierra.steps.champion import champion_project, has_same_features, judged_model
from tierra.steps.fit import Fitted, FittedCandidates, choose_candidate, fit_candidates, load_fitted
from tierra.steps.learnt import learnt_from
from tierra.steps.own import own_classes
from tierra.steps.parts import Parts, read_part
from tierra.steps.search import with_found
from tierra.store.memo import remember
from tierra.workspace import Workspace

SAME: Final = 1e-5  # of the largest score: what single precision loses in the sum of a few hundred trees
ROWS_COMPARED: Final = 500
Making = Iterator[tuple[str, str, Callable[[], Any]]]


class Variant(BaseModel):
    """A variant: what it is called, how it was made, and the model; or why there is none."""

    model_config = ConfigDict(frozen=True)

    name: str
    how: str
    why_not: str = ""
    fitted: Fitted | None = None


class Variants(BaseModel):
    """All variants of a champion, and how much worse than it one may be."""

    model_config = ConfigDict(frozen=True)

    parts: Parts
    rule: Fitted
    margin: float
    variants: tuple[Variant, ...]

    @property
    def made(self) -> list[Variant]:
        """Those that could be made."""
        return [each for each in self.variants if each.fitted]


@dataclass(frozen=True)
class _Material:
    """The champion, and what variants of it are made of."""

    workspace: Workspace
    project: Project
    champion: Champion
    candidates: FittedCandidates
    margin: float

    @cached_property
    def served(self) -> Any:
        """The champion's model as it was judged: what `refit` makes of it afterwards has seen the test rows."""
        return judged_model(self.workspace, self.champion)

    @cached_property
    def train(self) -> Examples:
        """The rows that students learn from."""
        return read_part(self.workspace, self.candidates.parts, "train")

    @cached_property
    def validation(self) -> Examples:
        """The rows on which their sizes and their decisions are chosen."""
        return read_part(self.workspace, self.candidates.parts, "validation")


def make_variants(workspace: Workspace, project: Project, champion: Champion, candidates: FittedCandidates) -> Variants:
    """Every kind of variant that the project asks for. Raises DataRejected or Misconfigured where none can be judged.

    What was made before of the same champion is found again.
    """
    _check_champion(workspace, project, champion, candidates.parts)
    release, metric = champion.release, project.gate.metric_name
    margin = margin_of(project.optimise.margin, project.gate, metric, release.metrics, release.rule_metrics)
    fixed = with_found(project, candidates.searches).model_copy(update={"complexity": None})
    material = _Material(workspace, fixed, champion, candidates, margin)
    inputs = [champion.model, candidates, project.optimise, project.decision, project.preprocessing, margin,
              project.card.cost, bool(project.score.reasons), project.candidates]  # fmt: skip
    return remember(workspace.objects, __name__, inputs, Variants, partial(_make_all, material))


def _check_champion(workspace: Workspace, project: Project, champion: Champion, parts: Parts) -> None:
    """Raise unless the champion reads today's features, and has not seen the rows that its variants are judged on."""
    name = f"champion version {champion.version}"
    if champion.candidate == "rule":
        raise Misconfigured("variant-needless", f"{name} is the rule: there is nothing to make smaller")
    # What is predicted was inferred from the target where the file does not say it.
    as_stated = project.model_copy(update={"task": champion_project(workspace, champion).task})
    if champion.release.labels != parts.labels or not has_same_features(workspace, as_stated, champion):
        raise Misconfigured("features-changed", f"{name} reads other features than {project.file} makes today")
    learnt = learnt_from(workspace, project, parts, champion)
    if learnt is None or learnt.any():
        how = "an unknown number" if learnt is None else f"{int(learnt.sum()):,}"
        raise DataRejected("champion-saw-test", f"{name} learnt from {how} of today's {parts.test.rows:,} test rows")


def _make_all(material: _Material) -> Variants:
    kinds = [each for kind in material.project.optimise.variants for each in _KINDS[kind](material)]
    made = [_finish(material, name, how, make) for name, how, make in track(kinds, "variants")]
    project, candidates = material.project, material.candidates
    rule = choose_candidate(material.workspace, project, candidates, "rule").rule
    return Variants(parts=candidates.parts, rule=rule, margin=material.margin, variants=tuple(made))


def _finish(material: _Material, name: str, how: str, make: Callable[[], Any]) -> Variant:
    """The variant as it would serve, written into the store; or why it cannot."""
    try:
        model = make()
        rows = material.validation.table.head(ROWS_COMPARED)
        check_agreement(model, rows, material.validation.labels, own_classes(material.project))
        if material.project.score.reasons:
            check_reasons(name, inner_model(model), material.validation)
        with material.workspace.objects.draft("models/", ".skops") as draft:
            draft.write(compress(dump_model(model, own_classes(material.project))))
    except (Misconfigured, Broken, DataRejected) as error:
        return Variant(name=name, how=how, why_not=error.what)
    chosen = DecisionChosen(rows=len(material.validation.target))
    return Variant(name=name, how=how, fitted=Fitted(name=draft.name, sha256=draft.sha256, candidate=name,
                                                     chosen=chosen))  # fmt: skip


def _compressed(material: _Material) -> Making:
    yield "compressed", "the same model, its file compressed", lambda: material.served


def _rounded(material: _Material) -> Making:
    served = material.served
    how = "splits and leaves of boosted trees in single precision"
    yield "rounded", how, lambda: put_inside(served, rounded(inner_model(served)))


def _onnx(material: _Material) -> Making:
    yield "onnx", "the same model in ONNX, computed by onnxruntime", partial(_as_onnx, material)


def _as_onnx(material: _Material) -> Any:
    from tierra.model.onnx_export import as_onnx

    served, rows = material.served, material.validation
    made = put_inside(served, as_onnx(inner_model(served)))
    found, before = (predict(each, rows.table, rows.labels).scores for each in (made, served))
    far = float(np.abs(found - before).max(initial=0.0) / max(np.abs(before).max(initial=0.0), 1e-300))
    if far > SAME:
        raise Broken("agreement-broken", f"in ONNX it predicts otherwise, by up to {far:.3g} of the largest score")
    return made


def _members(material: _Material) -> Making:
    """Each candidate of a mean alone, fitted and decided as it would be by itself."""
    own = _candidate(material)
    for name in own.members if isinstance(own, Ensemble) else ():
        how = f"{name} alone of {', '.join(own.members)}"
        yield f"only_{name}", how, partial(_alone, material, material.project, material.candidates, name)


def _alone(material: _Material, project: Project, candidates: FittedCandidates, name: str) -> Any:
    chosen = choose_candidate(material.workspace, project, candidates, name)
    return load_fitted(material.workspace, project, chosen.best)


def _candidate(material: _Material) -> Any:
    """The candidate of the project file that the champion was; None of one that is none, such as a variant."""
    every = material.project.candidates or ()
    return next((each for each in every if each.name == material.champion.candidate), None)


def _pruned(material: _Material) -> Making:
    yield "pruned", "fewer and smaller trees, as few as held-out rows allow", partial(_with_fewer_trees, material)


def _with_fewer_trees(material: _Material) -> Any:
    """The smallest that is worse by no more than half of the margin on the rows held out."""
    name, metric = material.champion.candidate, material.project.gate.metric_name
    before = material.candidates.validation.get(name)
    if before is None:
        raise Misconfigured("variant-needless", f"{name} is no candidate of the project file")
    for share in SHARES:
        project = _smaller_project(material, share)
        tried = fit_candidates(material.workspace, project, material.candidates.parts)
        lost = signed(metric, before[metric] - tried.validation[name][metric])
        if lost <= material.margin / 2:
            return _alone(material, project, tried, name)
    what = f"with half of the trees it loses {lost:.3g} on held-out rows, more than half of the margin"
    raise Misconfigured("variant-needless", what)


def _smaller_project(material: _Material, share: float) -> Project:
    """The project with the champion's candidate and its members alone, these with fewer trees."""
    own, project = _candidate(material), material.project
    names = {own.name, *getattr(own, "members", ())}
    kept, smaller = [each for each in project.candidates or () if each.name in names], False
    for place, each in enumerate(kept):
        made = pruned(each, material.train, share) if isinstance(each, Model) else None
        smaller, kept[place] = smaller or made is not None, made or each
    if not smaller:
        raise Misconfigured("variant-needless", "it has no trees to prune")
    return project.model_copy(update={"candidates": (project.rule, *kept)})


def _distilled(material: _Material) -> Making:
    hows = {"distilled_tree": "one tree that imitates the champion",
            "distilled_linear": "a linear model that imitates the champion",
            "distilled_boosting": "a few boosted trees that imitate the champion"}  # fmt: skip
    for name in students_of(material.train.labels.task):
        yield name, hows[name], partial(_student, material, name)


def _student(material: _Material, name: str) -> Any:
    project, rows, later = material.project, material.train, material.validation
    in_time = project.split.by == "time"
    made = []
    for student in students_of(rows.labels.task)[name]:
        model = distil(material.served, student, rows, project.preprocessing, own_classes(project))
        made.append(decide(model, later, project.decision, project.card.cost, True, in_time).model)
    return smallest_within(made, partial(_score, material), material.margin / 2)


def _score(material: _Material, model: Any) -> float:
    metric, rows = material.project.gate.metric_name, material.validation
    scorers = training.scorers_of(rows.labels, material.project.gate, ())
    return signed(metric, training.measure(model, rows, scorers)[metric])


_KINDS: Final[dict[VariantKind, Callable[[_Material], Making]]] = {
    "compressed": _compressed, "rounded": _rounded, "members": _members, "pruned": _pruned, "distilled": _distilled,
    "onnx": _onnx,
}  # fmt: skip
