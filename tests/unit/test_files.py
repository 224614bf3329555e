"""Files as people have them: how each is read, and what is said where it is not."""

import gzip
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from openpyxl import Workbook

from tests.cases import each
from tierra.data import csv_source
from tierra.data.file_source import FileReader
from tierra.data.frames import UNREAD
from tierra.data.row_numbers import ROW_NUMBER
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import columns_to_read
from tierra.data.spec import FileSource
from tierra.data.window import EVERYTHING, Window, single_day
from tierra.errors import DataRejected, Misconfigured, SourceNotReady, TierraError
from tierra.journal import Warned, at_station, open_journal
from tierra.settings import Settings
from tierra.store.objects import MemoryObjects
from tierra.store.tables import read_table

TREES = [(f"{number:04}", date(2024, 1, number % 28 + 1), number * 0.25, "Müller" if number % 3 else "Núñez")
         for number in range(400)]  # fmt: skip
NAMES = ("tree", "felled", "girth", "by")


def written(
    rows: list[tuple[Any, ...]] = TREES, separator: str = ",", decimal: str = ".", day: str = "%Y-%m-%d"
) -> str:
    """Trees as a CSV file."""
    lines = [(tree, f"{felled:{day}}", f"{girth:.2f}".replace(".", decimal), by) for tree, felled, girth, by in rows]
    return "".join(separator.join(line) + "\n" for line in [NAMES, *lines])


def opened(folder: Path, path: str, data: str | bytes | None = None, **about: Any) -> FileReader:
    if data is not None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data if isinstance(data, bytes) else data.encode())
    return FileReader("trees", FileSource(kind="file", path=path, **about), folder, Settings(), "Europe/Berlin")


def rows_of(reader: FileReader, window: Window = EVERYTHING, *more: str) -> list[dict[str, Any]]:
    columns = [*columns_to_read(reader._source, reader), *more]
    return [row for table in reader.batches(columns, window) for row in table.to_pylist()]


def types_of(reader: FileReader) -> dict[str, str]:
    tables = list(reader.batches(reader.columns(), EVERYTHING))
    return {field.name: str(field.type) for field in tables[-1].schema}


def warnings_of(read: Callable[[], Any]) -> list[str]:
    with open_journal() as journal, at_station("pull"):
        read()
    return [fact.text for fact in journal.facts(Warned)]


def zipped(**files: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"in/{name}.csv", text)
    return data.getvalue()


def workbook(rows: list[tuple[Any, ...]]) -> bytes:
    book, data = Workbook(), io.BytesIO()
    for row in [NAMES, *rows]:
        book.active.append(row)
    book.save(data)
    return data.getvalue()


PLAIN = written()
SPANISH = written(separator=";", decimal=",", day="%d/%m/%Y")
FORMS: list[tuple[str, str | bytes, dict[str, Any]]] = [
    ("trees.csv", PLAIN, {}),
    ("trees.csv", "\ufeff" + PLAIN, {}),
    ("trees.csv", PLAIN.replace("\n", "\r\n"), {}),
    ("trees.tsv", written(separator="\t"), {}),
    ("trees.txt", written(separator="\t"), {"separator": "tab"}),
    ("trees.csv.gz", gzip.compress(PLAIN.encode()), {}),
    ("trees.zip", zipped(trees=PLAIN), {}),
    ("trees.xlsx", workbook(TREES), {}),
    ("trees.csv", SPANISH, {"separator": ";", "decimal": ",", "dates": "%d/%m/%Y"}),
    ("trees.csv", SPANISH.encode("cp1252"),
     {"separator": ";", "decimal": ",", "dates": "%d/%m/%Y", "encoding": "cp1252"}),
    ("trees.csv", PLAIN.encode("latin-1"), {"encoding": "latin-1"}),
    ("trees.csv", PLAIN.encode("utf-16"), {"encoding": "utf-16"}),
    ("trees.csv", PLAIN.replace(",", "|"), {"separator": "|"}),
    ("trees.csv", written(day="%m/%d/%y"), {"dates": "%m/%d/%y"}),
    ("trees.csv", "Trees\n\nof a park\n" + PLAIN, {"skip_rows": 3}),
    ("trees.csv", PLAIN + "Total,19950\n\n", {"skip_footer": 1}),
    ("trees.csv.gz", gzip.compress((PLAIN + ",,,\nTotal,,19950,\n").encode()), {"skip_footer": 2}),
]  # fmt: skip


def test_a_table_is_the_same_however_its_file_is_written(tmp_path: Path) -> None:
    """Where the form is not the usual one, it is what an error or a warning suggested, pasted."""
    expected = [dict(zip(NAMES, tree, strict=True)) for tree in TREES]

    def check(path: str, data: str | bytes, form: dict[str, Any]) -> None:
        about = {"key": "tree", "partition_by": "felled"}
        if form:
            with pytest.raises(TierraError) as refused:
                rows_of(opened(tmp_path, path, data, **about))
            suggested = yaml.safe_load(str(refused.value).split("`")[1])["csv"]
            assert suggested == form | ({"encoding": "cp1252"} if form.get("encoding") == "latin-1" else {})
            about |= {"csv": suggested}
        assert rows_of(opened(tmp_path, path, data, **about)) == expected
        day = rows_of(opened(tmp_path, path, data, **about), single_day(date(2024, 1, 5)), ROW_NUMBER)
        assert [row[ROW_NUMBER] for row in day] == list(range(4, 400, 28))

    each(FORMS, check)


def test_what_training_reads_as_text_is_said_with_the_line_that_changes_it(tmp_path: Path) -> None:
    semicolons = {"csv": {"separator": ";"}}
    asked = written().replace("Müller", "?").replace(",3.25,", ",NA,")
    cases = [
        (SPANISH, semicolons, "columns 'felled', 'girth' are read as text",
         "csv: {separator: ';', decimal: ',', dates: '%d/%m/%Y'}"),
        (asked, {}, "column 'by' is read as text", "missing: ['?', 'NA']"),
        (written([(*tree[:2], tree[2], "-" if tree[2] > 90 else "7") for tree in TREES]), {},
         "column 'by' is read as text", "missing: ['-']"),
        (PLAIN, {}, "column 'tree' is read as text, since a number would lose leading zeros", None),
        (PLAIN.replace(",3.25,", ",n.d.,"), {"key": "tree"},
         "column 'girth' is read as number, but for 1 of 400 cells, such as 'n.d.'", None),
    ]  # fmt: skip

    def check(data: str, about: dict[str, Any], says: str, add: str | None) -> None:
        lines = warnings_of(lambda: rows_of(opened(tmp_path, "trees.csv", data, **about)))
        line = next((each for each in lines if says in each), None)
        assert line, lines
        if add:
            assert yaml.safe_load(line.split("add `")[1].split("`")[0]) == yaml.safe_load(add)
            with_it = opened(tmp_path, "trees.csv", data, **{**about, **yaml.safe_load(add)})
            assert says not in " ".join(warnings_of(lambda: rows_of(with_it)))

    each(cases, check)
    assert warnings_of(lambda: rows_of(opened(tmp_path, "trees.csv", PLAIN, key="tree"))) == []


REFUSED: list[tuple[str, str | bytes, dict[str, Any], type[TierraError], str]] = [
    ("trees.csv", "", {}, DataRejected, "it is empty: it has no header either.*source-empty"),
    ("trees.csv", "tree,girth", {}, DataRejected, "it has a header and no rows.*source-empty"),
    ("trees.csv", "tree,girth\n1,2\n3\n4,5\n", {}, Misconfigured, r"Row #3: Expected 2 columns, got 1: 3\. .*file-inv"),
    ("trees.csv", "tree,girth\n1,2\n3", {}, Misconfigured, r"Row #3: Expected 2 columns, got 1: 3\. .*file-invalid"),
    ("trees.csv", "tree;girth\n", {}, Misconfigured, r"each of its lines is one cell; .*csv: \{separator: ';'\}"),
    ("trees.zip", zipped(one=PLAIN, two=PLAIN), {}, Misconfigured, "a zip file of 2 files, not of one.*file-invalid"),
    ("trees.zip", "no zip", {}, Misconfigured, "not a zip file.*file-invalid"),
    ("trees.xlsx", "no workbook", {}, Misconfigured, "file-invalid"),
    ("trees.csv", PLAIN, {"types": {"girth": "date"}}, DataRejected,
     "column 'girth' is date by its declaration or its training, and number now, such as '0.00'.*column-type"),
    ("trees.csv", PLAIN.replace("2024-01", "in spring"), {"partition_by": "felled"}, DataRejected,
     "'felled' is text, not a date.*column-type"),
    ("trees.csv", SPANISH, {"csv": {"separator": ";"}, "types": {"girth": "number"}}, DataRejected,
     "column 'girth' is number .*, and text now, such as '0,00'; .*decimal: ','"),
]  # fmt: skip


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    def check(path: str, data: str | bytes, about: dict[str, Any], kind: type[TierraError], says: str) -> None:
        with pytest.raises(kind, match=says) as refused:
            rows_of(opened(tmp_path, path, data, **about))
        assert "\n" not in str(refused.value)

    each(REFUSED, check)


def test_a_byte_of_another_encoding_far_into_a_file_is_said(tmp_path: Path) -> None:
    data = (PLAIN.replace("ü", "u").replace("ñ", "n").replace("ú", "u") * 40).encode() + "1,2024-01-01,1,ß\n".encode(
        "cp1252"
    )
    reader = opened(tmp_path, "trees.csv", data, types=dict.fromkeys(NAMES, "text"))
    with pytest.raises(DataRejected, match=r"invalid UTF8.*csv: \{encoding: cp1252\}"):
        rows_of(reader)


# Cells


def test_keys_and_columns_declared_text_are_read_to_the_letter(tmp_path: Path) -> None:
    """Also where a cell beside them is missing, and in the pieces after the first."""
    data = "tree,zone,girth\n" + "".join(
        f"{'NA' if number == 3 else f'{number:02}'},{('NA', 'EU', '')[number % 3]},{('1.5', 'NA')[number % 2]}\n"
        for number in range(30)
    )
    cases: list[tuple[dict[str, Any], list[Any]]] = [
        ({}, [None, "EU", None]),
        ({"types": {"zone": "text"}}, ["NA", "EU", None]),
        ({"types": {"zone": "text"}, "missing": ["NA"]}, [None, "EU", None]),
        ({"missing": []}, ["NA", "EU", None]),
        ({"missing": ["EU", "NA"], "as_written": "zone"}, ["NA", "EU", None]),
    ]

    def check(about: dict[str, Any], zones: list[Any]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_source, "BYTES_AHEAD", 64)
            rows = rows_of(opened(tmp_path, "trees.csv", data, key="tree", **about))
        assert [row["zone"] for row in rows] == zones * 10
        assert [row["tree"] for row in rows][2:5] == ["02", "NA", "04"]
        if about.get("missing") != []:
            assert [row["girth"] for row in rows][:4] == [1.5, None, 1.5, None]

    each(cases, check)


def test_quotes_keep_a_text_from_being_a_gap_but_no_number(tmp_path: Path) -> None:
    data = 'zone,girth\n"NA","1.5"\nNA,"NA"\n"",""\nEU,2\n'
    rows = rows_of(opened(tmp_path, "trees.csv", data))
    assert rows == [
        {"zone": "NA", "girth": 1.5}, {"zone": None, "girth": None},
        {"zone": "", "girth": None}, {"zone": "EU", "girth": 2.0},
    ]  # fmt: skip


def test_a_cell_that_cannot_be_read_is_a_gap_named_beside_its_row(tmp_path: Path) -> None:
    lines = written().splitlines(keepends=True)
    lines[8] = "0007,soon,n.d.,Müller\n"
    reader = opened(tmp_path, "trees.csv", "".join(lines), key="tree")
    rows = rows_of(reader)
    assert rows[7] == {"tree": "0007", "felled": None, "girth": None, "by": "Müller",
                       UNREAD: "felled: 'soon'; girth: 'n.d.'"}  # fmt: skip
    assert not any(row.get(UNREAD) for row in rows[:7] + rows[8:])


def test_an_unread_cell_is_in_the_snapshot_after_pieces_without_a_row_of_the_day(tmp_path: Path) -> None:
    for number in range(3):
        opened(tmp_path, f"days/{number}.csv", written(TREES[number * 2 : number * 2 + 2]))
    opened(tmp_path, "days/3.csv", "tree,felled,girth,by\n7,2024-02-01,n.d.,x\n8,2024-02-01,1,x\n9,2024-02-01,2,x\n")
    source = FileSource(kind="file", path="days", key="tree", partition_by="felled", types={"girth": "number"})
    objects = MemoryObjects()
    for window, rows in ((single_day(date(2024, 2, 1)), 3), (EVERYTHING, 9)):
        reader = FileReader("trees", source, tmp_path, Settings())
        found = read_table(objects, take_snapshot(objects, source, reader, window)).to_pylist()
        assert len(found) == rows
        assert [row[UNREAD] for row in found if row[UNREAD]] == ["girth: 'n.d.'"]


def test_a_release_decides_the_types_of_every_later_file(tmp_path: Path) -> None:
    """A night's codes without a letter are texts, its numbers without a fraction numbers, an empty column stays."""
    trained = {"types": {"tree": "text", "zone": "text", "girth": "number", "felled": "date"}, "key": "tree"}
    night = "girth,more,zone,felled,tree\n" + "".join(f"{number},x,{number % 3},,{number:03}\n" for number in range(30))
    rows = rows_of(opened(tmp_path, "trees.csv", night, columns=("tree", "zone", "girth", "felled"), **trained))
    assert rows[5]["zone"] == "2"
    assert rows[5]["tree"] == "005"
    assert rows[5]["felled"] is None
    assert isinstance(rows[5]["girth"], float)


def test_the_day_of_an_instant_is_the_projects(tmp_path: Path) -> None:
    data = "at,girth\n2024-01-05T22:59:00Z,1\n2024-01-05T23:01:00Z,2\n"
    instants = pa.array([datetime(2024, 1, 5, 22, 59, tzinfo=UTC), datetime(2024, 1, 5, 23, 1, tzinfo=UTC)])
    pq.write_table(pa.table({"at": instants, "girth": [1, 2]}), tmp_path / "trees.parquet")
    for reader in (opened(tmp_path, "trees.csv", data, partition_by="at"),
                   opened(tmp_path, "trees.parquet", partition_by="at")):  # fmt: skip
        assert reader.days(EVERYTHING) == {date(2024, 1, 5): 1, date(2024, 1, 6): 1}
        assert [row["girth"] for row in rows_of(reader, single_day(date(2024, 1, 6)))] == [2]


# Many files


def test_files_of_a_folder_or_a_pattern_are_one_table(tmp_path: Path) -> None:
    days = {"2024-01-01": TREES[:3], "2024-01-02": TREES[3:5], "2024-01-03": TREES[5:9]}
    for day, rows in days.items():
        opened(tmp_path, f"days/{day}.csv", written(rows))
    (tmp_path / "days" / "2024-01-02.csv").write_text(
        "by,tree,more,girth,felled\n"
        + "".join(f"{by},{tree},x,{girth},{felled}\n" for tree, felled, girth, by in TREES[3:5])
    )
    (tmp_path / "days" / "_done.csv").write_text("")
    (tmp_path / "days" / "notes.md").write_text("no table")
    expected = [dict(zip(NAMES, tree, strict=True)) for tree in TREES[:9]]
    for path in ("days", "days/", "days/*.csv", "**/2024-*.csv"):
        reader = opened(tmp_path, path, key="tree", partition_by="felled")
        lines = warnings_of(lambda reader=reader: rows_of(reader))
        assert rows_of(reader) == expected
        assert "columns that not every file has are left out: 'more' (in days/2024-01-02.csv)" in lines[0]
        numbers = [row[ROW_NUMBER] for row in rows_of(reader, single_day(date(2024, 1, 5)), ROW_NUMBER)]
        assert numbers == [4]
    (tmp_path / "days" / "2024-01-02.csv").write_text("by,tree,felled\n")
    with pytest.raises(DataRejected, match=r"days/2024-01-02.csv.*no column 'girth'"):
        rows_of(opened(tmp_path, "days", columns=NAMES))
    with pytest.raises(Misconfigured, match=r"no file .*nights.*file-missing"):
        opened(tmp_path, "nights/*.csv")


def test_parquet_files_of_a_folder_keep_their_numbers_and_leave_out_lists(tmp_path: Path) -> None:
    for number in range(3):
        rows = TREES[number * 10 : number * 10 + 10]
        table = pa.table({"tree": [row[0] for row in rows], "felled": [row[1] for row in rows],
                          "tags": [["a", "b"]] * 10})  # fmt: skip
        (tmp_path / "days").mkdir(exist_ok=True)
        pq.write_table(table, tmp_path / "days" / f"{number}.parquet", row_group_size=4)
    reader = opened(tmp_path, "days", partition_by="felled")
    found = rows_of(reader, Window(date(2024, 1, 15), date(2024, 1, 23)), ROW_NUMBER)
    assert [row[ROW_NUMBER] for row in found] == list(range(14, 22))
    assert reader.columns() == ["tree", "felled"]
    assert "column 'tags' is list<element: string>" in warnings_of(
        lambda: opened(tmp_path, "days").columns()
    )[0]  # fmt: skip
    with pytest.raises(DataRejected, match=r"column 'tags' is list.*column-type"):
        columns_to_read(
            FileSource(kind="file", path="days", columns=("tags",)), opened(tmp_path, "days", columns=("tags",))
        )


def test_types_are_found_over_the_first_files_together(tmp_path: Path) -> None:
    opened(tmp_path, "days/1.csv", "zone,girth\n1,1\n2,2\n")
    opened(tmp_path, "days/2.csv", "zone,girth\nX,1.5\n")
    assert types_of(opened(tmp_path, "days")) == {"zone": "string", "girth": "double"}


def test_a_workbook_gives_what_its_cells_hold(tmp_path: Path) -> None:
    book, data = Workbook(), io.BytesIO()
    for row in [
        ("tree", "felled", "girth", "count", "standing", "note"),
        ("007", datetime(2024, 1, 5), 1.5, 3, True, None),
        (12345678901, datetime(2024, 1, 6), None, 4, False, "NA"),
        (None, None, None, None, None, None),
        ("A1", datetime(2024, 1, 7), 2, 5, True, "x"),
    ]:
        book.active.append(row)
    book.save(data)
    reader = opened(tmp_path, "trees.xlsx", data.getvalue(), key="tree", types={"note": "text"})
    assert rows_of(reader) == [
        {"tree": "007", "felled": date(2024, 1, 5), "girth": 1.5, "count": 3, "standing": True, "note": None},
        {
            "tree": "12345678901",
            "felled": date(2024, 1, 6),
            "girth": None,
            "count": 4,
            "standing": False,
            "note": "NA",
        },
        {"tree": "A1", "felled": date(2024, 1, 7), "girth": 2.0, "count": 5, "standing": True, "note": "x"},
    ]


def test_without_the_extra_a_workbook_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(Misconfigured, match=r"pip install 'tierra\[excel\]'.*file-invalid"):
        opened(tmp_path, "trees.xlsx", workbook(TREES)).columns()


# Written while it is read


def damage_while_reading(reader: FileReader, damage: Callable[[], Any]) -> None:
    for _ in reader.batches(reader.columns(), EVERYTHING):
        damage()


@pytest.mark.parametrize("path", ["trees.csv", "trees.parquet", "days/"])
def test_a_file_written_while_it_is_read_is_refused_for_now(tmp_path: Path, path: str) -> None:
    file = tmp_path / (path if "." in path else "days/trees.csv")
    file.parent.mkdir(exist_ok=True)

    def write(rows: list[tuple[Any, ...]]) -> None:
        if path.endswith("parquet"):
            columns = zip(*rows, strict=True)
            pq.write_table(pa.table({name: list(values) for name, values in zip(NAMES, columns, strict=True)}), file)
        else:
            file.write_text(written(rows))

    write(TREES)
    for damage in (lambda: write(TREES[:9]), lambda: file.write_bytes(b"\x00"), file.unlink):
        write(TREES)
        reader = opened(tmp_path, path)
        with pytest.raises(SourceNotReady, match=r"it was written while it was read.*source-changed"):
            damage_while_reading(reader, damage)
    write(TREES[:5])
    assert len(rows_of(reader)) == 5
