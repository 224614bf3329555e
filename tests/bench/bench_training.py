"""What the train flow adds to its own library calls: a fixed cost, and a share of every row's."""

from pathlib import Path

import pytest

from tests.bench.measure import Cost, interleaved, python, show
from tests.bench.workload import MODEL, Installation, write_rides

FEW, MANY = 100_000, 600_000
ROUNDS = 3
FIXED_CPU_SECONDS = 5.0
COST_OF_A_ROW = 1.1


@pytest.fixture
def installation(prefect_server: str, tmp_path: Path) -> Installation:
    """An installation whose registry stands, as it does on every night but the first."""
    made = Installation(tmp_path)
    made.state(candidates=[{"rule": {"rate_by": ["zone", "carrier"]}}, {"model": "logistic"}, MODEL])
    for rows in (5_000, FEW, MANY):
        write_rides(tmp_path / f"{rows}.parquet", rows)
    made.train(tmp_path / "5000.parquet")
    return made


def plain(installation: Installation, rows: int) -> Cost:
    """The script over the same rows."""
    installation.take(file := installation.folder / f"{rows}.parquet")
    return python("-m", "tests.bench.plain_training", "rides", str(file), env=installation.settings)[0]


def test_the_train_flow_against_its_library_calls_in_a_script(installation: Installation) -> None:
    programs = {
        f"{rows:,} rows, {kind}": (lambda run=run, rows=rows: run(rows))
        for rows in (FEW, MANY)
        for kind, run in (("script", lambda rows: plain(installation, rows)),
                          ("flow", lambda rows: installation.run("train", installation.folder / f"{rows}.parquet")))
    }  # fmt: skip
    costs = interleaved(programs, ROUNDS)
    show("Training: the flow on a running server, and its library calls in one script", costs)
    few, many = ({kind: costs[f"{rows:,} rows, {kind}"].cpu for kind in ("script", "flow")} for rows in (FEW, MANY))
    row = {kind: (many[kind] - few[kind]) / (MANY - FEW) for kind in few}
    fixed = (few["flow"] - FEW * row["flow"]) - (few["script"] - FEW * row["script"])
    print(f"  fixed cost {fixed:.1f} s CPU; each added row {row['flow'] / row['script']:.2f} x the script's")
    assert fixed <= FIXED_CPU_SECONDS
    assert row["flow"] <= COST_OF_A_ROW * row["script"]
