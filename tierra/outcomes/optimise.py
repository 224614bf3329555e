"""The end of a run that looked for a smaller champion: what each variant saves and costs, and whether one serves."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tierra.model.gate_checks import format_difference
from tierra.model.spec import heading
from tierra.model.variant_measured import VariantMeasured
from tierra.outcomes.outcome import Ended, Figures
from tierra.outcomes.training import Ending, Served, Trained

GOAL = 3.0  # how many times smaller or faster is worth a name


class ChampionMeasured(BaseModel):
    """The champion that variants stand beside, and the bytes of its file."""

    model_config = ConfigDict(frozen=True)

    served: Served
    bytes: int


class Optimised(Ended):
    """The end of a run that made and measured variants of the champion; `trained` where one was to serve."""

    project: str
    outcome: Literal["VariantsMeasured"] | Ending
    reason: str
    metric: str
    margin: float
    rows: int
    champion: ChampionMeasured
    variants: tuple[VariantMeasured, ...]
    trained: Trained | None = None
    receipt: str = ""

    @property
    def sentence(self) -> str:
        """What was found, or who serves since."""
        return self.reason

    @property
    def figures(self) -> Figures:
        """How many variants may serve, and the most that one of them saves."""
        good = [each for each in self.variants if each.may_serve]
        best = max(good, key=lambda each: each.gain, default=None)
        counts = (f"{len(good)} of {_made(self.variants)}", "variants pass the gate")
        most = [(f"{best.gain:,.1f} x", f"smaller or faster, {best.name}")] if best else []
        return [counts, *most, (format_difference(self.margin, 3), f"margin, {heading(self.metric)}")]

    @property
    def made_a_difference(self) -> bool:
        """Whether another model serves."""
        return self.outcome == "Promoted"

    @property
    def exit_code(self) -> int:
        """That of a training whose model was refused, where one was to serve."""
        return self.trained.exit_code if self.trained else 0


def describe_variants(variants: tuple[VariantMeasured, ...], margin: float, metric: str) -> str:
    """In one sentence: which variant saves the most within the margin, or that none does."""
    good = [each for each in variants if each.may_serve]
    within = f"within the gate's margin of {format_difference(margin, 3)} in {heading(metric)}"
    if not good:
        return f"none of {_made(variants)} variants is shown to stay {within}"
    best = max(good, key=lambda each: each.gain)
    saves = [f"{best.smaller:,.1f} times smaller"] if best.smaller > 1 else []
    saves += [f"{each.faster:,.1f} times {'faster' if each.faster > 1 else 'as fast'} for {_rows(each.rows)}"
              for each in (best.one, best.many) if each and not each.interval[0] <= 1 <= each.interval[1]]  # fmt: skip
    least = "" if best.gain >= GOAL else f"; none is {GOAL:g} times smaller or faster"
    return f"{best.name} is {' and '.join(saves) or 'neither smaller nor faster'}, {within}{least}"


def _made(variants: tuple[VariantMeasured, ...]) -> int:
    return sum(each.verdict is not None for each in variants)


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
