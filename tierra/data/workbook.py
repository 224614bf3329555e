"""Excel workbooks: the first sheet's cells as texts, under the names in its first row."""

from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.csv_form import CsvForm
from tierra.data.window import Window
from tierra.errors import Misconfigured

ROWS_A_PIECE: Final = 10_000


class WorkbookTexts:
    """The rows of a workbook's first sheet; each value as the one text that stands for it, so a date is 2024-04-28."""

    def __init__(
        self, where: str, opened: Callable[[], Any], form: CsvForm, missing: Collection[str], literal: Collection[str]
    ) -> None:
        self._where, self._open, self.form = where, opened, form
        self._missing, self._literal = pa.array(missing, pa.string()), literal

    def columns(self) -> list[str]:
        """The names in its first row."""
        with self._rows() as rows:
            return _names(next(rows, ()))

    def pieces(self, columns: list[str], window: Window) -> Iterator[tuple[int, pa.Table]]:
        """Its rows in pieces, whatever the window, and the number of each piece's first row."""
        start = 0
        with self._rows() as rows:
            places = {name: place for place, name in enumerate(_names(next(rows, ())))}
            wanted = [places[name] for name in columns]
            filled = (row for row in rows if any(cell is not None for cell in row))
            data = _but_last(filled, self.form.skip_footer)
            while piece := list(islice(data, ROWS_A_PIECE)):
                yield start, self._table(columns, wanted, piece)
                start += len(piece)

    def first_rows(self, count: int) -> list[list[str]]:
        """The texts of its first rows, that with the names among them."""
        with self._rows() as rows:
            return [["" if cell is None else _text(cell) or "" for cell in row] for row in islice(rows, count)]

    def start(self, columns: list[str], size: int) -> pa.Table:
        """All of its rows: a sheet has at most a million."""
        tables = [table for _, table in self.pieces(columns, Window())]
        empty = pa.schema([(name, pa.string()) for name in columns]).empty_table()
        return pa.concat_tables([empty, *tables])

    def _table(self, columns: list[str], places: list[int], rows: list[tuple[Any, ...]]) -> pa.Table:
        cells = {}
        for name, place in zip(columns, places, strict=True):
            texts = pa.array([_text(row[place]) if place < len(row) else None for row in rows], pa.string())
            gaps = None if name in self._literal else pc.is_in(texts, self._missing)
            cells[name] = texts if gaps is None else pc.if_else(gaps, None, texts)
        return pa.table(cells)

    @contextmanager
    def _rows(self) -> Iterator[Iterator[tuple[Any, ...]]]:
        try:
            from openpyxl import load_workbook
        except ModuleNotFoundError:
            raise Misconfigured(
                "file-invalid", f"{self._where}: workbooks are read by openpyxl, which is not installed:"
                " pip install 'tierra[excel]'"
            ) from None  # fmt: skip
        book = load_workbook(self._open(), read_only=True, data_only=True)
        try:
            yield islice(book.worksheets[0].iter_rows(values_only=True), self.form.skip_rows, None)
        finally:
            book.close()


def _but_last(rows: Iterator[tuple[Any, ...]], count: int) -> Iterator[tuple[Any, ...]]:
    held: deque[tuple[Any, ...]] = deque()
    for row in rows:
        held.append(row)
        if len(held) > count:
            yield held.popleft()


def _names(row: tuple[Any, ...]) -> list[str]:
    """The header's names, without empty columns at its end."""
    names = ["" if cell is None else _text(cell) or "" for cell in row]
    while names and not names[-1]:
        names.pop()
    return names


def _text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime():
            return value.isoformat(" ")
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)
