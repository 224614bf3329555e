"""Rows without a day are counted in files of every kind, with one look at the days beside them."""

from datetime import date
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tierra.data.file_source import FileReader
from tierra.data.spec import FileSource
from tierra.data.window import single_day
from tierra.settings import Settings

DAYS = [date(2024, 1, 1), None, date(2024, 1, 2), None, date(2024, 1, 2)]


@pytest.mark.parametrize("path", ["rides.csv", "rides.parquet"])
def test_rows_without_a_day_are_counted_and_belong_to_no_day(tmp_path: Path, path: str) -> None:
    if path.endswith(".csv"):
        lines = [f"{number},{day or ''}" for number, day in enumerate(DAYS)]
        (tmp_path / path).write_text("\n".join(["id,day", *lines]))
    else:
        pq.write_table(pa.table({"id": range(5), "day": pa.array(DAYS, pa.date32())}), tmp_path / path)
    reader = FileReader("rides", FileSource(kind="file", path=path, partition_by="day"), tmp_path, Settings())
    with patch.object(FileReader, "batches", autospec=True, side_effect=FileReader.batches) as batches:
        assert reader.days(single_day(date(2024, 1, 2))) == {date(2024, 1, 2): 2}
        assert reader.dayless() == 2
    assert batches.call_count == (1 if path.endswith(".csv") else 2)
