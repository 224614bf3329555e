"""A challenger in shadow: it scores what the champion publishes, and nobody reads it but the gate."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.builders import ride_spec, rides, stand_in, write_project
from tests.direct import score_directly, train_directly
from tierra.store.predictions import generations
from tierra.workspace import open_workspace

LABELLED, DAYS = "2024-04-26", ("2024-04-27", "2024-04-28", "2024-04-29")
WEAK, STRONG = [{"rule": "base_rate"}, {"model": "logistic", "params": {"C": 0.00001}}], [
    {"rule": "base_rate"},
    {"model": "logistic"},
]


def table(labelled_until: str = LABELLED) -> pd.DataFrame:
    made = rides(6000)
    return made.assign(tipped=made["tipped"].where(made["day"] <= labelled_until))


def state(folder: Path, labelled_until: str = LABELLED, **changes: Any) -> None:
    gate = {"metric": "log_loss", "shadow": 3}
    spec = {"candidates": WEAK, "gate": gate, "score": {"lookback": "2d"}, **changes}
    write_project(folder / "projects" / "rides", ride_spec(**spec), table(labelled_until))


@pytest.fixture
def shadowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weak champion, and a better model in shadow."""
    stand_in(tmp_path, monkeypatch)
    state(tmp_path)
    assert train_directly("rides")[0].outcome == "Promoted"
    state(tmp_path, candidates=STRONG)
    trained = train_directly("rides")[0]
    assert (trained.outcome, trained.champion.version) == ("InShadow", "1"), trained
    return tmp_path


def test_a_model_that_passed_scores_in_shadow_and_is_not_seen(shadowed: Path) -> None:
    workspace = open_workspace()
    scored, journal = score_directly("rides")
    sink = workspace.sink(workspace.project("rides"))
    assert generations(sink) == dict.fromkeys(DAYS, 1)
    assert {each.model_version for each in scored.partitions} == {"1"}
    challenger = workspace.challengers.current("rides")
    assert challenger
    assert list(workspace.challengers.scored(challenger)) == list(DAYS)
