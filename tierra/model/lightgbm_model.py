"""LightGBM as a candidate: an estimator whose whole state is LightGBM's own text and the text's digest."""

from typing import Any, Self

import numpy as np

from tierra.errors import Misconfigured
from tierra.model.boosters import Booster, BoosterOfClasses, BoosterOfNumbers
from tierra.model.lightgbm_text import check_text, trimmed

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


class _LightGBM(Booster):
    """What both kinds share. Parameters are called as in LightGBM's own interface of scikit-learn."""

    kept_in = "text_"

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
        return self.keep(trimmed(trained.model_to_string()), values.shape[1])

    def booster_of(self, text: str) -> Any:
        """LightGBM's model of a text. Raises BadText."""
        check_text(text)
        return lightgbm().Booster(model_str=text)

    def scores(self, rows: Any, **how: Any) -> np.ndarray:
        """What LightGBM predicts of rows."""
        values: np.ndarray = self._booster.predict(np.asarray(rows, float), **how)
        return values

    def contributions(self, rows: Any) -> np.ndarray:
        """What each column adds to the raw score (Lundberg's TreeSHAP), the start last.

        Shape (rows, columns + 1, outputs).
        """
        values = self.scores(rows, pred_contrib=True)
        return values.reshape(len(values), -1, self.n_features_in_ + 1).transpose(0, 2, 1)


class LightGBMClassifier(BoosterOfClasses, _LightGBM):
    """LightGBM for classes."""

    def fit(self, rows: Any, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Train on numbers, gaps allowed. Raises ValueError for parameters that LightGBM does not take."""
        codes, weight = self.codes_of(target, sample_weight)
        two = len(self.classes_) == 2
        objective = {"objective": "binary"} if two else {"objective": "multiclass", "num_class": len(self.classes_)}
        return self._train(rows, codes, weight, objective)


class LightGBMRegressor(BoosterOfNumbers, _LightGBM):
    """LightGBM for numbers."""

    def fit(self, rows: Any, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Train on numbers, gaps allowed. Raises ValueError for parameters that LightGBM does not take."""
        return self._train(
            rows, np.asarray(target, float), sample_weight, {"objective": self.objective or "regression"}
        )
