"""The gate's promises: no promotion by luck, real progress promoted, bad slices found, a year with one test part.

Champion, challenger and test rows of a round are fresh, from one generator. They are compared and judged by the
library's own functions.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from tests.honesty.promise import Promise
from tierra.data.labels import Labels
from tierra.model.artifact import with_threshold
from tierra.model.comparison import compare_models
from tierra.model.examples import Examples
from tierra.model.gate import Verdict, judge
from tierra.model.rules import MeanRule, RateRule
from tierra.model.spec import Gate
from tierra.store.objects import MemoryObjects
from tierra.store.uses import count_use, sketch_units

BINARY, NUMBER = Labels(task="binary", classes=("no", "yes")), Labels(task="regression", classes=())
COLUMNS = ("x0", "x1", "x2", "x3", "x4", "x5")
WEIGHTS = np.array([1.0, 0.675, 0.59, 0.35, 0.2, 0.0])
WEEKS = 52
# How much worse a model is without a column in the population: models of 200,000 rows, measured on 800,000.
WORSE_WITHOUT = {("roc_auc", "x2"): 0.0302, ("accuracy", "x1"): 0.03, ("roc_auc", "x3"): 0.0104}


def promises(short: bool) -> Iterator[Promise]:
    """Promises 1, 2, 3 and 8 of the suite."""
    yield from _equals(short)
    yield from _better(short)
    yield from _worse(short)
    yield from _slices(3 if short else 300)
    yield _year(weeks=6, rows=200, years=1) if short else _year(weeks=WEEKS, rows=400, years=40)


def draw(random: np.random.Generator, rows: int, base: float = -0.5, labels: Labels = BINARY) -> Examples:
    """Rows of the generator: six features and a target."""
    features = random.normal(size=(rows, len(COLUMNS)))
    score = features @ WEIGHTS + base
    if labels.task == "binary":
        target: Any = (random.random(rows) < 1 / (1 + np.exp(-score))).astype(int)
    else:
        target = score + random.standard_t(5, rows)
    return Examples(pd.DataFrame(features, columns=list(COLUMNS)), target, labels)


def fit(rows: Examples, columns: Sequence[str] = COLUMNS) -> Any:
    """A linear model of some columns, as it would serve."""
    chosen = ColumnTransformer([("chosen", "passthrough", list(columns))])
    if rows.labels.task == "regression":
        return make_pipeline(chosen, LinearRegression()).fit(rows.table, rows.target)
    return with_threshold(make_pipeline(chosen, LogisticRegression()).fit(rows.table, rows.target), 0.5)


def without(column: str) -> list[str]:
    """The other columns."""
    return [name for name in COLUMNS if name != column]


class WrongIn:
    """A model that says the opposite in one zone."""

    def __init__(self, model: Any, zone: str) -> None:
        self.model, self.zone, self.threshold, self.classes_ = model, zone, model.threshold, model.classes_

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """The probabilities, those of the zone turned round."""
        found = self.model.predict_proba(table)
        return np.where((table["zone"] == self.zone).to_numpy()[:, None], found[:, ::-1], found)


class Noisy:
    """A model that knows the true score but for noise of its own: one seed is no better than another."""

    def __init__(self, seed: int) -> None:
        self.seed, self.threshold, self.classes_ = seed, 0.5, np.array([0, 1])

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        """The probabilities."""
        score = table[list(COLUMNS)].to_numpy() @ WEIGHTS - 0.5
        chance = 1 / (1 + np.exp(-score - np.random.default_rng(self.seed).normal(size=len(score))))
        return np.column_stack([1 - chance, chance])


def judged(challenger: Any, champion: Any, test: Examples, gate: Gate, use: int = 1, guarded: bool = True) -> Verdict:
    """The verdict of the library's gate on two models and the mean."""
    kind = MeanRule() if test.labels.task == "regression" else RateRule()
    rule = kind.fit(test.table, test.target)
    rule = rule if test.labels.task == "regression" else with_threshold(rule, 0.5)
    models = {"challenger": (challenger, test), "rule": (rule, test), "champion": (champion, test)}
    rails = gate.guardrails if guarded else None
    compared = compare_models("challenger", models, gate.metric_name, explain=False, guardrails=rails)
    return judge(compared.scores.model_copy(update={"champion_version": "1"}), gate, use)


def _equals(short: bool) -> Iterator[Promise]:
    kinds = [("roc_auc", 1000, 1000, -0.5, BINARY), ("accuracy", 2000, 200, -0.5, BINARY),
             ("roc_auc", 2000, 200, -3.0, BINARY), ("log_loss", 2000, 1000, -0.5, BINARY),
             ("f1", 2000, 60, -1.0, BINARY), ("rmse", 500, 150, 0.0, NUMBER)]  # fmt: skip
    rounds = 8 if short else 300
    for metric, train, test, base, labels in kinds[1:2] if short else kinds:
        happened = 0
        for random in _seeds(1, rounds):
            champion, challenger = (fit(draw(random, train, base, labels)) for _ in range(2))
            gate = Gate(metric=metric)
            happened += judged(challenger, champion, draw(random, test, base, labels), gate).promote
        rare = ", 1 of 15 a yes" if base == -3.0 else ""
        yield Promise(f"superior: an equal challenger is promoted ({metric}, {test:,} test rows{rare})", happened,
                      rounds, 0.05)  # fmt: skip


def _better(short: bool) -> Iterator[Promise]:
    rounds = 4 if short else 300
    for metric, column in (("roc_auc", "x2"),) if short else (("roc_auc", "x2"), ("accuracy", "x1")):
        happened = 0
        for random in _seeds(2, rounds):
            champion, challenger = fit(draw(random, 4000), without(column)), fit(draw(random, 4000))
            happened += judged(challenger, champion, draw(random, 2000), Gate(metric=metric)).promote
        yield Promise(f"superior: a model 3 points better is promoted ({metric}, 2,000 test rows)", happened, rounds,
                      0.8, "least", f"truly better by {WORSE_WITHOUT[metric, column]:g}")  # fmt: skip


def _worse(short: bool) -> Iterator[Promise]:
    """A challenger that is worse by the whole margin, the hardest of those that are worse by it or more."""
    margin, rounds = WORSE_WITHOUT["roc_auc", "x3"], 5 if short else 300
    gate = Gate(metric="roc_auc", challenger="noninferior", margin=margin)
    for rows in (300,) if short else (300, 2000):
        happened = 0
        for random in _seeds(3, rounds):
            champion, challenger = fit(draw(random, 4000)), fit(draw(random, 4000), without("x3"))
            happened += judged(challenger, champion, draw(random, rows), gate).promote
        yield Promise(f"noninferior: a model worse by the margin is promoted ({rows:,} test rows)", happened, rounds,
                      0.05, note=f"margin {margin:g}")  # fmt: skip


def _slices(rounds: int) -> Iterator[Promise]:
    """A challenger with two columns more than the champion, and wrong in a zone; and two equals."""
    named = alarms = strict = 0
    gate, no_drop = Gate(metric="roc_auc"), Gate.model_validate({"metric": "roc_auc", "slices": {"drop": 0.0}})
    for random in _seeds(4, rounds):
        better, test = fit(draw(random, 4000)), _zoned(draw(random, 2000), random)
        verdict = judged(WrongIn(better, "north"), fit(draw(random, 4000), ("x3", "x4")), test, gate)
        named += verdict.is_refused and "zone = north" in verdict.reasons[-1]
        alarms += _has_alarm(judged(better, fit(draw(random, 4000)), test, gate))
        # Of two trained models one is always a little worse somewhere; these differ by noise alone.
        first, second = (Noisy(int(random.integers(2**31))) for _ in range(2))
        strict += _has_alarm(judged(first, second, test, no_drop))
    yield Promise("a better model with a bad slice is refused and the slice named", named, rounds, 0.9, "least")
    yield Promise("no slice is bad, and one is called so: fresh training", alarms, rounds, 0.05)
    yield Promise("no slice is bad, and one is called so: equals by design", strict, rounds, 0.05,
                  note="where nothing at all may be lost")  # fmt: skip


def _has_alarm(verdict: Verdict) -> bool:
    return any(each.kind == "guardrail" and each.stops for each in verdict.checks)


def _year(weeks: int, rows: int, years: int) -> Promise:
    """Every week a challenger of fresh data, the test rows always the same; uses are counted as a store counts them."""
    happened = sum(_promotes_by_luck(random, weeks, rows) for random in _seeds(5, years))
    return Promise(f"{weeks} trainings on data that stays, {rows} test rows reused: any promotion by luck",
                   happened, years, 0.05)  # fmt: skip


def _promotes_by_luck(random: np.random.Generator, weeks: int, rows: int) -> bool:
    """Whether any week promotes a challenger that is no better than the champion."""
    test, objects, gate = draw(random, rows), MemoryObjects(), Gate(metric="roc_auc")
    champion, sketch = fit(draw(random, 2000)), sketch_units(np.arange(rows))
    for week in range(weeks):
        use = count_use(objects, "rides", f"week {week}", sketch)
        if judged(fit(draw(random, 2000)), champion, test, gate, use, guarded=False).promote:
            return True
    return False


def _zoned(rows: Examples, random: np.random.Generator) -> Examples:
    zones = random.choice(["north", "east", "south", "west"], len(rows.target), p=[0.1, 0.3, 0.3, 0.3])
    return Examples(rows.table.assign(zone=zones), rows.target, rows.labels)


def _seeds(kind: int, rounds: int) -> Iterator[np.random.Generator]:
    for number in range(rounds):
        yield np.random.default_rng([kind, number])
