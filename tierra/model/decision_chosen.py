"""What was chosen to make decisions of scores, and how good the decisions are, as small values that a page can show."""

from pydantic import BaseModel, ConfigDict

from tierra.model.decision_spec import Calibration
from tierra.model.spec import Costs


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class MethodTried(_Kept):
    """The cross-fitted log loss of one way to correct probabilities, and by how much it is better than none."""

    method: Calibration
    loss: float
    better: tuple[float, float]


class DecisionChosen(_Kept):
    """What was chosen on so many validation rows, and what it was chosen among.

    `band` are the probabilities from which and below which rows are left to a person, `reviewed` their share;
    `width` is half that of an interval.
    """

    rows: int
    calibration: Calibration = "none"
    tried: tuple[MethodTried, ...] = ()
    why_not: str = ""
    threshold: float | None = None
    costs: Costs | None = None
    band: tuple[float, float] | None = None
    reviewed: float = 0.0
    width: float | None = None
    coverage: float | None = None


class DecisionMeasured(_Kept):
    """How good decisions are on rows that nothing was chosen on.

    Of a classifier the coverage-risk curve: shares of the rows that are decided, the surest first, and the share of
    wrong decisions among them; with a band also its own. Of intervals the share of the numbers that lie inside.
    Intervals of shares are those of Clopper and Pearson, 95 %.
    """

    decided_shares: tuple[float, ...] = ()
    risks: tuple[float, ...] = ()
    reviewed: float | None = None
    risk: float | None = None
    risk_interval: tuple[float, float] | None = None
    stated: float | None = None
    covered: float | None = None
    covered_interval: tuple[float, float] | None = None
    width: float | None = None
