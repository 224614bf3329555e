"""What was measured of a challenger for the guardrails, as small values that the gate judges."""

from pydantic import BaseModel, ConfigDict

from tierra.model.difference import Difference
from tierra.model.evaluation import SliceScores


class _Guarded(BaseModel):
    model_config = ConfigDict(frozen=True)


class SliceDifference(_Guarded):
    """A slice, and by what share of the other model's loss its loss is larger there, beyond what is allowed."""

    column: str
    value: str
    rows: int
    growth: float
    beyond: Difference

    @property
    def name(self) -> str:
        """The slice as people write it."""
        return f"{self.column} = {self.value}"


class SliceSearch(_Guarded):
    """How many slices were looked at, and the worst of them, the surest first."""

    looked: int = 0
    worst: tuple[SliceDifference, ...] = ()


class ClassGuarded(_Guarded):
    """The recall of a class, and how much of it the other model's is above it."""

    name: str
    rows: int
    recall: Difference
    fall: Difference


class Gap(_Guarded):
    """The largest difference between two groups of a column."""

    column: str
    low: str
    high: str
    gap: Difference


class Guarded(_Guarded):
    """What was measured for the guardrails; what a project does not ask for is empty."""

    reference: str = "the rule"
    slices: SliceSearch | None = None
    floors: tuple[SliceScores, ...] = ()
    classes: tuple[ClassGuarded, ...] = ()
    gaps: tuple[Gap, ...] = ()
    calibration: Difference | None = None
    latency_ms: float | None = None
    size_mb: float | None = None
