"""Candidates in growing order of cost: the next is tried while more complexity pays by the declared margin."""

from typing import NamedTuple

from tierra.model.balanced_candidates import names_by_way
from tierra.model.ensemble_spec import Ensemble
from tierra.model.gate import advantage
from tierra.model.growing_spec import rank_of
from tierra.model.search_found import SearchDone
from tierra.model.spec import Model, Rule, heading
from tierra.project.project import Project
from tierra.steps.held_out import try_candidates
from tierra.steps.learning import Learning
from tierra.steps.search import search_parameters, with_found


class Grown(NamedTuple):
    """The candidates to try, their parameters found, and why the costlier ones are left out."""

    learning: Learning
    searches: tuple[SearchDone, ...]
    stopped: str = ""


def grow(learning: Learning) -> Grown:
    """All candidates; of a project with a margin those up to the first that is not better by it than one before."""
    if learning.project.complexity is None:
        searches = search_parameters(learning)
        return Grown(learning.of(with_found(learning.project, searches)), searches)
    kept, searches, stopped = _until_enough(learning, learning.project.complexity.margin)
    found = with_found(_with(learning.project, kept), searches)
    return Grown(learning.of(found), searches, stopped)


def _until_enough(learning: Learning, margin: float) -> tuple[list[str], tuple[SearchDone, ...], str]:
    """The names of the models to keep, what was found for them, and why it stopped."""
    ordered = sorted(_models(learning.project), key=lambda each: rank_of(each.model))
    kept, searches, best = list[str](), tuple[SearchDone, ...](), None
    for place, each in enumerate(ordered, 1):
        value, done = _measure(learning, each)
        kept, searches = [*kept, each.name], (*searches, *done)
        if best is not None and value < best + margin and place < len(ordered):
            return kept, searches, _why(learning.project, each.name, value - best, kept)
        best = value if best is None else max(best, value)
    return kept, searches, ""


def _measure(learning: Learning, model: Model) -> tuple[float, tuple[SearchDone, ...]]:
    """The gate's metric of a model on the rows held out, better when higher, with the parameters found for it.

    Raises DataRejected where it is no number.
    """
    project, metric = learning.project, learning.project.gate.metric_name
    alone = learning.of(project.model_copy(update={"candidates": (project.rule, model)}))
    done = search_parameters(alone)
    tried = try_candidates(alone.of(with_found(alone.project, done)))
    return advantage(metric, tried[model.name].validation, {metric: 0.0}), done


def _models(project: Project) -> list[Model]:
    """The models as they are, without the ways to balance them."""
    ways = names_by_way(project.candidates or (), project.balance)
    balanced = {name for model in ways for name in ways[model].values() if name != model}
    return [each for each in project.candidates or () if isinstance(each, Model) and each.name not in balanced]


def _with(project: Project, kept: list[str]) -> Project:
    """The project with these models, the ways to balance them, and the ensembles that need no other."""
    ways = names_by_way(project.candidates or (), project.balance)
    names = {name for model in kept for name in (model, *ways.get(model, {}).values())}
    left = [
        each
        for each in project.candidates or ()
        if isinstance(each, Rule) or (set(each.members) <= names if isinstance(each, Ensemble) else each.name in names)
    ]
    return project.model_copy(update={"candidates": tuple(left)})


def _why(project: Project, name: str, gain: float, kept: list[str]) -> str:
    assert project.complexity
    tried = {each.name for each in _with(project, kept).candidates or ()}
    others = [each.name.replace("_", " ") for each in project.candidates or () if each.name not in tried]
    return (f"{name.replace('_', ' ')} is {'better' if gain >= 0 else 'worse'} by {abs(gain):.4f} in"
            f" {heading(project.gate.metric_name)} than what costs less, the margin is {project.complexity.margin:g}:"
            f" {', '.join(others)} {'is' if len(others) == 1 else 'are'} not tried")  # fmt: skip
