"""Published predictions in the formats of other tools: the same rows, and files written whole or not at all."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.builders import write_project
from tierra import read_predictions
from tierra.cli.commands import app
from tierra.errors import Broken, Misconfigured
from tierra.store import disk, workbooks
from tierra.store.exports import disarm, encode, write_whole
from tierra.store.local_objects import LocalObjects
from tierra.store.manifest import Manifest
from tierra.store.predictions import publish
from tierra.store.sinks import ObjectSink

DAY = "2024-04-29"
TABLE = pa.table(
    {
        "ride_id": ["r1", "ñ,2", "r3"],
        "day": [date(2024, 4, 29)] * 3,
        "at": [datetime(2024, 4, 29, 3, tzinfo=UTC)] * 3,
        "probability": [0.25, float("nan"), None],
        "decision": [0, 1, 1],
        "fare": [Decimal("1.20"), None, None],
    }
)
RECORD = {"ride_id": "r1", "day": DAY, "at": "2024-04-29T03:00:00+00:00", "probability": 0.25, "decision": 0,
          "fare": "1.20"}  # fmt: skip


@pytest.fixture
def published(workspace: Path) -> Path:
    """A project with two generations of one day: the second is TABLE, the first its first row."""
    write_project(workspace / "projects" / "rides")
    sink = ObjectSink(LocalObjects(workspace / "var" / "predictions"), "rides")
    for generation, table in enumerate((TABLE.slice(0, 1), TABLE)):
        part = sink.write_part(DAY, generation + 1, iter([table]))
        publish(sink, Manifest(dataset="rides", partition=DAY, inputs="i", model="m", scoring="s", model_version="1",
                               rows_in=part.rows, rows_scored=part.rows, rows_quarantined=0, parts=(part,)),
                generation)  # fmt: skip
    return workspace


def run(*options: str) -> Any:
    return CliRunner().invoke(app, ["predictions", "rides", "--partition", DAY, *options])


READERS: dict[str, Callable[[bytes], list[str]]] = {
    "csv": lambda data: pd.read_csv(io.BytesIO(data))["ride_id"].tolist(),
    "json": lambda data: [record["ride_id"] for record in json.loads(data)],
    "parquet": lambda data: pq.read_table(io.BytesIO(data))["ride_id"].to_pylist(),
    "xlsx": lambda data: [row[0] for row in cells_of(data)[1:]],
}

FORMULAS = [
    "=1+1",
    "+SUM(A1)",
    "-cmd|' /C calc'!A0",
    "@x",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1+1",
    "\uff20x",
    "-",
    "+34 600",
]
HARMLESS = ["-5", "+1.5", "-1,5e3", "2024-04-29", "a=b", "", "'=1", "ñ", None]


def cells_of(data: bytes) -> list[tuple[Any, ...]]:
    """The values of a workbook's one sheet."""
    from openpyxl import load_workbook

    return list(load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True))


@pytest.mark.parametrize("format", READERS)
def test_every_format_has_the_same_rows_printed_and_in_a_file(published: Path, format: str) -> None:
    wanted = read_predictions("rides", DAY)["ride_id"].tolist()
    assert wanted == ["r1", "ñ,2", "r3"]
    piped, kept = run("--format", format), run("--format", format, "--output", "out.data")
    assert (piped.exit_code, kept.exit_code, kept.stdout) == (0, 0, "")
    assert READERS[format](piped.stdout_bytes) == wanted
    assert READERS[format]((published / "out.data").read_bytes()) == wanted


def test_an_older_generation_is_exported_when_it_is_named(published: Path) -> None:
    assert READERS["json"](run("--format", "json", "--generation", "1").stdout_bytes) == ["r1"]


def test_json_has_iso_dates_and_null_for_what_is_no_number() -> None:
    records = json.loads(encode(TABLE, "json"))
    assert records[0] == RECORD
    assert [record["probability"] for record in records] == [0.25, None, None]
    assert json.loads(encode(TABLE.slice(0, 0), "json")) == []


def test_parquet_keeps_the_published_types() -> None:
    first = TABLE.slice(0, 1)
    assert pq.read_table(io.BytesIO(encode(first, "parquet"))).equals(first)


def test_no_text_of_a_csv_is_a_formula_and_no_number_is_changed() -> None:
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        table = pa.table({"t": pa.array([*FORMULAS, *HARMLESS], pa.string()).cast(kind)})
        assert disarm(table)["t"].to_pylist() == [*(f"'{text}" for text in FORMULAS), *HARMLESS], kind
    numbers = pa.table({"=n": [-1.5, -2.0], "-m": [Decimal("-1.20"), None], "@d": [True, False]})
    assert disarm(numbers).column_names == ["'=n", "'-m", "'@d"]
    assert (
        encode(numbers, "csv").decode().splitlines()[1:] == encode(numbers, "csv", raw=True).decode().splitlines()[1:]
    )
    text = pa.table({"key": ["=1+1"], "n": [-1]})
    assert (encode(text, "csv"), encode(text, "csv", raw=True)) == (b"key,n\n'=1+1,-1\n", b"key,n\n=1+1,-1\n")


def test_a_workbook_has_no_formula_and_every_value_as_it_was() -> None:
    at = datetime(2024, 4, 29, 3, 0, 0, 5000)
    row = {"text": "=1+1", "=name": "-x", "whole": 2**60, "small": -5, "p": 0.1, "nan": float("nan"), "yes": True,
           "at": at, "zoned": at.replace(tzinfo=UTC), "odd": at.replace(microsecond=1), "day": date(2024, 4, 29),
           "old": date(1899, 1, 1), "fare": Decimal("1.20"), "long": Decimal("1.2345678901234567"), "bell": "a\x07",
           "gap": None}  # fmt: skip
    data = encode(pa.table({name: [value] for name, value in row.items()}), "xlsx")
    names, values = cells_of(data)
    assert list(names) == list(row)
    assert dict(zip(names, values, strict=True)) == row | {
        "whole": str(2**60), "nan": None, "zoned": "2024-04-29T03:00:00.005000+00:00", "old": "1899-01-01",
        "odd": "2024-04-29T03:00:00.000001", "day": datetime(2024, 4, 29), "fare": 1.2, "long": "1.2345678901234567",
        "bell": "a\N{REPLACEMENT CHARACTER}",
    }  # fmt: skip
    assert b"<f>" not in zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml")


def test_what_no_sheet_holds_is_one_line(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (workbooks.ROWS, workbooks.COLUMNS, workbooks.LETTERS) == (2**20 - 1, 2**14, 2**15 - 1)
    for table in (pa.table({"n": pa.nulls(2**20)}), pa.table({"t": ["x" * 2**15]})):
        with pytest.raises(Misconfigured, match=r"Excel holds .* and here are .* Write \.csv or \.parquet instead"):
            encode(table, "xlsx")
    monkeypatch.setattr(workbooks, "ROWS", 2)
    refused = run("--output", "out.xlsx")
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (2, 1)
    assert not (published / "out.xlsx").exists()


def test_the_name_of_the_output_says_its_format_unless_it_is_stated(published: Path) -> None:
    for name, options, reader in (
        ("a.XLSX", (), "xlsx"), ("a.parquet", (), "parquet"), ("a.json", (), "json"), ("a.txt", (), "csv"),
        ("b.json", ("--format", "csv"), "csv"),
    ):  # fmt: skip
        assert run("--output", name, *options).exit_code == 0
        assert READERS[reader]((published / name).read_bytes()) == ["r1", "ñ,2", "r3"], name


def test_chosen_columns_come_in_their_order(published: Path) -> None:
    chosen = run("--columns", "decision, ride_id,decision")
    assert chosen.stdout.splitlines() == ["decision,ride_id", "0,r1", '1,"ñ,2"', "1,r3"]
    refused = run("--columns", "ride_id,nope")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "no column 'nope' in what is published (columns: ride_id, day" in refused.stderr


def test_parquet_is_not_printed_on_a_terminal(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tierra.cli import rows

    monkeypatch.setattr(rows, "_prints_on_a_terminal", lambda: True)
    refused = run("--format", "parquet")
    assert (refused.exit_code, refused.stdout_bytes) == (2, b"")
    assert refused.stderr.strip().endswith("[output-needed]")
    assert len(refused.stderr.splitlines()) == 1
    assert run("--format", "csv").exit_code == 0


@pytest.mark.parametrize("call", ["create", "write", "sync", "rename"])
def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, os.strerror(28))

    file = tmp_path / "out.csv"
    file.write_text("as it was")
    monkeypatch.setattr(disk, call, full)
    with pytest.raises(Broken, match=r"out\.csv: No space left on device.*export-failed"):
        write_whole(file, b"new")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("out.csv", "as it was")]


@pytest.mark.parametrize("place", [".", "nowhere/out.csv", os.devnull])
def test_a_place_that_cannot_hold_a_file_is_said_so(published: Path, place: str) -> None:
    refused = run("--output", place)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.strip().endswith("[export-failed]")
    assert not Path(os.devnull).is_file()


def test_who_may_read_an_export_is_not_decided_by_the_umask(tmp_path: Path) -> None:
    (tmp_path / "shared.csv").touch(mode=0o664)
    (tmp_path / "shared.csv").chmod(0o664)
    before = os.umask(0)
    try:
        for name, mode in (("new.csv", 0o640), ("shared.csv", 0o664)):
            write_whole(tmp_path / name, b"rows")
            assert S_IMODE((tmp_path / name).stat().st_mode) == mode, name
    finally:
        os.umask(before)


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_the_version_is_printed_without_a_command() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.stdout.startswith("tierra ")) == (0, True)
