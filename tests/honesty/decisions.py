"""Intervals, corrected probabilities and abstain bands: what they state holds on fresh rows, or the night says not.

Coverage given the validation rows is not the stated one but varies around it, as Beta(rank, rows + 1 - rank): the
bounds of a round are the 5 % quantiles of the beta-binomial law of the covered rows.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import betabinom

from tests.honesty.promise import Promise
from tierra.data.differences import compare_profiles
from tierra.data.labels import Labels
from tierra.data.profile_table import profile_table
from tierra.model.artifact import Predictions, predict
from tierra.model.candidates import fit_candidate
from tierra.model.deciding import decide
from tierra.model.decision_spec import Decision, Review
from tierra.model.distributions import distribution
from tierra.model.examples import Examples
from tierra.model.measure_decisions import measure_decisions
from tierra.model.promises import find_shift, promise_of, strong_inputs
from tierra.model.spec import Model

NUMBER, CLASSES = Labels(task="regression", classes=()), Labels()
COVERAGE, RISK = 0.9, 0.2
LATER, FRESH, NIGHT = 500, 2000, 500
NOISES: tuple[Callable[[Any, np.ndarray], np.ndarray], ...] = (
    lambda random, x: random.normal(0, 1, len(x)),
    lambda random, x: random.standard_t(3, len(x)),
    lambda random, x: random.normal(0, 0.3 + np.abs(x), len(x)),
    lambda random, x: random.exponential(2, len(x)),
)


def promises(short: bool) -> Iterator[Promise]:
    """What is stated of intervals, of probabilities, of bands, and of nights that are not like the training."""
    rounds = 5 if short else 100
    yield from _intervals(rounds)
    yield from _probabilities(rounds)
    yield from _bands(rounds)
    yield from _nights(rounds)


def numbers(seed: int, rows: int, moved: float = 0.0, wide: float = 1.0) -> Examples:
    """Rows of a number that is nearly linear, with noise of four kinds; features may be moved, the noise wider."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame({name: random.normal(moved if name == "x" else 0, 1, rows) for name in "xyz"})
    x = table["x"].to_numpy()
    clean = 3 * x + table["y"].to_numpy() + np.maximum(x, 0) ** 2
    return Examples(table, clean + wide * NOISES[seed % len(NOISES)](random, x), NUMBER)


def classes(seed: int, rows: int, moved: float = 0.0) -> Examples:
    """Rows of a yes or no that is linear in log-odds."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame({name: random.normal(moved if name == "x" else 0, 1, rows) for name in "xyz"})
    odds = 1.5 * table["x"] - table["y"] - 0.5
    return Examples(table, (random.random(rows) < 1 / (1 + np.exp(-odds))).astype(float), CLASSES)


def _intervals(rounds: int) -> Iterator[Promise]:
    """Too few rows covered, or too many: of a model that is fitted on rows of its own."""
    few = many = told = 0
    inside = []
    for seed in range(rounds):
        model = _ranged(seed)
        covered = _covered(model, numbers(seed + 30_000, FRESH))
        rank = int(np.ceil((LATER + 1) * COVERAGE - 1e-9))
        law = betabinom(FRESH, rank, LATER + 1 - rank)
        few, many = few + (covered < law.ppf(0.05)), many + (covered > law.ppf(0.95))
        inside.append(covered / FRESH)
        test = numbers(seed + 40_000, FRESH, wide=2.0)
        measured = measure_decisions(model, test.target, predict(model, test.table, NUMBER), NUMBER)
        told += bool(measured and measured.covered_interval and measured.covered_interval[1] < COVERAGE)
    note = f"{np.mean(inside):.1%} of fresh rows lie inside, {COVERAGE:.0%} stated"
    yield Promise("intervals cover less than chance of validation explains", few, rounds, 0.05, note=note)
    yield Promise("intervals cover more than chance of validation explains", many, rounds, 0.05)
    yield Promise("test rows of twice the noise: the receipt says less than stated", told, rounds, 0.95, "least")


def _ranged(seed: int) -> Any:
    """The better of two candidates on the very rows that its interval is chosen on, as in a training."""
    train, later = numbers(seed + 10_000, 400), numbers(seed + 20_000, LATER)
    shallow = Model(model="sklearn.tree.DecisionTreeRegressor", params={"max_depth": 5})
    models = [fit_candidate(each, train) for each in (Model(model="ridge"), shallow)]
    decided = [decide(each, later, Decision(interval=COVERAGE)) for each in models]
    return min(decided, key=lambda each: float(np.mean((each.predictions.scores - later.target) ** 2))).model


def _covered(model: Any, fresh: Examples) -> int:
    made = predict(model, fresh.table, NUMBER)
    assert made.low is not None
    assert made.high is not None
    return int(((made.low <= fresh.target) & (fresh.target <= made.high)).sum())


def _probabilities(rounds: int) -> Iterator[Promise]:
    """Overfitted probabilities are off before the correction and right after; right ones are left alone."""
    off = off_before = corrected = 0
    for seed in range(rounds):
        forest = Model(model="sklearn.tree.DecisionTreeClassifier", params={"min_samples_leaf": 4})
        sure = fit_candidate(forest, classes(seed + 10_000, 1500))
        later, fresh = classes(seed + 20_000, 2000), classes(seed + 30_000, 10_000)
        before, after = (decide(sure, later, Decision(calibration=each)).model for each in ("none", "auto"))
        off_before += _error(before, fresh) > 0.05
        off += _error(after, fresh) > 0.05
        right = fit_candidate(Model(model="logistic", params={"C": 100.0}), classes(seed + 10_000, 20_000))
        corrected += decide(right, later, Decision()).chosen.calibration != "none"
    yield Promise("corrected probabilities miss the observed shares by more than .05", off, rounds, 0.05)
    yield Promise("so they do before the correction", off_before, rounds, 0.95, "least")
    yield Promise("probabilities that are right are corrected", corrected, rounds, 0.05)


def _error(model: Any, fresh: Examples) -> float:
    """The mean distance of predicted and observed shares, in tenths of the rows."""
    scores = predict(model, fresh.table, CLASSES).scores
    tenths = np.array_split(np.argsort(scores, kind="stable"), 10)
    return float(np.mean([abs(scores[each].mean() - fresh.target[each].mean()) for each in tenths]))


def _bands(rounds: int) -> Iterator[Promise]:
    wrong = 0
    left = []
    for seed in range(rounds):
        method = "isotonic" if seed % 2 else "none"
        model = fit_candidate(Model(model="logistic"), classes(seed + 10_000, 400))
        later, fresh = classes(seed + 20_000, 1000), classes(seed + 30_000, 50_000)
        served = decide(model, later, Decision(calibration=method, review=Review(risk=RISK))).model
        made = predict(served, fresh.table, CLASSES)
        assert made.review is not None
        decided = ~made.review
        wrong += bool(decided.any() and (made.decision != fresh.target)[decided].mean() > RISK)
        left.append(made.review.mean())
    note = f"{np.mean(left):.0%} of rows are left to a person"
    yield Promise(f"more than {RISK:.0%} of the decided rows are wrong", wrong, rounds, 0.1, note=note)


def _nights(rounds: int) -> Iterator[Promise]:
    """Nights that are like the training, and nights whose most important feature has moved by a standard deviation."""
    alarms, told = {"number": 0, "class": 0}, {"number": 0, "class": 0}
    inside = []
    for seed in range(rounds):
        ranged, made = _ranged(seed), _reviewed(seed)
        for kind, model, rows in (("number", ranged, numbers), ("class", made, classes)):
            test = rows(seed + 30_000, FRESH)
            alarms[kind] += bool(_says(model, test, rows(seed + 40_000, NIGHT)))
            told[kind] += bool(_says(model, test, rows(seed + 50_000, NIGHT, moved=1.0)))
        inside.append(_covered(ranged, numbers(seed + 50_000, FRESH, moved=1.0)) / FRESH)
    for kind, name in (("number", "interval"), ("class", "band")):
        yield Promise(f"a night like the training: the promise is off ({name})", alarms[kind], rounds, 0.01)
        note = f"intervals then cover {np.mean(inside):.1%}" if kind == "number" else ""
        yield Promise(f"a night that moved: it is off ({name})", told[kind], rounds, 0.95, "least", note)


def _reviewed(seed: int) -> Any:
    model = fit_candidate(Model(model="logistic"), classes(seed + 10_000, 400))
    return decide(model, classes(seed + 20_000, LATER), Decision(review=Review(share=0.1))).model


def _says(model: Any, test: Examples, night: Examples) -> str:
    """What the night says of the promise, from the predictions and the inputs, as a scoring run does."""
    assert promise_of(model)
    labels = test.labels
    then, decided_then = distribution(predict(model, test.table, labels), labels)
    predictions: Predictions = predict(model, night.table, labels)
    now, decided = distribution(predictions, labels, then.edges if then else None)
    profiles = [profile_table([pa.Table.from_pandas(each.table)], "rows", ()) for each in (night, test)]
    moved = strong_inputs(compare_profiles(*profiles), tuple(test.table.columns))
    return "; ".join(filter(None, [find_shift(now, then, decided, decided_then), *moved]))
