"""Nights of one meaning in many forms: a random typed table, and the sources that hold the same values.

A column's values are plain Python ones; a form says which file or table they lie in, and as what.
"""

import csv
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

from tierra.data.spec import ColumnType

ROWS, DAYS = 400, 40
FIRST = date(2024, 3, 1)
NIGHT = FIRST + timedelta(DAYS - 1)
CODES = ("01", "02", "1", "10", "X")
WORDS = ("north", "south", "señal", "two words", "a,b", 'say "x"')
MIXED = ("1", "2", "3", "X")
LARGE = 1_700_000_000_000_000_000
KINDS: tuple[ColumnType, ...] = ("integer", "number", "boolean", "text", "date", "timestamp")
FUNCTIONS = {
    "as text": "made = rows[FEATURES].astype({name: str for name in FEATURES if name != 'f_km'})",
    "arithmetic": "made = rows[FEATURES].assign(**{name + '_twice': rows[name] * 2 for name in NUMBERS})",
    "categories": "made = rows[FEATURES].astype({name: 'category' for name in FEATURES if name != 'f_km'})",
}


@dataclass(frozen=True)
class Column:
    """A column's type and values; None is a gap."""

    kind: ColumnType
    values: list[Any]


@dataclass(frozen=True)
class Night:
    """A project's table, and how it is used."""

    columns: dict[str, Column]
    spec: dict[str, Any]
    files: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return len(self.columns["ride"].values)

    def features(self) -> list[str]:
        return [name for name in self.columns if name.startswith("f")]

    def night(self) -> list[int]:
        """The places of the last day's rows."""
        return [place for place, day in enumerate(self.columns["day"].values) if day == NIGHT]

    def with_values(self, name: str, values: list[Any], kind: ColumnType | None = None) -> "Night":
        column = Column(kind or self.columns[name].kind, values)
        return replace(self, columns={**self.columns, name: column})

    def in_order(self, names: Sequence[str]) -> "Night":
        return replace(self, columns={name: self.columns[name] for name in names})

    def with_rows(self, places: Sequence[int]) -> "Night":
        return replace(
            self, columns={n: Column(c.kind, [c.values[place] for place in places]) for n, c in self.columns.items()}
        )


def draw(seed: int) -> Night:
    """A project of a key, a day, a target and two to five typed columns, some with gaps."""
    random = np.random.default_rng(seed)
    signal = random.normal(size=ROWS)
    kinds = [str(random.choice(KINDS)) for _ in range(random.integers(1, 5))]
    columns = {
        "ride": _key(random),
        "day": Column("date", [FIRST + timedelta(place * DAYS // ROWS) for place in range(ROWS)]),
        "f_km": Column("number", [round(float(value), 3) for value in signal]),
        **{f"f{number}": _column(kind, random) for number, kind in enumerate(kinds)},
        "tipped": Column("text", ["yes" if value > 0 else "no" for value in signal + random.normal(size=ROWS)]),
    }
    night = Night(columns, {"project": f"night_{seed}", "target": "tipped"})
    return _used(night, random)


def _key(random: np.random.Generator) -> Column:
    match int(random.integers(4)):
        case 0:
            return Column("integer", list(range(ROWS)))
        case 1:
            return Column("integer", [LARGE + place for place in range(ROWS)])
        case 2:
            return Column("text", [f"{place:06d}" for place in range(ROWS)])
        case _:
            return Column("text", [f"r{place}" for place in range(ROWS)])


def _column(kind: str, random: np.random.Generator) -> Column:
    values: list[Any]
    match kind:
        case "integer":
            values = random.integers(0, random.choice([3, 100, 60_000]), ROWS).tolist()
        case "number":
            values = random.choice([random.normal(size=ROWS).round(2), random.integers(0, 4, ROWS) / 2]).tolist()
        case "boolean":
            values = (random.random(ROWS) < 0.4).tolist()
        case "date":
            values = [FIRST - timedelta(int(days)) for days in random.integers(0, 900, ROWS)]
        case "timestamp":
            values = [datetime(2024, 1, 1) + timedelta(seconds=int(each)) for each in random.integers(0, 10**7, ROWS)]
        case _:
            values = random.choice(
                np.array([CODES, WORDS, MIXED][int(random.integers(3))], dtype=object), ROWS
            ).tolist()
    if random.random() < 0.4:
        values = [None if random.random() < 0.1 else value for value in values]
    return Column(kind, values)  # type: ignore[arg-type]


def _used(night: Night, random: np.random.Generator) -> Night:
    """The project file, and perhaps a function of features."""
    features = night.features()
    spec = {
        **night.spec,
        "split": {"validation": "8d", "test": "10d"},
        "effort": "quick",
        "candidates": [{"rule": {"rate_by": [str(random.choice(features))]}}, {"model": "logistic"}],
        "score": {"lookback": "400d"},
    }
    function = str(random.choice(["", "", *FUNCTIONS]))
    if not function:
        return replace(night, spec={**spec, "features": features})
    numbers = [name for name in features if night.columns[name].kind in ("integer", "number")]
    body = f"def build(rows):\n    {FUNCTIONS[function]}\n    return made\n"
    code = f"FEATURES, NUMBERS = {features!r}, {numbers!r}\n\n\n{body}"
    return replace(night, spec={**spec, "features": "features:build"}, files={"features": code})


# Forms: each writes the table and returns the source that reads it.
Form = Callable[[Night, Path, np.random.Generator, str], dict[str, Any]]


def as_csv(night: Night, folder: Path, random: np.random.Generator, url: str) -> dict[str, Any]:
    with (folder / "rides.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator=str(random.choice(["\n", "\r\n"])))
        writer.writerow(night.columns)
        cells = [_csv_cells(column, random) for column in night.columns.values()]
        writer.writerows(zip(*cells, strict=True))
    return {"kind": "file", "path": "rides.csv"}


def _csv_cells(column: Column, random: np.random.Generator) -> list[str]:
    """Whole numbers with gaps as pandas writes them, with a decimal point."""
    decimal = column.kind == "integer" and None in column.values and random.random() < 0.5
    suffix = ".0" if decimal else ""
    return ["" if value is None else f"{value}{suffix}" for value in column.values]


def as_parquet(night: Night, folder: Path, random: np.random.Generator, url: str) -> dict[str, Any]:
    arrays = {name: _stored(column, name, random) for name, column in night.columns.items()}
    size = int(random.choice([37, 100, 10_000]))
    pq.write_table(pa.table(arrays), folder / "rides.parquet", row_group_size=size)
    return {"kind": "file", "path": "rides.parquet"}


def _stored(column: Column, name: str, random: np.random.Generator) -> pa.Array:
    array = pa.array(column.values, PLAIN[column.kind])
    match column.kind:
        case "integer":
            return _integers(array, random)
        case "text":
            return array.dictionary_encode() if random.random() < 0.5 else array.cast(pa.large_string())
        case "timestamp":
            return array.cast(pa.timestamp(str(random.choice(["s", "ms", "us", "ns"]))))
        case "date" if random.random() < 0.3 and name != "day":
            return array.cast(pa.timestamp("ms"))
    return array


def _integers(array: pa.Array, random: np.random.Generator) -> pa.Array:
    """As narrow as they fit, as decimals, or as floats where those hold them."""
    largest = max((value for value in array.to_pylist() if value is not None), default=0)
    widths = [
        kind for kind, limit in ((pa.int8(), 127), (pa.int16(), 32_767), (pa.int32(), 2**31 - 1)) if largest <= limit
    ]
    floats = [pa.float64()] if largest < 2**53 else []
    kind = random.choice(np.array([pa.int64(), pa.uint64(), pa.decimal128(20, 0), *widths, *floats], dtype=object))
    return array.cast(kind)


PLAIN = {
    "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "text": pa.string(), "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}  # fmt: skip
SQLITE = {
    "integer": "integer",
    "number": "real",
    "boolean": "boolean",
    "text": "text",
    "date": "date",
    "timestamp": "datetime",
}
POSTGRES = {
    "integer": ("bigint", "numeric(20, 0)"), "number": ("double precision",), "boolean": ("boolean",),
    "text": ("text", "varchar(40)"), "date": ("date",), "timestamp": ("timestamp",),
}  # fmt: skip


def as_sqlite(night: Night, folder: Path, random: np.random.Generator, url: str) -> dict[str, Any]:
    (folder / "lake.db").unlink(missing_ok=True)
    kinds = ", ".join(f'"{name}" {SQLITE[column.kind]}' for name, column in night.columns.items())
    with sqlite3.connect(folder / "lake.db") as database:
        database.execute(f"create table rides ({kinds})")
        marks = ", ".join("?" * len(night.columns))
        cells = [[_in_sqlite(value) for value in column.values] for column in night.columns.values()]
        database.executemany(f"insert into rides values ({marks})", zip(*cells, strict=True))
    database.close()
    return {"kind": "sql", "connection": "lake", "table": "rides"}


def _in_sqlite(value: Any) -> Any:
    return value.isoformat(" ") if isinstance(value, datetime) else str(value) if isinstance(value, date) else value


def as_postgres(night: Night, folder: Path, random: np.random.Generator, url: str) -> dict[str, Any]:
    table = str(night.spec["project"])
    kinds = [
        sql.SQL("{} " + str(random.choice(POSTGRES[column.kind]))).format(sql.Identifier(name))
        for name, column in night.columns.items()
    ]
    with psycopg.connect(url) as connection:
        connection.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(table)))
        connection.execute(sql.SQL("create table {} ({})").format(sql.Identifier(table), sql.SQL(", ").join(kinds)))
        with connection.cursor().copy(sql.SQL("copy {} from stdin").format(sql.Identifier(table))) as copy:
            for row in zip(*(column.values for column in night.columns.values()), strict=True):
                copy.write_row(row)
    return {"kind": "sql", "connection": "warehouse", "table": table}


FORMS: dict[str, Form] = {"csv": as_csv, "parquet": as_parquet, "sqlite": as_sqlite, "postgres": as_postgres}


# Changes that leave every value as it is.
def reordered(night: Night, random: np.random.Generator) -> Night:
    return night.in_order([str(name) for name in random.permutation(list(night.columns))])


def shuffled(night: Night, random: np.random.Generator) -> Night:
    return night.with_rows([int(place) for place in random.permutation(night.rows)])


def widened(night: Night, random: np.random.Generator) -> Night:
    """With columns that nobody asked for: one of them empty, one of decimals."""
    extra = {
        "extra": Column("text", [f"n{place}" for place in range(night.rows)]),
        "nothing": Column("text", [None] * night.rows),
        "more": Column("integer", list(range(night.rows))),
    }
    return replace(night, columns={**extra, **night.columns})


SAME: tuple[Callable[[Night, np.random.Generator], Night], ...] = (reordered, shuffled, widened)


# Changes of the last night's values; the rows named keep theirs.
def with_gaps(night: Night, random: np.random.Generator) -> tuple[Night, set[int]]:
    """Gaps in one column of some of the night's rows."""
    name, places = str(random.choice(night.features())), night.night()
    hit = {int(place) for place in random.choice(places, int(random.integers(1, len(places))), replace=False)}
    values = [None if place in hit else value for place, value in enumerate(night.columns[name].values)]
    return night.with_values(name, values), set(places) - hit


def emptied(night: Night, random: np.random.Generator) -> tuple[Night, set[int]]:
    """A column empty in all but one of the night's rows, or in all."""
    name, places = str(random.choice(night.features())), night.night()
    kept = {int(random.choice(places))} if random.random() < 0.5 else set()
    values = [
        None if place in places and place not in kept else v for place, v in enumerate(night.columns[name].values)
    ]
    return night.with_values(name, values), kept


def constant(night: Night, random: np.random.Generator) -> tuple[Night, set[int]]:
    """A column with one value all night."""
    name, places = str(random.choice(night.features())), night.night()
    value = night.columns[name].values[places[0]]
    values = [value if place in places else each for place, each in enumerate(night.columns[name].values)]
    same = {place for place in places if night.columns[name].values[place] == value}
    return night.with_values(name, values), same


def alone(night: Night, random: np.random.Generator) -> tuple[Night, set[int]]:
    """A source that holds the night's rows and nothing else."""
    return night.with_rows(night.night()), set(night.night())


OTHER: tuple[Callable[[Night, np.random.Generator], tuple[Night, set[int]]], ...] = (
    with_gaps,
    emptied,
    constant,
    alone,
)


def exact(value: Any) -> Any:
    """A key as text, whatever type the sink has for it."""
    return str(int(value)) if isinstance(value, Decimal | np.integer) else str(value)
