"""A difference of two models on the same rows: its value, and how sure it is."""

from math import ceil
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from tierra.model.spec import LOWER_IS_BETTER

POWER = 0.8


class Difference(BaseModel):
    """By how much one model is better than another, with its standard error; negative when it is worse."""

    model_config = ConfigDict(frozen=True)

    value: float
    error: float = Field(ge=0)
    freedom: float = Field(description="Degrees of freedom of the standard error")

    def interval(self, alpha: float) -> tuple[float, float]:
        """Both one-sided bounds at this level: together they hold with 1 - 2 alpha."""
        reach = quantile(1 - alpha, self.freedom) * self.error
        return self.value - reach, self.value + reach

    def rows_to_show(self, rows: int, limit: float, alpha: float) -> int | None:
        """How many rows would show an advantage as large as this one, in 80 of 100 cases; None where it is none."""
        if not self.value > limit:
            return None
        reach = (quantile(1 - alpha, self.freedom) + quantile(POWER, self.freedom)) * self.error
        return max(rows + 1, ceil(rows * (reach / (self.value - limit)) ** 2))


# Of a model and itself, on whatever rows.
NONE_AT_ALL: Final = Difference(value=0.0, error=0.0, freedom=1.0)


def quantile(share: float, freedom: float) -> float:
    """A quantile of Student's t."""
    from scipy.special import stdtrit  # a command that judges nothing does not spend the time

    return float(stdtrit(max(freedom, 1.0), share))


def signed(metric: str, difference: float) -> float:
    """A difference of metrics as an advantage: positive is better."""
    return -difference if metric in LOWER_IS_BETTER else difference
