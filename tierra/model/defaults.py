"""The candidates of a project that states none: what won on real data, by task and by how long it may take.

docs/decisions/0045-default-candidates.md has what was measured.
"""

from typing import Any, Final

from tierra.data.spec import Effort
from tierra.model.ensemble_spec import Ensemble, Selection
from tierra.model.spec import Model, Rule
from tierra.spec import Task

# Many small trees beside the large ones of `hist_gradient_boosting`: better where rows are few and noisy.
SHALLOW: Final[dict[str, Any]] = {"max_leaf_nodes": 6, "learning_rate": 0.05}
# Half as many trees, which are as much sooner counted, fitted and kept.
QUICK_RATE: Final = 0.1


def default_candidates(
    task: Task, effort: Effort = "normal", has_network: bool = True
) -> tuple[Rule | Model | Ensemble, ...]:
    """The rule, a linear model, boosted trees of two shapes, a neural network, and the selection over them.

    `quick` has one shape and no network; `high` extra trees too. A network is for rows that are like those learnt from,
    which those of a time to come are not, and for predictions that need no reasons.
    """
    linear = Model(model="ridge" if task == "regression" else "logistic")
    shallow = Model(model="hist_gradient_boosting", name="shallow_boosting", params=SHALLOW)
    deep = Model(model="hist_gradient_boosting")
    network = [Model(model="neural_network")] if has_network else []
    normal = [linear, shallow, deep, *network]
    quick = [linear, shallow.with_params({"learning_rate": QUICK_RATE})]
    models = {"quick": quick, "normal": normal, "high": [*normal, Model(model="extra_trees")]}[effort]
    return (Rule(rule="base_rate"), *models, Selection(selection=tuple(each.name for each in models)))
