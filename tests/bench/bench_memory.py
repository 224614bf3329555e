"""The most memory that scoring holds, however many rows there are and in whatever order they come."""

from typing import Any

import pytest

from tests.bench.measure import Cost, hold, python, show
from tests.bench.workload import FIVE_EXPECTATIONS, Installation, write_rides

FEW, ONE_MILLION, FIVE_MILLION, TWENTY_MILLION = 1_000, 1_000_000, 5_000_000, 20_000_000
ABOVE_IMPORTS_AND_MODEL = 250.0
GROWTH = 1.1


@pytest.fixture(scope="module")
def trained(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A champion of a hundred trees, from twenty thousand rides."""
    installation = Installation(tmp_path_factory.mktemp("memory"))
    installation.state()
    write_rides(installation.folder / "train.parquet", 20_000)
    installation.train(installation.folder / "train.parquet")
    return installation


def peaks(installation: Installation, sizes: list[int], in_order: bool) -> dict[int, Cost]:
    """What a whole run of the score flow takes; a few rows stand for imports, server and model."""
    costs = {}
    for rows in sizes:
        file = installation.folder / "rides.parquet"
        write_rides(file, rows, in_order)
        costs[rows] = installation.run("score", file)
        file.unlink()
    few = costs[FEW].peak
    title = f"Score flow, rows {'in order' if in_order else 'in no order'}"
    named = {f"{rows:,} rows": cost for rows, cost in costs.items()}
    show(title, named, above_few={name: f"{cost.peak - few:+.0f} MB" for name, cost in named.items()})
    return costs


def assert_bounded(costs: dict[int, Cost], small: int, large: int) -> None:
    said = f"memory, {large:,} rows"
    hold(f"{said}, above imports and model", costs[large].peak - costs[FEW].peak, ABOVE_IMPORTS_AND_MODEL, unit=" MB")
    hold(f"{said}, by {small:,} rows", costs[large].peak / costs[small].peak, GROWTH, unit=" x")


@pytest.mark.parametrize("contract", [{}, {"contract": {"expectations": FIVE_EXPECTATIONS}}], ids=["none", "five"])
def test_five_times_the_rows_take_no_more_memory(trained: Installation, contract: dict[str, Any]) -> None:
    trained.state(**contract)
    print(f"\nexpectations: {len(contract and FIVE_EXPECTATIONS)}", end="")
    assert_bounded(peaks(trained, [FEW, ONE_MILLION, FIVE_MILLION], in_order=False), ONE_MILLION, FIVE_MILLION)


@pytest.mark.long
@pytest.mark.parametrize("in_order", [True, False])
def test_twenty_million_rows_take_no_more_memory_than_five(trained: Installation, in_order: bool) -> None:
    trained.state(contract={"expectations": FIVE_EXPECTATIONS})
    costs = peaks(trained, [FEW, FIVE_MILLION, TWENTY_MILLION], in_order)
    assert_bounded(costs, FIVE_MILLION, TWENTY_MILLION)


def test_the_figure_is_of_the_child_alone() -> None:
    held = b"x" * (400 * 1024 * 1024)
    _, peak = python("-c", "from tests.bench.measure import peak_memory as p; print([p()])")
    assert peak[0] < 200, len(held)
