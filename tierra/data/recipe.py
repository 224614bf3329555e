"""The recipe: what turns a source's rows into features, in training, scoring and trials alike."""

from dataclasses import dataclass, field

from tierra.spec import Task

# The other columns of the feature table.
TARGET, UNIT, ROW, WEIGHT = "__target__", "__unit__", "__row__", "__weight__"
EXTRA_COLUMNS = (TARGET, UNIT, ROW, WEIGHT)


@dataclass(frozen=True)
class Recipe:
    """Which functions and columns make features, and which may never be among them.

    Training stores it; scoring repeats the recipe the model was evaluated with.
    """

    target: str
    target_column: str
    functions: dict[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    rate_by: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    dates: str | None = None
    partition_by: str | None = None
    history: int = 0
    withheld: tuple[str, ...] = ()
    task: Task | None = None
    weight: str | None = None
    # The column whose values a split keeps together; empty for whole rows, None for days.
    unit: str | None = None
    positive: str | int | bool | None = None
