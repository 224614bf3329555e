"""The model in a project file: candidates and the gate."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, WithJsonSchema, field_validator

from tierra.model.balance_spec import Balance
from tierra.model.distributed_spec import Distributed
from tierra.model.ensemble_spec import Average, Selection, Stack
from tierra.model.gate_spec import Challenge, Guardrails
from tierra.model.scorers import SCORERS
from tierra.model.search_spec import Searched
from tierra.spec import AS_CLASS, AS_FUNCTION, CLASS, FUNCTION, Duration, Name, SomeColumns, Spec, Task

# The metrics of each task, the gate's default first, and the name of each in tables that people read.
METRICS: dict[Task, dict[str, str]] = {
    "binary": {
        "roc_auc": "ROC AUC",
        "average_precision": "avg precision",
        "log_loss": "log loss",
        "brier": "Brier",
        "accuracy": "accuracy",
        "f1": "F1",
    },
    "multiclass": {
        "log_loss": "log loss",
        "roc_auc": "ROC AUC, one against the rest",
        "accuracy": "accuracy",
        "balanced_accuracy": "balanced accuracy",
        "f1": "F1, mean of classes",
    },
    "regression": {"rmse": "RMSE", "mae": "MAE", "median_error": "median error", "mape": "MAPE", "r2": "R²"},
}
# Metrics of a regression that are computed where the project names them: of a quantile in percent, and of counts.
POISSON = "poisson_deviance"
PINBALL: dict[str, float] = {f"pinball_{percent}": percent / 100 for percent in range(1, 100)}
REQUESTED = {POISSON: "Poisson deviance", **{name: f"pinball loss, {share:.0%}" for name, share in PINBALL.items()}}
EVERY_METRIC = tuple(dict.fromkeys(name for names in METRICS.values() for name in names))
LOWER_IS_BETTER: frozenset[str] = frozenset({"log_loss", "brier", "rmse", "mae", "median_error", "mape", *REQUESTED})
BUILT_IN_MODELS = ("logistic", "ridge", "elastic_net", "random_forest", "extra_trees", "hist_gradient_boosting",
                   "lightgbm", "nearest_neighbours", "neural_network", "xgboost")  # fmt: skip


def heading(metric: str) -> str:
    """A metric's name in tables that people read."""
    return next(
        (names[metric] for names in (*METRICS.values(), REQUESTED) if metric in names), metric.replace("_", " ")
    )


def _metric(value: Any) -> Any:
    if value is None or value in EVERY_METRIC or value in REQUESTED or value in SCORERS:
        return value
    known = ", ".join((*EVERY_METRIC, POISSON))
    scorer = "or a scorer of scikit-learn such as neg_mean_squared_error"
    raise ValueError(f"one of {known}, pinball_90 (any percent), {scorer}")


def _model(value: Any) -> Any:
    path = str(value).split(".")
    imported = len(path) >= 3 and path[0] == "sklearn" and all(part.isidentifier() for part in path)
    if value in BUILT_IN_MODELS or imported or CLASS.match(str(value)):
        return value
    others = "an estimator of scikit-learn such as sklearn.svm.SVC, or of the project's own such as models:Mine"
    raise ValueError(f"one of {', '.join(BUILT_IN_MODELS)}, {others}")


AS_METRIC = {
    "type": "string",
    "anyOf": [
        {"enum": [*EVERY_METRIC, POISSON, *sorted(SCORERS - {*EVERY_METRIC})]},
        {"pattern": r"^pinball_[1-9]\d?$"},
    ],
}
AS_MODEL = {
    "type": "string",
    "anyOf": [{"enum": list(BUILT_IN_MODELS)}, {"pattern": r"^sklearn(\.[A-Za-z_]\w*){2,}$"}, AS_CLASS],
}
AS_WEIGHTS = {"anyOf": [{"const": "balanced"}, {"type": "object", "additionalProperties": {"type": "number"}}]}
Metric = Annotated[str, BeforeValidator(_metric), WithJsonSchema(AS_METRIC)]
ModelName = Annotated[str, BeforeValidator(_model), WithJsonSchema(AS_MODEL)]


class RateBy(Spec):
    """The training rate of the target in each group of these columns; its mean, in a regression."""

    rate_by: SomeColumns = Field(description="Columns that form the groups")


def _rule(value: Any) -> Any:
    if isinstance(value, dict):
        return RateBy.model_validate(value)
    if value == "base_rate" or isinstance(value, RateBy) or (isinstance(value, str) and FUNCTION.match(value)):
        return value
    raise ValueError("base_rate, rate_by with columns, or a function such as features:by_hand")


AS_RULE = WithJsonSchema({"anyOf": [{"const": "base_rate"}, AS_FUNCTION]})


class Rule(Spec):
    """The baseline: what one would do without a model."""

    rule: Annotated[RateBy | Annotated[str, AS_RULE], BeforeValidator(_rule)] = Field(
        description="`base_rate`, `{rate_by: columns}`, or a function of the rows as file:name"
    )

    @property
    def name(self) -> str:
        """The rule's name in tables and in the registry."""
        return "rule"

    @property
    def function(self) -> str | None:
        """The project's function, when the rule is one."""
        return self.rule if isinstance(self.rule, str) and self.rule != "base_rate" else None


def _by_class(value: Any) -> Any:
    return {str(name): float(weight) for name, weight in value.items()} if isinstance(value, dict) else value


class Model(Spec):
    """A scikit-learn model with Tierra's preprocessing."""

    model: ModelName = Field(
        description="One of Tierra's by name, one of scikit-learn by import path, or one of the project's as file:Class"
    )
    name: Name = Field(
        default_factory=lambda data: re.split("[.:]", str(data.get("model", "")))[-1].lower(),
        description="Name of the candidate; the model's when not stated",
    )
    params: dict[str, Any] = Field(default_factory=dict, description="The estimator's own parameters")
    class_weight: Annotated[
        Literal["balanced"] | dict[str, float] | None, BeforeValidator(_by_class), WithJsonSchema(AS_WEIGHTS)
    ] = Field(None, description="`balanced`, or a weight by class; over `params`")
    search: Searched | None = Field(
        None, description="A number of trials, or how its parameters are searched for; over `params`"
    )
    balance: Balance | None = Field(None, description="How the rows it learns from are balanced, whatever it gains")
    distributed: Distributed | None = Field(
        None, description="Trained on parts of its rows at once, on the nodes of Ray; of `xgboost` alone"
    )

    @property
    def is_own(self) -> bool:
        """Whether it is a class of the project's own."""
        return ":" in self.model

    def with_params(self, params: Mapping[str, Any]) -> "Model":
        """The same with these parameters beside and in place of its own."""
        return self.model_copy(update={"params": {**self.params, **params}})

    @field_validator("search")
    @classmethod
    def _by_a_metric(cls, search: Searched | None) -> Searched | None:
        if search:
            _metric(search.metric)
        return search

    @field_validator("distributed")
    @classmethod
    def _of_xgboost(cls, value: Distributed | None, info: ValidationInfo) -> Distributed | None:
        if value and info.data.get("model") != "xgboost":
            raise ValueError("only `model: xgboost` is trained so")
        return value


KINDS = ("rule", "model", "average", "selection", "stack")


def _kind(value: Any) -> str | None:
    keys = value if isinstance(value, dict) else vars(value) if isinstance(value, Spec) else ()
    return next((key for key in KINDS if key in keys), None)


Candidate = Annotated[
    Annotated[Rule, Tag("rule")]
    | Annotated[Model, Tag("model")]
    | Annotated[Average, Tag("average")]
    | Annotated[Selection, Tag("selection")]
    | Annotated[Stack, Tag("stack")],
    Discriminator(
        _kind, custom_error_type="candidate", custom_error_message=f"a candidate starts with one of {', '.join(KINDS)}"
    ),
]


class Gate(Guardrails, Challenge):
    """What a challenger must show before it serves."""

    metric: Metric | None = Field(
        None, description="Metric to compare; by task roc_auc, log_loss or rmse when not stated"
    )
    approval: Duration | None = Field(
        None, description="A person must approve within this time, such as 12h, before a model serves"
    )
    shadow: int | None = Field(
        None, ge=1, le=366, description="Partitions that a model which passed must score beside the champion first"
    )

    @property
    def metric_name(self) -> str:
        """The metric of a gate that has one."""
        assert self.metric
        return self.metric

    @property
    def guardrails(self) -> Guardrails:
        """What decides what of a challenger is measured."""
        return Guardrails(**{name: getattr(self, name) for name in Guardrails.model_fields})

    def of(self, task: Task) -> "Gate":
        """The gate with the task's metric where none is stated."""
        return self.model_copy(update={"metric": self.metric or next(iter(METRICS[task]))})


class Costs(Spec):
    """What each kind of wrong decision costs; sets the decision threshold."""

    false_alarm: float = Field(gt=0, description="Cost of a yes that should have been a no")
    missed: float = Field(gt=0, description="Cost of a no that should have been a yes")
