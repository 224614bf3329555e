"""A value that pandas or csv has written comes back as it was, in a file of any form; a text never as another value."""

import csv
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as some

from tests.cases import some_of
from tierra.data.csv_form import CsvForm
from tierra.data.csv_look import look_at
from tierra.data.csv_source import MISSING
from tierra.data.file_source import FileReader
from tierra.data.spec import ColumnType, FileSource
from tierra.data.texts import infer_kind, parse_texts
from tierra.data.window import EVERYTHING
from tierra.settings import Settings

TYPES: dict[ColumnType, some.SearchStrategy[Any]] = {
    "integer": some.integers(-(2**63), 2**63 - 1),
    "number": some.floats(allow_nan=False, width=64),
    "boolean": some.booleans(),
    "date": some.dates(date(1000, 1, 1)),
    "timestamp": some.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),
    "timestamptz": some.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=some.just(UTC)),
    # Python puts no quotes around a carriage return.
    "text": some.text(some.characters(codec="utf-8", exclude_characters="\0\r"), max_size=9),
}
DTYPES = {"integer": "Int64", "boolean": "boolean"}


def read_back(data: bytes, **about: Any) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "rows.csv").write_bytes(data)
        reader = FileReader("rows", FileSource(kind="file", path="rows.csv", **about), Path(folder), Settings())
        return [row for table in reader.batches(reader.columns(), EVERYTHING) for row in table.to_pylist()]


def texts_of(values: list[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


@some_of(150)
@given(some.data())
def test_what_pandas_writes_is_read_back(data: some.DataObject) -> None:
    """Every type, with gaps, and through every separator, decimal sign, way of quoting and encoding."""
    rows = data.draw(some.integers(1, 8))
    values = {kind: data.draw(some.lists(each if kind == "text" else some.none() | each, min_size=rows, max_size=rows))
              for kind, each in TYPES.items()}  # fmt: skip
    table = pd.DataFrame({kind: pd.Series(each, dtype=DTYPES.get(kind, "object")) for kind, each in values.items()})
    separator, decimal = data.draw(some.sampled_from([(",", "."), (";", ","), ("\t", "."), ("|", ",")]))
    quoting = data.draw(some.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    encoding = data.draw(some.sampled_from(["utf-8", "utf-16"]))
    if decimal == ",":
        table["number"] = pd.Series([each if each is None else str(each).replace(".", ",") for each in table["number"]])
    written = table.to_csv(index=False, sep=separator, quoting=quoting, lineterminator="\n").encode(encoding)
    form = {"separator": separator, "decimal": decimal, "encoding": encoding}
    found = read_back(written, csv=form, types={kind: kind for kind in TYPES})
    for number, row in enumerate(found):
        expected = {kind: values[kind][number] for kind in TYPES}
        # Without quotes an empty text is a gap.
        text, kept = row.pop("text"), expected.pop("text")
        assert text == kept or (not kept and text is None)
        assert row == expected


@some_of(300)
@given(some.lists(some.text(some.sampled_from("0123456789.-+eE,xXaN%$ :/T"), max_size=12), min_size=1, max_size=12))
def test_an_inferred_whole_number_or_truth_has_the_text_it_was_read_from(texts: list[str]) -> None:
    values = texts_of([each or None for each in texts])
    kind = infer_kind(values)
    found, lost = parse_texts(values, kind)
    if kind in ("integer", "text"):
        assert not lost.any()
        assert found.cast(pa.string()).to_pylist() == values.to_pylist()
    assert lost.sum() <= 1


@some_of(300)
@given(
    some.sampled_from([kind for kind in TYPES if kind != "text"]),
    some.lists(some.text(some.sampled_from("0123456789.-+eE, %$:/TZ"), max_size=19) | some.sampled_from(MISSING)
               | some.dates().map(str) | some.floats().map(repr) | some.integers().map(str), max_size=6),
    some.sampled_from([CsvForm(), CsvForm(decimal=",", separator=";"), CsvForm(dates=("%d/%m/%Y",))]),
)  # fmt: skip
def test_the_value_of_a_text_does_not_depend_on_those_beside_it(
    kind: ColumnType, texts: list[str], form: CsvForm
) -> None:
    together, lost = parse_texts(texts_of([*texts]), kind, form=form)
    for number, text in enumerate(texts):
        alone, lost_alone = parse_texts(texts_of([text]), kind, form=form)
        assert (alone[0], lost_alone[0]) == (together[number], lost[number]), text


@some_of(100)
@given(some.data())
def test_the_form_that_is_suggested_reads_the_values_that_were_written(data: some.DataObject) -> None:
    random = np.random.default_rng(data.draw(some.integers(0, 99)))
    rows = data.draw(some.integers(30, 200))
    day = data.draw(some.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%d/%m/%Y %H:%M"]))
    separator, decimal = data.draw(some.sampled_from([(",", "."), (";", ","), (";", "."), ("\t", ","), ("|", ".")]))
    encoding = data.draw(some.sampled_from(["utf-8", "cp1252", "utf-16"]))
    table = pd.DataFrame({
        "day": pd.to_datetime("2020-01-01") + pd.to_timedelta(random.integers(0, 1500, rows), "D"),
        "height": random.normal(100, 50, rows).round(2), "name": "Núñez",
    })  # fmt: skip
    written = table.to_csv(index=False, sep=separator, decimal=decimal, date_format=day).encode(encoding)
    found = look_at(written, CsvForm()).likely
    read = read_back(written, csv={name: getattr(found, name) for name in found.model_fields_set | {"dates"}} |
                     {"separator": found.separator, "encoding": found.encoding, "decimal": found.decimal})  # fmt: skip
    assert [row["height"] for row in read] == table["height"].tolist()
    assert [pd.Timestamp(row["day"]) for row in read] == table["day"].tolist()
    assert {row["name"] for row in read} == {"Núñez"}


def test_a_look_never_fails() -> None:
    for data in (b"", b"\n", b"\xff\xfe", b'"', b"a", b"\x00" * 50, b"a;b\n" * 3 + b'"'):
        assert look_at(data, CsvForm()).form == CsvForm()
