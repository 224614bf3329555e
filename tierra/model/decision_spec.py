"""How a model's scores become decisions, in a project file."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tierra.spec import Share, Spec

Calibration = Literal["auto", "none", "sigmoid", "isotonic", "temperature", "vector"]
REVIEW = "review"  # the decision of a row that a person should look at


class Review(Spec):
    """Which rows are left to a person: a share of them, or as many as keep the risk of the others low."""

    share: Annotated[Share, Field(gt=0, lt=1)] | None = Field(
        None, description="Share of the rows, the most uncertain ones, that are left undecided"
    )
    risk: Annotated[Share, Field(gt=0, lt=1)] | None = Field(
        None,
        description="Share of wrong decisions among the others that is not exceeded, in nine trainings of ten",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.share is None) == (self.risk is None):
            raise ValueError("give either `share` or `risk`")
        return self


class Decision(Spec):
    """How scores become decisions; all of it is chosen on the rows held out."""

    calibration: Calibration = Field(
        "auto",
        description="How probabilities are corrected; `auto` takes what is shown to pay, nothing in a split by time",
    )
    review: Review | None = Field(None, description="Which rows are left to a person; none when not stated")
    interval: Annotated[Share, Field(ge=0.5, lt=1)] | None = Field(
        None, description="Share of the actual numbers that lie between `prediction_low` and `prediction_high`"
    )
