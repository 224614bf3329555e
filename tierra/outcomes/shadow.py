"""The end of a shadow run: who serves since, or what a challenger in shadow still waits for."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tierra.model.gate import Verdict
from tierra.model.gate_checks import format_metric
from tierra.model.spec import heading
from tierra.outcomes.outcome import Ended, Figures
from tierra.outcomes.training import Served


class PartitionShadowed(BaseModel):
    """A partition that both models scored: its rows that both have, and how many have their label."""

    model_config = ConfigDict(frozen=True)

    partition: str
    rows: int
    labelled: int
    same_rows: bool

    @property
    def is_labelled(self) -> bool:
        """Whether nearly all of its rows can be judged."""
        return self.labelled >= 0.95 * self.rows > 0


class Shadowed(Ended):
    """The end of a run that looked at a challenger in shadow."""

    project: str
    outcome: Literal["Promoted", "KeptChampion", "InShadow", "Withdrawn", "NothingDue", "DryRun"]
    reason: str
    metric: str = ""
    verdict: Verdict | None = None
    champion: Served | None = None
    challenger: Served | None = None
    wanted: int = 0
    partitions: tuple[PartitionShadowed, ...] = ()
    receipt: str = ""

    @property
    def sentence(self) -> str:
        """What was decided and why, or what it waits for."""
        return self.reason

    @property
    def figures(self) -> Figures:
        """Partitions, and the metric of both models where it was measured."""
        scored = (f"{len(self.partitions)} of {self.wanted}", "partitions in shadow")
        found = [(each.metrics.get(self.metric), each.label) for each in (self.champion, self.challenger) if each]
        measured = [
            (format_metric(value), f"{heading(self.metric)}, {label}") for value, label in found if value is not None
        ]
        return [scored, *measured] if self.wanted else []

    @property
    def made_a_difference(self) -> bool:
        """Whether another model serves."""
        return self.outcome == "Promoted"
