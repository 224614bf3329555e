"""The files of a source as one table: their columns, and their rows in pieces."""

import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.columns import require_columns
from tierra.data.csv_form import CsvForm
from tierra.data.csv_look import LONGEST_FOOTER, LOOK, TOTAL, Look, add_to, find_header, look_at
from tierra.data.csv_source import MISSING, CsvTexts, open_member
from tierra.data.file_places import Place
from tierra.data.json_source import JsonTexts
from tierra.data.parquet_source import ParquetTables
from tierra.data.spec import FileSource
from tierra.data.window import Window
from tierra.data.workbook import WorkbookTexts
from tierra.errors import DataRejected, Misconfigured, SourceMissing, SourceNotReady, TierraError, first_line
from tierra.journal import warn

INFERRED_FROM_BYTES = 16 * 1024 * 1024
LEAST_BYTES = 64 * 1024  # of each file, so that its header is within
UNREADABLE: Final = (pa.ArrowInvalid, pa.ArrowKeyError, OSError, ValueError, zipfile.BadZipFile)
WORKBOOKS: Final = (".xlsx", ".xlsm")
JSON: Final = (".jsonl", ".ndjson")
ROWS_OF_A_SHEET: Final = 100


@dataclass(frozen=True)
class _File:
    """One file, ready to be read."""

    where: str
    place: Place
    table: CsvTexts | JsonTexts | ParquetTables | WorkbookTexts


class SourceFiles:
    """The files of one source, in the order of their names."""

    def __init__(self, name: str, source: FileSource, places: list[Place]) -> None:
        self.where = f"source {name} ({source.path})"
        self._source = source
        self.form = _form(source, places[0])
        self._files = [_open(name, source, self.form, place) for place in places]

    @property
    def missing(self) -> Collection[str]:
        """The cells that hold no value."""
        return _missing(self._source, self._files[0].place)

    @property
    def are_texts(self) -> bool:
        """Whether their cells are texts, whose types are to be found."""
        return not any(isinstance(file.table, ParquetTables) for file in self._files)

    @cached_property
    def columns(self) -> list[str]:
        """The columns that each of them has. Raises DataRejected for one that lacks a declared column."""
        found = [_columns(file, self._source) for file in self._files]
        if len(found) == 1:
            return found[0]
        for file, names in zip(self._files, found, strict=True):
            require_columns(file.where, self._source.named_columns, names)
        common = [name for name in found[0] if all(name in names for names in found)]
        if not self._source.columns:
            self._say_what_is_left_out(found, common)
        return common

    def pieces(self, columns: list[str], window: Window) -> Iterator[tuple[int, pa.Table]]:
        """The rows, and the number of each piece's first row; files that tell leave out rows of other days."""
        before = 0
        for file in self._files:
            end = 0
            with _described(file, DataRejected):
                for start, rows in file.table.pieces(columns, window):
                    end = start + rows.num_rows
                    yield before + start, rows.select(columns)
                if end and not isinstance(file.table, ParquetTables):
                    _refuse_totals(file.where, rows, self._source.key, file.table.form)
                before += file.table.rows() if isinstance(file.table, ParquetTables) else end

    def start(self, columns: list[str]) -> pa.Table:
        """The first rows, of so many bytes together."""
        tables, left = [], INFERRED_FROM_BYTES
        for file in self._files:
            if left > 0 and not isinstance(file.table, ParquetTables):
                with _described(file, DataRejected):
                    tables.append(file.table.start(columns, max(left, LEAST_BYTES)))
                left -= tables[-1].nbytes
        return pa.concat_tables(tables)

    @cached_property
    def look(self) -> Look:
        """How the first file is likely written."""
        return look_at(_first_bytes(self._files[0]), self.form)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Raise SourceNotReady when a file is written inside the block, whatever else fails then."""
        stamps = [file.place.stamp() for file in self._files]
        try:
            yield
        except (TierraError, pa.ArrowException):
            self._require_stamps(stamps)
            raise
        self._require_stamps(stamps)

    def _require_stamps(self, stamps: list[object]) -> None:
        for file, before in zip(self._files, stamps, strict=True):
            if _stamp(file.place) != before:
                raise SourceNotReady("source-changed", f"{file.where}: it was written while it was read")

    def _say_what_is_left_out(self, found: list[list[str]], common: list[str]) -> None:
        named = zip(self._files, found, strict=True)
        extra = {name: file.place.name for file, names in named for name in names if name not in common}
        if extra:
            shown = ", ".join(f"'{name}' (in {place})" for name, place in extra.items())
            warn(f"{self.where}: columns that not every file has are left out: {shown}")


def _form(source: FileSource, place: Place) -> CsvForm:
    """How its texts are written: the cells of .tsv files are parted by tabs."""
    form = source.csv or CsvForm()
    tabs = place.form == ".tsv" and "separator" not in form.model_fields_set
    return form.model_copy(update={"separator": "\t"}) if tabs else form


def _open(name: str, source: FileSource, form: CsvForm, place: Place) -> _File:
    where, missing = f"source {name} ({place.name})", _missing(source, place)
    if place.form == ".parquet":
        return _File(where, place, ParquetTables(place.open, source.partition_by))
    if place.form in WORKBOOKS:
        return _File(where, place, WorkbookTexts(where, place.open, form, missing, source.literal_columns))
    if place.form in JSON:
        return _File(
            where, place, JsonTexts(where, place.open, form, missing, source.literal_columns, place.compression)
        )
    opened = (lambda: open_member(place.open())) if place.form == ".zip" else place.open
    return _File(where, place, CsvTexts(opened, form, missing, source.literal_columns, place.compression))


def _missing(source: FileSource, place: Place) -> Collection[str]:
    """The cells that hold no value; JSON has a word of its own for that."""
    usual = ("",) if place.form in JSON else MISSING
    return usual if source.missing is None else source.missing


def _stamp(place: Place) -> object:
    try:
        return place.stamp()
    except OSError:
        return None


def _first_bytes(file: _File) -> bytes:
    """What it begins with; nothing when it cannot be read."""
    try:
        return file.table.first_bytes(LOOK) if isinstance(file.table, CsvTexts) else b""
    except UNREADABLE:
        return b""


def _last_bytes(file: _File) -> bytes:
    try:
        return file.table.last_bytes(LOOK) if isinstance(file.table, CsvTexts) else b""
    except UNREADABLE:
        return b""


def _columns(file: _File, source: FileSource) -> list[str]:
    """A file's columns. Those of lists and the like are left out, where nobody names them."""
    with _described(file, Misconfigured):
        names = file.table.columns()
        nested = file.table.nested() if isinstance(file.table, ParquetTables | JsonTexts) else {}
    if len(names) < 2 or "" in names:
        _require_header(file)
    for name, stored in nested.items():
        if name in source.named_columns:
            raise DataRejected("column-type", f"{file.where}: column '{name}' is {stored}, which is not supported")
        warn(f"{file.where}: column '{name}' is {stored}, of which no model makes use; it is left out")
    return [name for name in names if name not in nested]


def _require_header(file: _File) -> None:
    """Raise Misconfigured where another separator parts the lines, or the columns' names stand further below."""
    if isinstance(file.table, WorkbookTexts):
        if above := find_header(file.table.first_rows(ROWS_OF_A_SHEET)):
            line = add_to(file.table.form, {"skip_rows": file.table.form.skip_rows + above})
            raise Misconfigured("file-invalid", f"{file.where}: its first row does not name the columns; {line}")
    elif isinstance(file.table, CsvTexts):
        look = look_at(_first_bytes(file), file.table.form)
        if "separator" in look.found:
            raise Misconfigured("file-invalid", f"{file.where}: each of its lines is one cell{look.advice}")
        if "skip_rows" in look.found:
            raise Misconfigured("file-invalid", f"{file.where}: its first line does not name the columns{look.advice}")


def _refuse_totals(where: str, rows: pa.Table, key: Collection[str], form: CsvForm) -> None:
    """Raise DataRejected when the last of these rows, and no others, are without a key."""
    for name in [each for each in key if each in rows.column_names and rows.column(each).null_count]:
        gaps = rows.column(name).is_null()
        others = pc.or_(gaps, pc.fill_null(pc.match_substring_regex(rows.column(name), TOTAL), False)).to_numpy()
        below = int(others.sum())
        if below <= LONGEST_FOOTER and others[-below:].all() and below < len(rows):
            raise DataRejected(
                "keys-null",
                f"{where}: key '{name}' is empty in {pc.sum(gaps)} rows, at the end; where they are totals,"
                f" {add_to(form, {'skip_footer': form.skip_footer + below})}",
            )


@contextmanager
def _described(file: _File, kind: Callable[[str, str], TierraError]) -> Iterator[None]:
    """What the libraries raise, as one line of ours."""
    try:
        yield
    except FileNotFoundError:
        raise SourceMissing("file-missing", f"{file.where}: it is no longer there") from None
    except UNREADABLE as error:
        raise _explain(file, error, kind) from None


def _explain(file: _File, error: Exception, kind: Callable[[str, str], TierraError]) -> TierraError:
    message = first_line(error)
    if not isinstance(file.table, CsvTexts):
        return kind("file-invalid", f"{file.where}: {message}")
    if "parse error: Expected" in message:
        message = max(message, file.table.complaint(), key=lambda each: "Row #" in each)
    message = message.replace("CSV parse error: ", "")
    if "Empty CSV file" in message:
        return DataRejected("source-empty", f"{file.where}: {_describe_empty(file.table)}")
    look = look_at(_first_bytes(file), file.table.form, "utf" in message.lower(), _last_bytes(file))
    return kind("file-invalid", f"{file.where}: {message}{look.advice}")


def _describe_empty(table: CsvTexts) -> str:
    header = table.first_bytes(1000).strip()
    return "it has a header and no rows" if header else "it is empty: it has no header either"
