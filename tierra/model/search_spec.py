"""A search for a candidate's parameters, in a project file."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from tierra.spec import Spec

Engine = Literal["optuna", "ray-optuna", "ray-hyperopt"]
Number = int | float
Choice = str | int | float | bool | None


class Range(Spec):
    """Numbers from low to high; whole ones where both ends are."""

    low: Number = Field(description="The least")
    high: Number = Field(description="The most")
    log: bool = Field(False, description="Whether factors count alike, not differences")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError("`low` must be below `high`")
        if self.log and not self.low > 0:
            raise ValueError("with `log`, `low` must be over 0")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are tried."""
        return isinstance(self.low, int) and isinstance(self.high, int)


def _distribution(value: Any) -> Any:
    if isinstance(value, dict):
        return Range.model_validate(value)
    if isinstance(value, list | tuple) and value:
        return tuple(value)
    if isinstance(value, Range):
        return value
    raise ValueError("a list of values, or {low: NUMBER, high: NUMBER, log: true or false}")


Distribution = Annotated[Range | tuple[Choice, ...], BeforeValidator(_distribution)]
Space = dict[str, Distribution]


def _by_factors(low: Number, high: Number) -> Range:
    return Range(low=low, high=high, log=True)


def _evenly(low: Number, high: Number) -> Range:
    return Range(low=low, high=high)


_FOREST: Space = {"min_samples_leaf": _by_factors(1, 100), "max_features": _evenly(0.1, 1.0)}
# The spaces of Tierra's own models.
SPACES: dict[str, Space] = {
    "logistic": {"C": _by_factors(0.001, 100.0)},
    "ridge": {"alpha": _by_factors(0.001, 1000.0)},
    "elastic_net": {"l1_ratio": _evenly(0.05, 1.0)},
    "random_forest": _FOREST,
    "extra_trees": _FOREST,
    "hist_gradient_boosting": {
        "learning_rate": _by_factors(0.01, 0.3),
        "max_leaf_nodes": _by_factors(4, 127),
        "min_samples_leaf": _by_factors(2, 200),
        "l2_regularization": _by_factors(0.000001, 10.0),
        "max_features": _evenly(0.3, 1.0),
    },
    "lightgbm": {
        "learning_rate": _by_factors(0.01, 0.3),
        "n_estimators": _by_factors(50, 600),
        "num_leaves": _by_factors(4, 127),
        "min_child_samples": _by_factors(2, 200),
        "reg_lambda": _by_factors(0.000001, 10.0),
        "colsample_bytree": _evenly(0.3, 1.0),
    },
    "xgboost": {
        "learning_rate": _by_factors(0.01, 0.3),
        "n_estimators": _by_factors(50, 600),
        "max_depth": _evenly(2, 10),
        "min_child_weight": _by_factors(0.5, 50.0),
        "reg_lambda": _by_factors(0.001, 10.0),
        "colsample_bytree": _evenly(0.3, 1.0),
    },
    "nearest_neighbours": {"n_neighbors": _by_factors(1, 200)},
    "neural_network": {
        "alpha": _by_factors(0.00001, 1.0),
        "learning_rate_init": _by_factors(0.0001, 0.03),
    },
}


class Search(Spec):
    """How parameters are searched for, each tried on the folds that candidates are tried on."""

    trials: int = Field(30, ge=1, le=10_000, description="How many sets of parameters are tried, the defaults first")
    seconds: int | None = Field(
        None, ge=1, le=604_800, description="Longest that a run tries; what is left is tried by the next one"
    )
    space: Annotated[Space, Field(min_length=1)] | None = Field(
        None, description="What each parameter may be; the built-in space of a built-in model when not stated"
    )
    pruning: bool = Field(True, description="Whether a trial that is worse than most after some folds ends there")
    metric: str | None = Field(None, description="The metric to search by; the gate's when not stated")
    engine: Engine = Field(
        "optuna",
        description="Who suggests parameters: Optuna, or Ray Tune with Optuna or with HyperOpt (extra `ray`)",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of the suggestions")

    def space_of(self, model: str) -> Space | None:
        """What each parameter of a model may be; None where nobody says."""
        return self.space or SPACES.get(model)


def _search(value: Any) -> Any:
    return {"trials": value} if isinstance(value, int) and not isinstance(value, bool) else value


class _OrTrials:
    """JSON schema for editors: a number of trials is enough."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "minimum": 1}, handler(core)]}


Searched = Annotated[Search, BeforeValidator(_search), _OrTrials()]
