"""What the whole evaluation of a test part costs: 80,000 binary rows, 16 features, a champion beside, all checks on."""

import numpy as np
import pandas as pd
import pytest

from tests.bench.measure import FIGURES, here, hold
from tests.fitting import fit_any
from tierra.data.labels import Labels
from tierra.model.artifact import with_threshold
from tierra.model.candidates import fit_candidate
from tierra.model.comparison import compare_models
from tierra.model.examples import Examples
from tierra.model.gate_spec import Fairness, Guardrails
from tierra.model.spec import Average, Costs, Model, RateBy, Rule
from tierra.model.study import Material, study_model
from tierra.model.training import measure_intervals

TEST, TRAIN, DAYS, LIMIT = 80_000, 30_000, 60, 10.0
GUARDRAILS = Guardrails(calibration=0.1, size_mb=10, fairness=Fairness(by=("c0",), difference=0.2))
COSTS = Costs(false_alarm=1, missed=3)


def examples(rows: int, seed: int) -> Examples:
    """Twelve numbers and four categories, of which a few matter; sixty days."""
    random = np.random.default_rng(seed)
    numbers = {f"n{place}": random.normal(size=rows) for place in range(12)}
    names = {f"c{place}": pd.Series(random.choice([f"v{code}" for code in range(12)], rows)) for place in range(4)}
    table = pd.DataFrame(numbers | names)
    score = table["n0"] + table["n1"] * table["n2"] + (table["c0"] == "v3") - 1.5
    target = (random.random(rows) < 1 / (1 + np.exp(-score.to_numpy()))).astype(float)
    table["rule__c0"] = table["c0"]
    return Examples(table, target, Labels(), None, np.sort(random.integers(0, DAYS, rows)), "days")


@pytest.fixture(scope="module")
def models() -> dict[str, tuple[object, Examples]]:
    train, test = examples(TRAIN, 0), examples(TEST, 1)
    fitted = {kind: fit_candidate(Model(model=kind), train) for kind in ("logistic", "hist_gradient_boosting")}
    average = fit_any(Average(average=tuple(fitted)), train, fitted)
    rule = fit_candidate(Rule(rule=RateBy(rate_by=("c0",))), train)
    both = {"average": average, "rule": rule, "champion": fitted["hist_gradient_boosting"]}
    return {name: (with_threshold(model, 0.3), test) for name, model in both.items()}


def test_the_whole_evaluation_stays_within_its_budget(models: dict[str, tuple[object, Examples]]) -> None:
    train, (best, test) = examples(TRAIN, 0), models["average"]
    keys = pd.DataFrame({"key": np.arange(TEST)})
    slices = test.table[["c0", "n0"]]

    def evaluate() -> None:
        found = compare_models("average", models, "roc_auc", (), slices, True, GUARDRAILS, test.features, 10_000)
        whole = found.evaluations["average"]
        study_model(whole, best, test, Material(train, keys, COSTS, (), found.predictions), found.evaluations["rule"])

    cost = here(evaluate)
    print(f"whole evaluation of {TEST:,} rows: cpu {cost.cpu:.2f} s  wall {cost.wall:.2f} s")
    hold(f"evaluation of {TEST:,} binary rows, three models, all checks, CPU", cost.cpu, LIMIT, unit=" s")


def test_the_intervals_of_a_candidate_on_validation(models: dict[str, tuple[object, Examples]]) -> None:
    best, test = models["average"]
    cost = here(lambda: measure_intervals(best, test.sample(20_000, 0)))
    FIGURES.append(f"intervals of a candidate on 20,000 validation rows: {cost.cpu:.2f} s CPU")
    print(FIGURES[-1])
