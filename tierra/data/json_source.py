"""JSON lines as texts, read in pieces: what a text means is decided elsewhere, as of CSV.

Python's reader, not Arrow's: that one makes moments of texts that look like them, and rounds long numbers.
"""

import io
import json
from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.csv_form import CsvForm
from tierra.data.window import Window
from tierra.errors import DataRejected

ROWS_A_PIECE: Final = 10_000
SHOWN: Final = 60
NESTED: Final[dict[type, str]] = {list: "a list", dict: "an object"}


class JsonTexts:
    """The rows of one file: an object a line, or one array of objects."""

    def __init__(self, where: str, opened: Callable[[], Any], form: CsvForm, missing: Collection[str],
                 literal: Collection[str], compression: str | None = None) -> None:  # fmt: skip
        self._where, self._open, self.form, self._compression = where, opened, form, compression
        self._missing, self._literal = pa.array({"", *missing}, pa.string()), literal

    def columns(self) -> list[str]:
        """The names that any of its rows has, in the order in which they appear. Raises DataRejected without rows."""
        if not self._found:
            raise DataRejected("source-empty", f"{self._where}: it is empty")
        return list(self._found)

    def nested(self) -> dict[str, str]:
        """The columns that hold lists or objects."""
        return {name: kind for name, kind in self._found.items() if kind}

    def pieces(self, columns: list[str], window: Window) -> Iterator[tuple[int, pa.Table]]:
        """Its rows in pieces, whatever the window, and the number of each piece's first row."""
        start, rows = 0, self._rows()
        while piece := list(islice(rows, ROWS_A_PIECE)):
            yield start, self._table(columns, piece)
            start += len(piece)

    def start(self, columns: list[str], size: int) -> pa.Table:
        """The first rows, of about so many bytes of text."""
        tables = [pa.schema([(name, pa.string()) for name in columns]).empty_table()]
        for _, table in self.pieces(columns, Window()):
            tables.append(table)
            if sum(each.nbytes for each in tables) > size:
                break
        return pa.concat_tables(tables)

    @cached_property
    def _found(self) -> dict[str, str]:
        """Every name, with what makes its column no column of single values: any row may have another."""
        found: dict[str, str] = {}
        for row in self._rows():
            if not row.keys() <= found.keys():
                found |= {name: "" for name in row if name not in found}
            for name, value in row.items():
                if value.__class__ in NESTED:
                    found[name] = NESTED[value.__class__]
        return found

    def _table(self, columns: list[str], rows: list[dict[str, Any]]) -> pa.Table:
        cells = {}
        for name in columns:
            texts = pa.array([_text(row.get(name)) for row in rows], pa.string())
            gaps = pc.equal(texts, "") if name in self._literal else pc.is_in(texts, self._missing)
            cells[name] = pc.if_else(gaps, None, texts)
        return pa.table(cells)

    def _rows(self) -> Iterator[dict[str, Any]]:
        with pa.input_stream(self._open(), compression=self._compression) as stream:
            lines = io.TextIOWrapper(stream, encoding="utf-8-sig")
            for number, line in enumerate(lines, 1):
                if line.lstrip().startswith("["):
                    yield from (_checked(row, number) for row in _parse(line + lines.read(), number))
                elif line.strip():
                    yield _checked(_parse(line, number), number)


def _parse(text: str, line: int) -> Any:
    try:
        return READ.decode(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"line {line} is no JSON ({error}): {text[:SHOWN].strip()}") from None


def _checked(row: Any, line: int) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ValueError(f"line {line} is no JSON object: {str(row)[:SHOWN]}")
    return row


def _constant(name: str) -> str | None:
    return None if name == "NaN" else name


READ: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_constant)


def _text(value: Any) -> str | None:
    return ("true" if value else "false") if isinstance(value, bool) else value
