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
    """How much worse the gate's metric gets when one feature is shuffled: the mean, and its 95 % interval.

    `spread` is the standard deviation between rounds of shuffling.
    """

    feature: str
    mean: float
    spread: float
    interval: tuple[float, float] | None = None


class Threshold(_Measured):
    """What deciding yes from a probability on would do on the test rows; the cost is that of 100 rows."""

    threshold: float
    alarms: int
    precision: float | None
    recall: float
    cost: float | None = None
    served: bool = False


class CostCurve(_Measured):
    """What 100 rows cost by threshold; the threshold that serves and its cost, and what the rule's decisions cost."""

    curve: Curve
    served: tuple[float, float]
    rule: float | None = None


class Dependence(_Measured):
    """The mean prediction when one feature has the same value in every row, by that value.

    A number has places `at` and a histogram; another feature has names and how many rows have each. There is
    one line, of several classes those that move most, by name.
    """

    feature: str
    at: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    lines: dict[str, tuple[float, ...]]
    histogram: Histogram | None = None
    rows: tuple[int, ...] = ()


class WorseSlice(_Measured):
    """Rows on which the loss is larger than on all others, by how much, and the interval of all slices at once."""

    column: str
    value: str
    rows: int
    loss: float
    elsewhere: float
    interval: tuple[float, float]


class Miss(_Measured):
    """A test row that is predicted badly: its key, what is and was predicted, and the features that matter most."""

    key: dict[str, str]
    target: str
    predicted: str
    features: dict[str, str]


class Errors(_Measured):
    """Where a model errs: the slices that are worse than the rest, of how many looked at, and the worst rows."""

    loss: str
    rows: int
    slices: tuple[WorseSlice, ...] = ()
    looked: int = 0
    misses: tuple[Miss, ...] = ()


class Learnt(_Measured):
    """The metrics on rows that the model was fitted on: much better than on the test rows where it has overfitted."""

    rows: int
    metrics: dict[str, float]


class Evaluation(_Measured):
    """One served model on the test rows. What does not apply to its task is empty."""

    rows: int
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]] = {}
    drawn: str = ""
    classes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    per_class: tuple[ClassScores, ...] = ()
    roc: Curve | None = None
    precision_recall: Curve | None = None
    gains: Curve | None = None
    calibration: Curve | None = None
    residuals: Histogram | None = None
    residuals_by_prediction: Band | None = None
    scores: Histogram | None = None
    slices: tuple[SliceScores, ...] = ()
    importance: tuple[Importance, ...] = ()
    decisions: DecisionMeasured | None = None
    learnt: Learnt | None = None
    thresholds: tuple[Threshold, ...] = ()
    costs: CostCurve | None = None
    dependence: tuple[Dependence, ...] = ()
    errors: Errors | None = None
