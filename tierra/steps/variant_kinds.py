"""The kinds of smaller variants of a champion: what each is called, how it is made, and what makes it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

import numpy as np

from tierra.errors import Broken, Misconfigured
from tierra.model import training
from tierra.model.admission import taken_of
from tierra.model.artifact import inner_model, predict
from tierra.model.deciding import decide, put_inside
from tierra.model.difference import signed
from tierra.model.distilling import distil, smallest_within, students_of
from tierra.model.ensemble_spec import Ensemble
from tierra.model.examples import Examples
from tierra.model.pruning import SHARES, pruned
from tierra.model.release import Champion
from tierra.model.rounding import rounded
from tierra.model.spec import Model
from tierra.model.variant_spec import VariantKind
from tierra.project.project import Project
from tierra.steps.champion import judged_model
from tierra.steps.fit import FittedCandidates, choose_candidate, fit_candidates, load_fitted
from tierra.steps.own import own_classes
from tierra.steps.parts import read_part
from tierra.workspace import Workspace

SAME: Final = 1e-5  # of the largest score: what single precision loses in the sum of a few hundred trees
Making = Iterator[tuple[str, str, Callable[[], Any]]]


@dataclass(frozen=True)
class Material:
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
        return taken_of(read_part(self.workspace, self.candidates.parts, "validation"), self.served)


def _compressed(material: Material) -> Making:
    yield "compressed", "the same model, its file compressed", lambda: material.served


def _rounded(material: Material) -> Making:
    served = material.served
    how = "splits and leaves of boosted trees in single precision"
    yield "rounded", how, lambda: put_inside(served, rounded(inner_model(served)))


def _onnx(material: Material) -> Making:
    yield "onnx", "the same model in ONNX, computed by onnxruntime", partial(_as_onnx, material)


def _as_onnx(material: Material) -> Any:
    from tierra.model.onnx_export import as_onnx

    served, rows = material.served, material.validation
    made = put_inside(served, as_onnx(inner_model(served)))
    found, before = (predict(each, rows.table, rows.labels).scores for each in (made, served))
    far = float(np.abs(found - before).max(initial=0.0) / max(np.abs(before).max(initial=0.0), 1e-300))
    if far > SAME:
        raise Broken("agreement-broken", f"in ONNX it predicts otherwise, by up to {far:.3g} of the largest score")
    return made


def _members(material: Material) -> Making:
    """Each candidate of a mean alone, fitted and decided as it would be by itself."""
    own = _candidate(material)
    for name in own.members if isinstance(own, Ensemble) else ():
        how = f"{name} alone of {', '.join(own.members)}"
        yield f"only_{name}", how, partial(_alone, material, material.project, material.candidates, name)


def _alone(material: Material, project: Project, candidates: FittedCandidates, name: str) -> Any:
    chosen = choose_candidate(material.workspace, project, candidates, name)
    return load_fitted(material.workspace, project, chosen.best)


def _candidate(material: Material) -> Any:
    """The candidate of the project file that the champion was; None of one that is none, such as a variant."""
    every = material.project.candidates or ()
    return next((each for each in every if each.name == material.champion.candidate), None)


def _pruned(material: Material) -> Making:
    yield "pruned", "fewer and smaller trees, as few as held-out rows allow", partial(_with_fewer_trees, material)


def _with_fewer_trees(material: Material) -> Any:
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


def _smaller_project(material: Material, share: float) -> Project:
    """The project with the champion's candidate and its members alone, these with fewer trees."""
    own, project = _candidate(material), material.project
    names = {own.name, *getattr(own, "members", ())}
    kept, smaller = [each for each in project.candidates or () if each.name in names], False
    for place, each in enumerate(kept):
        made = pruned(each, material.train, share, project.preprocessing) if isinstance(each, Model) else None
        smaller, kept[place] = smaller or made is not None, made or each
    if not smaller:
        raise Misconfigured("variant-needless", "it has no trees to prune")
    return project.model_copy(update={"candidates": (project.rule, *kept)})


def _distilled(material: Material) -> Making:
    hows = {"distilled_tree": "one tree that imitates the champion",
            "distilled_linear": "a linear model that imitates the champion",
            "distilled_boosting": "a few boosted trees that imitate the champion"}  # fmt: skip
    for name in students_of(material.train.labels.task):
        yield name, hows[name], partial(_student, material, name)


def _student(material: Material, name: str) -> Any:
    project, rows, later = material.project, material.train, material.validation
    in_time = project.split.by == "time"
    made = []
    for student in students_of(rows.labels.task)[name]:
        model = distil(material.served, student, rows, project.preprocessing, own_classes(project))
        made.append(decide(model, later, project.decision, project.card.cost, True, in_time).model)
    return smallest_within(made, partial(_score, material), material.margin / 2)


def _score(material: Material, model: Any) -> float:
    metric, rows = material.project.gate.metric_name, material.validation
    scorers = training.scorers_of(rows.labels, material.project.gate, ())
    return signed(metric, training.measure(model, rows, scorers)[metric])


KINDS: Final[dict[VariantKind, Callable[[Material], Making]]] = {
    "compressed": _compressed, "rounded": _rounded, "members": _members, "pruned": _pruned, "distilled": _distilled,
    "onnx": _onnx,
}  # fmt: skip
