"""LightGBM as a candidate: an estimator whose whole state is LightGBM's own text and the text's digest."""

import hashlib
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.class_weight import compute_sample_weight

from tierra.errors import Misconfigured
from tierra.model.lightgbm_text import BadText, check_text, trimmed

# LightGBM's own names of what scikit-learn calls otherwise.
NAMES = {"min_child_samples": "min_data_in_leaf", "subsample": "bagging_fraction", "subsample_freq": "bagging_freq",
         "colsample_bytree": "feature_fraction", "reg_alpha": "lambda_l1", "reg_lambda": "lambda_l2",
         "min_split_gain": "min_gain_to_split", "random_state": "seed"}  # fmt: skip
# The same trees whatever the number of threads.
REPEATABLE = {"deterministic": True, "force_row_wise": True, "verbosity": -1}


def lightgbm() -> Any:
    """The library. Raises Misconfigured where it is not installed."""
    try:
        import lightgbm
    except ImportError:
        raise Misconfigured(
            "lightgbm-missing", "a candidate or a model that serves is LightGBM's, which is not installed"
        ) from None
    return lightgbm


class _LightGBM(BaseEstimator):
    """What both kinds share. Parameters are called as in LightGBM's own interface of scikit-learn."""

    def __init__(
        self,
        n_estimators: int = 300,
        learning_rate: float = 0.05,
        num_leaves: int = 31,
        max_depth: int = -1,
        min_child_samples: int = 20,
        subsample: float = 1.0,
        subsample_freq: int = 0,
        colsample_bytree: float = 1.0,
        reg_alpha: float = 0.0,
        reg_lambda: float = 0.0,
        min_split_gain: float = 0.0,
        max_bin: int = 255,
        extra_trees: bool = False,
        objective: str | None = None,
        class_weight: Any = None,
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.max_depth = max_depth
        self.min_child_samples = min_child_samples
        self.subsample = subsample
        self.subsample_freq = subsample_freq
        self.colsample_bytree = colsample_bytree
        self.reg_alpha = reg_alpha
        self.reg_lambda = reg_lambda
        self.min_split_gain = min_split_gain
        self.max_bin = max_bin
        self.extra_trees = extra_trees
        self.objective = objective
        self.class_weight = class_weight
        self.random_state = random_state

    def _train(self, rows: Any, target: np.ndarray, weight: Any, objective: dict[str, Any]) -> Self:
        library, values = lightgbm(), np.asarray(rows, float)
        left_out = ("n_estimators", "objective", "class_weight")
        stated = {NAMES.get(name, name): value for name, value in self.get_params().items() if name not in left_out}
        data = library.Dataset(values, target, weight=weight, free_raw_data=True)
        try:
            trained = library.train({**stated, **objective, **REPEATABLE}, data, self.n_estimators)
        except library.basic.LightGBMError as error:
            raise ValueError(str(error)) from None
        self.text_ = trimmed(trained.model_to_string())
        self.sha256_ = hashlib.sha256(self.text_.encode()).hexdigest()
        self.n_features_in_ = values.shape[1]
        self._booster = _booster_of(self.text_, self.sha256_)
        return self

    def _scores(self, rows: Any, **how: Any) -> np.ndarray:
        values: np.ndarray = self._booster.predict(np.asarray(rows, float), **how)
        return values

    def contributions(self, rows: Any) -> np.ndarray:
        """What each column adds to the raw score (Lundberg's TreeSHAP), the start last.

        Shape (rows, columns + 1, outputs).
        """
        values = self._scores(rows, pred_contrib=True)
        return values.reshape(len(values), -1, self.n_features_in_ + 1).transpose(0, 2, 1)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_booster"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "text_" in state:
            self._booster = _booster_of(state["text_"], state.get("sha256_"))


def _booster_of(text: Any, sha256: Any) -> Any:
    """LightGBM's model of a text that was read strictly before. Raises BadText."""
    if not isinstance(text, str) or hashlib.sha256(text.encode()).hexdigest() != sha256:
        raise BadText("its text is not the one whose digest it holds")
    check_text(text)
    return lightgbm().Booster(model_str=text)


class LightGBMClassifier(ClassifierMixin, _LightGBM):
    """LightGBM for classes."""

    def fit(self, rows: Any, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Train on numbers, gaps allowed. Raises ValueError for parameters that LightGBM does not take."""
        self.classes_, codes = np.unique(target, return_inverse=True)
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, target)
            sample_weight = by_class if sample_weight is None else by_class * sample_weight
        two = len(self.classes_) == 2
        objective = {"objective": "binary"} if two else {"objective": "multiclass", "num_class": len(self.classes_)}
        return self._train(rows, codes, sample_weight, objective)

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Probabilities of the classes, shape (rows, classes)."""
        scores = self._scores(rows)
        return np.column_stack([1 - scores, scores]) if scores.ndim == 1 else scores

    def predict(self, rows: Any) -> np.ndarray:
        """The likeliest class."""
        chosen: np.ndarray = self.classes_[self.predict_proba(rows).argmax(axis=1)]
        return chosen


class LightGBMRegressor(RegressorMixin, _LightGBM):
    """LightGBM for numbers."""

    def fit(self, rows: Any, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Train on numbers, gaps allowed. Raises ValueError for parameters that LightGBM does not take."""
        return self._train(
            rows, np.asarray(target, float), sample_weight, {"objective": self.objective or "regression"}
        )

    def predict(self, rows: Any) -> np.ndarray:
        """The predicted numbers."""
        return self._scores(rows)
