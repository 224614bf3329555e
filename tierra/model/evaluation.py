"""The evaluation of a model on rows it has not seen, as small values that a page can draw."""

from pydantic import BaseModel, ConfigDict

from tierra.model.decision_chosen import DecisionMeasured


class _Measured(BaseModel):
    model_config = ConfigDict(frozen=True)


class Curve(_Measured):
    """A line: points in order of x."""

    x: tuple[float, ...]
    y: tuple[float, ...]


class Histogram(_Measured):
    """Counts between neighbouring edges; one edge more than counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class Band(_Measured):
    """At each x the median of `y` and its quartiles."""

    x: tuple[float, ...]
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]


class ClassScores(_Measured):
    """How well one class is found among all."""

    name: str
    rows: int
    precision: float
    recall: float
    f1: float


class SliceScores(_Measured):
    """The gate's metric on the test rows where a column has one value, or lies in one range."""

    column: str
    value: str
    rows: int
    score: float | None = None
    interval: tuple[float, float] | None = None
    rule: float | None = None


class Importance(_Measured):
    """How much worse the gate's metric gets when one feature is shuffled: mean and standard deviation."""

    feature: str
    mean: float
    spread: float


class Evaluation(_Measured):
    """One served model on the test rows. What does not apply to its task is empty."""

    rows: int
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]] = {}
    classes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    per_class: tuple[ClassScores, ...] = ()
    roc: Curve | None = None
    precision_recall: Curve | None = None
    calibration: Curve | None = None
    residuals: Histogram | None = None
    residuals_by_prediction: Band | None = None
    scores: Histogram | None = None
    slices: tuple[SliceScores, ...] = ()
    importance: tuple[Importance, ...] = ()
    decisions: DecisionMeasured | None = None
