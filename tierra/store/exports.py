"""Published predictions in the formats that other tools read.

A spreadsheet runs a CSV file's cell that begins like a formula, whoever wrote the text. Such a text gets an
apostrophe before it, unless the file is to be raw; numbers, and texts that are nothing but a number, stay as they are.
"""

import io
import json
import math
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, assert_never, get_args

from tierra.errors import Broken, InvalidCall
from tierra.store import disk

if TYPE_CHECKING:
    import pyarrow as pa

NEW_FILE = disk.NEW_STORE & 0o666  # as the store's own, whatever the umask
Format = Literal["csv", "json", "parquet", "xlsx"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
NO_TEXT: Final = ("parquet", "xlsx")
# What spreadsheets take for the beginning of a formula: the wide forms too, where people write with them.
FORMULA: Final = r"^[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"
NUMBER: Final = r"^[+-]?[0-9]+([.,][0-9]+)?([eE][+-]?[0-9]+)?$"


def format_of(file: str) -> Format | None:
    """The format that a file's name says; None where it says none."""
    return next((each for each in FORMATS if file.lower().endswith(f".{each}")), None)


def encode(table: "pa.Table", format: Format, raw: bool = False) -> bytes:
    """A table as CSV, as one JSON array of records, as Parquet, or as a workbook of Excel. Raises Misconfigured."""
    match format:
        case "csv":
            shown = table if raw else disarm(table)
            return bytes(shown.to_pandas(date_as_object=False).to_csv(index=False).encode())
        case "json":
            return _to_json(table).encode()
        case "parquet":
            return _to_parquet(table)
        case "xlsx":
            from tierra.store.workbooks import to_workbook

            return to_workbook(table)
        case _:
            assert_never(format)


def disarm(table: "pa.Table") -> "pa.Table":
    """The table with an apostrophe before each text, and column's name, that a spreadsheet would run as a formula."""
    import pyarrow as pa

    columns = [_disarm_column(each) for each in table.columns]
    return pa.table(columns, names=_disarm_column(pa.array(table.column_names, pa.string())).to_pylist())


def _disarm_column(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return column
    texts = column.cast(kind)
    runs = pc.and_not(pc.match_substring_regex(texts, FORMULA), pc.match_substring_regex(texts, NUMBER))
    empty = pa.scalar("", kind)
    return pc.if_else(runs, pc.binary_join_element_wise(pa.scalar("'", kind), texts, empty), texts)


def choose(table: "pa.Table", columns: Sequence[str]) -> "pa.Table":
    """Some of a table's columns, in this order; all where none are named. Raises InvalidCall for an unknown one."""
    known = table.column_names
    if unknown := [name for name in columns if name not in known]:
        what = f"there is no column '{unknown[0]}' in what is published (columns: {', '.join(known)})"
        raise InvalidCall("columns-unpublished", what)
    return table.select(list(dict.fromkeys(columns))) if columns else table


def write_whole(file: Path, data: bytes) -> None:
    """Write a file, replacing one of the name; nobody sees half of it. Raises Broken, the old file as it was."""
    with replacing(file) as opened:
        disk.write(opened, data)


@contextmanager
def replacing(file: Path) -> Iterator[BinaryIO]:
    """A new file that takes the name when the block ends without an error. Raises Broken, the old file as it was."""
    final = file.resolve()
    temporary = final.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        # A rename would put a file in the place of a device.
        if final.exists() and not final.is_file():
            raise OSError(None, "it is there and is not a file")
        with disk.create(temporary, S_IMODE(final.stat().st_mode) if final.exists() else NEW_FILE) as opened:
            yield opened
            disk.sync(opened)
        disk.rename(temporary, final)
        disk.sync_folder(final.parent)
    except OSError as error:
        raise Broken("export-failed", f"writing {file}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            disk.remove(temporary)


def _to_json(table: "pa.Table") -> str:
    records = (json.dumps(_plain(row), default=_text, allow_nan=False, ensure_ascii=False) for row in table.to_pylist())
    return "[" + ",\n".join(records) + "]\n"


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()}  # fmt: skip


def _text(value: Any) -> str:
    """What JSON has no type for: dates and times as ISO 8601, the rest as written."""
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def _to_parquet(table: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    written = io.BytesIO()
    pq.write_table(table, written)
    return written.getvalue()
