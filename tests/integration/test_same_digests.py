"""What is published stays published: the same rows give the digests that versions before gave.

A digest that changes without its rows makes every published day stale after an upgrade. Where one of
these must change, say so in the changelog: each day of `lookback` is then scored again, older ones are reported.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.builders import CLOCK, ride_source, ride_spec, rides, write_project, write_warehouse, zones
from tests.direct import score_directly, train_directly
from tierra.data.file_source import FileReader
from tierra.data.window import Window
from tierra.errors import Broken
from tierra.model.champions import Champions
from tierra.store.manifest import Manifest
from tierra.store.predictions import generations, read_manifest
from tierra.workspace import open_workspace

PREPARE = """
def prepare(rows, history):
    past = history.groupby("zone")["km"].mean()
    return rows.assign(past=rows["zone"].map(past).astype(float).fillna(0.0).round(6))
"""
FILE = ride_source(history="7d", known_later=["rain"])
DATABASE = ride_source(history="7d", known_later=["rain"], kind="sql", connection="warehouse", path=None,
                       table="rides", types={"day": "date"})  # fmt: skip
# Of each day what was read and what was published, from a file and a database alike, before days were read together
# and before a release kept its schema. The rule's rates, in what is published, are those of all rows that are not test.
BEFORE = {
    "2024-04-28": (
        "bcd74962977aa453fee8cb4b82541e667a540c61c96ca49ee8822dc3af05d0ad",
        "109e5fab3c971a23a4aa718f54c2acc786cfdeee2a507b148a111e9f5a3800d8",
    ),
    "2024-04-29": (
        "5882b62a7d98145b855a69996f1d432772b53a121aafaadf88e4335d4279ff56",
        "899ca4e2f0733114ac16a5d2b48c92e6d32dc9058ebdd0bae4e8f1bf7c4aa346",
    ),
}


def spec(source: dict[str, Any]) -> dict[str, Any]:
    not_null = {"type": "expect_column_values_to_not_be_null", "column": "km", "on_fail": "quarantine"}
    return ride_spec(
        sources=source | {"zones": {"kind": "file", "path": "zones.csv", "key": "zone"}},
        joins=[{"left": "rides", "right": "zones", "on": "zone"}],
        contract={"expectations": [not_null]},
        prepare="features:prepare",
        candidates=[{"rule": {"rate_by": ["zone"]}}],
        score={"lookback": "1d"},
    )


@pytest.fixture
def train(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Train a project over a source."""
    monkeypatch.setenv("TIERRA_CONNECTIONS__WAREHOUSE__URL", write_warehouse(workspace / "w.db", rides=rides()))
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)

    def trained(source: dict[str, Any]) -> None:
        folder = write_project(workspace / "projects" / "rides", spec(source), features=PREPARE)
        zones().to_csv(folder / "zones.csv", index=False)
        train_directly("rides")

    return trained


@pytest.mark.parametrize("source", [FILE, DATABASE], ids=["file", "database"])
def test_the_same_rows_have_the_digests_they_had_before(
    train: Callable[[dict[str, Any]], None], source: dict[str, Any]
) -> None:
    train(source)
    score_directly("rides")
    assert {day: digests(manifest) for day, manifest in published().items()} == BEFORE
    again, _ = score_directly("rides")
    assert again.outcome == "NothingDue"


def test_a_run_of_two_days_reads_them_and_loads_its_champion_once(train: Callable[[dict[str, Any]], None]) -> None:
    train(FILE)
    with (
        patch.object(Champions, "load", autospec=True, side_effect=Champions.load) as load,
        patch.object(FileReader, "batches", autospec=True, side_effect=FileReader.batches) as batches,
    ):
        score_directly("rides")
    windows = [call.args[2] for call in batches.call_args_list if call.args[0].where.startswith("source rides")]
    # The first counts the rows of the days that are due.
    assert windows[1:] == [Window(date(2024, 4, 21), date(2024, 4, 30))]
    assert load.call_count == 1


def test_a_model_that_was_changed_between_two_runs_of_a_process_is_refused(
    workspace: Path, train: Callable[[dict[str, Any]], None]
) -> None:
    train(FILE)
    score_directly("rides", "2024-04-28")
    for file in (workspace / "var" / "store" / "models").glob("*.skops"):
        file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(Broken, match="artifact-tampered"):
        score_directly("rides", "2024-04-29")


def published() -> dict[str, Manifest]:
    sink = open_workspace().sink(open_workspace().project("rides"))
    return {day: manifest for day in generations(sink) if (manifest := read_manifest(sink, day))}


def digests(manifest: Manifest) -> tuple[str, str]:
    (part,) = manifest.parts
    return manifest.inputs, part.sha256
