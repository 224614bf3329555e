"""Any project a file can describe trains and scores every row, or is refused in one line: nothing else."""

import os
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.direct import score_directly, train_directly
from tests.random_projects import Drawn, draw_project
from tierra.errors import TierraError
from tierra.store.predictions import read_published
from tierra.workspace import open_workspace

LEAST_TRAINED = 0.6
TRAINED = "trained and scored"


@dataclass
class Drew:
    """How one project ended: trained and scored, refused with a code, or wrong."""

    seed: int
    end: str
    wrong: str = ""


def run_project(drawn: Drawn, folder: Path) -> Drew:
    """Train and score one project through the flows' own bodies, without Prefect."""
    drawn.write(folder / "projects")
    try:
        train_directly(drawn.name)
    except TierraError as error:
        return Drew(drawn.seed, f"training refused: {error.code}")
    except Exception:
        return Drew(drawn.seed, "crashed", f"{drawn.said}\n{traceback.format_exc()}")
    return _score(drawn)


def _score(drawn: Drawn) -> Drew:
    day = str(pd.to_datetime(drawn.table[drawn.day]).max().date()) if drawn.day else None
    try:
        end, _ = score_directly(drawn.name, day)
    except TierraError as error:
        return Drew(drawn.seed, f"scoring refused: {error.code}")
    except Exception:
        return Drew(drawn.seed, "crashed", f"{drawn.said}\n{traceback.format_exc()}")
    if end.outcome != "Published":
        return Drew(drawn.seed, f"scoring refused: {end.partitions[0].code}")
    wrong = _what_is_wrong(drawn, day, end.partitions[0])
    return Drew(drawn.seed, "wrong" if wrong else TRAINED, f"{drawn.said}: {wrong}" if wrong else "")


def _what_is_wrong(drawn: Drawn, day: str | None, end: Any) -> str:
    """Every row that came in is published once under its key, or set aside."""
    rows = drawn.table
    if drawn.day:
        rows = rows[pd.to_datetime(rows[drawn.day]).dt.strftime("%Y-%m-%d") == day]
    project = open_workspace().project(drawn.name)
    found = read_published(open_workspace().sink(project), end.partition).to_pandas()
    if not len(rows) == end.rows_in == end.rows_scored + end.rows_quarantined == len(found) + end.rows_quarantined:
        return f"{len(rows)} rows at the source, {end.rows_in} in, {end.rows_scored} scored, {len(found)} published"
    keys = found.iloc[:, 0].tolist()
    written = rows[drawn.key] if drawn.key else rows.index.to_series()  # its number in the file
    # The keys of a CSV are its texts.
    expected = set(written.astype(str) if drawn.key and drawn.suffix == ".csv" else written)
    if len(set(keys)) != len(keys) or not set(keys) <= expected:
        return "published keys are not the source's"
    if not end.rows_quarantined and set(keys) != expected:
        return "keys are missing"
    numbers = found.select_dtypes("number")
    return "" if np.isfinite(numbers.to_numpy(float)).all() else "a published number is not finite"


def run_projects(seeds: range, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERRA_HOME", str(folder / "var"))
    monkeypatch.setenv("TIERRA_PROJECTS", str(folder / "projects"))
    monkeypatch.setattr("tierra.model.importance.SECONDS", 0.0)  # once a feature is enough here
    ends = [run_project(draw_project(seed), folder) for seed in seeds]
    for end, count in Counter(each.end for each in ends).most_common():
        print(f"{count:4} of {len(ends)}  {end}")
    bad = [f"seed {each.seed}: {each.wrong}" for each in ends if each.wrong]
    assert not bad, "\n".join(bad)
    assert np.mean([each.end == TRAINED for each in ends]) >= LEAST_TRAINED


def test_a_few_random_projects_train_and_score_or_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_projects(range(4), tmp_path, monkeypatch)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_many_random_projects_train_and_score_or_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty, or as many as RANDOM_PROJECTS says."""
    run_projects(range(1000, 1000 + int(os.environ.get("RANDOM_PROJECTS", 60))), tmp_path, monkeypatch)
