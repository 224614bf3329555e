"""From a fitted model to the one that serves: calibrated, with its threshold, its band or its interval.

All of it is chosen on the validation rows. Where probabilities are corrected, what is chosen after is chosen by
cross-fitted ones: each row's is of a correction that has not seen the row.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.model_selection import FixedThresholdClassifier

from tierra.model.artifact import Predictions, from_probabilities, predict, with_threshold
from tierra.model.band import choose_band
from tierra.model.calibration import (
    LEAST_ROWS,
    Calibrated,
    Compared,
    can_cross_fit,
    compare,
    fit_correction,
    methods_of,
)
from tierra.model.conformal import Ranged, choose_width
from tierra.model.decision_chosen import DecisionChosen, MethodTried
from tierra.model.decision_spec import Calibration, Decision, Review
from tierra.model.examples import Examples
from tierra.model.metrics import choose_threshold, half, place_between
from tierra.model.review import Reviewed
from tierra.model.spec import Costs

IN_TIME: Final = (
    "the split is by time, and the validation period's rate need not be that of the next; a method may be stated"
)


@dataclass(frozen=True)
class Decided:
    """A model ready to serve, how it was made so, and honest predictions of the rows it was made so on."""

    model: Any
    predictions: Predictions
    chosen: DecisionChosen


def decide(
    model: Any,
    later: Examples,
    decision: Decision,
    costs: Costs | None = None,
    calibrate: bool = True,
    in_time: bool = False,
    balanced: bool = False,
) -> Decided:
    """The model ready to serve, by labelled rows that it was not fitted on. Raises DataRejected.

    Rows that come later `in_time` have the rate of their season: what `auto` finds there need not pay in the next one.
    A `balanced` model learnt from rows of another rate than that of the source, and is corrected even so.
    """
    if later.labels.task == "regression":
        return _with_interval(model, later, decision)
    chosen = DecisionChosen(rows=len(later.target), costs=costs)
    given = np.asarray(model.predict_proba(later.table))
    served, honest = model, given
    if calibrate and in_time and not balanced and decision.calibration == "auto":
        chosen = chosen.model_copy(update={"why_not": IN_TIME})
    elif calibrate and decision.calibration != "none":
        served, honest, chosen = _calibrated(model, given, later, decision.calibration, chosen, balanced)
    # As they will be served, where `honest` are those of corrections that have not seen the row.
    made = served.corrected(given) if isinstance(served, Calibrated) else given
    if later.labels.task == "binary":
        threshold = choose_threshold(later.target, honest[:, 1], costs)
        if made is not honest:
            threshold = place_between(made[:, 1], threshold) if costs else half(made[:, 1])
        served = with_threshold(served, threshold)
        chosen = chosen.model_copy(update={"threshold": served.threshold})
    decided = Decided(served, from_probabilities(served, honest, later.labels), chosen)
    if not decision.review:
        return decided
    return _with_band(decided, decision.review, from_probabilities(served, made, later.labels), later)


def put_inside(served: Any, model: Any) -> Any:
    """A model that serves as another does: with its correction, threshold, band or interval around it."""
    match served:
        case Reviewed():
            return Reviewed(put_inside(served.model, model), served.low, served.high)
        case Ranged():
            return Ranged(put_inside(served.model, model), served.width, served.coverage, served.rows)
        case Calibrated():
            return Calibrated(put_inside(served.model, model), served.method, served.parameters)
        case FixedThresholdClassifier():
            return with_threshold(put_inside(served.estimator.estimator, model), served.threshold)
        case _:
            return model


def _calibrated(
    model: Any,
    probabilities: np.ndarray,
    later: Examples,
    wanted: Calibration,
    chosen: DecisionChosen,
    balanced: bool,
) -> tuple[Any, np.ndarray, DecisionChosen]:
    """The model with the best correction that pays, or the declared one, and cross-fitted probabilities."""
    known = np.flatnonzero(np.isin(later.target, model.classes_))
    codes = np.searchsorted(model.classes_, later.target[known])
    weight = None if later.weight is None else later.weight[known]
    if wanted == "auto" and not balanced and len(codes) < LEAST_ROWS:
        return model, probabilities, chosen.model_copy(update={"why_not": f"fewer than {LEAST_ROWS} rows held out"})
    if not balanced and not can_cross_fit(codes, len(model.classes_)):
        why = "a class has fewer rows held out than there are folds"
        return model, probabilities, chosen.model_copy(update={"why_not": why})
    methods = methods_of(len(model.classes_), balanced) if wanted == "auto" else (wanted,)
    tried = compare(methods, probabilities[known], codes, weight)
    told = tuple(MethodTried(method=each.method, loss=each.loss, better=each.better) for each in tried)
    best = min(tried[1:], key=lambda each: each.loss)
    if wanted == "auto" and not (best.loss < tried[0].loss if balanced else best.pays):
        return model, probabilities, chosen.model_copy(update={"tried": told, "why_not": "none is shown to be better"})
    parameters = fit_correction(best.method, probabilities[known], codes, weight)
    chosen = chosen.model_copy(update={"tried": told, "calibration": best.method})
    return Calibrated(model, best.method, parameters), _all_rows(probabilities, known, best), chosen


def _all_rows(probabilities: np.ndarray, known: np.ndarray, best: Compared) -> np.ndarray:
    """Cross-fitted probabilities, those of rows whose class the model does not know as they were."""
    every = probabilities.copy()
    every[known] = best.probabilities
    return every


def _with_band(decided: Decided, review: Review, made: Predictions, later: Examples) -> Decided:
    """By what will be served: a share has to do with no label, and the order of the rows with next to none."""
    low, high = choose_band(review, made.scores, made.decision != later.target, decided.chosen.threshold)
    reviewed = Reviewed(decided.model, low, high)
    left = float(reviewed.is_uncertain(made.scores).mean())
    chosen = decided.chosen.model_copy(update={"band": (low, high), "reviewed": left})
    return Decided(reviewed, decided.predictions, chosen)


def _with_interval(model: Any, later: Examples, decision: Decision) -> Decided:
    predictions, chosen = predict(model, later.table, later.labels), DecisionChosen(rows=len(later.target))
    if not decision.interval:
        return Decided(model, predictions, chosen)
    width = choose_width(later.target, predictions.scores, decision.interval, "decision.interval")
    ranged = Ranged(model, width, decision.interval, len(later.target))
    told = chosen.model_copy(update={"width": width, "coverage": decision.interval})
    return Decided(ranged, predictions, told)
