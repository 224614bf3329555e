"""A regression of the logarithm of its target, whose predictions are in the target's unit."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from scipy.stats import skew
from sklearn.base import BaseEstimator, RegressorMixin

from tierra.errors import Misconfigured
from tierra.model.preprocessing_spec import Preprocessing
from tierra.spec import Task

# The target among the features, where it is said how each is prepared.
OF_TARGET = "(the target)"
SKEWED = 1.0
LESS = 0.5
# An estimator with a loss of its own, such as that of counts, is made for the target as it is.
LOSSES = ("loss", "criterion")


class LogTarget(RegressorMixin, BaseEstimator):
    """A regressor fitted to the logarithm of a positive target; it predicts numbers of the target's own.

    A prediction lies at most as far outside the logarithms of training as these are apart: the exponential of a
    line that is followed too far is no number of this world.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, table: Any, target: Any, sample_weight: Any = None) -> Self:
        """Fit the regressor to the logarithms."""
        logs = np.log(np.asarray(target, float))
        self.model.fit(table, logs, **({} if sample_weight is None else {"sample_weight": sample_weight}))
        low, high = float(logs.min()), float(logs.max())
        self.low_, self.high_ = low - (high - low), high + (high - low)
        self.n_features_in_ = table.shape[1]
        return self

    def predict(self, table: Any) -> np.ndarray:
        """Numbers in the target's unit."""
        return self.restored(np.asarray(self.model.predict(table), float))

    def restored(self, logs: np.ndarray) -> np.ndarray:
        """The numbers of predicted logarithms."""
        numbers: np.ndarray = np.exp(np.clip(logs, self.low_, self.high_))
        return numbers


def needs_log(target: np.ndarray, task: Task, preprocessing: Preprocessing, params: Mapping[str, Any]) -> bool:
    """Whether a model of these training rows is fitted to the logarithm. Raises Misconfigured where there is none."""
    if task != "regression" or preprocessing.target == "none":
        return False
    if preprocessing.target == "log":
        _require_positive(target)
        return True
    return target.min() > 0 and not any(name in params for name in LOSSES) and is_skewed(target)


def _require_positive(target: np.ndarray) -> None:
    if (lowest := float(target.min())) <= 0:
        raise Misconfigured("value-invalid", f"preprocessing.target: log of {lowest:g}; state `target: none`")


def is_skewed(target: np.ndarray) -> bool:
    """Whether a positive target has a long tail of high numbers that its logarithm has not."""
    plain = float(skew(target))
    return bool(plain > SKEWED and abs(float(skew(np.log(target)))) < LESS * plain)


def describe_target(target: np.ndarray, preprocessing: Preprocessing) -> str:
    """The unit that models of a regression are fitted in, in a few words, and why. Raises Misconfigured."""
    if preprocessing.target == "none":
        return "as it is, as declared"
    if preprocessing.target == "log":
        _require_positive(target)
        return "its logarithm, as declared"
    if target.min() <= 0:
        return "as it is: it is not always positive"
    plain, logs = float(skew(target)), float(skew(np.log(target)))
    return f"{'its logarithm' if is_skewed(target) else 'as it is'}: skewness {plain:.2f}, of its logarithm {logs:.2f}"
