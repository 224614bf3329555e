"""The one artifact: a classifier with its preprocessing and threshold, in skops.

Nothing is unpickled. A file is loaded only when its digest is the registered one
and every type in it stands on our allow-list; an estimator whose types do not is
refused before it is trained.
"""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier

from tierra.errors import Broken, Misconfigured

ALLOWED_TYPES = frozenset(
    {
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
        "tierra.model.rules.Averaged",
        "tierra.model.rules.ColumnRule",
        "tierra.model.rules.RateRule",
    }
)
ROWS_ALONE = 40
TOLERANCE = 1e-12


def with_threshold(model: BaseEstimator, threshold: float) -> FixedThresholdClassifier:
    """The fitted model with its decision threshold, ready to serve."""
    served = FixedThresholdClassifier(
        FrozenEstimator(model), threshold=threshold, pos_label=1, response_method="predict_proba"
    )
    served.estimator_ = FrozenEstimator(model)
    return served


def dump_model(model: BaseEstimator) -> bytes:
    """The model's bytes. Raises Misconfigured when a type in it is not allowed."""
    from skops.io import dumps

    data: bytes = dumps(model)
    if strangers := _strangers(data):
        raise Misconfigured("types-not-allowed", f"{type(model).__name__} holds {', '.join(sorted(strangers))}")
    return data


def load_model(data: bytes, sha256: str, where: str) -> Any:
    """The model from bytes with the registered digest. Raises Broken otherwise."""
    from skops.io import loads

    if (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise Broken("artifact-tampered", f"{where}: sha256 is {found[:12]}, registered {sha256[:12]}")
    try:
        if not (strangers := _strangers(data)):
            return loads(data, trusted=sorted(ALLOWED_TYPES))
    except Exception as error:  # skops raises whatever a damaged or hostile file makes it stumble over
        raise Broken("artifact-unsafe", f"{where} is no model we can read: {type(error).__name__}") from error
    raise Broken("artifact-unsafe", f"{where} holds {', '.join(sorted(strangers))}")


def predict(model: Any, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Probability of the target and the decision, one each a row."""
    probability = np.asarray(model.predict_proba(table)[:, 1])
    return probability, (probability >= model.threshold).astype(np.int8)


def check_agreement(model: Any, table: pd.DataFrame) -> None:
    """Raise Broken unless the model's dump, shuffled rows and single rows all agree.

    Same decision, and probabilities within 1e-12 relative.
    """
    probability, decision = predict(model, table)
    data = dump_model(model)
    again = load_model(data, hashlib.sha256(data).hexdigest(), "round trip")
    _compare("the round trip", predict(again, table), probability, decision, exact=True)
    order = np.random.default_rng(0).permutation(len(table))
    _compare("row order", predict(model, table.iloc[order]), probability[order], decision[order])
    alone = [predict(model, table.iloc[[row]]) for row in range(min(len(table), ROWS_ALONE))]
    singles = tuple(np.concatenate(values) for values in zip(*alone, strict=True))
    _compare("a row alone", singles, probability[: len(alone)], decision[: len(alone)])


def _compare(
    what: str, found: tuple[np.ndarray, ...], probability: np.ndarray, decision: np.ndarray, exact: bool = False
) -> None:
    tolerance = 0.0 if exact else TOLERANCE
    close = np.allclose(found[0], probability, rtol=tolerance, atol=0)
    if not close or not (found[1] == decision).all():
        worst = float(np.max(np.abs(found[0] - probability)))
        raise Broken("agreement-broken", f"{what} changes predictions, by up to {worst:.3g}")


def _strangers(data: bytes) -> set[str]:
    from skops.io import get_untrusted_types

    return set(get_untrusted_types(data=data)) - ALLOWED_TYPES
