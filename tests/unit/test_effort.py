"""How long a training will take is said from fits on a few rows; which candidates there are by task and effort."""

import numpy as np
import pytest

from tests.unit.test_estimators import examples
from tierra.model import effort
from tierra.model.effort import Estimate, estimate_seconds
from tierra.model.ensemble_spec import Selection
from tierra.model.examples import Examples
from tierra.model.spec import Model, Rule


def test_the_estimate_is_the_line_through_two_fits_at_every_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "_timed", lambda fit, sample: 0.5 + len(sample.target) / 1000)
    candidates = (Rule(rule="base_rate"), Model(model="logistic"), Selection(selection=("a", "b")))
    estimate = estimate_seconds(candidates, examples("binary", 6000), [4000, 4000, 6000])
    assert estimate.seconds == {"logistic": pytest.approx(3 * 0.5 + 14)}
    assert str(estimate) == "about 20 s: 1 models fitted 3 times on up to 6,000 rows"
    assert str(Estimate(rows=10, fits=1, seconds={"a": 100.0, "b": 200.0})).startswith("about 5 min: 2 models")


def test_every_model_is_timed_on_few_rows_with_the_parameters_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    rows = examples("multiclass", 900)
    rare = Examples(rows.table, np.where(np.arange(900) < 2, 2.0, rows.target % 2), rows.labels)
    whole = effort.build_pipeline

    def seen(candidate: Model, given: Examples, *more: object) -> object:
        sizes.append(len(given.target))
        return whole(candidate, given, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(effort, "build_pipeline", seen)
    taken = []
    monkeypatch.setattr(
        Examples, "take", lambda self, places, take=Examples.take: taken.append(places) or take(self, places)
    )
    estimate = estimate_seconds([Model(model="logistic"), Model(model="elastic_net")], rare, [720, 900])
    assert all(seconds > 0 for seconds in estimate.seconds.values())
    assert sizes == [900] * 4
    assert max(map(len, taken)) <= 306
    assert all({0, 1} <= set(places) for places in taken)
