"""XGBoost as a candidate: an estimator whose whole state is XGBoost's own JSON and its digest."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple, Self

import numpy as np

from tierra.errors import Misconfigured
from tierra.model.boosters import BadText, Booster, BoosterOfClasses, BoosterOfNumbers
from tierra.model.xgboost_json import checked

# What is drawn hangs on the number of the round: no two pieces of a training draw the same rows and columns.
REPEATABLE: Final = {"tree_method": "hist", "seed_per_iteration": True, "validate_parameters": True, "verbosity": 0}
LEFT_OUT: Final = ("n_estimators", "class_weight", "random_state")


class Rows(NamedTuple):
    """What is learnt from: numbers with gaps of shape (rows, columns), the target, and weights where there are any."""

    values: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None = None


# From what XGBoost trains with, the number of rounds and the rows to the model's JSON.
Trainer = Callable[[dict[str, Any], int, Rows], bytes]
_trainer: ContextVar[Trainer | None] = ContextVar("trainer", default=None)


@contextmanager
def trained_by(trainer: Trainer) -> Iterator[None]:
    """Let every XGBoost that is fitted inside the block be trained so, wherever it stands in a candidate."""
    token = _trainer.set(trainer)
    try:
        yield
    finally:
        _trainer.reset(token)


def xgboost() -> Any:
    """The library. Raises Misconfigured where it is not installed."""
    try:
        import xgboost
    except ImportError:
        what = "a candidate or a model that serves is XGBoost's, which is not installed"
        raise Misconfigured("xgboost-missing", what) from None
    return xgboost


class _XGBoost(Booster):
    """What both kinds share. Parameters are called as in XGBoost's own interface of scikit-learn."""

    kept_in = "json_"

    def __init__(
        self,
        n_estimators: int = 300,
        learning_rate: float = 0.05,
        max_depth: int = 6,
        min_child_weight: float = 1.0,
        subsample: float = 1.0,
        colsample_bytree: float = 1.0,
        reg_alpha: float = 0.0,
        reg_lambda: float = 1.0,
        gamma: float = 0.0,
        max_bin: int = 256,
        class_weight: Any = None,
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.reg_alpha = reg_alpha
        self.reg_lambda = reg_lambda
        self.gamma = gamma
        self.max_bin = max_bin
        self.class_weight = class_weight
        self.random_state = random_state

    @property
    def objective(self) -> dict[str, Any]:
        """What is made small, in XGBoost's words."""
        raise NotImplementedError

    @property
    def training(self) -> dict[str, Any]:
        """Every parameter that XGBoost trains with."""
        stated = {name: value for name, value in self.get_params().items() if name not in LEFT_OUT}
        return {**stated, "seed": self.random_state, **self.objective, **REPEATABLE}

    def prepare(self, target: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        """The target and the weights as XGBoost takes them; what is learnt of the target is kept."""
        return np.asarray(target, float), weight

    def fit(self, rows: Any, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Train on numbers, gaps allowed. Raises ValueError for parameters that XGBoost does not take."""
        xgboost()  # said before anything else
        values = np.asarray(rows, float)
        learnt = Rows(values, *self.prepare(target, sample_weight))
        trained = (_trainer.get() or train_here)(self.training, self.n_estimators, learnt)
        return self.keep(trained.decode(), values.shape[1])

    def booster_of(self, text: str) -> Any:
        """XGBoost's model of a JSON. Raises BadText."""
        if type(columns := getattr(self, "n_features_in_", None)) is not int:
            raise BadText("it does not say how many columns it has")
        return booster_of(text.encode(), columns)

    def scores(self, rows: Any) -> np.ndarray:
        """What XGBoost predicts of rows."""
        data = xgboost().DMatrix(np.asarray(rows, float), nthread=1)
        return np.asarray(self._booster.predict(data), float)


def train_here(training: dict[str, Any], rounds: int, rows: Rows) -> bytes:
    """The JSON of a model trained in this process. Raises ValueError for parameters that XGBoost does not take."""
    try:
        data = xgboost().DMatrix(rows.values, rows.target, weight=rows.weight, nthread=1)
        return go_on(training, data, range(rounds))
    except xgboost().core.XGBoostError as error:
        raise ValueError(last_line(error)) from None


def go_on(training: Mapping[str, Any], data: Any, rounds: range, begun: Any = None) -> bytes:
    """The JSON of a model after these rounds, from where it was begun."""
    booster = xgboost().Booster({**training, "nthread": 1}, [data], model_file=begun)
    for number in rounds:
        booster.update(data, number)
    return bytes(booster.save_raw("json"))


def last_line(error: Exception) -> str:
    """What XGBoost says is wrong: the lines before are those of its stack."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith(("[bt]", "Stack"))]
    return said[-1] if said else type(error).__name__


def booster_of(trained: bytes, columns: int) -> Any:
    """XGBoost's model of a JSON, which is read strictly before. Raises BadText."""
    booster = xgboost().Booster({"nthread": 1})
    booster.load_model(bytearray(checked(trained.decode(), columns)))
    return booster


class XGBoostClassifier(BoosterOfClasses, _XGBoost):
    """XGBoost for classes."""

    @property
    def objective(self) -> dict[str, Any]:
        """Log loss, of two classes or more."""
        count = len(self.classes_)
        return {"objective": "binary:logistic"} if count == 2 else {"objective": "multi:softprob", "num_class": count}

    def prepare(self, target: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        """Codes of the classes from 0, and the weights with those of the classes in them."""
        return self.codes_of(target, weight)


class XGBoostRegressor(BoosterOfNumbers, _XGBoost):
    """XGBoost for numbers."""

    @property
    def objective(self) -> dict[str, Any]:
        """The squared error."""
        return {"objective": "reg:squarederror"}
