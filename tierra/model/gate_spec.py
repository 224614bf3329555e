"""The gate in a project file: how a challenger is compared with what serves, and what it must not break."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from tierra.spec import SomeColumns, Spec

AS_LIMITS = {"anyOf": [{"type": "number"}, {"type": "object", "additionalProperties": {"type": "number"}}]}


def _limits(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): float(limit) for name, limit in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


Limits = Annotated[float | dict[str, float], BeforeValidator(_limits), WithJsonSchema(AS_LIMITS)]


class SliceGuard(Spec):
    """What a challenger may not do to a part of the rows, however good it is on the whole."""

    find: bool = Field(True, description="Look for the worst slices over every feature, not only over `slices`")
    drop: float = Field(
        0.05, ge=0, description="By what share of the loss of the champion, or of the rule, a slice's loss may grow"
    )
    floor: Limits | None = Field(
        None, description="The worst value of the gate's metric in a slice of `slices`; for all, or by column=value"
    )


class ClassGuard(Spec):
    """What a challenger may not do to a class."""

    drop: float | None = Field(None, ge=0, description="By how much the recall of a class may fall")
    floor: Limits | None = Field(None, description="The least recall of a class; for all, or by the class's name")


class Fairness(Spec):
    """Groups of people, or of whatever else, that a model may not treat too differently."""

    by: SomeColumns = Field(description="Columns that form the groups, of the source or among the features")
    difference: float = Field(ge=0, description="The largest difference between two groups of a column")
    of: Literal["error", "decided", "recall"] = Field(
        "error", description="What is compared: `error` (wrong decisions, or the mean absolute error), `decided` (the"
        " share decided yes), `recall` (the share of actual cases that is found)"
    )  # fmt: skip


class Challenge(Spec):
    """How a challenger is compared: what of a gate the tests need."""

    challenger: Literal["superior", "noninferior"] = Field(
        "superior",
        description="`superior`: must be shown to be better than the champion; `noninferior`, for routine refreshes:"
        " must be shown to be worse by less than `margin`",
    )
    alpha: float = Field(
        0.05, ge=0.0001, le=0.25, description="The chance at most of a promotion by luck, over all uses of a test part"
    )
    margin: float | None = Field(
        None, gt=0, description="For `noninferior`: how much worse is still good enough, in the metric's unit"
    )
    beat_rule_by: float = Field(
        0.0, ge=0, description="The advantage over the rule that must be shown, in the metric's unit"
    )
    beat_champion_by: float = Field(
        0.0, ge=0, description="For `superior`: the advantage over the champion that must be shown"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> "Challenge":
        if self.challenger == "noninferior" and self.margin is None:
            raise ValueError("`challenger: noninferior` needs a `margin`: how much worse is still good enough")
        if self.challenger == "superior" and self.margin is not None:
            raise ValueError("`margin` belongs to `challenger: noninferior`; `beat_champion_by` to `superior`")
        if self.challenger == "noninferior" and self.beat_champion_by:
            raise ValueError("`beat_champion_by` belongs to `challenger: superior`; leave it out")
        return self

    @property
    def least_advantage(self) -> float:
        """The advantage over the champion that must be shown; negative where a challenger may be worse."""
        return self.beat_champion_by if self.margin is None else -self.margin


class Guardrails(Spec):
    """What a challenger must keep to besides; measured on the same test rows."""

    slices: SliceGuard = Field(SliceGuard(), description="What may not happen to a part of the rows")
    classes: ClassGuard | None = Field(None, description="What may not happen to a class")
    fairness: Fairness | None = Field(None, description="Groups that may not be treated too differently")
    calibration: float | None = Field(
        None, gt=0, le=1, description="Largest mean distance of stated probabilities from what came true"
    )
    latency_ms: float | None = Field(None, gt=0, description="Longest time for one row, in milliseconds; the median")
    size_mb: float | None = Field(None, gt=0, description="Largest file of the model, in megabytes")
