"""CSV files as texts, read in pieces: what a text means is decided elsewhere."""

import io
import zipfile
from collections import deque
from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as csv

from tierra.data.csv_form import CsvForm
from tierra.data.window import Window
from tierra.errors import first_line

BYTES_AHEAD: Final = 1024 * 1024
HELD_BACK: Final = 64 * 1024  # of a file whose last lines are no rows
# Unquoted cells that are gaps where nothing is stated, as most programs write them.
MISSING: Final = ("", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NaN", "nan", "-NaN", "-nan",
                  "NULL", "Null", "null", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN")  # fmt: skip


class CsvTexts:
    """The cells of one CSV file; `literal` are the columns in which only an empty cell is missing."""

    def __init__(self, opened: Callable[[], Any], form: CsvForm, missing: Collection[str], literal: Collection[str],
                 compression: str | None = None) -> None:  # fmt: skip
        self._open, self.form, self._compression = opened, form, compression
        self._missing, self._literal = sorted({"", *missing}), frozenset(literal)

    def columns(self) -> list[str]:
        """The names of all its columns, spaces around them aside. Raises ArrowInvalid when it has not even a header."""
        return [name.strip() for name in self._stored]

    @cached_property
    def _stored(self) -> list[str]:
        with self._reader(self._stream(), [""], None) as file:
            return list(file.schema.names)

    def pieces(self, columns: list[str], window: Window) -> Iterator[tuple[int, pa.Table]]:
        """Its rows in pieces, whatever the window, and the number of each piece's first row."""
        exact = _Exact(lambda names: self._reader(self._stream(), [""], names))
        literal, start = [name for name in columns if name in self._literal], 0
        with self._reader(self._stream(), self._missing, columns) as file:
            for number, batch in enumerate(file):
                texts = _named(batch, columns)
                if self._missing != [""] and any(texts.column(name).null_count for name in literal):
                    texts = _replaced(texts, exact.read(number, literal))
                yield start, texts
                start += batch.num_rows

    def start(self, columns: list[str], size: int) -> pa.Table:
        """The rows of so many first bytes: the reader finds where the last line ends, and parses nothing beyond."""
        with self._stream() as stream:
            data = stream.read(size + BYTES_AHEAD)
        with self._reader(pa.BufferReader(data), self._missing, columns, size) as file:
            batch = next(iter(file), None)
        return _named(pa.RecordBatch.from_pylist([], file.schema) if batch is None else batch, columns)

    def first_bytes(self, size: int) -> bytes:
        """What it begins with, decompressed."""
        with self._stream() as stream:
            return bytes(stream.read(size))

    def last_bytes(self, size: int) -> bytes:
        """What it ends with, decompressed."""
        last = b""
        with self._stream() as stream:
            while piece := stream.read(BYTES_AHEAD):
                last = (last + piece)[-size:]
        return last

    def complaint(self) -> str:
        """What the reader says of it with one thread, which then names the row; empty when it can be read."""
        try:
            with self._reader(self._stream(), [""], None, threads=False) as file:
                deque(file, maxlen=0)
        except pa.ArrowInvalid as error:
            return first_line(error)
        return ""

    def _stream(self) -> Any:
        stream = pa.input_stream(self._open(), compression=self._compression)
        return _WithoutEnd(stream, self.form.skip_footer) if self.form.skip_footer else stream

    def _reader(
        self, file: Any, missing: list[str], columns: list[str] | None, block: int | None = None, threads: bool = True
    ) -> csv.CSVStreamingReader:
        # The reader keeps up to 32 blocks ahead in memory.
        stored = dict(zip(self.columns(), self._stored, strict=True)) if columns else {}
        names = [stored.get(name, name) for name in columns or []]
        return csv.open_csv(
            file,
            read_options=csv.ReadOptions(
                use_threads=threads,
                block_size=block or BYTES_AHEAD,
                encoding=self.form.encoding,
                skip_rows=self.form.skip_rows,
            ),
            parse_options=csv.ParseOptions(
                delimiter=self.form.separator, quote_char=self.form.quote or False, newlines_in_values=True
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=names,
                null_values=missing,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )


class _WithoutEnd(io.RawIOBase):
    """A stream without the last of its lines, those aside that hold nothing."""

    def __init__(self, stream: pa.NativeFile, lines: int) -> None:
        self._stream, self._lines, self._held, self._ended = stream, lines, b"", False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._ended and (size < 0 or len(self._held) < size + HELD_BACK):
            piece = self._stream.read(BYTES_AHEAD)
            self._held, self._ended = self._held + piece, not piece
            if self._ended:
                self._held = _without_last(self._held, self._lines)
        most = len(self._held) if size < 0 else size
        given, self._held = self._held[:most], self._held[most:]
        return given

    def close(self) -> None:
        self._stream.close()
        super().close()


def _without_last(data: bytes, count: int) -> bytes:
    lines = data.splitlines(keepends=True)
    for _ in range(count):
        while lines and not lines[-1].strip():
            lines.pop()
        del lines[-1:]
    return b"".join(lines)


class _Exact:
    """The same pieces read once more, from the first that is asked for: only their empty cells are gaps."""

    def __init__(self, opened: Callable[[list[str]], csv.CSVStreamingReader]) -> None:
        self._open = opened
        self._pieces: Iterator[tuple[int, pa.RecordBatch]] | None = None

    def read(self, wanted: int, columns: list[str]) -> pa.Table:
        self._pieces = self._pieces or enumerate(self._open(columns))
        batch = next(batch for number, batch in self._pieces if number == wanted)
        return _named(batch, columns)


def _named(batch: pa.RecordBatch, columns: list[str]) -> pa.Table:
    table = pa.Table.from_batches([batch])
    return table.rename_columns(columns) if columns else table


def _replaced(texts: pa.Table, exact: pa.Table) -> pa.Table:
    for name in exact.column_names:
        texts = texts.set_column(texts.column_names.index(name), name, exact.column(name))
    return texts


def open_member(file: Any) -> Any:
    """The one file in a zip file. Raises BadZipFile, or ValueError when there are more."""
    archive = zipfile.ZipFile(file)
    names = [each for each in archive.namelist() if not each.endswith("/") and not each.startswith("__MACOSX")]
    if len(names) != 1:
        raise ValueError(f"a zip file of {len(names)} files, not of one")
    return archive.open(names[0])
