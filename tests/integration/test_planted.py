"""Planted problems, end to end: what must be refused is refused, and what must be survived is said.

Runs go through the flows' own bodies without Prefect; `receipt` is the page each run would write.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.browser.pages import a_receipt
from tests.builders import CLOCK, ride_source, ride_spec, rides, write_project
from tests.direct import without_prefect
from tierra.errors import TierraError
from tierra.facts import CandidatesFitted, FeaturesExamined, LeaksSearched, TableProfiled
from tierra.journal import Journal, Warned, open_journal
from tierra.outcomes.scoring import PartitionScored, Scored
from tierra.outcomes.training import Trained
from tierra.steps.champion import current_champion
from tierra.steps.features import build_features
from tierra.steps.parts import Parts, split_table
from tierra.steps.pull import pull_sources
from tierra.steps.validate import validate_tables
from tierra.store.predictions import read_published
from tierra.store.tables import read_table
from tierra.workspace import open_workspace

DAY = "2024-04-28"
NOT_NULL = {"type": "expect_column_values_to_not_be_null", "column": "km"}


@dataclass(frozen=True)
class Run:
    """One run of a flow: how it ended, its journal, and the text of its receipt."""

    end: Trained | Scored | TierraError
    journal: Journal
    receipt: str

    def assert_refused(self, code: str, *says: str) -> None:
        """The run, or its one partition, was refused with this code, and says these words."""
        found, line = self._refusal
        assert found == code, line
        assert all(word in line for word in says), line

    def assert_published(self) -> PartitionScored:
        """The run's one partition, published; every row that came in was scored or set aside."""
        assert isinstance(self.end, Scored), self.end
        (only,) = self.end.partitions
        assert only.outcome == "Published", only.reason
        assert only.rows_in == only.rows_scored + only.rows_quarantined
        return only

    def assert_warned(self, *says: str) -> None:
        """A warning of the journal holds all these words."""
        warnings = [each.text for each in self.journal.facts(Warned)]
        assert any(all(word in warning for word in says) for warning in warnings), warnings

    def assert_shown(self, *says: str) -> None:
        """The receipt holds all these words."""
        assert [word for word in says if word not in self.receipt] == []

    def assert_quiet(self) -> None:
        """Nothing was warned of."""
        assert self.journal.facts(Warned) == []

    @property
    def _refusal(self) -> tuple[str, str]:
        if isinstance(self.end, TierraError):
            return self.end.code, self.end.what
        assert isinstance(self.end, Scored), self.end
        (only,) = self.end.partitions
        return only.code, only.reason


def run(flow: str, *arguments: Any) -> Run:
    """Run a flow's body for the project rides, and write its receipt."""
    with without_prefect(flow) as body, open_journal() as journal:
        try:
            end = body(open_workspace(), "rides", *arguments)
        except TierraError as error:
            end = error
    file, _ = a_receipt(flow, journal, end)
    return Run(end, journal, file.read_text())


@pytest.fixture
def project(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write the project rides, with changes to its file and its table."""
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    monkeypatch.setenv("TIERRA_RUN_REGISTERED_CODE", "true")

    def write(table: pd.DataFrame | None = None, **changes: Any) -> None:
        write_project(workspace / "projects" / "rides", ride_spec(**changes), table)

    return write


def on_the_day(change: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """Rides, with those of the day changed."""
    table = rides()
    inside = table["day"] == DAY
    return pd.concat([table[~inside], change(table[inside])], ignore_index=True)


def parts_of(name: str) -> Parts:
    """The three parts that a training of the project learns from."""
    here = open_workspace()
    project = here.project(name)
    clean = validate_tables(here, project, pull_sources(here, project))
    return split_table(here, project, build_features(here, project, clean))


def published() -> pd.DataFrame:
    opened = open_workspace()
    return read_published(opened.sink(opened.project("rides")), DAY).to_pandas()


@pytest.mark.parametrize("by", ["random", "stratified"])
def test_a_duplicate_is_never_on_two_sides(project: Callable[..., None], by: str) -> None:
    once = rides(300).drop(columns="day")
    twice = pd.concat([once, once.assign(ride_id=lambda rows: "again " + rows["ride_id"])], ignore_index=True)
    project(twice, sources=ride_source(partition_by=None), split={"by": by}, slices="zone", score=None)
    here, parts = open_workspace(), parts_of("rides")
    sides = pd.concat(
        [read_table(here.objects, getattr(parts, name)).to_pandas().assign(side=name) for name in parts.rows]
    )
    assert len(sides) == 600
    copies = sides.groupby(["km", "rain", "zone", "__target__"])["side"]
    assert copies.nunique().max() == 1
    assert copies.size().min() >= 2
    trained = run("train")
    assert isinstance(trained.end, Trained)
    (fact,) = trained.journal.facts(TableProfiled)
    assert fact.profile.duplicates == 300


def test_a_leaked_column_stops_the_training_until_it_is_acknowledged(project: Callable[..., None]) -> None:
    leaked, leak = rides().assign(paid_tip=lambda rows: (rows["tipped"] == "yes") * 2.5), "target-in-feature:paid_tip"
    project(leaked)
    stopped = run("train")
    stopped.assert_refused("leak-found", leak, "alone predicts the target", "known_later")
    stopped.assert_shown("leak-found", "<h2>Leaks</h2>", leak, "stops")
    assert stopped.journal.facts(CandidatesFitted) == []
    project(leaked, contract={"leaks": "warn"})  # as files of a version before have it
    as_before = run("train")
    as_before.assert_refused("leak-found", leak)
    as_before.assert_warned("contract.leaks decides nothing any more")
    project(leaked, leaks={"acknowledged": [{"leak": leak, "reason": "It is agreed on before"},
                                            {"leak": "twins", "reason": "of last year"}]})  # fmt: skip
    trained = run("train")
    trained.assert_shown("<h2>Leaks</h2>", leak, "acknowledged", "It is agreed on before")
    trained.assert_warned("'twins' is acknowledged and was not found")
    champion = current_champion(open_workspace(), open_workspace().project("rides"))
    assert champion
    assert [(each.id, each.reason) for each in champion.release.leaks] == [(leak, "It is agreed on before")]


def test_honest_columns_are_not_warned_of(project: Callable[..., None]) -> None:
    project()
    trained = run("train")
    trained.assert_quiet()
    assert [list(each.leaks) for each in trained.journal.facts(LeaksSearched)] == [[]]
    assert "<h2>Leaks</h2>" not in trained.receipt


def empty_km(table: pd.DataFrame) -> pd.DataFrame:
    """Three of ten rows without their km."""
    return table.assign(km=table["km"].where(np.arange(len(table)) % 10 >= 3))


def test_a_day_of_gaps_is_refused_beyond_the_budget_and_published_with_a_warning(
    project: Callable[..., None],
) -> None:
    project(contract={"quarantine_budget": "10%", "expectations": [{**NOT_NULL, "on_fail": "quarantine"}]})
    assert isinstance(run("train").end, Trained)
    broken = on_the_day(empty_km)
    project(broken, contract={"quarantine_budget": "10%", "expectations": [{**NOT_NULL, "on_fail": "quarantine"}]})
    refused = run("score", DAY)
    refused.assert_refused("budget-exceeded", "km", "10")
    refused.assert_shown("Quarantined rows", "km column_values_to_not_be_null", "budget-exceeded")
    project(broken, contract={"quarantine_budget": "30%", "expectations": [{**NOT_NULL, "on_fail": "quarantine"}]})
    within = run("score", DAY).assert_published()
    assert (within.rows_in, within.rows_quarantined) == (20, 6)
    project(broken, contract={"expectations": [{**NOT_NULL, "on_fail": "warn"}]})
    again = run("score", DAY, True)
    assert (again.assert_published().rows_scored, len(published())) == (20, 20)
    again.assert_warned("km", "not_be_null")
    again.assert_shown("Differences to the champion", "missing in 30", "Noticed", "not_be_null")


def test_a_day_of_nothing_but_gaps_is_published_empty_where_the_budget_allows_it(
    project: Callable[..., None],
) -> None:
    contract = {"quarantine_budget": "100%", "expectations": [{**NOT_NULL, "on_fail": "quarantine"}]}
    project(contract=contract)
    assert isinstance(run("train").end, Trained)
    project(on_the_day(lambda rows: rows.assign(km=np.nan)), contract=contract)
    only = run("score", DAY).assert_published()
    assert (only.rows_in, only.rows_scored, only.rows_quarantined, len(published())) == (20, 0, 20, 0)


@pytest.mark.parametrize("encode", ["one_hot", "ordinal", "target"])
def test_a_category_never_seen_is_scored_and_counted(project: Callable[..., None], encode: str) -> None:
    project(preprocessing={"columns": {"zone": {"encode": encode}}})
    assert isinstance(run("train").end, Trained)
    project(
        on_the_day(lambda rows: rows.assign(zone=["Z"] * 7 + rows["zone"].tolist()[7:])),
        preprocessing={"columns": {"zone": {"encode": encode}}},
    )
    scored = run("score", DAY)
    assert scored.assert_published().unseen == {"zone": 7}
    scored.assert_shown("Not seen in training", "&#39;Z&#39; in 35", "never in training")
    assert published()["probability"].between(0, 1).all()


@pytest.mark.parametrize("outliers", ["keep", "clip", "flag"])
def test_in_an_outlier_storm_only_what_is_clipped_stays_near(project: Callable[..., None], outliers: str) -> None:
    """A ridge on km: clipped, no prediction leaves what it says of the fence; else it flies off with the storm."""
    said = {
        "target": "worth", "gate": None, "candidates": [{"model": "ridge"}],
        "preprocessing": {"outliers": outliers, "scale": "standard", "target": "none"},
    }  # fmt: skip
    table = rides().assign(worth=lambda rows: rows["km"] * 2 + rows["rain"]).drop(columns="tipped")
    project(table, **said)
    trained = run("train")
    assert isinstance(trained.end, Trained)
    (found,) = trained.journal.facts(FeaturesExamined)
    assert ("outliers" in found.treatments["km"]) == (outliers != "keep")
    storm = table.assign(km=table["km"].where(table["day"] != DAY, table["km"] * 1e6))
    project(storm, **said)
    scored = run("score", DAY)
    scored.assert_published()
    scored.assert_shown("Differences to the champion", "far out")
    prediction = published()["prediction"]
    assert np.isfinite(prediction).all()
    assert (prediction.max() < 2 * table["worth"].max()) == (outliers == "clip")
