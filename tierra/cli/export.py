"""Published predictions in the formats that other tools read."""

import io
import json
import math
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, assert_never

from tierra.errors import Broken
from tierra.store import disk

if TYPE_CHECKING:
    import pyarrow as pa

NEW_FILE = disk.NEW_STORE & 0o666  # as the store's own, whatever the umask
Format = Literal["csv", "json", "parquet"]


def encode(table: "pa.Table", format: Format) -> bytes:
    """A table as CSV, as one JSON array of records, or as Parquet."""
    match format:
        case "csv":
            return bytes(table.to_pandas(date_as_object=False).to_csv(index=False).encode())
        case "json":
            return _to_json(table).encode()
        case "parquet":
            return _to_parquet(table)
        case _:
            assert_never(format)


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
