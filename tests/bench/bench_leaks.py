"""What looking for leaks costs: 252,000 training rows of 20 features, of which eight could be groups, all kinds on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.bench.measure import Cost, here, hold, interleaved
from tests.planted_leaks import CLOCK, Project, search
from tierra.steps.leaks import _Search

ROWS, DAYS, LIMIT = 420_000, 120, 1.5


def table() -> pd.DataFrame:
    """Twelve measurements, four whole numbers and four texts."""
    random = np.random.default_rng(0)
    columns: dict[str, object] = {"visit": [f"v{number}" for number in range(ROWS)]}
    columns |= {f"n{place}": random.normal(size=ROWS).round(3) for place in range(12)}
    columns |= {f"i{place}": random.integers(0, 50 * (place + 1), ROWS) for place in range(4)}
    columns |= {
        f"t{place}": random.choice([f"v{code}" for code in range(20 * (place + 1))], ROWS) for place in range(4)
    }
    made = pd.DataFrame(columns)
    return made.assign(returned=np.where(random.random(ROWS) < 1 / (1 + np.exp(-made["n0"])), "yes", "no"))


@pytest.mark.parametrize("by", ["stratified", "time"])
def test_the_search_for_leaks_stays_within_its_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    monkeypatch.setenv("TIERRA_HOME", str(tmp_path))
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    rows, spec = table(), {}
    if by == "time":
        days = pd.Timestamp(CLOCK).tz_localize(None) - pd.to_timedelta(np.arange(ROWS) * DAYS // ROWS, unit="D")
        rows = rows.assign(day=days.strftime("%Y-%m-%d"))
        spec = {"sources": {"visits": {"partition_by": "day"}}, "split": {"validation": "20d", "test": "30d"}}
    searches: list[_Search] = []
    find = _Search.find
    monkeypatch.setattr(_Search, "find", lambda self: (searches.append(self), find(self))[1])
    assert search(Project({"visits": rows}, spec).write(tmp_path / "clinic")) == ([], "")
    (one,) = searches

    def again() -> Cost:
        return here(lambda: list(find(_Search(one.workspace, one.project, one.parts, one.seen))))

    cost = interleaved({"leaks": again})["leaks"]
    print(f"leaks, {one.parts.train.rows:,} training rows, split {by}: cpu {cost.cpu:.2f} s  wall {cost.wall:.2f} s")
    hold(f"leaks in {one.parts.train.rows:,} training rows x 20, split {by}, CPU", cost.cpu, LIMIT, unit=" s")
