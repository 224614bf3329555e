"""Builders of small projects and tables, so that a test says only what matters to it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml


def rides(rows: int = 2400, seed: int = 0) -> pd.DataFrame:
    """Taxi rides over 120 days with a key, a date, features and whether the guest tipped."""
    random = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=120).repeat(-(-rows // 120))[:rows]
    table = pd.DataFrame(
        {
            "ride_id": [f"r{number:06d}" for number in range(rows)],
            "day": days.strftime("%Y-%m-%d"),
            "km": random.gamma(2, 3, rows).round(2),
            "zone": random.choice(list("ABCD"), rows),
            "rain": random.random(rows).round(2),
        }
    )
    chance = 1 / (1 + np.exp(-(table["km"] / 4 - 2 + table["rain"] + (table["zone"] == "A"))))
    return table.assign(tipped=np.where(random.random(rows) < chance, "yes", "no"))


def ride_spec(**changes: Any) -> dict[str, Any]:
    """A project file over rides.csv, partitioned by day; top-level keys can be replaced."""
    spec = {
        "project": "rides",
        "sources": {"rides": {"kind": "file", "path": "rides.csv", "key": "ride_id", "partition_by": "day"}},
        "target": "tipped",
        "split": {"column": "day", "validation": "20d", "test": "30d"},
        "candidates": [{"rule": {"rate_by": ["zone"]}}, {"model": "logistic"}],
        "gate": {"metric": "roc_auc", "beat_rule_by": 0.02},
        "score": {"lookback": "2d"},
    }
    return {key: value for key, value in {**spec, **changes}.items() if value is not None}


def write_project(
    folder: Path, spec: dict[str, Any] | str | None = None, table: pd.DataFrame | None = None, **files: str
) -> Path:
    """Write a project folder: its file, rides.csv, and Python files given as features="..."."""
    folder.mkdir(parents=True, exist_ok=True)
    text = spec if isinstance(spec, str) else yaml.safe_dump(spec or ride_spec(), sort_keys=False)
    (folder / "project.yaml").write_text(text)
    (rides() if table is None else table).to_csv(folder / "rides.csv", index=False)
    for name, code in files.items():
        (folder / f"{name}.py").write_text(code)
    return folder
