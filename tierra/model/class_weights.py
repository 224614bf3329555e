"""`class_weight` of a candidate, as an estimator takes it."""

from typing import Any

from tierra.data.labels import Labels
from tierra.errors import Misconfigured
from tierra.model.spec import Model


def class_weights(candidate: Model, labels: Labels) -> dict[str, Any]:
    """The parameter `class_weight` by code, empty where none is stated. Raises Misconfigured for a strange class."""
    stated = candidate.class_weight
    if not isinstance(stated, dict):
        return {"class_weight": stated} if stated else {}
    if strange := [name for name in stated if name not in labels.classes]:
        what = f"candidate {candidate.name}: class_weight: '{strange[0]}' is no class ({', '.join(labels.classes)})"
        raise Misconfigured("value-invalid", what)
    return {"class_weight": {labels.classes.index(name): weight for name, weight in stated.items()}}
