"""Which rows serve: all that are not test, and with `refit: all` those too."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.builders import ride_spec, rides, stand_in, write_project
from tests.direct import train_directly
from tierra.facts import CandidatesFitted, WinnerRefitted
from tierra.workspace import open_workspace

MEAN = {"rule": "base_rate"}


def learn(folder: Path, **changes: object) -> tuple[object, object]:
    """Train on rides whose tip is a number of its own in each part, so that a mean tells which rows were seen."""
    table = rides()
    table["tip"] = np.arange(len(table), dtype=float)
    spec = ride_spec(target="tip", candidates=[MEAN], gate={"metric": "rmse"}, features=["km"], **changes)
    write_project(folder / "projects" / "rides", spec, table)
    outcome, journal = train_directly("rides")
    workspace = open_workspace()
    champion = workspace.champions.current("rides")
    assert champion, outcome
    return champion, journal


def seen(champion: object, judged: bool = False) -> float:
    champions = open_workspace().champions
    model = champions.load_judged(champion) if judged else champions.load(champion)  # type: ignore[arg-type]
    return float(model.predict(pd.DataFrame({"km": [1.0]}))[0])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    stand_in(tmp_path, monkeypatch)
    return tmp_path


def test_what_serves_learnt_from_all_rows_that_are_not_test(home: Path) -> None:
    champion, journal = learn(home)
    rows = champion.release.rows  # type: ignore[attr-defined]
    learning = rows["train"] + rows["validation"]
    assert seen(champion) == pytest.approx((learning - 1) / 2)
    (tried,) = journal.facts(CandidatesFitted)  # type: ignore[attr-defined]
    assert (tried.rows, tried.folds) == (rows["validation"], 1)


def test_after_the_gate_it_learns_from_the_test_rows_too_where_the_project_asks_for_it(home: Path) -> None:
    champion, journal = learn(home, refit="all")
    rows = champion.release.rows  # type: ignore[attr-defined]
    assert seen(champion) == pytest.approx((sum(rows.values()) - 1) / 2)
    assert seen(champion, judged=True) == pytest.approx((rows["train"] + rows["validation"] - 1) / 2)
    (refitted,) = journal.facts(WinnerRefitted)  # type: ignore[attr-defined]
    assert refitted.refit.rows == sum(rows.values())
    assert refitted.refit.after < refitted.refit.before
