"""The one artifact: a classifier with its preprocessing and threshold, in skops.

Nothing is unpickled. A file is loaded only when its digest is the registered one
and every type in it is on our allow-list; an estimator with other types is refused
before it is trained.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier
from skops.io import dumps, get_untrusted_types, loads

from tierra.data.code import said_by_project
from tierra.data.labels import Labels
from tierra.errors import Broken, DataRejected, Misconfigured
from tierra.model.calibration import Calibrated
from tierra.model.conformal import Ranged
from tierra.model.own import NONE, OwnClasses
from tierra.model.review import Reviewed
from tierra.model.threads import threads_for

ALLOWED_TYPES = frozenset(
    {
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "tierra.model.calibration.Calibrated",
        "tierra.model.conformal.Ranged",
        "tierra.model.lightgbm_model.LightGBMClassifier",
        "tierra.model.lightgbm_model.LightGBMRegressor",
        "tierra.model.neighbours.NeighboursClassifier",
        "tierra.model.neighbours.NeighboursRegressor",
        "tierra.model.network.NetworkClassifier",
        "tierra.model.network.NetworkRegressor",
        "sklearn.impute._iterative.IterativeImputer",
        "sklearn.impute._iterative._ImputerTriplet",
        "tierra.model.admission.Admission",
        "tierra.model.encoders.Bins",
        "tierra.model.encoders.Buckets",
        "tierra.model.encoders.Circle",
        "tierra.model.encoders.Pairs",
        "tierra.model.encoders.Product",
        "tierra.model.encoders.Words",
        "tierra.model.imputers.JointImputer",
        "tierra.model.log_target.LogTarget",
        "tierra.model.outliers.Fences",
        "tierra.model.outliers.Forest",
        "tierra.model.onnx_model.OnnxClassifier",
        "tierra.model.onnx_model.OnnxRegressor",
        "tierra.model.preprocessing.Fences",
        "tierra.model.scalers.NormalQuantiles",
        "tierra.model.scalers.Power",
        "tierra.model.review.Reviewed",
        "tierra.model.rules.Averaged",
        "tierra.model.rules.AveragedValue",
        "tierra.model.rules.ColumnRule",
        "tierra.model.rules.ColumnValue",
        "tierra.model.rules.MeanRule",
        "tierra.model.rules.RateRule",
        "tierra.model.stacking.Stacked",
        "tierra.model.stacking.StackedValue",
        "tierra.model.xgboost_model.XGBoostClassifier",
        "tierra.model.xgboost_model.XGBoostRegressor",
    }
)
ROWS_ALONE = 8
TOLERANCE = 1e-12
DIGITS = 12


def with_threshold(model: BaseEstimator, threshold: float) -> FixedThresholdClassifier:
    """The fitted model with its decision threshold, ready to serve."""
    served = FixedThresholdClassifier(
        FrozenEstimator(model), threshold=threshold, pos_label=1, response_method="predict_proba"
    )
    served.estimator_ = FrozenEstimator(model)
    return served


def dump_model(model: BaseEstimator, own: OwnClasses = NONE) -> bytes:
    """The model's bytes. Raises Misconfigured when a type in it is neither allowed nor one of the project's own."""
    data: bytes = dumps(model)
    if untrusted := _untrusted_types(data, own):
        allowed = ", ".join(sorted(name.rpartition(".")[2] for name in ALLOWED_TYPES))
        held = ", ".join(sorted(untrusted))
        holder = type(_holder(model, untrusted, own)).__name__
        raise Misconfigured("types-not-allowed", f"{holder} holds {held} (beside plain ones, allowed: {allowed})")
    return data


def _holder(model: BaseEstimator, untrusted: set[str], own: OwnClasses) -> BaseEstimator:
    """The innermost estimator that holds one of these types."""
    for part in _parts(list(vars(model).values())):
        if untrusted & _untrusted_types(dumps(part), own):
            return _holder(part, untrusted, own)
    return model


def _parts(held: Any) -> Iterator[BaseEstimator]:
    match held:
        case BaseEstimator():
            yield held
        case list() | tuple():
            for each in held:
                yield from _parts(each)


def load_model(data: bytes, sha256: str, where: str, own: OwnClasses = NONE) -> Any:
    """The model from bytes with the registered digest; its own classes from their folder. Raises Broken otherwise."""
    if (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise Broken("artifact-tampered", f"{where}: sha256 is {found[:12]}, registered {sha256[:12]}")
    try:
        if not (untrusted := _untrusted_types(data, own)):
            with own.in_place():
                return loads(data, trusted=sorted(ALLOWED_TYPES | own.types))
    except Misconfigured:  # a model of a library that is not installed here, or of a class that is unfit
        raise
    except Exception as error:  # a damaged or hostile file can make skops raise anything
        raise Broken("artifact-unsafe", f"{where} is not a readable model: {type(error).__name__}") from error
    raise Broken("artifact-unsafe", f"{where} holds {', '.join(sorted(untrusted))}")


@dataclass(frozen=True)
class Predictions:
    """What a served model predicts for each row.

    `scores` is the probability of the class to predict, shape (rows,); of several
    classes the probability of each, shape (rows, classes); or the predicted number.
    `decision` is 0 or 1, the code of the likeliest class, or the number again.
    `review` says of a model with an abstain band which rows a person decides; `low` and `high` are the
    ends of a model's intervals.
    """

    scores: np.ndarray
    decision: np.ndarray
    review: np.ndarray | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    def take(self, places: Any) -> "Predictions":
        """Those of some rows."""
        return Predictions(**{name: values[places] for name, values in self.present.items()})

    @property
    def present(self) -> dict[str, np.ndarray]:
        """All that it has, by name."""
        return {name: values for name, values in vars(self).items() if values is not None}


def predict(model: Any, table: pd.DataFrame, labels: Labels) -> Predictions:
    """The predictions of a served model for these rows. Raises DataRejected where the project's own code fails."""
    with threads_for(len(table)), _said_of_own():
        predictions = _predict(model, table, labels)
    if isinstance(model, Reviewed):
        return replace(predictions, review=model.is_uncertain(predictions.scores))
    if isinstance(model, Ranged):
        values = predictions.scores
        return replace(predictions, low=values - model.width, high=values + model.width)
    return predictions


@contextmanager
def _said_of_own() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if said := said_by_project(error):
            raise DataRejected("function-failed", said) from error
        raise


def _predict(model: Any, table: pd.DataFrame, labels: Labels) -> Predictions:
    if table.empty:
        shape = (0, len(labels.classes)) if labels.task == "multiclass" else (0,)
        return Predictions(np.zeros(shape), np.zeros(0, float if labels.task == "regression" else np.int8))
    if labels.task == "regression":
        values = np.asarray(model.predict(table), float)
        return Predictions(values, values)
    return from_probabilities(model, np.asarray(model.predict_proba(table)), labels)


def from_probabilities(model: Any, probability: np.ndarray, labels: Labels) -> Predictions:
    """What a served classifier decides by these probabilities of its classes, shape (rows, its classes)."""
    if labels.task == "binary":
        return Predictions(probability[:, 1], (probability[:, 1] >= model.threshold).astype(np.int8))
    every = np.zeros((len(probability), len(labels.classes)))
    every[:, np.asarray(model.classes_, int)] = probability  # a class that training never saw has none
    return Predictions(every, every.round(DIGITS).argmax(axis=1))


def inner_model(model: Any) -> Any:
    """The fitted model inside a served one, as it was before its probabilities were corrected."""
    match model:
        case Reviewed() | Ranged() | Calibrated():
            return inner_model(model.model)
        case FixedThresholdClassifier():
            return inner_model(model.estimator.estimator)
        case _:
            return model


def check_agreement(model: Any, table: pd.DataFrame, labels: Labels, own: OwnClasses = NONE) -> None:
    """Raise Broken unless the model's dump, shuffled rows and single rows all agree.

    Same decision, and scores within 1e-12 of their size.
    """
    data = dump_model(model, own)
    again = load_model(data, hashlib.sha256(data).hexdigest(), "round trip", own)
    number = labels.task == "regression"
    _compare("the round trip", predict(again, table, labels), predict(model, table, labels), number, exact=True)
    check_batches(model, table, labels, own)


def check_batches(model: Any, table: pd.DataFrame, labels: Labels, own: OwnClasses = NONE) -> None:
    """Raise Broken unless a model, such as one that was read from its file, predicts shuffled and single rows alike.

    Misconfigured where classes of the project's own may be why.
    """
    try:
        _check_batches(model, table, labels)
    except Broken as error:
        if not own.names:
            raise
        raise Misconfigured("own-disagrees", f"with {', '.join(own.names)}, {error.what}") from None


def _check_batches(model: Any, table: pd.DataFrame, labels: Labels) -> None:
    predictions, number = predict(model, table, labels), labels.task == "regression"
    order = np.random.default_rng(0).permutation(len(table))
    _compare("row order", predict(model, table.iloc[order], labels), predictions.take(order), number)
    alone = [predict(model, table.iloc[[row]], labels) for row in range(min(len(table), ROWS_ALONE))]
    names = predictions.present
    singles = Predictions(**{name: np.concatenate([getattr(one, name) for one in alone]) for name in names})
    _compare("a row alone", singles, predictions.take(slice(len(alone))), number)


def _compare(what: str, found: Predictions, predictions: Predictions, number: bool, exact: bool = False) -> None:
    tolerance = 0.0 if exact else TOLERANCE
    # Probabilities are compared to their own size; a number near 0 is a difference of larger ones.
    size = float(np.abs(predictions.scores).max(initial=0.0)) if number else 0.0
    close = np.allclose(found.scores, predictions.scores, rtol=tolerance, atol=tolerance * size)
    same = number or bool((found.decision == predictions.decision).all())
    reviewed = predictions.review is None or found.review is None or bool((found.review == predictions.review).all())
    if not (close and same and reviewed):
        worst = float(np.max(np.abs(found.scores - predictions.scores)))
        raise Broken("agreement-broken", f"{what} changes predictions, by up to {worst:.3g}")


def _untrusted_types(data: bytes, own: OwnClasses) -> set[str]:
    return set(get_untrusted_types(data=data)) - ALLOWED_TYPES - own.types
