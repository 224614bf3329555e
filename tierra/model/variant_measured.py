"""What was measured of a smaller variant of the champion, beside the champion, on the same test rows."""

from pydantic import BaseModel, ConfigDict

from tierra.model.gate import Verdict


class Times(BaseModel):
    """The median time of a variant and of the champion in milliseconds, and how many times faster the variant is.

    The interval of that holds in 95 of 100 cases.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    own: float
    champion: float
    faster: float
    interval: tuple[float, float]


class VariantMeasured(BaseModel):
    """A variant: how it was made, or why not, and what it saves and costs.

    `metric` and `champion` are the gate's metric of both, `better` their difference as an advantage, with the interval
    that its verdict looks at; `changed` is the share of the decisions that are other ones, None of numbers.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    how: str
    why_not: str = ""
    bytes: int = 0
    smaller: float = 0.0
    one: Times | None = None
    many: Times | None = None
    metric: float | None = None
    champion: float | None = None
    better: float | None = None
    interval: tuple[float, float] | None = None
    changed: float | None = None
    verdict: Verdict | None = None

    @property
    def may_serve(self) -> bool:
        """Whether it passed the gate: the rule, which may win a verdict, is no variant."""
        return self.verdict is not None and self.verdict.promote and self.verdict.winner == self.name

    @property
    def reason(self) -> str:
        """Why it may not serve: of one that is not shown to beat the rule, that."""
        if self.verdict is None or self.may_serve:
            return self.why_not
        return self.verdict.reasons[-1 if self.verdict.winner == self.name else 0]

    @property
    def gain(self) -> float:
        """How many times smaller, or surely faster, it is, by what it is best at."""
        times = [each.interval[0] for each in (self.one, self.many) if each]
        return max([self.smaller, *times])
