"""How many boosted trees a model has: as many as help on rows that they were not fitted on."""

from typing import Any, Final, TypeAlias

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline

from tierra.model.examples import Examples
from tierra.model.log_target import LogTarget
from tierra.model.spec import Model

# More trees than have been of use anywhere.
MOST: Final = 1000
# Trees that may come without making the loss smaller.
PATIENCE: Final = 30
# A loss that is larger by this share is as good, and often of half the trees.
CLOSE: Final = 0.002
# Of few rows each third is held out once, because the count varies with the rows; of more a fifth alone.
FEW: Final = 5_000
FEWEST: Final = 60
SEED: Final = 0
STATED: Final = ("max_iter", "early_stopping")
Boosting: TypeAlias = HistGradientBoostingClassifier | HistGradientBoostingRegressor
Split: TypeAlias = tuple[np.ndarray, np.ndarray]


def set_rounds(candidate: Model, pipeline: Pipeline, examples: Examples) -> None:
    """Give the pipeline's boosted trees the number that is best on folds of these rows, where none is stated."""
    model = model_of(pipeline)
    if is_counted(candidate) and isinstance(model, Boosting) and (splits := _splits(examples)):
        target = np.log(examples.target) if isinstance(pipeline[-1], LogTarget) else examples.target
        rows = np.asarray(pipeline[:-1].fit_transform(examples.table, examples.target), float)
        model.set_params(max_iter=count_rounds(model, rows, target, splits, examples.weight))


def is_counted(candidate: Model) -> bool:
    """Whether a candidate is boosted trees whose number is not stated."""
    return candidate.model == "hist_gradient_boosting" and not any(name in candidate.params for name in STATED)


def model_of(pipeline: Pipeline) -> Any:
    """The model at the end of a pipeline, without what takes the logarithm of its target."""
    return pipeline[-1].model if isinstance(pipeline[-1], LogTarget) else pipeline[-1]


def count_rounds(
    model: Boosting, rows: np.ndarray, target: np.ndarray, splits: list[Split], weight: np.ndarray | None = None
) -> int:
    """The fewest trees whose loss is as good as least, in the mean over the rows held out by each split."""
    losses = [_losses(model, rows, target, split, weight) for split in splits]
    longest = max(map(len, losses))
    mean = np.mean([np.pad(each, (0, longest - len(each)), mode="edge") for each in losses], axis=0)
    close = mean <= mean.min() + CLOSE * abs(mean.min())
    return max(1, int(close.argmax()))  # the first loss is that of no tree


def _losses(
    model: Boosting, rows: np.ndarray, target: np.ndarray, split: Split, weight: np.ndarray | None
) -> np.ndarray:
    """The loss on the rows held out before each tree and after the last, until it has not fallen for a while."""
    fitted, held_out = split
    stated = {"max_iter": MOST, "early_stopping": True, "n_iter_no_change": PATIENCE, "tol": 0.0, "scoring": "loss"}
    weights = {} if weight is None else {"sample_weight": weight[fitted], "sample_weight_val": weight[held_out]}
    stopped = clone(model).set_params(**stated)
    stopped.fit(rows[fitted], target[fitted], X_val=rows[held_out], y_val=target[held_out], **weights)
    return -np.asarray(stopped.validation_score_)


def _splits(examples: Examples) -> list[Split]:
    """Rows to fit and rows to hold out; units are never split, and what is fitted knows every class."""
    target, number = examples.target, examples.labels.task == "regression"
    if len(target) < FEWEST:
        return []
    folds = 3 if len(target) <= FEW else 5
    stated: dict[str, Any] = {"shuffle": True, "random_state": SEED}
    grouped = examples.units is not None and len(np.unique(examples.units)) >= folds
    if grouped:
        splitter = GroupKFold(folds, **stated) if number else StratifiedGroupKFold(folds, **stated)
    else:
        splitter = KFold(folds, **stated) if number else StratifiedKFold(folds, **stated)
    if not number and not grouped and int(np.unique(target, return_counts=True)[1].min()) < folds:
        return []
    splits = list(splitter.split(target, target, examples.units if grouped else None))
    known = [each for each in splits if number or len(np.unique(target[each[0]])) == len(np.unique(target))]
    return known if folds == 3 else known[:1]
