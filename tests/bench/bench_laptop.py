"""What `tierra train` and `tierra score` cost without a server, whole processes, beside what they do."""

import json
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.bench.measure import Cost, beside_a_second_run, child, hold, interleaved, show
from tests.bench.workload import FIVE_EXPECTATIONS, Installation, write_rides

ROWS, DAY = 5_000, "2024-04-29"
COMMAND = "from tierra.cli.commands import main; main()"
TRAIN_GOAL, SCORE_GOAL = 1.3, 1.5
# Not reached: `try` registers nothing, and the import of MLflow alone is a quarter of what it costs.
TRAIN_HELD, SCORE_HELD = 2.5, 2.0


@dataclass(frozen=True)
class Laptop:
    """An installation with a project over one CSV, and no server."""

    made: Installation

    def tierra(self, *arguments: str) -> Cost:
        """A command in a process of its own."""
        none = {"PREFECT_API_URL": "", "PREFECT_HOME": str(self.made.folder / "prefect"), "OMP_NUM_THREADS": "1"}
        environment = {**self.made.settings, **none, "TIERRA_CLOCK": f"{DAY}T12:00:00+00:00"}
        return child(sys.executable, "-c", COMMAND, *arguments, env=environment)[0]

    def anew(self, *arguments: str) -> Cost:
        """A command, of which nothing is kept."""
        with self.made.kept():
            return self.tierra(*arguments)

    def use(self, rows: int) -> None:
        """Let the source be a CSV of so many rows."""
        write_rides(self.made.folder / "rides.parquet", rows)
        pyarrow.csv.write_csv(pq.read_table(self.made.folder / "rides.parquet"), self.made.project / "rides.csv")

    def script(self) -> Cost:
        """The plain script, with the champion's model on the same day."""
        store = self.made.folder / "var/store"
        champion = json.loads(max((store / "champions/rides").glob("*.json")).read_text())
        model, file = store / champion["model"]["name"], self.made.folder / "plain.parquet"
        arguments = (str(self.made.project / "rides.csv"), str(model), DAY, str(file))
        return child(sys.executable, "-m", "tests.bench.plain_scoring", *arguments, env={"OMP_NUM_THREADS": "1"})[0]


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    """A laptop on its second day: a champion serves, the registry stands, and the source has grown."""
    made = Installation(tmp_path)
    source = {"kind": "file", "path": "rides.csv", "key": "ride_id", "partition_by": "day"}
    made.state(sources={"rides": source}, contract={"expectations": FIVE_EXPECTATIONS}, candidates=None)
    laptop = Laptop(made)
    laptop.use(ROWS // 2)
    laptop.tierra("train", "rides")
    laptop.use(ROWS)
    return laptop


def test_a_training_costs_little_more_than_a_trial(laptop: Laptop) -> None:
    programs = {f"tierra {word}": partial(laptop.anew, word, "rides") for word in ("try", "train")}
    busy = {f"{name}, beside a second run": partial(beside_a_second_run, run) for name, run in programs.items()}
    costs = interleaved({**programs, **busy})
    show(f"A laptop without a server, {ROWS:,} rows of CSV", costs)
    ratio = costs["tierra train"].cpu / costs["tierra try"].cpu
    hold("tierra train without a server over tierra try, CPU", ratio, TRAIN_GOAL, TRAIN_HELD, " x")


def test_scoring_a_day_costs_little_more_than_a_script(laptop: Laptop) -> None:
    score = partial(laptop.anew, "score", "rides", "--partition", DAY)
    busy = {"tierra score, beside a second run": partial(beside_a_second_run, score)}
    costs = interleaved({"the same calls in a script": laptop.script, "tierra score": score, **busy})
    show("A laptop without a server, one day scored", costs)
    ratio = costs["tierra score"].cpu / costs["the same calls in a script"].cpu
    hold("tierra score without a server over a plain script, CPU", ratio, SCORE_GOAL, SCORE_HELD, " x")
