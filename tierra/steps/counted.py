"""How many boosted trees a candidate has: counted once on the learning rows, and the same in every fold."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from tierra.model.candidates import count_trees_of
from tierra.model.rounds import is_counted
from tierra.model.spec import Model, Rule
from tierra.steps.learning import Learning, inputs_of
from tierra.steps.own import own_classes
from tierra.store.memo import remember
from tierra.workspace import Workspace


class Counted(BaseModel):
    """How many trees are best on rows held out; None where that cannot be said."""

    model_config = ConfigDict(frozen=True)

    trees: int | None


def with_trees(learning: Learning, candidate: Rule | Model) -> Rule | Model:
    """The candidate with the number of trees that is best on folds of the learning rows, where it states none."""
    if isinstance(candidate, Rule) or not is_counted(candidate):
        return candidate
    trees = _count(learning, candidate).trees
    return candidate if trees is None else candidate.with_params({"max_iter": trees})


def count_trees(workspace: Workspace, piece: Any) -> Iterator[Counted]:
    """The count for the candidate of a piece of work, wherever that is done."""
    stated = Learning(workspace, piece.project, piece.parts)
    yield _count(workspace.once.get(stated.key, lambda: stated), piece.candidate)


def _count(learning: Learning, candidate: Model) -> Counted:
    preprocessing, own = learning.project.preprocessing, own_classes(learning.project)
    return remember(learning.workspace.objects, __name__, inputs_of(learning, candidate), Counted,
                    lambda: Counted(trees=count_trees_of(candidate, learning.rows, preprocessing, own)))  # fmt: skip
