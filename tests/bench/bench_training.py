"""What the train flow adds to its own library calls: a fixed cost, and a share of every row's."""

from functools import partial
from pathlib import Path

import pytest

from tests.bench.measure import Cost, hold, interleaved, show
from tests.bench.workload import MODEL, Installation, write_rides

FEW, MANY = 100_000, 1_200_000
ROUNDS = 5
PROGRAMS = {"script": ("tests.bench.plain_training",), "flow": ("tests.bench.child", "train")}
FIXED_CPU_SECONDS, COST_OF_A_ROW = 5.0, 1.1
# What a busy machine makes of them.
FIXED_HELD, ROW_HELD = 7.0, 1.25


@pytest.fixture
def installation(prefect_server: str, tmp_path: Path) -> Installation:
    """An installation whose registry stands, as it does on every night but the first."""
    made = Installation(tmp_path)
    made.state(candidates=[{"rule": {"rate_by": ["zone", "carrier"]}}, {"model": "logistic"}, MODEL])
    for rows in (5_000, FEW, MANY):
        write_rides(tmp_path / f"{rows}.parquet", rows)
    made.train(tmp_path / "5000.parquet")
    return made


def test_the_train_flow_against_its_library_calls_in_a_script(installation: Installation) -> None:
    words: dict[tuple[int, str], str] = {}

    def run(rows: int, kind: str) -> Cost:
        cost, words[rows, kind] = installation.end(installation.folder / f"{rows}.parquet", *PROGRAMS[kind])
        return cost

    costs = interleaved(
        {f"{rows:,} rows, {kind}": partial(run, rows, kind) for rows in (FEW, MANY) for kind in PROGRAMS}, ROUNDS
    )
    show("Training: the flow on a running server, and its library calls in one script", costs)
    # Both judged the same models on the same rows, to the last digit that is said.
    assert all(words[rows, "flow"].startswith(words[rows, "script"]) for rows in (FEW, MANY)), words
    few, many = ({kind: costs[f"{rows:,} rows, {kind}"].cpu for kind in PROGRAMS} for rows in (FEW, MANY))
    row = {kind: (many[kind] - few[kind]) / (MANY - FEW) for kind in PROGRAMS}
    fixed = (few["flow"] - FEW * row["flow"]) - (few["script"] - FEW * row["script"])
    hold("train flow, fixed cost above the script's, CPU", fixed, FIXED_CPU_SECONDS, FIXED_HELD, " s")
    hold("train flow, each added row by the script's", row["flow"] / row["script"], COST_OF_A_ROW, ROW_HELD, " x")
