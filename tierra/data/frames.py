"""Tierra's Arrow types, and Arrow tables as pandas frames."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.types as t

from tierra.data.row_numbers import ROW_NUMBER
from tierra.data.spec import ColumnType
from tierra.errors import DataRejected, first_line

if TYPE_CHECKING:
    import pandas as pd

TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


def plain_type(kind: pa.DataType) -> pa.DataType | None:
    """The one type Tierra uses for each family of Arrow types; None for unsupported types."""
    if t.is_integer(kind):
        return pa.int64()
    if t.is_floating(kind) or t.is_decimal(kind) or t.is_null(kind):
        return pa.float64()
    if t.is_string(kind) or t.is_large_string(kind) or t.is_dictionary(kind):
        return pa.string()
    if t.is_timestamp(kind):
        return pa.timestamp("us", tz=kind.tz)
    return pa.date32() if t.is_date(kind) else kind if t.is_boolean(kind) else None


def plain_schema(schema: pa.Schema, types: dict[str, ColumnType], where: str) -> pa.Schema:
    """The schema in plain types, declared types first. Raises DataRejected."""
    fields = []
    for field in schema:
        kind = TYPES[types[field.name]] if field.name in types else plain_type(field.type)
        if kind is None:
            raise DataRejected("column-type", f"{where}: column '{field.name}' is {field.type}, which is not supported")
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields)


def cast_table(table: pa.Table, schema: pa.Schema, where: str) -> pa.Table:
    """The table in the schema's types and order. Raises DataRejected naming the column."""
    columns = []
    for field in schema:
        try:
            columns.append(table.column(field.name).cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DataRejected(
                "column-type", f"{where}: column '{field.name}' is not {field.type}: {first_line(error)}"
            ) from None
    return pa.table(columns, schema=schema)


def gaps_to_float(table: pa.Table) -> pa.Table:
    """Integer and boolean columns that have gaps become float, so that pandas has one type for them."""
    return cast_table(table, pa.schema([_float_if_gaps(table, field) for field in table.schema]), "table")


def align_types(table: pa.Table, types: dict[str, str]) -> pa.Table:
    """Numbers with the types of training: what was float there becomes float here."""
    fields = [
        (
            pa.field(field.name, pa.float64())
            if types.get(field.name) == "double" and (t.is_integer(field.type) or t.is_boolean(field.type))
            else _float_if_gaps(table, field)
        )
        for field in table.schema
    ]
    return cast_table(table, pa.schema(fields), "table")


def empty_table(types: dict[str, str]) -> pa.Table:
    """A table of these Arrow types without a row."""
    return pa.schema([(name, _type_named(kind)) for name, kind in types.items()]).empty_table()


def _type_named(kind: str) -> pa.DataType:
    unit, _, zone = kind.removeprefix("timestamp[").removesuffix("]").partition(", tz=")
    return pa.timestamp(unit, zone or None) if kind.startswith("timestamp[") else pa.type_for_alias(kind)


def _float_if_gaps(table: pa.Table, field: pa.Field) -> pa.Field:
    gaps = (t.is_integer(field.type) or t.is_boolean(field.type)) and table.column(field.name).null_count
    return field.with_type(pa.float64()) if gaps else field


def to_frame(table: pa.Table) -> "pd.DataFrame":
    """A pandas frame of the data, without row numbers; dates as datetime64, gaps as NaN."""
    data = table.drop_columns([ROW_NUMBER]) if ROW_NUMBER in table.column_names else table
    return data.to_pandas(date_as_object=False)
