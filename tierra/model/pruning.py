"""Pruning: the same candidate with fewer and smaller trees, or one tree cut back by what its branches are worth."""

from typing import Any, Final

from tierra.model.counting import build_counted
from tierra.model.examples import Examples
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.rounds import model_of
from tierra.model.spec import Model

SHARES: Final = (1 / 8, 1 / 4, 1 / 2)  # of the trees
LEAST_TREES: Final = 10
LEAST_LEAVES: Final = 4
FOREST_LEAVES: Final = 512
FASTEST: Final = 0.3
COMPLEXITY: Final = 2.5e-4  # of the target's spread; cost-complexity pruning (Breiman et al., 1984)


def pruned(
    candidate: Model, examples: Examples, share: float, preprocessing: Preprocessing | None = None
) -> Model | None:
    """A candidate with about this share of the trees that it has on these rows; None of one that has none."""
    if candidate.is_own:  # nobody knows what its parameters are
        return None
    pipeline = build_counted(candidate, examples, preprocessing or Preprocessing())
    given = _params(model_of(pipeline).get_params(), examples, share)
    return candidate.with_params(given) if given else None


def _params(full: dict[str, Any], examples: Examples, share: float) -> dict[str, Any]:
    if "max_leaf_nodes" not in full and "num_leaves" not in full:
        return {}
    if "learning_rate" in full:
        return _boosted(full, share)
    if "n_estimators" in full:
        leaves = min(full["max_leaf_nodes"] or FOREST_LEAVES, round(FOREST_LEAVES * share))
        return {"n_estimators": _trees(full["n_estimators"], share), "max_leaf_nodes": leaves}
    spread = float(examples.target.var()) if examples.labels.task == "regression" else 1.0
    return {"ccp_alpha": COMPLEXITY / share * spread}


def _boosted(full: dict[str, Any], share: float) -> dict[str, Any]:
    """Fewer trees in longer steps."""
    trees = "max_iter" if "max_iter" in full else "n_estimators"
    leaves = "max_leaf_nodes" if "max_leaf_nodes" in full else "num_leaves"
    return {
        trees: _trees(full[trees], share),
        leaves: max(LEAST_LEAVES, round((full[leaves] or 31) * share**0.5)),
        "learning_rate": min(FASTEST, full["learning_rate"] / share),
    }


def _trees(every: int, share: float) -> int:
    return min(every, max(LEAST_TREES, round(every * share)))
