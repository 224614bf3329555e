"""Candidates in growing order of cost: those that cost more are not tried where the one before did not pay."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.builders import ride_spec, rides, write_project
from tests.direct import train_directly
from tests.unit.test_project import load
from tierra.errors import DataRejected
from tierra.facts import CandidatesFitted
from tierra.steps import growing
from tierra.steps.learning import Learning

CANDIDATES = [
    {"rule": "base_rate"},
    {"model": "random_forest", "params": {"n_estimators": 10}},
    {"model": "logistic", "search": 1},
    {"model": "hist_gradient_boosting", "params": {"max_iter": 10}},
    {"average": ["logistic", "hist_gradient_boosting"]},
    {"average": ["logistic", "random_forest"], "name": "both"},
]


def fitted(workspace: Path, **changes: Any) -> CandidatesFitted:
    spec = ride_spec(candidates=CANDIDATES, effort="quick", **changes)
    write_project(workspace / "projects" / "rides", spec, rides(1200))
    _, journal = train_directly("rides")
    return journal.facts(CandidatesFitted)[0]


@pytest.mark.long
def test_a_model_that_does_not_pay_is_the_last_that_is_tried_and_it_says_so(workspace: Path) -> None:
    enough = fitted(workspace, complexity={"margin": 0.05})
    assert set(enough.validation) == {"rule", "logistic", "hist_gradient_boosting", "average"}
    assert enough.stopped.startswith("hist gradient boosting is ")
    assert enough.stopped.endswith("the margin is 0.05: random forest, both are not tried")
    assert enough.costs.keys() == {"rule", "logistic", "hist_gradient_boosting"}
    assert all(each.seconds > 0 and each.microseconds > 0 and each.bytes > 100 for each in enough.costs.values())
    every = fitted(workspace)
    assert set(every.validation) == {*enough.validation, "random_forest", "both"}
    assert every.stopped == ""
    assert every.costs["random_forest"].bytes > every.costs["logistic"].bytes


def test_a_metric_that_is_no_number_on_the_rows_held_out_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = load(tmp_path, ride_spec(complexity={"margin": 0.1}, task="binary")).for_task("binary")
    nothing: Any = SimpleNamespace(validation={"accuracy": 1.0})
    monkeypatch.setattr(growing, "try_candidates", lambda _: dict.fromkeys(("rule", "logistic"), nothing))
    learning: Any = Learning(None, project, None)  # type: ignore[arg-type]
    with pytest.raises(DataRejected, match=r"ROC AUC is no number on these rows.*metric-failed"):
        growing.grow(learning)
