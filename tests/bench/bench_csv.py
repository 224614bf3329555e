"""A CSV read by our own rules of texts, against the types that pyarrow gives it itself."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pytest

from tests.bench.measure import here, hold, interleaved, show
from tierra.data.csv_source import BYTES_AHEAD
from tierra.data.file_source import FileReader
from tierra.data.spec import FileSource
from tierra.data.window import EVERYTHING
from tierra.settings import Settings

ROWS = 2_000_000
GOAL = 1.5
# Decimal commas: pyarrow has no part in it, every cell is rewritten.
COMMA_GOAL = 2.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, random = tmp_path_factory.mktemp("csv"), np.random.default_rng(0)
    table = pa.table({
        "ride_id": [f"r{number:07d}" for number in range(ROWS)],
        "day": pa.array(np.arange(ROWS) // 20_000).cast(pa.int32()).cast(pa.date32()),
        "km": random.gamma(2, 3, ROWS).round(2),
        "fare": random.gamma(3, 5, ROWS).round(3),
        "zone": random.choice(list("ABCD"), ROWS),
        "guests": random.integers(0, 5_000, ROWS),
        "at": pa.array(random.integers(1_600_000_000, 1_700_000_000, ROWS) * 1_000_000).cast(pa.timestamp("us")),
        "paid": pa.array(random.random(ROWS) < 0.5),
    })  # fmt: skip
    csv.write_csv(table, folder / "rides.csv", csv.WriteOptions(quoting_style="needed"))
    commas = {name: pa.array([f"{value:.3f}".replace(".", ",") for value in table[name].to_numpy()])
              for name in ("km", "fare")}  # fmt: skip
    for name, values in commas.items():
        table = table.set_column(table.column_names.index(name), name, values)
    csv.write_csv(table, folder / "commas.csv", csv.WriteOptions(quoting_style="needed", delimiter=";"))
    return folder


def ours(folder: Path, path: str, **about: object) -> int:
    """Types found anew, as in training."""
    source = FileSource.model_validate({"kind": "file", "path": path, "key": ("ride_id",), **about})
    reader = FileReader("rides", source, folder, Settings())
    return sum(table.num_rows for table in reader.batches(reader.columns(), EVERYTHING))


def pyarrows(folder: Path) -> int:
    """As a file was read before: types from its first 16 MB, by pyarrow."""
    with csv.open_csv(folder / "rides.csv", csv.ReadOptions(block_size=16 * BYTES_AHEAD)) as start:
        types = {field.name: field.type for field in start.schema}
    options = csv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False)
    with csv.open_csv(
        folder / "rides.csv",
        csv.ReadOptions(block_size=BYTES_AHEAD),
        csv.ParseOptions(newlines_in_values=True),
        options,
    ) as file:
        return sum(batch.num_rows for batch in file)


def test_texts_read_by_our_rules_cost_little_more(folder: Path) -> None:
    comma = {"csv": {"separator": ";", "decimal": ","}}
    assert ours(folder, "rides.csv") == ours(folder, "commas.csv", **comma) == pyarrows(folder) == ROWS
    costs = interleaved({
        "pyarrow's types": lambda: here(lambda: pyarrows(folder)),
        "our rules": lambda: here(lambda: ours(folder, "rides.csv")),
        "our rules, decimal commas": lambda: here(lambda: ours(folder, "commas.csv", **comma)),
    })  # fmt: skip
    show(f"A CSV of {ROWS:,} rows, eight columns", costs)
    plain = costs["pyarrow's types"].cpu
    hold("a CSV by our rules, CPU of pyarrow's", costs["our rules"].cpu / plain, GOAL, 2.0, " x")
    hold("the same with decimal commas", costs["our rules, decimal commas"].cpu / plain, COMMA_GOAL, unit=" x")
