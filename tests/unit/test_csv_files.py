"""CSV files as people have them: line breaks in texts, and columns without a name of their own."""

from pathlib import Path

import pytest

from tierra.data import csv_source, source_files
from tierra.data.file_source import FileReader
from tierra.data.sources import columns_to_read
from tierra.data.spec import FileSource
from tierra.data.window import EVERYTHING
from tierra.errors import DataRejected
from tierra.settings import Settings


def reader_of(folder: Path, text: str) -> FileReader:
    (folder / "notes.csv").write_text(text)
    return FileReader("notes", FileSource(kind="file", path="notes.csv"), folder, Settings())


def test_a_text_may_hold_line_breaks_between_quotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the pieces in which a file is read, or the look at its start, end within the quotes."""
    monkeypatch.setattr(source_files, "INFERRED_FROM_BYTES", 60)
    monkeypatch.setattr(csv_source, "BYTES_AHEAD", 40)
    rows = [("a\nb", 1), ("c", 2)] * 20
    text = "said,km\n" + "".join(f'"{said}",{km}\n' for said, km in rows)
    read = [row for batch in reader_of(tmp_path, text).batches(["said", "km"], EVERYTHING) for row in batch.to_pylist()]
    assert [(row["said"], row["km"]) for row in read] == rows


def test_a_column_to_read_has_a_name_of_its_own(tmp_path: Path) -> None:
    for header, complaint in ((",km", "column 1 has no name"), ("km,km", "2 columns are called 'km'")):
        reader = reader_of(tmp_path, f"{header}\n1,2\n")
        with pytest.raises(DataRejected, match=complaint):
            columns_to_read(FileSource(kind="file", path="notes.csv"), reader)
    reader = reader_of(tmp_path, ",km\n1,2\n")
    assert columns_to_read(FileSource(kind="file", path="notes.csv", columns=("km",)), reader) == ["km"]
