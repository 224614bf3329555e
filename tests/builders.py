"""Builders of small projects and tables, so that a test says only what matters to it."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.empty_databases import put_registry

# A small table shows no model to be better than another: what is not much worse serves, so that tests get champions.
GATE = {"metric": "roc_auc", "beat_rule_by": 0.02, "challenger": "noninferior", "margin": 0.1}
CLOCK = "2024-04-29T03:00:00+00:00"  # the last day of rides()


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


def zones() -> pd.DataFrame:
    """One row a zone of rides(), to join."""
    return pd.DataFrame({"zone": list("ABCD"), "centre": [0.1, 2.5, 4.0, 9.3]})


def ride_source(**changes: Any) -> dict[str, dict[str, Any]]:
    """The `sources` of ride_spec(), with keys of the one source replaced; None takes a key away."""
    source = {"kind": "file", "path": "rides.csv", "key": "ride_id", "partition_by": "day", **changes}
    return {"rides": {key: value for key, value in source.items() if value is not None}}


def ride_spec(**changes: Any) -> dict[str, Any]:
    """A project file over rides.csv, partitioned by day; top-level keys can be replaced."""
    spec = {
        "project": "rides",
        "sources": ride_source(),
        "target": "tipped",
        "split": {"column": "day", "validation": "20d", "test": "30d"},
        "candidates": [{"rule": {"rate_by": ["zone"]}}, {"model": "logistic"}],
        "effort": "quick",
        "gate": GATE,
        "score": {"lookback": "2d"},
    }
    return {key: value for key, value in {**spec, **changes}.items() if value is not None}


def zoned_spec(**join: Any) -> dict[str, Any]:
    """A project file that joins zones.csv to rides.csv; keys of the join can be replaced."""
    sources = ride_source() | {"zones": {"kind": "file", "path": "zones.csv"}}
    return ride_spec(sources=sources, joins=[{"left": "rides", "right": "zones", "on": "zone", **join}])


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


def write_warehouse(file: Path, **tables: pd.DataFrame) -> str:
    """Write tables to a SQLite database; returns its URL."""
    with sqlite3.connect(file) as database:
        for name, table in tables.items():
            table.to_sql(name, database, index=False, if_exists="replace")
    database.close()
    return f"sqlite:///{file}"


def stand_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Stand in a folder that is an installation of its own, on the last day of rides()."""
    patch.chdir(folder)
    for name, value in {"HOME": folder / "var", "PROJECTS": folder / "projects", "CLOCK": CLOCK}.items():
        patch.setenv(f"TIERRA_{name}", str(value))


@contextmanager
def new_home(factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """Stand in a new installation while it is filled, once for a module; each test gets a copy of it."""
    home = factory.mktemp(name)
    put_registry(home / "var")
    with pytest.MonkeyPatch.context() as patch:
        stand_in(home, patch)
        yield home


def copy_home(home: Path, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Stand in a copy of an installation."""
    copy = Path(shutil.copytree(home, folder / "home"))
    stand_in(copy, patch)
    return copy
