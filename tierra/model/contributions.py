"""What each feature contributes to a score: start and contributions add up to it, row by row.

A linear model adds up terms, boosting adds up paths, both in log-odds; a forest adds up probabilities. What is
published is a probability, so contributions to log-odds are carried over to it. So averages of models, and corrected
probabilities, add up too.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

from tierra.data.features import RULE
from tierra.errors import Misconfigured
from tierra.model.calibration import Calibrated
from tierra.model.carried import Contributions, as_chances, carry, exponential, numeric_slope
from tierra.model.conformal import Ranged
from tierra.model.explained import BOOSTED, FORESTS, LIGHTGBM, LINEAR, SINGLE_TREES
from tierra.model.log_target import LogTarget
from tierra.model.owners import owned_features, owners_of
from tierra.model.review import Reviewed
from tierra.model.rules import Averaged, AveragedValue, ColumnRule, ColumnValue, MeanRule, RateRule
from tierra.model.tree_paths import boosted_tree, contributions_of, numbered, plain_tree


def contribute(model: Any, table: Any) -> Contributions:
    """What each feature contributes to what a served model predicts. Raises Misconfigured where a model has no such."""
    match model:
        case Reviewed() | Ranged():
            return contribute(model.model, table)
        case FixedThresholdClassifier():
            return contribute(model.estimator.estimator, table)
        case Calibrated():
            return _corrected(model, contribute(model.model, table))
        case Averaged() | AveragedValue():
            return _averaged([contribute(each, table) for each in model.models], model.weights)
        case RateRule() | MeanRule() | ColumnRule() | ColumnValue():
            return _ruled(model, table)
        case Pipeline():
            return _of_pipeline(model, table)
        case _:
            raise _unsupported(model)


def _corrected(model: Calibrated, given: Contributions) -> Contributions:
    def function(chances: np.ndarray) -> np.ndarray:
        if chances.shape[1] > 1:
            return model.corrected(chances)
        return model.corrected(np.hstack([1 - chances, chances]))[:, 1:]

    return carry(given, function, numeric_slope(function))


def _averaged(members: list[Contributions], weights: Sequence[float] | None) -> Contributions:
    start, parts = (np.average([getattr(each, name) for each in members], axis=0, weights=weights)
                    for name in ("start", "parts"))  # fmt: skip
    return Contributions(members[0].features, start, parts)


def _ruled(rule: Any, table: Any) -> Contributions:
    """All that a rule adds to the overall rate or mean is of its columns together; of a function it is all."""
    if isinstance(rule, ColumnRule | ColumnValue):
        made, start, name = table[rule.column].to_numpy(float)[:, None], np.zeros(1), "rule"
    else:
        start, name = np.array(rule.overall_), ", ".join(each.removeprefix(RULE) for each in rule.columns)
        made = rule.predict_proba(table) if isinstance(rule, RateRule) else rule.predict(table)[:, None]
        if made.shape[1] == 2:
            start, made = start[1:], made[:, 1:]
    return Contributions((name or "base rate",), start, (made - start)[:, None, :])


def _of_pipeline(pipeline: Pipeline, table: Any) -> Contributions:
    encoder, model = pipeline.named_steps["prepare"], pipeline.named_steps["model"]
    features = tuple(str(name) for name in table.columns if not str(name).startswith(RULE))
    owner, encoded = owners_of(encoder, features), encoder.transform(table)
    features = owned_features(encoder, features)
    if isinstance(model, LogTarget):
        return _restored(model, _of_estimator(model.model, encoded, owner, features))
    return _of_estimator(model, encoded, owner, features)


def _of_estimator(model: Any, encoded: Any, owner: np.ndarray, features: tuple[str, ...]) -> Contributions:
    kind = type(model).__name__
    if kind in LINEAR:
        return _linear(model, encoded, owner, features)
    if kind in BOOSTED:
        return _boosted(model, np.ascontiguousarray(encoded, float), owner, features)
    if kind in LIGHTGBM:
        return _lightgbm(model, encoded, owner, features)
    if kind in FORESTS | SINGLE_TREES:
        trees = model.estimators_ if kind in FORESTS else [model]
        return _forest(trees, np.asarray(encoded, np.float32), owner, features)
    raise _unsupported(model)


def _restored(model: LogTarget, logs: Contributions) -> Contributions:
    """Contributions to a logarithm as contributions to the number, which has ends."""
    return carry(logs, model.restored, lambda at: model.restored(at)[:, :, None])


def _linear(model: Any, encoded: Any, owner: np.ndarray, features: tuple[str, ...]) -> Contributions:
    coefficients, start = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_).astype(float)
    places, shape = (np.arange(len(owner)), owner), (len(owner), len(features))
    # A product with a sparse matrix adds up each row for itself, whichever rows stand beside it.
    rows = sparse.csr_array(encoded)
    parts = [(rows @ sparse.csr_array((each, places), shape=shape)).toarray() for each in coefficients]
    given = Contributions(features, start, np.stack(parts, axis=2))
    return as_chances(given) if hasattr(model, "classes_") else given


def _boosted(model: Any, encoded: np.ndarray, owner: np.ndarray, features: tuple[str, ...]) -> Contributions:
    start = np.array(model._baseline_prediction, float).ravel().copy()
    parts = np.zeros((len(encoded), len(features), len(start)))
    known, places = model._bin_mapper.make_known_categories_bitsets()
    for trees in model._predictors:
        for output, tree in enumerate(trees):
            root, table = contributions_of(boosted_tree(tree), owner, len(features))
            ends = numbered(tree).predict(encoded, known, places, 1).astype(int)
            start[output] += root[0]
            parts[:, :, output] += table[ends, :, 0]
    given = Contributions(features, start, parts)
    if hasattr(model, "classes_"):
        return as_chances(given)
    return exponential(given) if model.loss in ("poisson", "gamma") else given


def _lightgbm(model: Any, encoded: Any, owner: np.ndarray, features: tuple[str, ...]) -> Contributions:
    by_column = model.contributions(encoded)
    belongs = (owner[:, None] == np.arange(len(features))).astype(float)
    parts = np.einsum("rco,cf->rfo", by_column[:, :-1], belongs)
    given = Contributions(features, by_column[0, -1], parts)
    if hasattr(model, "classes_"):
        return as_chances(given)
    return exponential(given) if model.objective in ("poisson", "gamma", "tweedie") else given


def _forest(trees: Any, encoded: np.ndarray, owner: np.ndarray, features: tuple[str, ...]) -> Contributions:
    outputs = trees[0].tree_.value.shape[2]
    chosen = slice(1, 2) if outputs == 2 else slice(0, outputs)
    start, parts = np.zeros(chosen.stop - chosen.start), np.zeros((len(encoded), len(features), 1))
    for tree in trees:
        root, table = contributions_of(plain_tree(tree.tree_, chosen), owner, len(features))
        start, parts = start + root, parts + table[tree.tree_.apply(encoded)]
    return Contributions(features, start / len(trees), parts / len(trees))


def _unsupported(model: Any) -> Misconfigured:
    return Misconfigured("reasons-unsupported", f"{type(model).__name__} offers no reasons that add up to its scores")
