"""What other data are worth: the same model fitted on one and on the other, on the same test rows."""

from pydantic import BaseModel, ConfigDict

from tierra.errors import DataRejected
from tierra.model.comparison import Models, compare_models
from tierra.model.examples import Examples
from tierra.model.paired import too_few

LEVEL = 0.025  # on each side


class Lift(BaseModel):
    """A metric before and after, and by how much after is better, with its 95 % interval; negative is worse."""

    model_config = ConfigDict(frozen=True)

    rows: int
    metric: str
    before: float
    after: float
    better: float
    interval: tuple[float, float]

    @property
    def sentence(self) -> str:
        """Whether a difference is shown."""
        low, high = self.interval
        if low > 0:
            return "better, surely"
        return "worse, surely" if high < 0 else "no difference is shown"


def require_enough(rows: Examples) -> None:
    """Raise DataRejected where these test rows are too few to tell anything; better before models are fitted."""
    if few := too_few(rows.target, rows.labels):
        raise DataRejected("test-few", few)


def measure_lift(models: Models, metric: str, scorers: list[str]) -> Lift:
    """By how much "after" is better than "champion", the model before; "rule" stands beside them.

    Raises DataRejected where the rows are too few.
    """
    require_enough(models["after"][1])
    scores = compare_models("after", models, metric, scorers, explain=False).scores
    apart, before = scores.over_champion, scores.champion_metrics or {}
    if apart is None:
        raise DataRejected("metric-failed", f"these rows give no interval of {metric}")
    return Lift(rows=scores.rows, metric=metric, before=before[metric], after=scores.best_metrics[metric],
                better=apart.value, interval=apart.interval(LEVEL))  # fmt: skip
