"""JSON lines as people have them: each is the table that a CSV file of the same values is."""

import json
import lzma
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cases import each
from tests.unit.test_files import NAMES, TREES, opened, rows_of, types_of, warnings_of, written
from tierra.data import json_source
from tierra.data.frames import UNREAD
from tierra.data.row_numbers import ROW_NUMBER
from tierra.data.window import EVERYTHING, single_day
from tierra.errors import DataRejected, TierraError

VALUES = [dict(zip(NAMES, (tree, f"{felled}", girth, by), strict=True)) for tree, felled, girth, by in TREES]
LINES = "".join(json.dumps(row) + "\n" for row in VALUES)


def test_a_table_is_the_same_as_csv_and_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_source, "ROWS_A_PIECE", 100)
    about: dict[str, Any] = {"partition_by": "felled"}
    csv = opened(tmp_path, "trees.csv", written(), **about)

    def check(path: str, text: str, more: dict[str, Any]) -> None:
        reader = opened(tmp_path, path, text, **about, **more)
        for window in (EVERYTHING, single_day(TREES[0][1])):
            assert rows_of(reader, window, ROW_NUMBER) == rows_of(csv, window, ROW_NUMBER)
        assert reader.days(EVERYTHING) == csv.days(EVERYTHING)
        assert types_of(reader) == types_of(csv)

    each(
        [
            ("trees.jsonl", LINES, {}),
            ("trees.ndjson", "\ufeff\n" + LINES.replace("\n", "\r\n\r\n"), {}),
            ("trees", LINES, {"format": "jsonl"}),
            ("trees.json", json.dumps(VALUES, indent=2), {"format": "jsonl"}),
            ("trees.jsonl", "\n".join(json.dumps(dict(reversed(row.items()))) for row in VALUES), {"columns": NAMES}),
        ],
        check,
    )


def test_values_keep_what_they_say(tmp_path: Path) -> None:
    def check(values: list[str], kind: str, expected: list[Any], about: dict[str, Any]) -> None:
        lines = "".join(f'{{"v": {value}, "n": {number}}}\n' for number, value in enumerate(values))
        reader = opened(tmp_path, "v.jsonl", lines, **about)
        assert types_of(reader)["v"] == kind
        assert [row["v"] for row in rows_of(reader)] == expected

    each(
        [
            (["1", "9007199254740993", "null"], "int64", [1, 9007199254740993, None], {}),
            (["1.5", "1e3", "NaN", '""'], "double", [1.5, 1000.0, None, None], {}),
            (["123456789012345678901234567890"], "string", ["123456789012345678901234567890"], {}),
            (["true", "false", "null"], "bool", [True, False, None], {}),
            (['"NA"', '"null"', "null", '"x"'], "string", ["NA", "null", None, "x"], {}),
            (['"-"', "7", '""'], "int64", [None, 7, None], {"missing": ["-"]}),
            (['"007"', '"008"'], "string", ["007", "008"], {}),
            (['"2024-05-01"', "null"], "date32[day]", [TREES[0][1].replace(month=5), None], {}),
            (["0.1", "0.10"], "string", ["0.1", "0.10"], {"types": {"v": "text"}}),
        ],
        check,
    )
    assert Decimal("0.1") == Decimal(rows_of(opened(tmp_path, "v.jsonl", '{"v": 0.1}\n', key="v"))[0]["v"])


def test_a_key_that_only_later_rows_have_is_a_column(tmp_path: Path) -> None:
    lines = "".join(f'{{"a": {number}}}\n' for number in range(20_000)) + '{"a": 1, "late": "x"}\n'
    reader = opened(tmp_path, "a.jsonl", lines)
    assert reader.columns() == ["a", "late"]
    assert rows_of(reader)[-1] == {"a": 1, "late": "x"}


def test_nested_columns_are_left_out_or_refused_by_name(tmp_path: Path) -> None:
    lines = '{"a": 1, "tags": null, "by": {"x": 1}}\n{"a": 2, "tags": ["x"]}\n'
    said = warnings_of(lambda: opened(tmp_path, "a.jsonl", lines).columns())
    assert [each.split(": ", 1)[1] for each in said] == [
        "column 'tags' is a list, of which no model makes use; it is left out",
        "column 'by' is an object, of which no model makes use; it is left out",
    ]
    with pytest.raises(DataRejected, match=r"column 'tags' is a list, which is not supported.*column-type"):
        opened(tmp_path, "a.jsonl", lines, columns=["a", "tags"]).columns()


def test_a_few_cells_that_are_no_number_are_quarantined(tmp_path: Path) -> None:
    lines = "".join(f'{{"a": {number}}}\n' for number in range(200)) + '{"a": "unknown"}\n'
    tables = list(opened(tmp_path, "a.jsonl", lines).batches(["a"], EVERYTHING))
    assert UNREAD in tables[-1].column_names
    assert "unknown" in tables[-1].column(UNREAD).to_pylist()[-1]


def test_what_is_no_json_is_said_with_its_line(tmp_path: Path) -> None:
    def check(text: str | bytes, said: str) -> None:
        with pytest.raises(TierraError, match=said) as refused:
            rows_of(opened(tmp_path, "a.jsonl", text))
        assert "\n" not in str(refused.value)

    each(
        [
            ('{"a": 1}\n{"a": \n', r"line 2 is no JSON .*file-invalid"),
            ('{"a": 1}\n[1, 2]\n', r"line 2 is no JSON object: 1.*file-invalid"),
            ('{"a": 1}\n7\n', r"line 2 is no JSON object: 7.*file-invalid"),
            ("a,b\n1,2\n", r"line 1 is no JSON .*a,b.*file-invalid"),
            (b'{"a": "\xff"}\n', "file-invalid"),
            ('{"a": "\\ud800"}\n', "file-invalid"),
            ("[" * 100_000, "file-invalid"),
            (lzma.compress(LINES.encode()), "file-invalid"),
            ("", "it is empty.*source-empty"),
            ("[]", "it is empty.*source-empty"),
        ],
        check,
    )
