"""What a day of a backfill costs beyond loading, and how much sooner two processes are done than one."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.bench.bench_further_days import PREPARE
from tests.bench.measure import Cost, hold, interleaved, python, show
from tests.bench.workload import FEATURES, FIVE_EXPECTATIONS, MODEL, Installation, write_rides

ROWS_A_DAY, DAYS = 1_000, 365
FIRST = date(2024, 1, 1)
CLOCK = f"{FIRST + timedelta(DAYS - 1)}T03:00:00+00:00"
GOAL, GOAL_JOBS = 0.3, 1.7
HELD = 0.6  # what a busy machine makes of it
# On the clock it is a matter of who else has the cores; the CPU says what two processes gain on an idle machine.
HELD_ON_THE_CLOCK = 0.0
ROUNDS = 3

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Year:
    """A trained project with a week of history, a contract and a `prepare`, and its runs over so many days."""

    installation: Installation

    def run(self, program: str, *words: str) -> tuple[Cost, Any]:
        environment = self.installation.settings | {"TIERRA_CLOCK": CLOCK}
        return python("-m", f"tests.bench.{program}", *words, env=environment)

    def backfill(self, days: int, jobs: int = 1) -> Cost:
        """A run that publishes the last so many days: its CPU, that of its busiest process of its own included."""
        request = {"from_date": str(FIRST + timedelta(DAYS - days)), "jobs": jobs}
        with self.installation.kept():
            cost, said = self.run("backfill_child", json.dumps(request))
        assert (said["end"], said["partitions"]) == ("Published", days)
        return Cost(cost.cpu + said["busiest"], cost.wall)


@pytest.fixture
def year(tmp_path: Path) -> Year:
    installation = Installation(tmp_path)
    source = {"kind": "file", "path": "rides.parquet", "key": "ride_id", "partition_by": "day", "history": "7d"}
    installation.state(
        sources={"rides": source}, contract={"expectations": FIVE_EXPECTATIONS}, prepare="features:prepare",
        features=[*FEATURES, "past"], candidates=[{"rule": "base_rate"}, MODEL],
    )  # fmt: skip
    (installation.project / "features.py").write_text(PREPARE)
    write_rides(installation.project / "rides.parquet", ROWS_A_DAY * DAYS, days=DAYS)
    made = Year(installation)
    assert made.run("direct_child", "train", "rides")[1]["end"] == "Promoted"
    return made


def test_a_year_is_filled(year: Year) -> None:
    programs = {"1 day": partial(year.backfill, 1), f"{DAYS} days": partial(year.backfill, DAYS),
                f"{DAYS} days, 2 jobs": partial(year.backfill, DAYS, 2)}  # fmt: skip
    costs = interleaved(programs, ROUNDS)
    show(f"A backfill of days of {ROWS_A_DAY:,} rows with a week before each", costs)
    one, year_long, shared = costs.values()
    hold("a further day of a backfill, CPU", (year_long.cpu - one.cpu) / (DAYS - 1), GOAL, HELD, " s")
    hold("two jobs against one, CPU one after the other", year_long.cpu / shared.cpu, GOAL_JOBS, unit=" x", least=True)
    seconds = year_long.wall / shared.wall
    hold("two jobs against one, on the clock", seconds, GOAL_JOBS, HELD_ON_THE_CLOCK, " x", least=True)
