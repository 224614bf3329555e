"""Rides of any number in a Parquet file, and the project that trains and scores them."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tests.bench.measure import Cost, python

ROWS_A_PIECE = 250_000
FEATURES = ["km", "rain", "zone", "wind", "fare", "seats", "carrier", "heat"]
MODEL: dict[str, Any] = {"model": "hist_gradient_boosting", "params": {"max_iter": 100}}
FIVE_EXPECTATIONS = [
    {"type": "expect_column_values_to_be_between", "column": "km", "min_value": 0, "on_fail": "quarantine"},
    {"type": "expect_column_values_to_be_between", "column": "rain", "min_value": 0, "max_value": 1},
    {"type": "expect_column_values_to_be_in_set", "column": "zone", "value_set": list("ABCDEFGH")},
    {"type": "expect_column_values_to_not_be_null", "column": "carrier"},
    {"type": "expect_column_values_to_be_between", "column": "seats", "min_value": 1, "max_value": 6},
]


def write_rides(file: Path, rows: int, in_order: bool = False, days: int = 120) -> None:
    """Eleven columns: a text key, a date, numbers, texts and the target; in order of the key, or in none."""
    numbers = np.arange(rows) if in_order else np.random.default_rng(0).permutation(rows)
    pieces = (numbers[start : start + ROWS_A_PIECE] for start in range(0, rows, ROWS_A_PIECE))
    first = _rides(next(pieces), days)
    with pq.ParquetWriter(file, first.schema) as writer:
        writer.write_table(first)
        for piece in pieces:
            writer.write_table(_rides(piece, days))


def _rides(numbers: np.ndarray, days: int) -> pa.Table:
    rows, random = len(numbers), np.random.default_rng(int(numbers[0]))
    km, rain, zone = random.gamma(2, 3, rows).round(2), random.random(rows).round(2), random.integers(0, 8, rows)
    tipped = random.random(rows) < 1 / (1 + np.exp(-(km / 4 - 2 + rain + (zone == 0))))
    return pa.table(
        {
            "ride_id": [f"r{number:09d}" for number in numbers],
            "day": np.datetime64("2024-01-01", "D") + (numbers % days).astype("timedelta64[D]"),
            "km": km,
            "rain": rain,
            "zone": np.array(list("ABCDEFGH"))[zone],
            "wind": random.normal(0, 9, rows),
            "fare": random.gamma(3, 5, rows).round(2),
            "seats": random.integers(1, 7, rows),
            "carrier": np.array([f"c{number:02d}" for number in range(16)])[random.integers(0, 16, rows)],
            "heat": random.normal(20, 5, rows),
            "tipped": np.array(["no", "yes"])[tipped.astype(int)],
        }
    )


@dataclass(frozen=True)
class Installation:
    """A folder with one project in it, its installation's files, and flows that run in processes of their own."""

    folder: Path

    def state(self, **changes: Any) -> None:
        """Write the project file."""
        spec = {
            "project": "rides",
            "sources": {"rides": {"kind": "file", "path": "rides.parquet", "key": "ride_id"}},
            "target": "tipped",
            "features": FEATURES,
            "split": {"column": "day", "validation": "20d", "test": "30d"},
            "candidates": [{"rule": "base_rate"}, MODEL],
            "gate": {"metric": "roc_auc", "beat_rule_by": 0.02, "challenger": "noninferior", "margin": 0.1},
        }
        self.project.mkdir(parents=True, exist_ok=True)
        (self.project / "project.yaml").write_text(yaml.safe_dump({**spec, **changes}, sort_keys=False))

    @property
    def project(self) -> Path:
        """The project's folder."""
        return self.folder / "projects" / "rides"

    @property
    def settings(self) -> dict[str, str]:
        """The environment that a process needs to stand here."""
        home, projects = self.folder / "var", self.folder / "projects"
        return {"TIERRA_HOME": str(home), "TIERRA_PROJECTS": str(projects), "TIERRA_RUN_REGISTERED_CODE": "true"}

    def take(self, file: Path) -> None:
        """Let the source be this file."""
        (self.project / "rides.parquet").unlink(missing_ok=True)
        os.link(file, self.project / "rides.parquet")

    def run(self, flow: str, file: Path) -> Cost:
        """A flow in a process of its own. Nothing it keeps is there the next time."""
        return self.end(file, "tests.bench.child", flow)[0]

    def end(self, file: Path, *program: str) -> tuple[Cost, str]:
        """What a program of ours takes, and what it says at its end; nothing it keeps is there the next time."""
        self.take(file)
        with self.kept():
            cost, said = python("-m", *program, "rides", env=self.settings)
        assert said["end"] in ("Published", "Promoted"), said
        return cost, said["said"]

    def train(self, file: Path) -> None:
        """Train once, for good."""
        self.take(file)
        _, said = python("-m", "tests.bench.child", "train", "rides", env=self.settings)
        assert said["end"] == "Promoted", said

    def kept(self) -> "_Restored":
        """The installation's files, which are afterwards as they were before."""
        return _Restored(self.folder / "var")


class _Restored:
    """A folder that is afterwards as it was before."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._copy = folder, folder.with_suffix(".before")

    def __enter__(self) -> None:
        self._folder.mkdir(exist_ok=True)
        shutil.copytree(self._folder, self._copy)

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder)
        self._copy.rename(self._folder)
