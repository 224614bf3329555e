"""Single nights in which a column looks like another type: each is scored as it was trained, or refused by name."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.direct import score_directly, train_directly, without_prefect
from tests.oracle import load_champion, says
from tierra.data.frames import UNREAD
from tierra.data.partitions import ALL
from tierra.data.profile import Profile
from tierra.errors import DataRejected, InvalidCall
from tierra.facts import RowsQuarantined
from tierra.journal import Warned, open_journal
from tierra.outcomes.scoring import PartitionScored
from tierra.reading import read_table
from tierra.store.predictions import read_published
from tierra.store.values import read_value
from tierra.workspace import open_workspace

DAYS = [date(2024, 5, 1) + timedelta(day) for day in range(50)]
LAST, BEFORE = DAYS[-1].isoformat(), DAYS[-2].isoformat()
Change = Callable[[pd.DataFrame], pd.DataFrame]


def orchard() -> pd.DataFrame:
    """Trees picked on fifty days, eight a day: how ripe they were, and what the picker noted."""
    random = np.random.default_rng(3)
    rows = len(DAYS) * 8
    table = pd.DataFrame({"tree": [f"t{number:04d}" for number in range(rows)], "picked": np.repeat(DAYS, 8)})
    table["row"] = random.integers(0, 4, rows)
    table["code"] = random.choice(["1", "2", "3", "X"], rows)
    table["sun"] = random.random(rows).round(3)
    chance = 1 / (1 + np.exp(4 - 2 * table["row"] - 2 * table["sun"]))
    return table.assign(ripe=np.where(random.random(rows) < chance, "yes", "no"))


class Orchard:
    """A project over orchard(), as CSV or Parquet."""

    def __init__(self, folder: Path, suffix: str = "csv", **spec: Any) -> None:
        self.folder, self.suffix, self.table = folder / "projects/orchard", suffix, orchard()
        self.folder.mkdir(parents=True)
        source = {"kind": "file", "path": f"trees.{suffix}", "key": "tree", "partition_by": "picked"}
        source |= spec.pop("source", {})
        said = {
            "project": "orchard", "sources": {"trees": source}, "target": "ripe", "features": ["row", "code", "sun"],
            "split": {"validation": "10d", "test": "15d"}, "effort": "quick",
            "candidates": [{"rule": "base_rate"}, {"model": "logistic"}],
            "score": {"lookback": "3d"},
        }  # fmt: skip
        (self.folder / "project.yaml").write_text(yaml.safe_dump({**said, **spec}, sort_keys=False))

    def write(self, change: Change = lambda table: table) -> None:
        table = change(self.table.copy())
        if self.suffix == "csv":
            table.to_csv(self.folder / "trees.csv", index=False)
        else:
            table.to_parquet(self.folder / "trees.parquet", index=False)

    def score(self, change: Change) -> dict[str, PartitionScored]:
        self.write(change)
        return {each.partition: each for each in score_directly("orchard")[0].partitions}

    def published(self, day: str = LAST) -> dict[str, float]:
        rows = read_published(open_workspace().sink(open_workspace().project("orchard")), day)
        return dict(zip(rows.column("tree").to_pylist(), rows.column("probability").to_pylist(), strict=True))


@pytest.fixture
def clock(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tierra.model.importance.SECONDS", 0.0)
    monkeypatch.setenv("TIERRA_CLOCK", f"{LAST}T20:00:00+00:00")
    return workspace


def a_gap(table: pd.DataFrame) -> pd.DataFrame:
    """The last tree's row is not known: pandas writes the whole column with decimal points."""
    table["row"] = table["row"].astype("float64")
    table.loc[len(table) - 1, "row"] = None
    return table


def other_digits(table: pd.DataFrame) -> pd.DataFrame:
    """Codes that are all numbers this night, and shares that are all whole."""
    last = table["picked"] == DAYS[-1]
    return table.assign(code=table["code"].mask(last, "2"), sun=table["sun"].mask(last, 1.0))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_what_is_published_is_what_the_pipeline_says_of_the_rows(clock: Path, suffix: str) -> None:
    here = Orchard(clock, suffix)
    here.write()
    train_directly("orchard")
    nights: list[Change] = [lambda table: table, a_gap, other_digits]
    for change in nights:
        here.score(change)
        rows = change(here.table.copy()).query("picked == @DAYS[-1]")
        expected = dict(zip(rows["tree"], says(load_champion("orchard"), rows[["row", "code", "sun"]]), strict=True))
        published = here.published()
        assert published.keys() == expected.keys()
        assert all(np.isclose(published[tree], expected[tree], rtol=1e-12, atol=0) for tree in expected)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"candidates": [{"rule": {"rate_by": ["row"]}}], "gate": {"beat_rule_by": 0.5}}, ""),
        ({"features": "made:build"}, "def build(rows):\n    return rows[['row']].astype(str)\n"),
    ],
    ids=["rates", "texts"],
)
def test_a_gap_in_one_row_moves_no_other_row_of_its_day(
    clock: Path, suffix: str, spec: dict[str, Any], code: str
) -> None:
    here = Orchard(clock, suffix, **spec)
    (here.folder / "made.py").write_text(code)
    here.write()
    train_directly("orchard")
    here.score(lambda table: table)
    before = here.published()
    end = here.score(a_gap)
    assert (end[LAST].outcome, end[LAST].generation, end[BEFORE].outcome) == ("Published", 2, "AlreadyPublished")
    after = here.published()
    hit = here.table["tree"].iloc[-1]
    assert {tree for tree in before if not np.isclose(before[tree], after[tree], rtol=1e-12)} == {hit}
    assert end[LAST].unseen == {}


def test_the_same_rows_in_another_order_or_width_are_not_published_again_and_a_fraction_is(clock: Path) -> None:
    here = Orchard(clock, "parquet")
    here.write()
    train_directly("orchard")
    first = here.score(lambda table: table)
    assert {each.outcome for each in first.values()} == {"Published"}
    forms: list[Change] = [
        lambda table: table[[*reversed(table.columns)]].assign(visitors=1.5),
        lambda table: table.astype({"row": "int8", "code": "category"}).sample(frac=1, random_state=1),
        lambda table: table.astype({"row": "float64"}),
    ]
    for form in forms:
        assert {each.outcome for each in here.score(form).values()} == {"AlreadyPublished"}

    def a_fraction(table: pd.DataFrame) -> pd.DataFrame:
        table["row"] = table["row"].astype("float64")
        table.loc[len(table) - 1, "row"] = 2.5
        return table

    end = here.score(a_fraction)
    assert [end[day].outcome for day in (LAST, BEFORE)] == ["Published", "AlreadyPublished"]


def test_a_file_of_one_night_is_read_as_the_release_says_not_as_it_looks(clock: Path) -> None:
    here = Orchard(clock)
    here.write()
    train_directly("orchard")
    here.score(lambda table: table)
    before = here.published()

    def tonight(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["picked"] == DAYS[-1]]

    def numbers_only(table: pd.DataFrame) -> pd.DataFrame:
        return tonight(table).assign(code="1")

    def empty(table: pd.DataFrame) -> pd.DataFrame:
        return tonight(table).assign(code=None)

    def with_a_word(table: pd.DataFrame) -> pd.DataFrame:
        return tonight(table).assign(sun=lambda rows: rows["sun"].astype(object).where(rows.index % 8 > 4, "bright"))

    ends = [score_of(here, change) for change in (numbers_only, empty)]
    assert [end.outcome for end in ends] == ["Published", "Published"]
    assert len(here.published()) == len(before)
    end = score_of(here, with_a_word)
    assert end.outcome == "Rejected"
    assert "'sun'" in end.reason
    assert "'bright'" in end.reason


def score_of(here: Orchard, change: Change) -> PartitionScored:
    here.write(change)
    return score_directly("orchard", LAST)[0].partitions[0]


def test_a_day_written_as_a_number_is_a_date_where_it_is_declared_one_or_is_refused(clock: Path) -> None:
    here = Orchard(clock, "parquet", source={"types": {"picked": "date"}})
    here.write(lambda table: table.assign(picked=pd.to_datetime(table["picked"]).dt.strftime("%Y%m%d").astype("int32")))
    train_directly("orchard")
    assert score_of(here, lambda table: table).outcome == "Published"
    here.write(lambda table: table.assign(picked=19_800))
    with pytest.raises(DataRejected, match=r"'picked' is date .* such as '19\d+'.*\[column-type\]"):
        train_directly("orchard")


def test_a_cell_that_cannot_be_read_costs_its_row_and_is_no_column_of_the_data(clock: Path) -> None:
    here = Orchard(clock, contract={"quarantine_budget": "20%"})

    def a_word(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(sun=table["sun"].astype(object).where(table.index < len(table) - 1, "n.d."))

    here.write(a_word)
    trained, journal = train_directly("orchard")
    assert trained.rows["train"] + trained.rows["validation"] + trained.rows["test"] == len(here.table) - 1
    end = here.score(a_word)[LAST]
    assert (end.outcome, end.rows_in, end.rows_quarantined) == ("Published", 8, 1)
    reasons = [reason.reason for entry in journal.entries for fact in entry.facts if isinstance(fact, RowsQuarantined)
               for reason in fact.reasons]  # fmt: skip
    assert reasons == ["cannot be read: sun: 'n.d.'"]
    champion = open_workspace().champions.current("orchard")
    assert champion
    assert UNREAD not in {name for kept in champion.release.schemas.values() for name in kept}
    assert champion.release.profile
    profile = read_value(open_workspace().objects, champion.release.profile, Profile)
    assert [column.name for column in profile.columns] == list(here.table.columns)


def test_a_day_whose_keys_are_all_others_is_not_replaced_unless_it_is_asked_for(clock: Path) -> None:
    here = Orchard(clock)
    here.write()
    train_directly("orchard")
    here.score(lambda table: table)
    before = here.published()

    def lost_letters(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(tree=table["tree"].str.removeprefix("t").str.lstrip("0"))

    end = here.score(lost_letters)[LAST]
    assert (end.outcome, end.code) == ("Rejected", "keys-changed")
    assert "such as 't0392', and holds none of them now: '392'" in end.reason
    assert here.published() == before
    some = here.score(lambda table: table.assign(tree=table["tree"].where(table.index % 2 == 0, "n" + table["tree"])))
    assert some[LAST].outcome == "Published"
    here.write(lost_letters)
    with without_prefect("score") as body, open_journal():
        again = body(open_workspace(), "orchard", LAST, rescore=True)
    assert again.partitions[0].outcome == "Published"


def test_an_edited_positive_is_told_until_it_is_trained(clock: Path) -> None:
    here = Orchard(clock)
    here.write()
    train_directly("orchard")
    file = here.folder / "project.yaml"
    file.write_text(file.read_text() + "positive: 'no'\n")
    _, journal = score_directly("orchard", LAST)
    told = [fact.text for entry in journal.entries for fact in entry.facts if isinstance(fact, Warned)]
    assert told == [
        "positive was edited: champion version 1 predicts ripe, no or yes, with the probability of yes;"
        " it does so until `tierra train orchard --replace-champion`"
    ]


def test_a_day_must_be_named_to_read_the_predictions_of_a_project_with_days(clock: Path) -> None:
    here = Orchard(clock)
    here.write()
    train_directly("orchard")
    with pytest.raises(InvalidCall, match=r"published by day, and no day has been published yet.*\[partition-needed\]"):
        read_table("orchard", ALL)
    score_directly("orchard", LAST)
    with pytest.raises(InvalidCall, match=rf"the newest is {LAST}.*\[partition-needed\]"):
        read_table("orchard", ALL)
