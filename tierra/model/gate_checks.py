"""The lines of the gate's table: what was looked at, its value and interval, the limit, and what follows."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Result = Literal["passed", "failed", "undecided", "not known"]
# The columns, as every table shows them.
HEADS = ("check", "subject", "value", "interval", "limit", "outcome", "reason")


class GateCheck(BaseModel):
    """One line of the gate's table."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["test part", "comparison", "guardrail"] = Field(description="Why a model may not serve because of it")
    check: str
    subject: str = ""
    value: float | None = None
    interval: tuple[float, float] | None = None
    limit: float | None = None
    bound: Literal["at least", "above", "at most", ""] = Field("", description="What the limit asks of the value")
    outcome: Result
    reason: str = ""

    @property
    def stops(self) -> bool:
        """Whether a model may not serve because of it."""
        return self.outcome in ("failed", "undecided")

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as texts, in the order of `HEADS`."""
        spread = " to ".join(format_metric(each) for each in self.interval) if self.interval else ""
        counted = self.kind == "test part"
        value = "" if self.value is None else f"{self.value:,.0f}" if counted else format_metric(self.value)
        limit = "" if self.limit is None else f"{self.bound} {self.limit:g}".strip()
        return self.check, self.subject, value, spread, limit, self.outcome, self.reason


def format_metric(value: float) -> str:
    """A metric as people read it: four decimals, or four significant digits of a large number."""
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"


def format_difference(value: float, digits: int = 2, sign: str = "") -> str:
    """What lies between two metrics as people read it: so many significant digits, a large number whole."""
    return f"{value:{sign},.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:{sign}.{digits}g}"
