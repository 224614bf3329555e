"""When more complexity is not worth its cost, in a project file; and what each candidate costs."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from tierra.spec import Spec

# From models that cost little to those that cost much; what is not named comes last, in the order of the file.
ORDER: Final = ("logistic", "ridge", "elastic_net", "nearest_neighbours", "hist_gradient_boosting", "lightgbm",
                "xgboost", "random_forest", "extra_trees", "neural_network")  # fmt: skip


class Complexity(Spec):
    """Candidates are tried from the cheapest on, until one is not better than those before by a margin."""

    margin: float = Field(
        ge=0, description="By how much, in the gate's metric, a costlier model must be better for the next to be tried"
    )


class Cost(BaseModel):
    """What a candidate costs: seconds to fit on a fold, microseconds a row to predict, and bytes of its file."""

    model_config = ConfigDict(frozen=True)

    seconds: float
    microseconds: float
    bytes: int


def rank_of(model: str) -> int:
    """The place of a model in the order of cost."""
    return ORDER.index(model) if model in ORDER else len(ORDER)
