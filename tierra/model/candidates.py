"""Candidates: from a line of the project file to a fitted estimator, preprocessing included."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from tierra.data.code import said_by_project
from tierra.data.features import RULE
from tierra.errors import Broken, DataRejected, Misconfigured, TierraError, first_line
from tierra.journal import warn
from tierra.model.admission import Admission, build_admission, sets_aside, with_admission
from tierra.model.artifact import dump_model, inner_model
from tierra.model.balance import Changed, Functions, change_rows, fit_balanced, split_removed
from tierra.model.deciding import decide
from tierra.model.decision_spec import Decision
from tierra.model.estimators import build_model, needs_of, solver_for
from tierra.model.examples import Examples
from tierra.model.log_target import LogTarget, needs_log
from tierra.model.own import NONE, OwnClasses, build_own, own_needs
from tierra.model.preprocessing import Requirements, build_encoder, known_categories
from tierra.model.preprocessing_spec import Preprocessing, Treatment
from tierra.model.reasons import reasons_of
from tierra.model.rounds import set_rounds
from tierra.model.rules import ColumnRule, ColumnValue, MeanRule, RateRule
from tierra.model.spec import Model, RateBy, Rule
from tierra.model.threads import threads_for
from tierra.model.treatments import infer_treatments

NO_FUNCTIONS: Functions = {}
FEW_TREES: Mapping[str, Mapping[str, Any]] = {
    "hist_gradient_boosting": {"max_iter": 2}, "random_forest": {"n_estimators": 2}, "extra_trees": {"n_estimators": 2},
}  # fmt: skip


def fit_candidate(
    candidate: Rule | Model,
    examples: Examples,
    preprocessing: Preprocessing | None = None,
    treatments: Mapping[str, Treatment] | None = None,
    own: OwnClasses = NONE,
    functions: Functions = NO_FUNCTIONS,
) -> BaseEstimator:
    """Fit a rule or a model on these rows, balanced as it states. Raises Misconfigured.

    `functions` are those of the project that balance, by name.
    """
    if isinstance(candidate, Rule):
        return _fit_rule(candidate, examples)
    preprocessing = preprocessing or Preprocessing()
    examples, _ = split_removed(candidate.balance, examples, functions)
    known = treatments or infer_treatments(examples.features, preprocessing, examples.is_grouped)
    admission, rows = admit(examples, build_admission(known, preprocessing.fence_share))
    _require_classes(candidate, rows)
    features = [name for name, each in known.items() if each.kind != "left_out"]
    changed = change_rows(candidate.balance, rows, functions, features)
    fitted = _fit(candidate, build_pipeline(candidate, rows, preprocessing, known, own), rows, changed)
    return with_admission(fitted, admission) if admission else fitted


def _require_classes(candidate: Model, rows: Examples) -> None:
    """Raise DataRejected where rows of one class alone are left to learn from."""
    if rows.labels.task != "regression" and len(left := np.unique(rows.target)) == 1:
        what = f"candidate {candidate.name}: all {len(rows.target):,} rows left to learn from are of one class,"
        raise DataRejected("target-one-class", f"{what} '{rows.labels.classes[int(left[0])]}'")


def admit(examples: Examples, admission: Admission | None) -> tuple[Admission | None, Examples]:
    """The admission fitted, and the rows that it leaves to learn from. Raises DataRejected."""
    if admission is None:
        return None, examples
    fitted = admission.fit(examples.features)
    kept = fitted.find_reasons(examples.features) == ""
    if not kept.any():
        raise DataRejected("rows-none", f"preprocessing sets every one of {len(kept):,} training rows aside")
    return fitted, examples.take(np.flatnonzero(kept))


def build_estimator(candidate: Model, examples: Examples, own: OwnClasses = NONE) -> BaseEstimator:
    """A candidate's estimator, not yet fitted: Tierra's, scikit-learn's or the project's own. Raises Misconfigured."""
    if candidate.is_own:
        return build_own(candidate, examples.labels, own)
    return build_model(candidate, examples.labels, examples.target)


def build_pipeline(
    candidate: Model,
    examples: Examples,
    preprocessing: Preprocessing,
    treatments: Mapping[str, Treatment],
    own: OwnClasses = NONE,
) -> Pipeline:
    """Preprocessing and model for a training part."""
    model = build_estimator(candidate, examples, own)
    linear = candidate.model in ("logistic", "ridge")
    needs = own_needs(model) if candidate.is_own else needs_of(model)
    if needs != "numbers" and not candidate.is_own:
        _refuse_gaps(candidate, model, examples, treatments)
    requirements = Requirements(needs, examples.labels.task, preprocessing, len(examples.target), linear, own)
    if solver := solver_for(candidate, examples.labels, len(examples.target), treatments):
        model.set_params(solver=solver)
    if needs_log(examples.target, examples.labels.task, preprocessing, candidate.params):
        model = LogTarget(model)
    return Pipeline([("prepare", build_encoder(treatments, requirements)), ("model", model)])


def _refuse_gaps(
    candidate: Model, model: BaseEstimator, examples: Examples, treatments: Mapping[str, Treatment]
) -> None:
    """Raise Misconfigured where gaps are left as they are, and the model takes none."""
    numbers = [name for name, each in treatments.items() if each.kind in ("number", "cyclic")]
    unfilled = [name for name in numbers if treatments[name].impute == "none"]
    gaps = [name for name in unfilled if examples.features[name].isna().any()]
    if gaps and not get_tags(model).input_tags.allow_nan:
        what = f"candidate {candidate.name}: {candidate.model} takes no gaps, and `impute: none` leaves those of"
        raise Misconfigured("gaps-left", f"{what} {', '.join(map(repr, gaps))}")


def check_types(
    candidate: Rule | Model,
    examples: Examples,
    preprocessing: Preprocessing | None = None,
    reasons: bool = False,
    own: OwnClasses = NONE,
) -> None:
    """Refuse, before the real fit, a model whose types the artifact does not allow. Raises Misconfigured.

    With `reasons` also one whose predictions have none that add up.
    """
    if not isinstance(candidate, Model):
        return
    # Two trees have the types of a thousand, and nothing of a balance is in the artifact.
    as_it_is = candidate.model_copy(update={"balance": None}).with_params(FEW_TREES.get(candidate.model, {}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few rows say nothing of a fit
        model = fit_candidate(as_it_is, _admitted(examples, preprocessing).smoke_sample(), preprocessing, own=own)
    dump_model(model, own)
    if examples.labels.task != "regression" and not hasattr(model, "predict_proba"):
        raise Misconfigured(
            "probabilities-missing", f"candidate {candidate.name}: {candidate.model} gives no probabilities"
        )
    if reasons:
        check_reasons(candidate.name, model, examples)


def _admitted(examples: Examples, preprocessing: Preprocessing | None) -> Examples:
    """The rows that preparation does not set aside, so that a few of them tell of all."""
    if preprocessing is None or not sets_aside(preprocessing):
        return examples
    known = infer_treatments(examples.features, preprocessing, examples.is_grouped)
    return admit(examples, build_admission(known, preprocessing.fence_share))[1]


def check_reasons(name: str, model: Any, examples: Examples) -> None:
    """Raise Misconfigured where a model has no contributions, or has them for some of its predictions alone."""
    few = examples.smoke_sample()
    decided = decide(model, few, Decision(calibration="none"))
    try:
        reasons_of(decided.model, few.table, decided.predictions, few.labels, 1)
    except (Misconfigured, Broken) as error:
        raise Misconfigured("reasons-unsupported", f"candidate {name}: {error.what}") from None


def unseen_categories(model: Any, table: pd.DataFrame) -> dict[str, int]:
    """How many values of each category the model never saw in training."""
    counts = {}
    for name, known in _categories(inner_model(model)).items():
        values = table[name].dropna()
        counts[name] = int((~values.isin(known)).sum())
    return {name: count for name, count in counts.items() if count}


def _categories(model: Any) -> dict[str, np.ndarray]:
    members = [model, *getattr(model, "models", ())]
    pipeline = next((each for each in members if isinstance(each, Pipeline)), None)
    return known_categories(pipeline.named_steps["prepare"]) if pipeline else {}


def _fit_rule(candidate: Rule, examples: Examples) -> BaseEstimator:
    number = examples.labels.task == "regression"
    if isinstance(candidate.rule, RateBy) or candidate.rule == "base_rate":
        columns = [RULE + name for name in candidate.rule.rate_by] if isinstance(candidate.rule, RateBy) else []
        rule = MeanRule(columns) if number else RateRule(columns)
        return rule.fit(examples.table, _codes(examples), examples.weight)
    return (ColumnValue() if number else ColumnRule(function=candidate.function)).fit(examples.table, examples.target)


def _fit(candidate: Model, pipeline: Pipeline, examples: Examples, changed: Changed) -> Pipeline:
    weight = _weighted(candidate, pipeline, changed.weight)
    with threads_for(len(examples.target)), said_of(candidate):
        set_rounds(candidate, pipeline, examples)
        if candidate.balance:
            return fit_balanced(pipeline, examples, changed)
        return pipeline.fit(examples.table, _codes(examples), **weight)


@contextmanager
def said_of(candidate: Model) -> Iterator[None]:
    """Raise Misconfigured in the candidate's name for whatever an estimator raises inside the block.

    Where the project's own code raised it, with the file and the line. What it warns of is noticed in its name.
    """
    try:
        with warnings.catch_warnings(record=True) as noticed:
            yield
        for each in noticed:
            if not issubclass(each.category, RuntimeWarning):  # of single numbers, which its predictions show
                warn(f"candidate {candidate.name}: {_words(each)}")
    except TierraError:
        raise
    except Exception as error:  # an estimator may raise anything for parameters or rows it does not take
        if said := said_by_project(error):
            raise Misconfigured("function-failed", f"candidate {candidate.name}: {said}") from error
        raise Misconfigured("fit-failed", f"candidate {candidate.name}: {first_line(error)}") from error


def _words(noticed: warnings.WarningMessage) -> str:
    """What a library warns of: its line, and where a fit did not converge what that is mended by."""
    line = first_line(Warning(str(noticed.message)))
    if issubclass(noticed.category, ConvergenceWarning):
        return f"{line.partition('. ')[0].rstrip(':.')}; scale its numbers, or give it a higher `max_iter`"
    return line.removesuffix(".")


def _weighted(candidate: Model, pipeline: Pipeline, weight: np.ndarray | None) -> dict[str, Any]:
    if weight is None:
        return {}
    model = pipeline.named_steps["model"]
    if not has_fit_parameter(model.model if isinstance(model, LogTarget) else model, "sample_weight"):
        raise Misconfigured(
            "weights-unsupported", f"candidate {candidate.name}: {candidate.model} takes no row weights"
        )
    return {"model__sample_weight": weight}


def _codes(examples: Examples) -> np.ndarray:
    """The target as an estimator takes it: whole codes for classes."""
    return examples.target if examples.labels.task == "regression" else examples.target.astype(int)
