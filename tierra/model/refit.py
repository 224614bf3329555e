"""The winner fitted once more on all labelled rows, the test rows too, after it was judged without them."""

from pydantic import BaseModel, ConfigDict

from tierra.model.gate_checks import format_metric
from tierra.model.spec import LOWER_IS_BETTER, heading
from tierra.store.refs import ObjectRef


class Refit(BaseModel):
    """What was fitted on how many rows, in place of the model that was judged, and how both do on the test rows.

    `changed` is the share of the test rows that both decide differently.
    """

    model_config = ConfigDict(frozen=True)

    judged: ObjectRef
    rows: int
    metric: str
    before: float
    after: float
    least: float
    changed: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it is within the judged model's interval on the test rows, or better: it has learnt from them."""
        return self.after <= self.least if self.metric in LOWER_IS_BETTER else self.after >= self.least

    @property
    def line(self) -> str:
        """What was done, in one line."""
        moved = "" if self.changed is None else f", {self.changed:.1%} of them decided otherwise"
        name = f"{heading(self.metric)} on the test rows, which it has learnt from now,"
        both = f"{format_metric(self.after)}, as judged {format_metric(self.before)}"
        return f"fitted once more on all {self.rows:,} labelled rows after the gate: {name} {both}{moved}"
