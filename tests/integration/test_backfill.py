"""Scoring a range of days: what is missing, changed or all of it, by one model or by those that served then."""

from pathlib import Path

import pytest

from tests.builders import CLOCK, ride_source, ride_spec, write_project, zones
from tests.direct import score_directly, train_directly
from tierra.store.predictions import read_manifest
from tierra.store.tables import read_table
from tierra.workspace import open_workspace

PREPARE = "def past(rows, history):\n    return rows.assign(seen=float(len(history)))\n"
SPEC = ride_spec(
    sources=ride_source(history="3d") | {"zones": {"kind": "file", "path": "zones.csv"}},
    joins=[{"left": "rides", "right": "zones", "on": "zone"}],
    prepare="features:past",
    features=["km", "rain", "centre", "seen"],
)


@pytest.fixture
def rides(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trained project whose days are joined and have history; its folder."""
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    folder = write_project(workspace / "projects" / "rides", SPEC, features=PREPARE)
    zones().to_csv(folder / "zones.csv", index=False)
    train_directly("rides")
    return folder


def test_a_manifest_says_where_the_rows_are_kept_that_were_scored(rides: Path) -> None:
    score_directly("rides", "2024-04-20")
    workspace = open_workspace()
    manifest = read_manifest(workspace.sink(workspace.project("rides")), "2024-04-20")
    assert manifest
    assert manifest.joined
    assert manifest.joined.history
    kept = read_table(workspace.objects, manifest.joined.rows)
    assert (kept.num_rows, set(kept["day"].cast("string").to_pylist())) == (manifest.rows_scored, {"2024-04-20"})
    assert "centre" in kept.column_names
    days = read_table(workspace.objects, manifest.joined.history)["day"].cast("string").to_pylist()
    assert sorted(set(days)) == ["2024-04-17", "2024-04-18", "2024-04-19"]
