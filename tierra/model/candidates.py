"""Candidates: from a line of the project file to a fitted classifier, preprocessing included."""

from typing import Any, assert_never

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from tierra.errors import Misconfigured, TierraError
from tierra.model.artifact import dump_model
from tierra.model.rules import Averaged, ColumnRule, RateRule
from tierra.model.spec import Average, Model, ModelName, RateBy, Rule

SEED = 0
ROWS_TRIED = 200
RULE = "rule__"


def fit_candidate(
    candidate: Rule | Model | Average, table: pd.DataFrame, target: np.ndarray, fitted: dict[str, BaseEstimator]
) -> BaseEstimator:
    """Fit one candidate on the training part; averages take their members from `fitted`."""
    match candidate:
        case Rule(rule=RateBy() as rule):
            return RateRule([RULE + name for name in rule.rate_by]).fit(table, target)
        case Rule(rule="base_rate"):
            return RateRule([]).fit(table, target)
        case Rule():
            return ColumnRule().fit(table, target)
        case Model():
            return _fit(candidate, build_pipeline(candidate.model, candidate.params, table), table, target)
        case Average():
            return Averaged([fitted[name] for name in candidate.average]).fit(table, target)
        case _:
            assert_never(candidate)


def build_pipeline(name: ModelName, params: dict[str, Any], table: pd.DataFrame) -> Pipeline:
    """Preprocessing and model for the features of a table; numbers and text each their own way."""
    # A feature without one value in training has nothing to teach, and breaks boosting's binning.
    features = [name for name in table.columns if not name.startswith(RULE) and table[name].notna().any()]
    numbers = [column for column in features if table[column].dtype.kind == "f"]
    texts = [column for column in features if column not in numbers]
    match name:
        case "logistic":
            steps = [("numbers", _scaled(), numbers), ("texts", _one_hot(), texts)]
        case "hist_gradient_boosting":
            steps = [("numbers", "passthrough", numbers), ("texts", _ordinal(), texts)]
        case _:
            assert_never(name)
    return Pipeline([("prepare", ColumnTransformer(steps, verbose_feature_names_out=False)),
                     ("model", build_model(name, params))])  # fmt: skip


def build_model(name: ModelName, params: dict[str, Any]) -> BaseEstimator:
    """The estimator with Tierra's defaults under the project's parameters. Raises Misconfigured."""
    try:
        match name:
            case "logistic":
                return LogisticRegression(**{"max_iter": 500, "C": 0.3, **params})
            case "hist_gradient_boosting":
                defaults = {"learning_rate": 0.05, "max_iter": 200, "min_samples_leaf": 100, "random_state": SEED}
                return HistGradientBoostingClassifier(**{**defaults, **params})
            case _:
                assert_never(name)
    except TypeError as error:
        raise Misconfigured("fit-failed", f"candidate {name}: {error}") from None


def check_types(candidate: Rule | Model | Average, table: pd.DataFrame, target: np.ndarray) -> None:
    """Refuse, before the real fit, a model whose types the artifact does not allow. Raises Misconfigured."""
    if isinstance(candidate, Model):
        few = np.concatenate([np.flatnonzero(target == value)[:ROWS_TRIED] for value in (0, 1)])
        dump_model(fit_candidate(candidate, table.iloc[few], target[few], {}))


def _fit(candidate: Model, pipeline: Pipeline, table: pd.DataFrame, target: np.ndarray) -> Pipeline:
    try:
        return pipeline.fit(table, target)
    except TierraError:
        raise
    except (ValueError, TypeError) as error:
        said = str(error).splitlines()[0]
        raise Misconfigured("fit-failed", f"candidate {candidate.name}: {said}") from None


def _scaled() -> Pipeline:
    # A column without one value would be dropped by the imputer and change the width.
    imputer = SimpleImputer(add_indicator=True, keep_empty_features=True)
    return Pipeline([("impute", imputer), ("scale", StandardScaler())])


def _one_hot() -> OneHotEncoder:
    return OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20)


def _ordinal() -> OrdinalEncoder:
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=20)


def unseen_categories(model: Any, table: pd.DataFrame) -> dict[str, int]:
    """How many values of each text feature the model never saw in training."""
    encoder, texts = _encoder(model)
    if encoder is None:
        return {}
    counts = {}
    for name, known in zip(texts, encoder.categories_, strict=True):
        values = table[name].dropna()
        counts[name] = int((~values.isin([value for value in known if isinstance(value, str)])).sum())
    return {name: count for name, count in counts.items() if count}


def _encoder(model: Any) -> tuple[Any, list[str]]:
    """The encoder of text columns inside a model, and the columns it encodes."""
    inner = getattr(model, "estimator", model)
    inner = getattr(inner, "estimator", inner)
    members = getattr(inner, "models", None)
    inner = members[0] if members else inner
    if not isinstance(inner, Pipeline):
        return None, []
    transformer = inner.named_steps["prepare"]
    columns = {name: list(chosen) for name, _, chosen in transformer.transformers_}
    texts: list[str] = columns.get("texts", [])
    return (transformer.named_transformers_["texts"], texts) if texts else (None, [])
