"""What the numbers of a target mean."""

from pydantic import BaseModel, ConfigDict

from tierra.spec import Task


class Labels(BaseModel):
    """What the numbers of a target mean: its task, and its classes in the order of their codes.

    A binary target is 1 for its second class, the one that is predicted.
    """

    model_config = ConfigDict(frozen=True)

    task: Task = "binary"
    classes: tuple[str, ...] = ("0", "1")
