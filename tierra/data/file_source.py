"""Files of rows, on this machine or in a bucket: one, or many of one schema, read in pieces."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

from tierra.data.csv_advice import advise
from tierra.data.csv_look import as_yaml
from tierra.data.file_places import find_places
from tierra.data.row_numbers import ROW_NUMBER
from tierra.data.source_files import SourceFiles
from tierra.data.spec import ColumnType, FileSource
from tierra.data.texts import infer_kind, parse_texts
from tierra.data.unread import TypedTexts
from tierra.data.window import EVERYTHING, Window
from tierra.errors import DataRejected
from tierra.journal import Fact, note, warn
from tierra.settings import Settings

DATES: Final = ("date", "timestamp", "timestamptz")


@dataclass(frozen=True)
class TextsRead(Fact):
    """How the texts of a source were read when their types were found: what stands for no value, and where not."""

    source: str
    missing: tuple[str, ...]
    literal: tuple[str, ...]
    types: Mapping[str, ColumnType]

    def __str__(self) -> str:
        """For people."""
        signs = ", ".join(each for each in self.missing if each) or "no other cell"
        literal = f"; only empty ones in {', '.join(self.literal)}" if self.literal else ""
        return f"{self.source}: empty cells and {signs} are missing values{literal}"


class FileReader:
    """The rows of a source's files."""

    def __init__(self, name: str, source: FileSource, folder: Path, settings: Settings, zone: str = "UTC") -> None:
        self._files = SourceFiles(name, source, find_places(name, source, folder, settings))
        self._name, self._source, self._zone = name, source, zone
        self.where = self._files.where

    def columns(self) -> list[str]:
        """The names of all its columns; of many files those that each of them has."""
        return list(self._files.columns)

    def batches(self, columns: list[str], window: Window) -> Iterator[pa.Table]:
        """Its rows in pieces, those of the window only; `ROW_NUMBER` is the row's number in the source, on request.

        Raises SourceNotReady when a file is written while it is read.
        """
        data = [name for name in columns if name != ROW_NUMBER]
        with self._files.unchanged():
            typed = TypedTexts(self.where, self._kinds, self._zone, self._files.form, self._files.missing)
            for start, rows in self._files.pieces(data, window):
                if ROW_NUMBER in columns:
                    rows = rows.append_column(ROW_NUMBER, pa.array(np.arange(start, start + rows.num_rows)))
                rows = self._within(rows.select(columns), window)
                yield typed.read(rows) if self._files.are_texts else rows
            typed.require_types(lambda: self._files.look.advice)

    def days(self, window: Window) -> dict[date, int]:
        """Rows of each day in the window."""
        # Texts are read whole, whatever the window.
        counted = self._counted if self._files.are_texts else self._count(window)
        found = {day: rows for day, rows in counted.items() if day and window.first <= day <= window.last}
        return dict(sorted(found.items()))

    def dayless(self) -> int:
        """Rows without a day, which are in no partition."""
        return self._counted[None]

    @cached_property
    def _counted(self) -> Counter[date | None]:
        return self._count(EVERYTHING)

    def _count(self, window: Window) -> Counter[date | None]:
        """Rows of each day of a window, and of none."""
        counted: Counter[date | None] = Counter()
        for table in self.batches([str(self._source.partition_by)], window):
            for pair in self._days(table).value_counts().to_pylist():
                counted[pair["values"]] += pair["counts"]
        return counted

    def has_fixed_types(self, columns: list[str]) -> bool:
        """Always: of Parquet by its schema, of texts by the first rows or the release."""
        return True

    @cached_property
    def _kinds(self) -> dict[str, ColumnType]:
        """The type of each column of texts: as declared or trained, keys as they are written, others as they look."""
        if not self._files.are_texts:
            return {}
        kinds: dict[str, ColumnType] = dict.fromkeys(self._source.key, "text")
        kinds |= self._source.types
        columns = self._source.columns or self._files.columns
        unknown = [name for name in columns if name and name not in kinds and self._files.columns.count(name) == 1]
        if unknown:
            kinds |= self._inferred(unknown)
            note(TextsRead(self._name, tuple(self._files.missing), self._source.literal_columns, kinds))
        self._require_dates(kinds)
        return kinds

    def _inferred(self, columns: list[str]) -> dict[str, ColumnType]:
        keys = [name for name in self._source.key if name in self._files.columns and name not in columns]
        start = self._files.start([*columns, *keys])
        kinds = {name: self._infer(start.column(name)) for name in columns}
        if (day := self._source.partition_by) in kinds and start.column(day).null_count == len(start):
            kinds[day] = "date"
        for line in advise(self.where, start, kinds, self._files.form, lambda: self._files.look):
            warn(line)
        return kinds

    def _infer(self, texts: pa.ChunkedArray) -> ColumnType:
        """The type of a column; in one of texts quotes keep a cell from being a gap, in others they do not."""
        kind = infer_kind(texts, self._files.form)
        gaps = pc.is_in(texts, pa.array(self._files.missing, pa.string()))
        if kind != "text" or not pc.any(gaps).as_py():
            return kind
        return infer_kind(texts.filter(pc.invert(gaps)), self._files.form)

    def _require_dates(self, kinds: dict[str, ColumnType]) -> None:
        """Raise DataRejected when the days of a source are no dates."""
        name = self._source.partition_by
        if name in kinds and (kind := kinds[name]) not in DATES:
            advice = self._files.look.advice if kind == "text" else self._as_date(name)
            raise DataRejected("column-type", f"{self.where}: '{name}' is {kind}, not a date{advice}")

    def _as_date(self, name: str) -> str:
        """The line that makes dates of numbers such as 20240428; empty where they spell none."""
        values = self._files.start([name]).column(name)
        if name in self._source.types or parse_texts(values, "date", self._zone, self._files.form)[1].any():
            return ""
        types = ", ".join(f"{as_yaml(each)}: {kind}" for each, kind in {**self._source.types, name: "date"}.items())
        return f"; add `types: {{{types}}}`"

    def _within(self, rows: pa.Table, window: Window) -> pa.Table:
        if window == EVERYTHING or not self._source.partition_by:
            return rows
        days = self._days(rows)
        if window.start:
            rows, days = (each.filter(pc.greater_equal(days, window.start)) for each in (rows, days))
        return rows.filter(pc.less(days, window.end)) if window.end else rows

    def _days(self, rows: pa.Table) -> pa.ChunkedArray:
        """The day of each row: of an instant, in the project's time zone."""
        column = str(self._source.partition_by)
        values = rows.column(column)
        if t.is_string(values.type) or t.is_large_string(values.type) or t.is_integer(values.type):
            return parse_texts(values.cast(pa.string()), "date", self._zone, self._files.form)[0]
        if t.is_timestamp(values.type) and values.type.tz:
            values = pc.local_timestamp(values.cast(pa.timestamp(values.type.unit, self._zone)))
        try:
            return values.cast(pa.date32(), safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise DataRejected("column-type", f"{self.where}: '{column}' is {values.type}, not a date") from None
