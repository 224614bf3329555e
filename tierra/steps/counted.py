"""How many boosted trees a candidate has: counted once on the learning rows, and the same in every fold."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from tierra.model.counting import count_trees
from tierra.model.rounds import is_counted
from tierra.model.spec import Model, Rule
from tierra.steps.learning import Learning, inputs_of
from tierra.steps.own import own_classes
from tierra.store.memo import remember
from tierra.workspace import Workspace


class Counted(BaseModel):
    """How many trees are best on rows held out."""

    model_config = ConfigDict(frozen=True)

    trees: int


def with_trees(learning: Learning, candidate: Rule | Model) -> Rule | Model:
    """The candidate with the number of trees that is best on folds of the learning rows, where it states none."""
    if isinstance(candidate, Rule) or not is_counted(candidate):
        return candidate
    return candidate.with_params({"max_iter": _count(learning, candidate).trees})


def count_for(workspace: Workspace, piece: Any) -> Iterator[Counted]:
    """The count for the candidate of a piece of work, wherever that is done."""
    stated = Learning(workspace, piece.project, piece.parts)
    yield _count(workspace.once.get(stated.key, lambda: stated), piece.candidate)


def _count(learning: Learning, candidate: Model) -> Counted:
    preprocessing, own = learning.project.preprocessing, own_classes(learning.project)

    def make() -> Counted:
        return Counted(trees=count_trees(candidate, learning.rows, preprocessing, own))

    return remember(learning.workspace.objects, __name__, inputs_of(learning, candidate), Counted, make)
