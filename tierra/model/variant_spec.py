"""Smaller variants of the champion in a project file: which are tried, and how much worse they may be."""

from typing import Annotated, Final, Literal, get_args

from pydantic import BeforeValidator, Field

from tierra.model.gate_spec import Challenge
from tierra.model.spec import LOWER_IS_BETTER
from tierra.spec import Spec

VariantKind = Literal["compressed", "rounded", "members", "pruned", "distilled", "onnx"]
SHARE: Final = 0.05


class Optimise(Spec):
    """What `tierra optimise` tries, and what a smaller variant of the champion must keep."""

    margin: float | None = Field(
        None, gt=0, description="How much worse a variant may be, in the gate's metric; when not stated that of a"
        " `noninferior` gate, else a twentieth of what the champion gains over the rule, or of its error where that"
        " is less",
    )  # fmt: skip
    variants: Annotated[tuple[VariantKind, ...], BeforeValidator(tuple), Field(min_length=1)] = Field(
        get_args(VariantKind), description="The kinds of variants that are made"
    )


def margin_of(stated: float | None, gate: Challenge, metric: str, champion: dict[str, float], rule: dict[str, float]
              ) -> float:  # fmt: skip
    """How much worse than the champion is still good enough; by the figures with which it was promoted."""
    if stated or gate.margin:
        return stated or gate.margin or 0.0
    own, gain = champion[metric], abs(champion[metric] - rule.get(metric, champion[metric]))
    error = own if metric in LOWER_IS_BETTER else 1 - own if 0 <= own <= 1 else abs(own)
    return SHARE * min((each for each in (gain, error) if each > 0), default=0.0)
