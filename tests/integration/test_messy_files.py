"""Files as people have them, trained and scored: as they are, or with the line that the error or a warning gave."""

import gzip
import io
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.cases import ALL, each
from tests.direct import score_directly, train_directly
from tierra.cli.check import check_project
from tierra.errors import TierraError
from tierra.reading import read_predictions
from tierra.steps.trial import Trial, try_project
from tierra.workspace import open_workspace

DAYS = pd.date_range("2024-01-01", periods=119)
LAST = "2024-04-28"


def ships(rows: int = 952, seed: int = 3) -> pd.DataFrame:
    """Ships that came into a harbour, and whether they were late: the farther, the likelier."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame({
        "ship": [f"{number:06d}" for number in range(rows)],
        "day": np.repeat(DAYS, rows // len(DAYS)),
        "miles": random.gamma(2, 300, rows).round(1),
        "full": random.integers(0, 101, rows),
        "fee": random.gamma(3, 900, rows).round(2),
        "from": random.choice(["NA", "EU", "AS"], rows),
    })  # fmt: skip
    late = random.random(rows) < 1 / (1 + np.exp(3 - table["miles"] / 200))
    return table.assign(late=np.where(late, "yes", "no"))


def as_csv(table: pd.DataFrame, **how: Any) -> str:
    return table.to_csv(index=False, **how)


def spanish(table: pd.DataFrame, day: str = "%d/%m/%Y") -> str:
    return as_csv(table.assign(day=table["day"].dt.strftime(day)), sep=";", decimal=",")


def priced(table: pd.DataFrame) -> str:
    return as_csv(
        table.assign(full=[f"{value}%" for value in table["full"]], fee=[f"${value:,.2f}" for value in table["fee"]])
    )


def in_euros(table: pd.DataFrame) -> str:
    fees = [f"{value:,.2f} €".translate({ord(","): ".", ord("."): ","}) for value in table["fee"]]
    return spanish(table.assign(fee=fees))


def with_cell(table: pd.DataFrame, column: str, text: str, every: int) -> str:
    texts = table.astype({column: "str"})
    texts.loc[texts.index % every == every // 2, column] = text
    return as_csv(texts)


def with_line(text: str, line: str, place: int) -> str:
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:place], line + "\n", *lines[place:]])


def zipped(text: str, *names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names or ("ships",):
            archive.writestr(f"export/{name}.csv", text)
    return data.getvalue()


def workbook(table: pd.DataFrame, titles: int = 0, **last: Any) -> bytes:
    data = io.BytesIO()
    rows = pd.concat([table, pd.DataFrame([last])]) if last else table
    with pd.ExcelWriter(data, engine="openpyxl") as writer:
        rows.to_excel(writer, index=False, startrow=titles)
        if titles:
            writer.book.active["A1"] = "Ships of the harbour"
    return data.getvalue()


def parquet(table: pd.DataFrame) -> bytes:
    data = io.BytesIO()
    whole = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(whole.append_column("crew", pa.array([["a", "b"]] * len(table))), data)
    return data.getvalue()


def days(table: pd.DataFrame) -> dict[str, str]:
    """A day a file, whose columns change their order, and from some day on there is one more."""
    files = {}
    for number, (day, rows) in enumerate(table.groupby("day")):
        columns = list(rows)[:: -1 if number % 2 else 1]
        files[f"days/{day:%Y-%m-%d}.csv"] = as_csv(rows[columns].assign(**({"more": 1} if number > 60 else {})))
    return files


def write(folder: Path, path: str, data: str | bytes) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data if isinstance(data, bytes) else data.encode())


def project_of(target: str = "late", **source: Any) -> dict[str, Any]:
    """The project of the ships, whose source has these keys besides."""
    return {
        "project": "ships",
        "sources": {"ships": {"kind": "file", "key": "ship", "partition_by": "day", **source}},
        "target": target,
        "split": {"validation": "20d", "test": "30d"},
        "effort": "quick",
        "candidates": [{"rule": "base_rate"}, {"model": "logistic"}],
        "score": {"lookback": "9d"},
    }


def declare(folder: Path, **about: Any) -> None:
    write(folder, "project.yaml", yaml.safe_dump(project_of(**about)))


@pytest.fixture
def folder(workspace: Path) -> Path:
    return workspace / "projects" / "ships"


def tried() -> Trial:
    workspace = open_workspace()
    return try_project(workspace, workspace.project("ships"), None)


def suggested(text: str, about: dict[str, Any]) -> dict[str, Any]:
    """The lines that a message gives: what to add to the source, or the name to write in place of another."""
    found: dict[str, Any] = {}
    for line in re.findall(r"add `([a-z]+: [^`]*)`", text):
        found |= yaml.safe_load(line)
    for wrong, right in re.findall(r"no column '([^']*)'; did you mean '([^']*)'\?", text):
        found |= {key: right for key, value in about.items() if value == wrong}
    return found


def said_by_check() -> str:
    try:
        return " ".join(check_project("ships").warnings)
    except TierraError as error:
        return str(error)


def settle(folder: Path, about: dict[str, Any]) -> dict[str, Any]:
    """What `tierra check` says to add to a project, pasted until it has nothing more to say, and that is soon."""
    added: dict[str, Any] = {}
    for _ in range(4):
        declare(folder, **about | added)
        said = said_by_check()
        more = suggested(said, {"target": "late", "key": "ship"} | about | added)
        if not {name for name, value in more.items() if added.get(name) != value}:
            return added
        added |= more
    raise AssertionError(f"{said} {added}")


Files = str | bytes | dict[str, str]
NUMBERS = {"miles", "fee", "full"}
ROWS = 357


@dataclass(frozen=True)
class Mess:
    """A file, the lines that `tierra check` says to add, and what comes out."""

    written: Callable[[pd.DataFrame], Files]
    path: str = "ships.csv"
    added: set[str] = field(default_factory=set)
    about: dict[str, Any] = field(default_factory=dict)
    rows: int = ROWS


HEADER = "ship,day,miles,full,fee,from,late"
MESSES = {
    "semicolons and decimal commas": Mess(spanish, added={"csv"}),
    "latin-1": Mess(lambda table: spanish(table.assign(port="Málaga")).encode("cp1252"), added={"csv"}),
    "utf-16": Mess(lambda table: as_csv(table).encode("utf-16"), added={"csv"}),
    "a byte order mark": Mess(lambda table: "\ufeff" + as_csv(table)),
    "Windows' ends of lines": Mess(lambda table: as_csv(table, lineterminator="\r\n")),
    "tabs": Mess(lambda table: as_csv(table, sep="\t"), "ships.tsv"),
    "tabs in a .txt": Mess(lambda table: as_csv(table, sep="\t"), "ships.txt", {"csv"}),
    "bars": Mess(lambda table: as_csv(table, sep="|"), added={"csv"}),
    "a zip file": Mess(lambda table: zipped(as_csv(table)), "ships.zip"),
    "gzip": Mess(lambda table: gzip.compress(as_csv(table).encode()), "ships.csv.gz"),
    "a workbook": Mess(workbook, "ships.xlsx"),
    "a workbook with a title": Mess(lambda table: workbook(table, titles=3), "ships.xlsx", {"csv"}),
    "a workbook with totals": Mess(lambda table: workbook(table, miles=2e5, fee=1e6), "ships.xlsx", {"csv"}),
    "a list in Parquet": Mess(parquet, "ships.parquet"),
    "one bad cell": Mess(lambda table: with_cell(table, "miles", "n.d.", ROWS), rows=ROWS - 1),
    "percent and currency signs": Mess(priced),
    "euros as in Spain": Mess(in_euros, added={"csv"}),
    "a dash for missing": Mess(lambda table: with_cell(table, "miles", "-", 10), added={"missing"}),
    "a question mark in the target": Mess(
        lambda table: with_cell(table, "late", "?", 10), added={"missing"}, rows=ROWS - 36
    ),
    "a dash in the target": Mess(lambda table: with_cell(table, "late", "-", 10), added={"missing"}, rows=ROWS - 36),
    "NULL for missing": Mess(lambda table: with_cell(table, "miles", "NULL", 10)),
    "month first": Mess(lambda table: as_csv(table, date_format="%m/%d/%y"), added={"csv"}),
    "day first, with the time": Mess(lambda table: as_csv(table, date_format="%d.%m.%Y 10:15"), added={"csv"}),
    "months by name": Mess(lambda table: as_csv(table, date_format="%d-%b-%Y"), added={"csv"}),
    "months by name, before the day": Mess(lambda table: as_csv(table, date_format="%b %d, %Y"), added={"csv"}),
    "days written in two ways": Mess(
        lambda table: as_csv(
            table.assign(day=[f"{day:{('%Y-%m-%d', '%d/%m/%Y')[day.day % 2]}}" for day in table["day"]])
        ),
        added={"csv"},
    ),
    "a spreadsheet's word on its separator": Mess(lambda table: "sep=;\n" + spanish(table), added={"csv"}),
    "days without signs": Mess(lambda table: as_csv(table, date_format="%Y%m%d"), added={"types"}),
    "zeros before numbers": Mess(lambda table: as_csv(table.assign(berth=[f"{value:03d}" for value in table["full"]]))),
    "totals": Mess(lambda table: as_csv(table) + ",,210000,,1090000,,\n", added={"csv"}),
    "totals that are shorter": Mess(lambda table: spanish(table) + "Total;;;1234\n", added={"csv"}),
    "totals with a name for a key": Mess(lambda table: as_csv(table) + "Total,,210000,,1090000,,\n", added={"csv"}),
    "empty rows at the end": Mess(lambda table: as_csv(table) + ",,,,,,\n" * 3, added={"csv"}),
    "titles above": Mess(lambda table: "Ships of the harbour\n2024\n\n" + as_csv(table), added={"csv"}),
    "titles above, by a spreadsheet": Mess(
        lambda table: "Ships of the harbour,,,,,,\n,,,,,,\n" + as_csv(table), added={"csv"}
    ),
    "the index of a frame": Mess(lambda table: table.to_csv(), added={"columns"}),
    "a separator at each end": Mess(lambda table: as_csv(table).replace("\n", ",\n"), added={"columns"}),
    "two columns of a name": Mess(
        lambda table: as_csv(table.assign(note="a", more="b")).replace("more", "note", 1), added={"columns"}
    ),
    "spaces around names": Mess(lambda table: as_csv(table).replace(HEADER, HEADER.replace(",", " , "), 1)),
    "lines within cells": Mess(lambda table: as_csv(table.assign(note='It came, "late",\nand left.'))),
    "the header once more": Mess(lambda table: with_line(as_csv(table), HEADER, 100)),
    "a day a file": Mess(days, "days/*.csv"),
    "a day without rows": Mess(lambda table: days(table) | {"days/2024-05-01.csv": HEADER + "\n"}, "days/*.csv"),
    "a misspelt target": Mess(as_csv, added={"target"}, about={"target": "latte"}),
    "a misspelt key": Mess(as_csv, added={"key"}, about={"key": "Ships"}),
}


def test_a_messy_file_trains_as_it_is_or_with_the_lines_that_check_suggested(folder: Path) -> None:
    def check(name: str, mess: Mess) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        files = mess.written(ships(ROWS))
        for path, data in files.items() if isinstance(files, dict) else [(mess.path, files)]:
            write(folder, path, data)
        about = {"path": mess.path, **mess.about}
        added = settle(folder, about)
        assert set(added) == mess.added
        found = tried()
        assert not suggested(" ".join(found.warnings), {}).keys() - added
        assert found.classes == ("no", "yes")
        assert {name for name in found.features if "number" in found.treatments[name]} >= NUMBERS
        assert sum(found.rows.values()) == mess.rows
        assert found.scores.best_metrics["roc_auc"] > 0.65

    assert len(MESSES) >= 30
    each(list(MESSES.items())[:: 1 if ALL else 4], check)  # every fourth, or with EXAMPLES=all every one


REFUSED: dict[str, tuple[str, Callable[[pd.DataFrame], str | bytes], str]] = {
    "an empty file": ("ships.csv", lambda table: "", "it is empty: it has no header either"),
    "a header alone": ("ships.csv", lambda table: HEADER + "\n", "no rows"),
    "two files in one": ("ships.zip", lambda table: zipped(as_csv(table), "a", "b"), "a zip file of 2 files"),
    "a page for a table": ("ships.csv", lambda table: "<html>\n<body>Log in\n", "no column 'ship', 'day'"),
    "a row that is too short": ("ships.csv", lambda table: with_line(as_csv(table), "000,2024", 9),
                                "Row #10: Expected 7 columns, got 2: 000,2024"),
    "a row without a key": ("ships.csv", lambda table: with_line(as_csv(table), ",2024-01-04,1,1,1,NA,no", 9),
                            "key 'ship' is empty in 1 rows"),
    "days as a spreadsheet counts": ("ships.csv", lambda table: as_csv(table.assign(day=45292 + table.index // 3)),
                                     "'day' is integer, not a date"),
    "no such file": ("ships.txt", lambda table: "", "no file"),
}  # fmt: skip


def test_a_file_that_no_line_mends_is_refused_by_check_in_one_line(folder: Path) -> None:
    def check(name: str, refused: tuple[str, Callable[[pd.DataFrame], str | bytes], str]) -> None:
        path, written, says = refused
        shutil.rmtree(folder, ignore_errors=True)
        write(folder, path.replace("txt", "md"), written(ships(ROWS)))
        declare(folder, path=path)
        said = said_by_check()
        assert says in said
        assert "\n" not in said
        assert not suggested(said, {})

    each(REFUSED.items(), check)


LONG = [pytest.param(each, marks=pytest.mark.long) for each in ("totals", "a workbook with a title")]


@pytest.mark.parametrize("mess", ["semicolons and decimal commas", *LONG])
def test_a_messy_file_is_scored_with_the_lines_that_were_suggested(folder: Path, mess: str) -> None:
    table = ships(ROWS)
    write(folder, MESSES[mess].path, MESSES[mess].written(table))
    settle(folder, {"path": MESSES[mess].path})
    train_directly("ships")
    score_directly("ships", LAST)
    assert sorted(read_predictions("ships", LAST)["ship"]) == sorted(table.loc[table["day"] == LAST, "ship"])


def test_keys_of_a_file_are_published_to_the_letter(folder: Path) -> None:
    declare(folder, path="ships.csv")
    table = ships()
    table.loc[table.index[-1], "ship"] = "NA"
    write(folder, "ships.csv", as_csv(table))
    train_directly("ships")
    score_directly("ships", LAST)
    published = read_predictions("ships", LAST)
    assert sorted(published["ship"]) == sorted(table.loc[table["day"] == LAST, "ship"])


@pytest.mark.long
def test_a_continent_declared_text_is_a_class_and_a_category_in_every_night(folder: Path) -> None:
    """`NA` of an undeclared column is a gap in training, and so it is in the night; each night is as in training."""
    write(folder, "ships.csv", as_csv(ships().assign(to=ships(seed=5)["from"])))
    declare(folder, path="ships.csv", types={"from": "text"})
    train_directly("ships")
    end, _ = score_directly("ships", LAST)
    assert [(each.rows_scored, each.unseen) for each in end.partitions] == [(8, {})]


def test_a_night_is_read_in_the_types_of_training(folder: Path) -> None:
    """Codes of a night without a letter, and a column that is empty that night, are scored; another type is refused."""
    table = ships().assign(berth=np.resize(["1", "2", "3", "Q"], 952))
    write(folder, "ships.csv", as_csv(table))
    declare(folder, path="ships.csv")
    train_directly("ships")
    night = table[table["day"] == LAST].assign(berth="3")
    for changed in (night, night.assign(berth=""), night.assign(full=[f"{value}.0" for value in night["full"]])):
        write(folder, "ships.csv", as_csv(changed))
        end, _ = score_directly("ships", LAST)
        assert end.partitions[0].rows_scored == 8
    write(folder, "ships.csv", as_csv(night.assign(miles="far")))
    end, _ = score_directly("ships", LAST)
    assert "column 'miles' is number" in end.partitions[0].reason
    assert "text now, such as 'far'" in end.partitions[0].reason


def test_a_day_a_file_is_scored_and_its_bad_cell_quarantined(folder: Path) -> None:
    for path, data in days(ships()).items():
        write(folder, path, data)
    declare(folder, path="days/*.csv")
    train_directly("ships")
    last = ships()[ships()["day"] == LAST].reset_index(drop=True)
    write(folder, f"days/{LAST}.csv", with_cell(last, "miles", "?!", 9))
    end, _ = score_directly("ships", LAST)
    assert end.partitions[0].code == "budget-exceeded", end.partitions[0].reason
    assert "1 of 8 rows" in end.partitions[0].reason
