"""Judging the peers of a data set on the same held-out rows: metric, interval, and the difference to the best."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tests.bench.quality.data import Data
from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.bootstrap import draw_metrics, interval
from tierra.model.metrics import compute_metrics
from tierra.model.spec import LOWER_IS_BETTER


@dataclass(frozen=True)
class Score:
    """A peer's metric with its 95 % interval, and how far it is behind the best, with the interval of that."""

    value: float
    low: float
    high: float
    behind: float = 0.0
    at_least: float = 0.0
    at_most: float = 0.0

    @property
    def is_behind(self) -> bool:
        """Whether it is worse than the best by more than chance."""
        return self.at_least > 0


def judge(data: Data, folder: Path, results: dict[str, Path]) -> dict[str, Score]:
    """The score of each peer that handed in predictions. Every peer is measured on the same draws of the rows."""
    truth = pd.read_csv(folder / "truth.csv", dtype={} if data.task == "regression" else {data.target: str})
    target, labels = _coded(truth[data.target], data, folder)
    units = None if not data.order else pd.factorize(truth[data.order])[0]
    said = {name: predictions_of(file, labels) for name, file in results.items()}
    values = {name: compute_metrics(target, each, labels)[data.metric] for name, each in said.items()}
    draws = {name: draw_metrics(target, each, labels, units=units)[data.metric] for name, each in said.items()}
    sign = 1 if data.metric in LOWER_IS_BETTER else -1
    best = min(values, key=lambda name: sign * values[name])
    return {name: _score(values[name], draws[name], values[best], draws[best], sign) for name in said}


def _score(value: float, draws: np.ndarray, best: float, best_draws: np.ndarray, sign: int) -> Score:
    low, high = interval(draws) or (value, value)
    least, most = interval(sign * (draws - best_draws)) or (0.0, 0.0)
    return Score(value, low, high, sign * (value - best), least, most)


def _coded(target: pd.Series, data: Data, folder: Path) -> tuple[np.ndarray, Labels]:
    if data.task == "regression":
        return target.to_numpy(float), Labels(task="regression", classes=())
    known = sorted(pd.read_csv(folder / "train.csv", usecols=[data.target], dtype=str)[data.target].unique())
    labels = Labels(task=data.task, classes=tuple(known))
    return target.map(known.index).to_numpy(float), labels


def predictions_of(file: Path, labels: Labels) -> Predictions:
    """What a peer handed in."""
    scores = pd.read_csv(file).to_numpy(float)
    if labels.task == "multiclass":
        return Predictions(scores, scores.argmax(axis=1))
    scores = scores[:, 0]
    return Predictions(scores, scores if labels.task == "regression" else (scores >= 0.5).astype(np.int8))
