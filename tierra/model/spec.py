"""What a project file says about its model: candidates and the gate."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from tierra.spec import AS_FUNCTION, FUNCTION, SomeColumns, Spec

Metric = Literal["roc_auc", "average_precision", "log_loss", "brier", "accuracy", "f1"]
# How each is called in tables that people read.
METRICS: dict[Metric, str] = {
    "roc_auc": "ROC AUC",
    "average_precision": "avg precision",
    "log_loss": "log loss",
    "brier": "Brier",
    "accuracy": "accuracy",
    "f1": "F1",
}
LOWER_IS_BETTER: frozenset[str] = frozenset({"log_loss", "brier"})
ModelName = Literal["logistic", "hist_gradient_boosting"]


class RateBy(Spec):
    """The training rate of the target in each group of these columns."""

    rate_by: SomeColumns


def _rule(value: Any) -> Any:
    if isinstance(value, dict):
        return RateBy.model_validate(value)
    if value == "base_rate" or isinstance(value, RateBy) or (isinstance(value, str) and FUNCTION.match(value)):
        return value
    raise ValueError("base_rate, rate_by with columns, or a function such as features:by_hand")


AS_RULE = WithJsonSchema({"anyOf": [{"const": "base_rate"}, AS_FUNCTION]})


class Rule(Spec):
    """The baseline: what one would do without a model."""

    rule: Annotated[RateBy | Annotated[str, AS_RULE], BeforeValidator(_rule)]

    @property
    def name(self) -> str:
        """How the rule is called in tables and in the registry."""
        return "rule"

    @property
    def function(self) -> str | None:
        """The project's function, when the rule is one."""
        return self.rule if isinstance(self.rule, str) and self.rule != "base_rate" else None


class Model(Spec):
    """A scikit-learn model with Tierra's preprocessing."""

    model: ModelName
    params: dict[str, Any] = Field(default_factory=dict, description="The estimator's own parameters")

    @property
    def name(self) -> str:
        """How the candidate is called."""
        return self.model


class Average(Spec):
    """The plain mean of the probabilities of other candidates."""

    average: Annotated[SomeColumns, Field(min_length=2)]

    @property
    def name(self) -> str:
        """How the candidate is called."""
        return "average"


def _kind(value: Any) -> str | None:
    keys = value if isinstance(value, dict) else vars(value) if isinstance(value, Spec) else ()
    return next((key for key in ("rule", "model", "average") if key in keys), None)


Candidate = Annotated[
    Annotated[Rule, Tag("rule")] | Annotated[Model, Tag("model")] | Annotated[Average, Tag("average")],
    Discriminator(
        _kind, custom_error_type="candidate", custom_error_message="a candidate starts with rule, model or average"
    ),
]
DEFAULT_CANDIDATES: tuple[Rule | Model | Average, ...] = (
    Rule(rule="base_rate"),
    Model(model="logistic"),
    Model(model="hist_gradient_boosting"),
    Average(average=("logistic", "hist_gradient_boosting")),
)


class Gate(Spec):
    """By how much a model must beat the rule and the champion to serve."""

    metric: Metric = "roc_auc"
    beat_rule_by: float = Field(0.0, ge=0, le=1)
    beat_champion_by: float = Field(0.0, ge=0, le=1)


class Costs(Spec):
    """What each kind of wrong decision costs; sets the decision threshold."""

    false_alarm: float = Field(gt=0)
    missed: float = Field(gt=0)


class Card(Spec):
    """The product design: what the model is for, for whom, at what cost."""

    goal: str = "not stated"
    owner: str = "not stated"
    users: str = "not stated"
    limits: str = "not stated"
    cost: Costs | None = None
