"""`tierra predict`: a file's own rows beside their predictions, in a file of their own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pydantic import BaseModel

from tierra.data.columns import require_names
from tierra.data.row_numbers import ROW_NUMBER
from tierra.errors import DataRejected, InvalidCall
from tierra.journal import Warned, at_station, open_journal
from tierra.store.exports import replacing
from tierra.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from tierra.project.project import Project
    from tierra.steps.predict import FilePredicted

SUFFIXES = (".csv", ".parquet")
# Of texts, an empty cell alone is a gap.
PLAIN = {"missing": (), "as_written": ()}
COMPRESSED = (".gz", ".bz2", ".zst", ".lz4", ".zip")


class PredictedFile(BaseModel):
    """What `tierra predict` did, for people and machines."""

    project: str
    model_version: str
    output: Path
    rows: int
    predicted: int
    quarantined: int
    reasons: dict[str, int]
    unseen: dict[str, int]
    warnings: list[str]


def predict_beside(workspace: Workspace, name: str, file: Path, output: Path | None, overwrite: bool) -> PredictedFile:
    """Predict a file's rows and write them beside their predictions: whole, or, on an error, not at all."""
    project, output = workspace.project(name), choose_output(file, output, overwrite)
    if not file.is_file():
        raise InvalidCall("input-missing", f"no file {file}")
    from tierra.steps.predict import predict_file

    before = _identity(file)
    with open_journal() as journal:
        found = predict_file(workspace, project, file)
        with at_station("write"), replacing(output) as opened:
            _write(_rows_beside(workspace, project, file, found), opened, output.suffix)
            if _identity(file) != before:
                raise DataRejected("file-changed", f"{file} changed while it was read")
    made, warnings = found.predictions.num_rows, dict.fromkeys(each.text for each in journal.facts(Warned))
    return PredictedFile(project=project.name, model_version=found.model_version, output=output, rows=found.rows,
                         predicted=made, quarantined=found.rows - made, reasons=found.quarantined,
                         unseen=found.unseen, warnings=list(warnings))  # fmt: skip


def choose_output(file: Path, output: Path | None, overwrite: bool) -> Path:
    """Where to write: as told, else beside the file. Raises InvalidCall for another form, or a file that is there."""
    stem = file.with_suffix("") if file.suffix.lower() in COMPRESSED else file
    suffix = stem.suffix.lower() if stem.suffix.lower() in SUFFIXES else ".csv"
    chosen = output or stem.with_name(f"{stem.stem}.predictions{suffix}")
    if chosen.suffix not in SUFFIXES:
        raise InvalidCall("output-form", f"{chosen} ends in '{chosen.suffix}', not in {' or '.join(SUFFIXES)}")
    if chosen.exists() and not overwrite:
        raise InvalidCall("output-exists", f"{chosen} is there already")
    return chosen


def _identity(file: Path) -> tuple[int, int, int]:
    seen = file.stat()
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def _rows_beside(workspace: Workspace, project: "Project", file: Path, found: "FilePredicted") -> "Iterator[pa.Table]":
    """The file's rows as it writes them, each with its prediction; gaps where a row was set aside."""
    import numpy as np
    import pyarrow as pa

    numbers = found.predictions.column(ROW_NUMBER).to_numpy()
    made, start = found.predictions.drop_columns([ROW_NUMBER]), 0
    for rows in _own_rows(workspace, project, file, made.column_names):
        wanted = np.arange(start, start + rows.num_rows)
        places, known = np.searchsorted(numbers, wanted), np.isin(wanted, numbers)
        taken = made.take(pa.array(np.where(known, places, 0), mask=~known))
        for name in taken.column_names:
            rows = rows.append_column(name, taken.column(name))
        yield rows
        start += rows.num_rows


def _own_rows(workspace: Workspace, project: "Project", file: Path, taken: list[str]) -> "Iterator[pa.Table]":
    """The file's own columns in its own order: text as it is written, or the types of Parquet."""
    from tierra.data.window import EVERYTHING
    from tierra.steps.predict import as_file
    from tierra.steps.pull import open_table

    form = as_file(project.main_source, file).model_copy(
        update={**PLAIN, "columns": (), "types": {}, "partition_by": None}
    )
    reader = open_table(workspace, project, project.main, form)
    names = reader.columns()
    require_names(reader.where, names, names)
    if both := [name for name in names if name in taken]:
        raise DataRejected("columns-conflict", f"{reader.where}: '{both[0]}' has the name of a prediction")
    if file.suffix != ".parquet":
        form = form.model_copy(update={"types": dict.fromkeys(names, "text")})
        reader = open_table(workspace, project, project.main, form)
    return reader.batches(names, EVERYTHING)


def _write(tables: "Iterator[pa.Table]", opened: BinaryIO, suffix: str) -> None:
    with (_parquet if suffix == ".parquet" else _csv)(opened) as write:
        for table in tables:
            write(table)


@contextmanager
def _csv(opened: BinaryIO) -> "Iterator[Callable[[pa.Table], Any]]":
    import pandas as pd

    from tierra.store import disk

    header = iter([True])
    yield lambda table: disk.write(opened, table.to_pandas(types_mapper=pd.ArrowDtype).to_csv(
        index=False, header=next(header, False), lineterminator="\n").encode())  # fmt: skip


@contextmanager
def _parquet(opened: BinaryIO) -> "Iterator[Callable[[pa.Table], Any]]":
    import pyarrow.parquet as pq

    writers: list[pq.ParquetWriter] = []

    def write(table: "pa.Table") -> None:
        if not writers:
            writers.append(pq.ParquetWriter(opened, table.schema))
        writers[0].write_table(table)

    yield write
    for writer in writers:
        writer.close()
