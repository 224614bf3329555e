"""The end of a training run."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tierra.model.balance_found import WayCompared
from tierra.model.gate import Verdict
from tierra.model.gate_checks import format_metric
from tierra.model.spec import heading
from tierra.outcomes.outcome import Ended, Figures
from tierra.spec import Task

# A training that a guardrail or a worn test part stopped needs a person; one whose model was not better does not.
Ending = Literal["Promoted", "KeptChampion", "Refused", "InShadow", "DryRun"]
REFUSED_CODE = 6


class Served(BaseModel):
    """A model that serves or was compared: its version, candidate and metrics."""

    model_config = ConfigDict(frozen=True)

    version: str | None = None
    candidate: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]] = {}

    @property
    def label(self) -> str:
        """Version and candidate as people read them."""
        return f"version {self.version}, {self.candidate}" if self.version else "none yet"


NOTHING_SERVES = Served(candidate="none", metrics={})


class Trained(Ended):
    """The end of a training run."""

    project: str
    outcome: Ending
    reason: str
    task: Task = "binary"
    metric: str = ""
    verdict: Verdict
    champion: Served
    rule: Served
    best: Served
    rows: dict[str, int]
    judged: int = 0
    model_sha256: str = ""
    datasets: dict[str, str] = {}
    searches: tuple[str, ...] = ()
    stopped: str = ""
    balance: tuple[WayCompared, ...] = ()
    receipt: str = ""

    @property
    def sentence(self) -> str:
        """Why, and what serves now."""
        return f"{self.reason}; champion: {self.champion.label}"

    @property
    def judged_on(self) -> int:
        """The test rows that models were judged on: none that a champion learnt from, none that gets no prediction."""
        return self.judged or self.rows.get("test", 0)

    @property
    def measured_by(self) -> str:
        """The gate's metric if it was measured, else the first one."""
        return self.metric if self.metric in self.best.metrics else next(iter(self.best.metrics), "")

    @property
    def figures(self) -> Figures:
        """The champion, and its metric beside the rule's."""
        metric, version = self.measured_by, self.champion.version
        served = f"champion, {self.champion.candidate.replace('_', ' ')}" if version else "champion"
        own, rule = (each.metrics.get(metric) for each in (self.champion, self.rule))
        return [
            (f"version {version}" if version else "none yet", served),
            ("—" if own is None else format_metric(own), heading(metric)),
            ("—" if rule is None else format_metric(rule), "the rule's"),
        ]

    @property
    def exit_code(self) -> int:
        """6 where the gate refused a model that may be better; else 0."""
        return REFUSED_CODE if self.outcome == "Refused" else 0

    @property
    def made_a_difference(self) -> bool:
        """Whether another model serves."""
        return self.outcome == "Promoted"
