"""Files as people have them, trained and scored: as they are, or with the line that the error or a warning gave."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.direct import score_directly, train_directly
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


def spanish(table: pd.DataFrame) -> str:
    texts = table.assign(day=table["day"].dt.strftime("%d/%m/%Y"))
    return texts.to_csv(index=False, sep=";", decimal=",")


def priced(table: pd.DataFrame) -> str:
    return as_csv(
        table.assign(full=[f"{each}%" for each in table["full"]], fee=[f"${each:,.2f}" for each in table["fee"]])
    )


def with_cell(table: pd.DataFrame, column: str, text: str, every: int) -> str:
    texts = table.astype({column: "str"})
    texts.loc[texts.index % every == every // 2, column] = text
    return as_csv(texts)


def zipped(text: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("export/ships.csv", text)
    return data.getvalue()


def workbook(table: pd.DataFrame) -> bytes:
    data = io.BytesIO()
    table.to_excel(data, index=False)
    return data.getvalue()


def parquet(table: pd.DataFrame) -> bytes:
    data = io.BytesIO()
    whole = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(whole.append_column("crew", pa.array([["a", "b"]] * len(table))), data)
    return data.getvalue()


def write(folder: Path, path: str, data: str | bytes) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data if isinstance(data, bytes) else data.encode())


def declare(folder: Path, **source: Any) -> None:
    """The project of the ships, whose source has these keys besides."""
    project = {
        "project": "ships",
        "sources": {"ships": {"kind": "file", "key": "ship", "partition_by": "day", **source}},
        "target": "late",
        "split": {"validation": "20d", "test": "30d"},
        "candidates": [{"rule": "base_rate"}, {"model": "logistic"}],
        "score": {"lookback": "9d"},
    }
    write(folder, "project.yaml", yaml.safe_dump(project))


@pytest.fixture
def folder(workspace: Path) -> Path:
    return workspace / "projects" / "ships"


def tried() -> tuple[Trial, list[str]]:
    workspace = open_workspace()
    found = try_project(workspace, workspace.project("ships"), None)
    return found, found.warnings


def lines_in(text: str) -> dict[str, Any]:
    """The lines for the source that a message gives."""
    found: dict[str, Any] = {}
    for line in re.findall(r"`((?:csv|missing): [^`]*)`", text):
        found |= yaml.safe_load(line)
    return found


def pasted(folder: Path, **source: Any) -> tuple[Trial, dict[str, Any]]:
    """A trial with what the errors and warnings of trials before it said to add, and what that was."""
    added: dict[str, Any] = {}
    for _ in range(3):
        declare(folder, **source, **added)
        try:
            found, warnings = tried()
            more = lines_in(" ".join(warnings))
        except TierraError as error:
            if not (more := lines_in(str(error))):
                raise
            found = None
        if found and not more.keys() - added.keys():
            return found, added
        added |= more
    raise AssertionError(added)


MESSES: dict[str, tuple[str, Callable[[pd.DataFrame], str | bytes], set[str], dict[str, Any]]] = {
    "semicolons and decimal commas": ("ships.csv", spanish, {"csv"}, {}),
    "latin-1": ("ships.csv", lambda table: spanish(table.assign(port="Málaga")).encode("cp1252"), {"csv"}, {}),
    "tabs": ("ships.tsv", lambda table: as_csv(table, sep="\t"), set(), {}),
    "a zip file": ("ships.zip", lambda table: zipped(as_csv(table)), set(), {}),
    "a workbook": ("ships.xlsx", workbook, set(), {}),
    "a list in Parquet": ("ships.parquet", parquet, set(), {}),
    "one bad cell": ("ships.csv", lambda table: with_cell(table, "miles", "n.d.", 900), set(), {}),
    "percent and currency signs": ("ships.csv", priced, set(), {}),
    "a dash for missing": ("ships.csv", lambda table: with_cell(table, "miles", "-", 10), {"missing"}, {}),
    "a question mark in the target": ("ships.csv", lambda table: with_cell(table, "late", "?", 10), {"missing"}, {}),
    "month first": ("ships.csv", lambda table: as_csv(table, date_format="%m/%d/%y"), {"csv"}, {}),
}


@pytest.mark.parametrize("mess", MESSES)
def test_a_messy_file_trains_as_it_is_or_with_the_line_that_was_suggested(folder: Path, mess: str) -> None:
    path, written, added, source = MESSES[mess]
    write(folder, path, written(ships()))
    found, lines = pasted(folder, path=path, **source)
    assert set(lines) == added
    assert found.classes == ("no", "yes")
    assert mess == "a list in Parquet" or "are missing values; only empty ones in ship" in found.texts[0]
    assert {"miles", "fee", "full"} <= {name for name in found.features if "number" in found.treatments[name]}
    assert found.scores.best_metrics["roc_auc"] > 0.7


def test_keys_of_a_file_are_published_to_the_letter(folder: Path) -> None:
    declare(folder, path="ships.csv")
    table = ships()
    table.loc[table.index[-1], "ship"] = "NA"
    write(folder, "ships.csv", as_csv(table))
    train_directly("ships")
    score_directly("ships", LAST)
    published = read_predictions("ships", LAST)
    assert sorted(published["ship"]) == sorted(table.loc[table["day"] == LAST, "ship"])


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
    for changed in (night, night.assign(berth=""), night.assign(full=[f"{each}.0" for each in night["full"]])):
        write(folder, "ships.csv", as_csv(changed))
        end, _ = score_directly("ships", LAST)
        assert end.partitions[0].rows_scored == 8
    write(folder, "ships.csv", as_csv(night.assign(miles="far")))
    end, _ = score_directly("ships", LAST)
    assert "column 'miles' is number" in end.partitions[0].reason
    assert "text now, such as 'far'" in end.partitions[0].reason


def test_a_day_a_file_is_scored_and_its_bad_cell_quarantined(folder: Path) -> None:
    for number, (day, rows) in enumerate(ships().groupby("day")):
        columns = list(rows)[:: -1 if number % 2 else 1]
        write(folder, f"days/{day:%Y-%m-%d}.csv", as_csv(rows[columns].assign(**({"more": 1} if number > 60 else {}))))
    declare(folder, path="days/*.csv")
    train_directly("ships")
    last = ships()[ships()["day"] == LAST].reset_index(drop=True)
    write(folder, f"days/{LAST}.csv", with_cell(last, "miles", "?!", 9))
    end, _ = score_directly("ships", LAST)
    assert end.partitions[0].code == "budget-exceeded", end.partitions[0].reason
    assert "1 of 8 rows" in end.partitions[0].reason
