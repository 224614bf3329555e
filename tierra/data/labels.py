"""The labels of a target: its task and its classes."""

from itertools import combinations

from pydantic import BaseModel, ConfigDict

from tierra.spec import Task


class Labels(BaseModel):
    """The task of a target, and its classes in the order of their codes.

    A binary target is 1 for its second class, the one to predict.
    """

    model_config = ConfigDict(frozen=True)

    task: Task = "binary"
    classes: tuple[str, ...] = ("0", "1")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its predictions."""
        if self.task == "regression":
            return ("prediction",)
        several = tuple(f"probability_{name}" for name in self.classes)
        return (*(several if self.task == "multiclass" else ("probability",)), "decision")

    @property
    def nearly_alike(self) -> list[tuple[str, str]]:
        """Pairs of classes that a person would take for one: with other spaces or capitals."""
        plain = {name: " ".join(name.split()).casefold() for name in self.classes}
        return [(one, other) for one, other in combinations(self.classes, 2) if plain[one] == plain[other]]
