"""What the reasons of each prediction cost: 80,000 rows of 20 features, text and all, beside the prediction alone."""

import numpy as np
import pandas as pd
import pytest

from tests.bench.measure import ROUNDS, here, hold
from tests.fitting import fit_any
from tierra.data.labels import Labels
from tierra.model.artifact import predict
from tierra.model.candidates import fit_candidate
from tierra.model.deciding import decide
from tierra.model.decision_spec import Decision
from tierra.model.examples import Examples
from tierra.model.reasons import reasons_of
from tierra.model.spec import Average, Model

ROWS, TIMES, REASONS, LIMIT = 20_000, 4, 3, 3.0
NAMES = ("logistic", "hist_gradient_boosting", "random_forest")


def rows() -> Examples:
    random = np.random.default_rng(0)
    table = pd.DataFrame({f"x{place}": random.normal(size=ROWS) for place in range(15)})
    table = table.assign(**{f"c{place}": random.choice(list("abcdefgh"), ROWS) for place in range(5)})
    odds = table["x0"] + table["x1"] * table["x2"] + (table["c0"] == "a")
    return Examples(table, (random.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(float), Labels())


@pytest.fixture(scope="module")
def fitted() -> dict[str, object]:
    train = rows()
    models = {name: fit_candidate(Model(model=name), train) for name in NAMES}
    return models | {"average": fit_any(Average(average=NAMES[:2]), train, models)}


@pytest.mark.parametrize("name", [*NAMES, "average"])
def test_reasons_cost_little_more_than_predictions(name: str, fitted: dict[str, object]) -> None:
    few = rows()
    served = decide(fitted[name], few, Decision(calibration="none")).model
    table = pd.concat([few.table] * TIMES, ignore_index=True)
    made = predict(served, table, few.labels)
    plain, explained = [], []
    for _ in range(ROUNDS):
        plain.append(here(lambda: predict(served, table, few.labels)).cpu)
        explained.append(here(lambda: reasons_of(served, table, made, few.labels, REASONS)).cpu)
    cost = sorted(explained)[ROUNDS // 2]
    print(
        f"{name:22} {len(table):,} rows: predictions {sorted(plain)[ROUNDS // 2]:.2f} s, {REASONS} reasons {cost:.2f} s"
    )
    hold(f"reasons of {name}, {len(table):,} rows, CPU", cost, LIMIT, unit=" s")
