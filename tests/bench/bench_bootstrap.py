"""What the intervals of a test part cost: 1,000 draws of 80,000 rows, each task, the best of three."""

import time

import numpy as np
import pytest

from tests.bench.measure import hold
from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.bootstrap import draw_metrics
from tierra.spec import Task

ROWS, ROUNDS, CLASSES, LIMIT = 80_000, 3, 5, 3.0


def predicted(task: Task) -> tuple[np.ndarray, Predictions, Labels]:
    random = np.random.default_rng(0)
    scores = random.random(ROWS)
    if task == "binary":
        return (random.random(ROWS) < scores).astype(float), Predictions(scores, (scores > 0.5).astype(int)), Labels()
    if task == "regression":
        return scores + random.normal(size=ROWS), Predictions(scores, scores), Labels(task=task, classes=())
    every = random.dirichlet(np.ones(CLASSES), ROWS)
    labels = Labels(task=task, classes=tuple("abcde"))
    return random.integers(0, CLASSES, ROWS).astype(float), Predictions(every, every.argmax(axis=1)), labels


@pytest.mark.parametrize("task", ["binary", "regression", "multiclass"])
def test_the_bootstrap_stays_within_its_budget(task: Task) -> None:
    target, said, labels = predicted(task)
    cost = []
    draws = 0
    for _ in range(ROUNDS):
        cpu, wall = time.process_time(), time.perf_counter()
        draws = len(draw_metrics(target, said, labels)["accuracy" if labels.classes else "mae"])
        cost.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu, wall = min(cost)
    print(f"{task:11} {draws:,} draws of {ROWS:,} rows: cpu {cpu:.2f} s  wall {wall:.2f} s")
    hold(f"bootstrap of {task}, {draws:,} draws, CPU", cpu, LIMIT, unit=" s")
