"""Tables in types of ours: what is kept of them in a record, and the frames that people's functions get."""

from datetime import UTC, date, datetime

import pandas as pd
import pyarrow as pa

from tierra.data.columns import ROW_NUMBER
from tierra.data.frames import empty_table, kinds_of, to_frame

TABLE = pa.table(
    {
        "t": pa.array(["a", None], pa.string()),
        "i": pa.array([1, None], pa.int64()),
        "n": pa.array([0.5, None], pa.float64()),
        "b": pa.array([True, None], pa.bool_()),
        "d": pa.array([date(2024, 4, 29), None], pa.date32()),
        "m": pa.array([datetime(2024, 4, 29, 12), None], pa.timestamp("us")),
        "z": pa.array([datetime(2024, 4, 29, 12, tzinfo=UTC), None], pa.timestamp("us", "Europe/Madrid")),
    }
)
COLUMNS = {field.name: str(field.type) for field in TABLE.schema}


def test_the_types_of_a_table_come_back_from_their_names() -> None:
    assert empty_table(COLUMNS).schema == TABLE.schema
    assert kinds_of(COLUMNS) == {
        "t": "text", "i": "integer", "n": "number", "b": "boolean", "d": "date", "m": "timestamp", "z": "timestamptz"
    }  # fmt: skip


def test_a_frame_has_one_type_for_each_of_ours_whatever_its_gaps_and_no_row_numbers() -> None:
    numbered = TABLE.append_column(ROW_NUMBER, pa.array([1, 2], pa.int64()))
    whole = to_frame(numbered.slice(0, 1))
    for frame in (to_frame(numbered), to_frame(TABLE), to_frame(numbered.slice(1)), whole):
        assert [str(kind) for kind in frame.dtypes] == [
            "str", "Int64", "float64", "boolean", "datetime64[ms]", "datetime64[us]", "datetime64[us, Europe/Madrid]",
        ]  # fmt: skip
        assert list(frame.columns) == TABLE.column_names
    assert whole["d"][0] == pd.Timestamp(2024, 4, 29)
