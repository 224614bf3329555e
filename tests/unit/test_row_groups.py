"""Row groups of a Parquet file that cannot hold a window's rows are not read."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tierra.data.row_groups import choose_groups
from tierra.data.window import EVERYTHING, Window, single_day

FIRST = date(2024, 1, 1)
DAYS = [FIRST + timedelta(number // 10) for number in range(100)]  # ten days, a row group each
MIDNIGHTS = [datetime(day.year, day.month, day.day) for day in DAYS]


def written(folder: Path, values: Any, **options: Any) -> pq.ParquetFile:
    table = pa.table({"other": range(len(values)), "day": values})
    pq.write_table(table, folder / "days.parquet", row_group_size=10, **options)
    return pq.ParquetFile(folder / "days.parquet")


@pytest.mark.parametrize(
    ("values", "beside"),
    [
        (DAYS, 0),
        ([str(day) for day in DAYS], 0),
        (MIDNIGHTS, 1),
        ([each.replace(tzinfo=UTC) for each in MIDNIGHTS], 1),
    ],
    ids=["dates", "text", "times", "times with a zone"],
)
def test_groups_outside_the_window_are_left_out(tmp_path: Path, values: Any, beside: int) -> None:
    file, fourth = written(tmp_path, values), FIRST + timedelta(3)
    assert choose_groups(file, "day", single_day(fourth)) == list(range(3 - beside, 4 + beside))
    assert choose_groups(file, "day", Window(end=fourth)) == list(range(3 + beside))
    assert choose_groups(file, "day", Window(start=fourth)) == list(range(3 - beside, 10))
    assert choose_groups(file, "day", Window(start=date(2030, 1, 1))) == []
    assert choose_groups(file, "day", EVERYTHING) == list(range(10))


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (DAYS, {"write_statistics": False}),
        ([f"{day:%d.%m.%Y}" for day in DAYS], {}),
        ([None] * 100, {}),
        (list(range(100)), {}),
    ],
    ids=["no statistics", "text in another order", "nothing", "numbers"],
)
def test_a_group_of_which_nothing_is_known_is_read(tmp_path: Path, values: Any, options: dict[str, Any]) -> None:
    file = written(tmp_path, values, **options)
    assert choose_groups(file, "day", single_day(FIRST)) == list(range(10))
    assert choose_groups(file, None, single_day(FIRST)) == list(range(10))
