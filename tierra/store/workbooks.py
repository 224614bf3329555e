"""A table as a workbook of Excel, row by row: no cell is a formula, and what Excel would change is written as text.

Of a fraction, it and the writer keep 15 to 16 digits.
"""

import io
import math
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tierra.errors import Misconfigured

if TYPE_CHECKING:
    import pyarrow as pa

# What a sheet holds; the first row has the names.
ROWS, COLUMNS, LETTERS = 1_048_575, 16_384, 32_767
# Excel keeps 15 digits of a number, and has no dates before; what it cannot keep is written as text.
DIGITS: Final = 15
FIRST_DAY: Final = date(1900, 3, 1)


def to_workbook(table: "pa.Table") -> bytes:
    """One sheet with the names in its first row. Raises Misconfigured for a table that no sheet can hold."""
    _check_size(table)
    try:
        from openpyxl import Workbook
    except ModuleNotFoundError:
        raise Misconfigured("workbook-missing", "workbooks are written by openpyxl, which is not installed") from None
    book = Workbook(write_only=True)
    sheet = book.create_sheet("predictions")
    for row in _rows(table):
        sheet.append([_cell(sheet, value) for value in row])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _check_size(table: "pa.Table") -> None:
    for name, limit, found in (
        ("rows", ROWS, table.num_rows),
        ("columns", COLUMNS, table.num_columns),
        ("letters in a cell", LETTERS, _longest(table)),
    ):
        if found > limit:
            raise Misconfigured("workbook-limit", f"Excel holds {limit:,} {name}, and here are {found:,}")


def _longest(table: "pa.Table") -> int:
    """The letters of the longest text."""
    import pyarrow.compute as pc
    import pyarrow.types as t

    texts = [each for each in table.columns if t.is_string(each.type) or t.is_large_string(each.type)]
    return max((pc.max(pc.utf8_length(each)).as_py() or 0 for each in texts), default=0)


def _rows(table: "pa.Table") -> Iterator[list[Any]]:
    yield list(table.column_names)
    for batch in table.to_batches(max_chunksize=10_000):
        yield from map(list, zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _cell(sheet: Any, value: Any) -> Any:
    """A value as it is written; text as a cell that is text, whatever it begins with."""
    value = _storable(value)
    if not isinstance(value, str):
        return value
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value))
    cell.data_type = "s"
    return cell


def _storable(value: Any) -> Any:
    """A value that Excel keeps as it is; else its text, or nothing for what is no number."""
    match value:
        case bool() | str() | None:
            return value
        case int():
            return value if abs(value) < 10 ** DIGITS else str(value)
        case float():
            return value if math.isfinite(value) else None
        case datetime():
            exact = value.tzinfo is None and value.date() >= FIRST_DAY and value.microsecond % 1000 == 0
            return value if exact else value.isoformat()
        case date():
            return value if value >= FIRST_DAY else value.isoformat()
        case Decimal():
            return value if value.is_finite() and len(value.as_tuple().digits) <= DIGITS else str(value)
        case _:
            return str(value)
