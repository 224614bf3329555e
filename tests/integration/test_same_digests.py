"""What is published stays published: the same rows give the digests that versions before gave.

A digest that changes without its rows makes every published day stale after an upgrade. Where one of
these must change, say so in the changelog: each day of `lookback` is then scored again, older ones are reported.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.builders import CLOCK, ride_source, ride_spec, rides, write_project, write_warehouse, zones
from tests.direct import score_directly, train_directly
from tierra.store.predictions import Manifest, generations, read_manifest
from tierra.workspace import open_workspace

PREPARE = """
def prepare(rows, history):
    past = history.groupby("zone")["km"].mean()
    return rows.assign(past=rows["zone"].map(past).astype(float).fillna(0.0).round(6))
"""
FILE = ride_source(history="7d", known_later=["rain"])
DATABASE = ride_source(history="7d", known_later=["rain"], kind="sql", connection="warehouse", path=None,
                       table="rides", types={"day": "date"})  # fmt: skip
# Of each day what was read and what was published, from a file and a database alike, before days were read together.
BEFORE = {
    "2024-04-28": (
        "62b85a5b9b189641bc0957ba14533706a4c1d95ce91d9b78de21ba9521af01aa",
        "cb47b8d756f22252496df169917c9687b346888ff32c235093a9016a50b734d1",
    ),
    "2024-04-29": (
        "d8edaa9f85aed7f9969e30c337c910a6741f43734a47ec4eb7b25725656f32ca",
        "b58af6f167e6c447131a59cc2665b0e723ff2dd98a3132581659dedbd84a1f36",
    ),
}


def spec(source: dict[str, Any]) -> dict[str, Any]:
    not_null = {"type": "expect_column_values_to_not_be_null", "column": "km", "on_fail": "quarantine"}
    return ride_spec(
        sources=source | {"zones": {"kind": "file", "path": "zones.csv"}},
        joins=[{"left": "rides", "right": "zones", "on": "zone"}],
        contract={"expectations": [not_null]},
        prepare="features:prepare",
        candidates=[{"rule": {"rate_by": ["zone"]}}],
        score={"lookback": "1d"},
    )


@pytest.mark.parametrize("source", [FILE, DATABASE], ids=["file", "database"])
def test_the_same_rows_have_the_digests_they_had_before(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, source: dict[str, Any]
) -> None:
    folder = write_project(workspace / "projects" / "rides", spec(source), features=PREPARE)
    zones().to_csv(folder / "zones.csv", index=False)
    monkeypatch.setenv("TIERRA_CONNECTIONS__WAREHOUSE__URL", write_warehouse(workspace / "w.db", rides=rides()))
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    train_directly("rides")
    score_directly("rides")
    assert {day: digests(manifest) for day, manifest in published().items()} == BEFORE
    again, _ = score_directly("rides")
    assert again.outcome == "NothingDue"


def published() -> dict[str, Manifest]:
    sink = open_workspace().sink(open_workspace().project("rides"))
    return {day: manifest for day in generations(sink) if (manifest := read_manifest(sink, day))}


def digests(manifest: Manifest) -> tuple[str, str]:
    (part,) = manifest.parts
    return manifest.inputs, part.sha256
