"""What is looked at of the best model alone, for made-up receipts."""

from typing import Any

import numpy as np

from tierra.model.evaluation import (
    CostCurve,
    Curve,
    Dependence,
    Errors,
    Evaluation,
    Histogram,
    Learnt,
    Miss,
    Threshold,
    WorseSlice,
)

SHARES = (0.01, 0.05, 0.1, 0.3, 0.5)


def studied(evaluation: Evaluation, **more: Any) -> Evaluation:
    """The evaluation with effects, errors and what was learnt by heart."""
    metrics = {name: value + 0.05 for name, value in evaluation.metrics.items()}
    counts = tuple(int(count) for count in np.random.default_rng(1).integers(10, 400, 12))
    found = {
        "drawn": "30 days",
        "learnt": Learnt(rows=20_000, metrics=metrics),
        "dependence": (
            Dependence(feature="km", at=(1.0, 2.5, 4.0, 8.0, 13.0), lines={"": (0.2, 0.22, 0.3, 0.41, 0.4)},
                       histogram=Histogram(edges=tuple(np.linspace(1, 13, 13)), counts=counts)),
            Dependence(feature="zone", names=("harbour", "north", "old town, by the sea and behind it", "south"),
                       lines={"": (0.2, 0.3, 0.36, 0.24)}, rows=(100, 900, 2000, 400)),
        ),
        "errors": Errors(
            loss="log loss", rows=5000, looked=64,
            slices=(WorseSlice(column="zone", value="harbour", rows=430, loss=0.61, elsewhere=0.41,
                               interval=(0.05, 0.36)),),
            misses=tuple(Miss(key={"ride_id": f"r{place}"}, target="yes", predicted="no (yes: 1.2%)",
                              features={"km": "12.5", "zone": "harbour"}) for place in range(10)),
        ),
    }  # fmt: skip
    return evaluation.model_copy(update={**found, **more})


def yes_or_no(rows: int) -> dict[str, Any]:
    """Gains, thresholds and costs of a yes or no."""
    x = np.linspace(0, 1, 41)
    table = tuple(
        Threshold(threshold=0.9 - share, alarms=int(rows * share), precision=0.8 - share, recall=share**0.5,
                  cost=40 + 60 * (share - 0.1) ** 2, served=share == 0.1)
        for share in SHARES
    )  # fmt: skip
    costs = Curve(x=tuple(x), y=tuple(40 + 150 * (x - 0.3) ** 2))
    return {
        "gains": Curve(x=tuple(x), y=tuple(x**0.5)),
        "thresholds": table,
        "costs": CostCurve(curve=costs, served=(0.28, 40.1), rule=52.0),
    }
