"""The card in a project file: the product design, and the goals by which it is judged."""

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from tierra.model.spec import Costs, Metric
from tierra.spec import Spec

NOT_STATED = "not stated"


class Goal(Spec):
    """One thing the product must reach; with a metric and a bound, whether it does is measured."""

    goal: str = Field(min_length=1, description="What must be reached, in a sentence")
    metric: Metric | None = Field(None, description="The metric that measures it, on the test rows")
    at_least: float | None = Field(None, description="Reached from this value on")
    at_most: float | None = Field(None, description="Reached up to this value")

    @model_validator(mode="after")
    def _measurable(self) -> "Goal":
        bounds = [each for each in (self.at_least, self.at_most) if each is not None]
        if bool(self.metric) != bool(bounds) or len(bounds) > 1:
            raise ValueError("a goal has a `metric` with one of `at_least` and `at_most`, or none of them")
        return self

    @property
    def wanted(self) -> str:
        """The bound in words."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return "" if self.at_most is None else f"at most {self.at_most:g}"

    def is_reached(self, value: float) -> bool:
        """Whether a measured value is within the bound."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is None or value <= self.at_most


class Card(Spec):
    """The product design: what the model is for, for whom, at what cost, and what is not to be done with it.

    Everything may be left out; the model card says of it that it is not stated.
    """

    goal: str = Field(NOT_STATED, description="What the predictions are for")
    need: str = Field(NOT_STATED, description="What is missing today, and what that costs")
    owner: str = Field(NOT_STATED, description="Who answers for them")
    users: str = Field(NOT_STATED, description="Who reads them, how, and what hinders them today")
    value: str = Field(NOT_STATED, description="What users gain, and what is spared them")
    goals: Annotated[tuple[Goal, ...], BeforeValidator(tuple)] = Field(
        (), description="What must be reached, each with a metric where it can be measured"
    )
    solution: str = Field(NOT_STATED, description="How it works for them, and what it is connected to")
    alternatives: str = Field(NOT_STATED, description="What else was thought of, and what was left out")
    feasibility: str = Field(NOT_STATED, description="What it needs: data, people, money, time")
    limits: str = Field(NOT_STATED, description="What they must not be used for")
    data: str = Field(NOT_STATED, description="Where the data come from, how they were labelled, what is missing")
    ethics: str = Field(NOT_STATED, description="Who could be harmed, and what is done about it")
    cost: Costs | None = Field(None, description="Costs of wrong decisions; sets the threshold of a yes or no")

    @property
    def unstated(self) -> list[str]:
        """The keys that say nothing, in the order of the card."""
        texts = [name for name in CARD_TEXTS if getattr(self, name) == NOT_STATED]
        return texts if self.goals else [*texts, "goals"]


CARD_TEXTS = tuple(name for name, field in Card.model_fields.items() if field.annotation is str)
