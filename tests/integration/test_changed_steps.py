"""A change in a step of ours: that step and those after it run again, and the champion is not called the same."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import CLOCK, ride_spec, rides, write_project
from tests.conftest import ROOT
from tests.direct import train_directly
from tierra.outcomes.training import Trained
from tierra.store import memo

STATIONS = {"validate-tables": "validate", "build-features": "features", "split-table": "parts",
            "fit-candidates": "held_out", "choose-candidate": "fit", "evaluate-models": "evaluate"}  # fmt: skip
NOT_NULL = {"type": "expect_column_values_to_not_be_null", "column": "km"}


@pytest.fixture
def library(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the library whose files decide what is found again, and a project."""
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    spec = ride_spec(contract={"expectations": [NOT_NULL]}, gate={"metric": "roc_auc", "beat_champion_by": 0.0})
    write_project(workspace / "projects" / "rides", spec, rides(1200))
    copy = tmp_path / "library"
    shutil.copytree(ROOT / "tierra", copy / "tierra", ignore=shutil.ignore_patterns("*.pyc"))
    monkeypatch.setattr(memo, "ROOT", copy)
    forget()
    yield copy / "tierra"
    forget()


def forget() -> None:
    memo.code_version.cache_clear()
    memo._imports.cache_clear()
    memo._sha256.cache_clear()


def train_again() -> tuple[Trained, set[str]]:
    """How a training ends, and the steps that made something."""
    forget()
    trained, journal = train_directly("rides")
    made = {STATIONS[entry.station] for entry in journal.entries if entry.station in STATIONS and not entry.reused}
    return trained, made


@pytest.mark.long
def test_a_change_in_a_step_runs_it_and_the_steps_after_it_again(library: Path) -> None:
    order = list(STATIONS.values())
    first, made = train_again()
    assert (first.outcome, made) == ("Promoted", set(order))
    same, made = train_again()
    assert (same.reason, made) == (f"same inputs as version {first.champion.version}", set())
    for place, name in enumerate(order):
        file = library / "steps" / f"{name}.py"
        file.write_text(file.read_text() + "\n# a fix\n")
        trained, made = train_again()
        assert made == set(order[place:]), name
        assert "same inputs" not in trained.reason, name


def test_a_fix_in_the_way_tables_are_written_is_not_ignored(library: Path) -> None:
    train_again()
    file = library / "store" / "tables.py"
    file.write_text(file.read_text() + "\n# a fix\n")
    trained, made = train_again()
    assert made == set(STATIONS.values())
    assert "same inputs" not in trained.reason
