"""Calibration: probabilities corrected on rows the model was not fitted on, by a few plain numbers.

After Platt (1999), Zadrozny and Elkan (2002), and Guo et al. (2017). What is compared is cross-fitted: no row's
probability comes from a correction that has seen its label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold

from tierra.model.decision_spec import Calibration
from tierra.model.wrapped import WrappedClassifier

CLIP: Final = 1e-7
FOLDS: Final = 5
LEAST_ROWS: Final = 200  # for `auto`: a few rows that are all right say nothing of the next one
SEED: Final = 0
CLOSE: Final = 1e-3  # knots nearer than this are one: steeper lines would blow up the last bits of a score
SURE: Final = 1.96  # standard errors: one-sided 5 %, shared by the two methods that are compared


class Calibrated(WrappedClassifier):
    """A fitted classifier whose probabilities are corrected; `parameters` are those of the method."""

    def __init__(self, model: Any = None, method: Calibration = "none", parameters: np.ndarray | None = None) -> None:
        self.model = model
        self.method = method
        self.parameters = parameters

    def predict_proba(self, table: Any) -> np.ndarray:
        """Corrected probabilities of the classes, shape (rows, classes)."""
        return self.corrected(self.model.predict_proba(table))

    def corrected(self, probabilities: np.ndarray) -> np.ndarray:
        """Probabilities of the model, corrected."""
        assert self.parameters is not None
        return correct(self.method, self.parameters, probabilities)

    def predict(self, table: Any) -> np.ndarray:
        """The likeliest class."""
        chosen: np.ndarray = self.classes_[self.predict_proba(table).argmax(axis=1)]
        return chosen


@dataclass(frozen=True)
class Compared:
    """A way to correct probabilities: its log loss on rows held out, and by how much it is better than none."""

    method: Calibration
    probabilities: np.ndarray
    loss: float
    better: tuple[float, float]

    @property
    def pays(self) -> bool:
        """Whether it is shown to be better than none."""
        return self.better[0] > 0


def correct(method: Calibration, parameters: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Corrected probabilities, shape (rows, classes) as given."""
    if method in ("temperature", "vector"):
        logs = np.log(np.clip(probabilities, CLIP, 1.0))
        moved: np.ndarray = logs / parameters[0] if method == "temperature" else _moved(logs, parameters)
        return np.asarray(softmax(moved, axis=1))
    positive = probabilities[:, 1]
    if method == "sigmoid":
        positive = expit(parameters[0] * logit(np.clip(positive, CLIP, 1 - CLIP)) + parameters[1])
    elif method == "isotonic":
        positive = np.interp(positive, parameters[: len(parameters) // 2], parameters[len(parameters) // 2 :])
    return np.column_stack([1 - positive, positive])


def fit_correction(
    method: Calibration, probabilities: np.ndarray, codes: np.ndarray, weight: np.ndarray | None = None
) -> np.ndarray:
    """The parameters of a method: slope and offset, knots and their values, a temperature, or a slope and offsets."""
    match method:
        case "sigmoid":
            return _fit_sigmoid(probabilities[:, 1], codes, weight)
        case "isotonic":
            return _fit_isotonic(probabilities[:, 1], codes, weight)
        case "vector":
            return _fit_vector(probabilities, codes, weight)
        case _:
            return _fit_temperature(probabilities, codes, weight)


def methods_of(classes: int, balanced: bool = False) -> tuple[Calibration, ...]:
    """What `auto` compares with none: for several classes a temperature, which keeps the order of the classes.

    A model that learnt from balanced rows has the rates of the classes wrong, which offsets alone put right.
    """
    if classes == 2:
        return ("sigmoid", "isotonic")
    return ("temperature", "vector") if balanced else ("temperature",)


def compare(
    methods: Sequence[Calibration], probabilities: np.ndarray, codes: np.ndarray, weight: np.ndarray | None = None
) -> list[Compared]:
    """Each method's log loss, cross-fitted on these rows, less that of none; the latter is the first."""
    before = _losses(probabilities, codes)
    weights = np.ones(len(codes)) if weight is None else weight
    found = [Compared("none", probabilities, float(np.average(before, weights=weights)), (0.0, 0.0))]
    for method in methods:
        made = cross_fit(method, probabilities, codes, weight)
        after = _losses(made, codes)
        found.append(Compared(method, made, float(np.average(after, weights=weights)), _range(before - after, weights)))
    return found


def cross_fit(
    method: Calibration, probabilities: np.ndarray, codes: np.ndarray, weight: np.ndarray | None = None
) -> np.ndarray:
    """Corrected probabilities of rows, each by a correction fitted on the other folds."""
    made = np.empty_like(probabilities)
    of_every_class = can_cross_fit(codes, probabilities.shape[1])
    folds = (StratifiedKFold if of_every_class else KFold)(FOLDS, shuffle=True, random_state=SEED)
    for fitted, held_out in folds.split(probabilities, codes):
        weights = None if weight is None else weight[fitted]
        parameters = fit_correction(method, probabilities[fitted], codes[fitted], weights)
        made[held_out] = correct(method, parameters, probabilities[held_out])
    return made


def can_cross_fit(codes: np.ndarray, classes: int) -> bool:
    """Whether each class has a row for each fold."""
    return int(np.bincount(codes, minlength=classes).min()) >= FOLDS


def _losses(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
    losses: np.ndarray = -np.log(np.clip(probabilities[np.arange(len(codes)), codes], CLIP, 1 - CLIP))
    return losses


def _range(gains: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The interval of a weighted mean."""
    mean = float(np.average(gains, weights=weights))
    error = float(np.sqrt((weights**2 * (gains - mean) ** 2).sum()) / weights.sum())
    return mean - SURE * error, mean + SURE * error


def _fit_sigmoid(positive: np.ndarray, codes: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """A line through the log-odds; one that would turn the order of the rows around is left alone.

    With Platt's targets, a little short of no and yes: few rows that are all right do not make it steep without end.
    """
    odds, cases = logit(np.clip(positive, CLIP, 1 - CLIP))[:, None], codes == 1
    doubt = np.where(cases, 1 / (cases.sum() + 2), 1 / ((~cases).sum() + 2))
    weights = np.ones(len(codes)) if weight is None else weight
    both = np.concatenate([weights * (1 - doubt), weights * doubt])
    line = LogisticRegression(C=1e4).fit(np.vstack([odds, odds]), np.concatenate([codes, 1 - codes]), both)
    slope, offset = float(line.coef_[0, 0]), float(line.intercept_[0])
    return np.array([slope, offset]) if slope > 0 else np.array([1.0, 0.0])


def _fit_isotonic(positive: np.ndarray, codes: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Steps that never fall, joined by lines at the middle of each step, so that the order of the rows stays.

    Never surer than the number of rows allows: one wrong row among a step's must not cost everything.
    """
    weights = np.ones(len(codes)) if weight is None else weight
    # A step of weights of 0 alone has no middle.
    positive, codes, weights = (each[weights > 0] for each in (positive, codes, weights))
    steps = IsotonicRegression(y_min=0, y_max=1).fit(positive, codes, weights).predict(positive)
    _, place = np.unique(steps, return_inverse=True)
    place = _without_close(place, positive, weights)
    total = np.bincount(place, weights)
    knots = np.bincount(place, weights * positive) / total
    values = np.bincount(place, weights * codes) / total
    least = 1 / (len(codes) + 2)
    return np.concatenate([knots, np.clip(values, least, 1 - least)])


def _without_close(place: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The steps, those whose middles lie close together as one."""
    middles = np.bincount(place, weights * positive) / np.bincount(place, weights)
    kept, number, last = np.zeros(len(middles), int), -1, -np.inf
    for step, middle in enumerate(middles):
        if middle - last > CLOSE:
            number, last = number + 1, middle
        kept[step] = number
    return kept[place]


def _fit_temperature(probabilities: np.ndarray, codes: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """One number that divides the log-probabilities; the classes a little short of sure, as in Platt's targets."""
    logs, doubt = np.log(np.clip(probabilities, CLIP, 1.0)), 1 / (len(codes) + 2)

    def loss(heat: float) -> float:
        made = log_softmax(logs / np.exp(heat), axis=1)
        right, every = made[np.arange(len(codes)), codes], made.mean(axis=1)
        return -float(np.average((1 - doubt) * right + doubt * every, weights=weight))

    return np.array([np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x)])


def _moved(logs: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Log-probabilities times a slope, the exponential of the first parameter, and an offset for each class."""
    moved: np.ndarray = np.exp(parameters[0]) * logs + parameters[1:]
    return moved


def _fit_vector(probabilities: np.ndarray, codes: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """One slope and an offset for each class, on targets a little short of sure: vector scaling with one slope.

    So a class that has no row here keeps a chance, and the order within a class stays.
    """
    logs, classes = np.log(np.clip(probabilities, CLIP, 1.0)), probabilities.shape[1]
    doubt = 1 / (len(codes) + 2)
    target = np.eye(classes)[codes] * (1 - doubt) + doubt / classes
    share = (np.ones(len(codes)) if weight is None else weight)[:, None]
    share = share / share.sum()

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        moved = log_softmax(_moved(logs, parameters), axis=1)
        wrong = share * (np.exp(moved) - target)
        slope = np.exp(parameters[0]) * float((wrong * logs).sum())
        return -float((share * target * moved).sum()), np.concatenate([[slope], wrong.sum(axis=0)])

    bounds = [(-3.0, 3.0)] + [(-15.0, 15.0)] * classes
    found: np.ndarray = minimize(loss, np.zeros(classes + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    return found
