"""Arrow tables in types of ours, and as pandas frames whose types no gap changes."""

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd
import pyarrow as pa

from tierra.data.casting import NotExact, arrow_type, cast_column, kind_of
from tierra.data.row_numbers import ROW_NUMBER
from tierra.data.spec import ColumnType
from tierra.data.spellings import class_name
from tierra.errors import DataRejected

# The cells of a row that could not be read, as text: a column that a reader adds and validation takes away.
UNREAD: Final = "unread__"
NULLABLE: Final = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


def plain_type(stored: pa.DataType) -> pa.DataType | None:
    """The one Arrow type for each family of Arrow types; None for unsupported ones."""
    kind = kind_of(stored)
    return arrow_type(kind, getattr(stored, "tz", None) or "UTC") if kind else None


def kinds_of(columns: Mapping[str, str]) -> dict[str, ColumnType]:
    """The types of ours of a stored table's columns, by the names of their Arrow types."""
    return {name: _kind_named(stored) for name, stored in columns.items()}


def conform(
    table: pa.Table, declared: Mapping[str, ColumnType], where: str, key: Sequence[str] = (), zone: str = "UTC"
) -> pa.Table:
    """The table in types of ours, declared ones first. Raises DataRejected naming the column and a value."""
    columns = {
        name: _conform(table.column(name), name, declared.get(name), where, zone, name in key)
        for name in table.column_names
    }
    return pa.table(columns)


def _conform(
    values: pa.ChunkedArray, name: str, declared: ColumnType | None, where: str, zone: str, is_key: bool
) -> pa.ChunkedArray:
    kind = declared or kind_of(values.type, is_key)
    if kind is None:
        raise DataRejected("column-type", f"{where}: column '{name}' is {values.type}, which is not supported")
    try:
        # Instants stay in the zone that their reader, who knows the project's, gave them.
        return cast_column(values, kind, getattr(values.type, "tz", None) or zone)
    except NotExact as error:
        now = kind_of(values.type) or values.type
        raise DataRejected(
            "column-type",
            f"{where}: column '{name}' is {kind} by its declaration or its training, and {now} now,"
            f" such as '{error.example}'",
        ) from None


def empty_table(columns: Mapping[str, str]) -> pa.Table:
    """A table of columns of these Arrow types without a row."""
    return pa.schema([(name, _type_named(stored)) for name, stored in columns.items()]).empty_table()


def _kind_named(stored: str) -> ColumnType:
    kind = kind_of(_type_named(stored))
    assert kind, "a stored table has types of ours"
    return kind


def _type_named(stored: str) -> pa.DataType:
    unit, _, zone = stored.removeprefix("timestamp[").removesuffix("]").partition(", tz=")
    return pa.timestamp(unit, zone or None) if stored.startswith("timestamp[") else pa.type_for_alias(stored)


def to_frame(table: pa.Table) -> pd.DataFrame:
    """A pandas frame without row numbers: whole numbers as Int64 and booleans as boolean; dates as datetime64."""
    data = table.drop_columns([ROW_NUMBER]) if ROW_NUMBER in table.column_names else table
    return data.to_pandas(date_as_object=False, types_mapper=NULLABLE.get)


def text_of(values: pd.Series) -> pd.Series:
    """The one text of each value, whatever type holds it: whole numbers have no decimal point. Gaps stay gaps."""
    kind = values.dtype
    if isinstance(kind, pd.CategoricalDtype):
        return text_of(values.astype(kind.categories.dtype))
    if pd.api.types.is_float_dtype(kind):
        texts = cast_column(pa.chunked_array([pa.array(values, from_pandas=True)]), "text").to_pandas()
        return pd.Series(texts.to_numpy(object), index=values.index, name=values.name, dtype="str")
    if pd.api.types.is_object_dtype(kind):
        return values.map(class_name, na_action="ignore").astype("str")
    return values.astype("str")
