"""What one more day costs a scoring run: eight days against one, each run in a process of its own."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.bench.measure import Cost, hold, interleaved, python, show
from tests.bench.workload import FEATURES, FIVE_EXPECTATIONS, MODEL, Installation, write_rides
from tests.builders import CLOCK, write_warehouse

ROWS_A_DAY, DAYS = 800, 120
FEW, MANY = 1, 8
GOAL = 0.3
HELD = 0.6  # what a busy machine makes of it
PREPARE = """
def prepare(rows, history):
    past = history.groupby("carrier")["fare"].mean()
    return rows.assign(past=rows["carrier"].map(past).astype(float))
"""
KINDS: dict[str, dict[str, Any]] = {
    "a Parquet file": {"kind": "file", "path": "rides.parquet"},
    "SQLite": {"kind": "sql", "connection": "warehouse", "table": "rides", "types": {"day": "date"}},
}


@dataclass(frozen=True)
class Nights:
    """A trained project with four weeks of history, a contract and a `prepare`, and its runs of so many due days."""

    installation: Installation
    source: dict[str, Any]
    warehouse: str

    def state(self, days: int) -> None:
        """Let so many days be due."""
        source = {**self.source, "key": "ride_id", "partition_by": "day", "history": "28d"}
        self.installation.state(
            sources={"rides": source},
            contract={"expectations": FIVE_EXPECTATIONS},
            prepare="features:prepare",
            features=[*FEATURES, "past"],
            candidates=[{"rule": "base_rate"}, MODEL],
            score={"lookback": f"{days - 1}d"},
        )

    def run(self, flow: str) -> tuple[Cost, Any]:
        """A run in a process of its own."""
        places = {"TIERRA_CLOCK": CLOCK, "TIERRA_CONNECTIONS__WAREHOUSE__URL": self.warehouse}
        return python("-m", "tests.bench.direct_child", flow, "rides", env=self.installation.settings | places)

    def score(self, days: int) -> Cost:
        """A run that publishes so many days."""
        self.state(days)
        with self.installation.kept():
            cost, said = self.run("score")
        assert said == {"end": "Published", "partitions": days}
        return cost

    def compare(self, days: int) -> Cost:
        """A run that finds so many days published and as they were."""
        self.state(days)
        with self.installation.kept():
            self.run("score")
            cost, said = self.run("score")
        assert said == {"end": "NothingDue", "partitions": days}
        return cost


@pytest.fixture(params=KINDS)
def nights(request: pytest.FixtureRequest, tmp_path: Path) -> Nights:
    installation = Installation(tmp_path)
    installation.project.mkdir(parents=True)
    (installation.project / "features.py").write_text(PREPARE)
    file = installation.project / "rides.parquet"
    write_rides(file, ROWS_A_DAY * DAYS)
    made = Nights(installation, KINDS[request.param], write_warehouse(tmp_path / "rides.db", rides=_as_text(file)))
    made.state(1)
    _, said = made.run("train")
    assert said["end"] == "Promoted"
    return made


def _as_text(file: Path) -> pd.DataFrame:
    """Rows whose days are text, as SQLite keeps them."""
    rides = pd.read_parquet(file)
    return rides.assign(day=rides["day"].astype(str))


def test_each_further_day(nights: Nights) -> None:
    programs = {"published": nights.score, "compared": nights.compare}
    costs = interleaved(
        {f"{days} {word}": partial(program, days) for word, program in programs.items() for days in (FEW, MANY)}
    )
    show(f"{FEW} and {MANY} days of {ROWS_A_DAY} rows with 28 days before each, {nights.source['kind']}", costs)
    for word in programs:
        few, many = costs[f"{FEW} {word}"], costs[f"{MANY} {word}"]
        each = Cost((many.cpu - few.cpu) / (MANY - FEW), (many.wall - few.wall) / (MANY - FEW))
        print(f"  each further day {word}: {each.cpu:.3f} s CPU, {each.wall:.3f} s on the clock")
        hold(f"each further day {word}, {nights.source['kind']}, CPU", each.cpu, GOAL, HELD, " s")
