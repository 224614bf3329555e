"""Leaks end to end: refused with evidence, corrected as the line says, or accepted once acknowledged."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.builders import write_warehouse
from tests.direct import score_directly, train_directly
from tests.planted_leaks import CLOCK, Project, a_late_column, groups, twins, visits
from tierra.data.partitions import Work
from tierra.errors import DataRejected, Misconfigured
from tierra.facts import LeaksSearched
from tierra.model.release import Release
from tierra.outcomes.training import Trained
from tierra.steps.champion import current_champion
from tierra.steps.features import build_features, join_partition
from tierra.steps.model_card import make_model_card
from tierra.steps.pull import open_days, pull_partition, pull_side_tables, pull_sources
from tierra.steps.validate import validate_partition, validate_tables
from tierra.store.tables import read_table
from tierra.workspace import open_workspace

DAY = "2024-04-28"
PLAIN: dict[str, Any] = {"candidates": [{"rule": "base_rate"}, {"model": "logistic"}]}
TIMED: dict[str, Any] = {
    **PLAIN, "split": {"by": "time", "validation": "20d", "test": "30d"}, "score": {"lookback": "3d"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def clinic(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    monkeypatch.setenv("TIERRA_CONNECTIONS__WAREHOUSE__URL", f"sqlite:///{workspace / 'warehouse.db'}")
    return workspace / "projects" / "clinic"


def refused(project: Project, folder: Path) -> str:
    project.write(folder)
    with pytest.raises(DataRejected, match="leak-found") as caught:
        train_directly("clinic")
    assert open_workspace().champions.history("clinic") == ()
    return str(caught.value)


def stated(project: Project, **keys: Any) -> Project:
    return Project(project.tables, {**project.spec, **PLAIN, **keys}, project.code)


def acknowledged(leak: str) -> dict[str, Any]:
    return {"acknowledged": [{"leak": leak, "reason": "looked at with the ward"}]}


def release() -> Release:
    workspace = open_workspace()
    champion = current_champion(workspace, workspace.project("clinic"))
    assert champion
    return champion.release


def test_group_leakage_is_refused_until_the_split_keeps_groups_together_or_a_reason_is_given(clinic: Path) -> None:
    leaky = groups(0, leaks=True)
    line = refused(stated(leaky), clinic)
    assert "groups:patient: " in line
    assert "test rows have a 'patient' of training, which tells their target to 100.0% beyond chance" in line
    assert "`split: {by: group, column: patient}`" in line
    stated(leaky, split={"by": "group", "column": "patient"}).write(clinic)
    trained, _ = train_directly("clinic")
    assert isinstance(trained, Trained)
    stated(leaky, leaks=acknowledged("groups:patient")).write(clinic)
    _, journal = train_directly("clinic")
    (leak,) = [each for fact in journal.facts(LeaksSearched) for each in fact.leaks]
    assert (leak.id, leak.reason, leak.stops) == ("groups:patient", "looked at with the ward", False)


def test_what_is_known_only_afterwards_is_refused_and_its_acknowledgement_stays_with_the_release(clinic: Path) -> None:
    late = a_late_column(0, leaks=True)
    line = refused(stated(late), clinic)
    assert "not-known-yet:laboratory: feature 'laboratory' is filled in 9" in line
    assert "in 0.0% of 100 without; list it under `known_later`" in line
    stated(late, leaks=acknowledged("not-known-yet:laboratory")).write(clinic)
    train_directly("clinic")
    (kept,) = release().leaks
    assert (kept.id, kept.reason) == ("not-known-yet:laboratory", "looked at with the ward")
    (shown,) = [part for part in make_model_card(open_workspace().project("clinic"), release(), {}).parts
                if part.title == "Leaks"]  # fmt: skip
    assert shown.rows == ((kept.id, kept.evidence, "looked at with the ward"),)
    assert json.loads(release().text)["leaks"][0]["reason"] == "looked at with the ward"
    source = {**late.spec["sources"]["visits"], "known_later": "laboratory"}
    stated(late, sources={"visits": source}).write(clinic)
    _, journal = train_directly("clinic")
    assert [each for fact in journal.facts(LeaksSearched) for each in fact.leaks] == []
    assert b'"leaks"' not in release().model_copy(update={"leaks": ()}).text, "as a version before wrote it"


def test_the_proposed_grouping_of_twins_can_be_taken_over(clinic: Path) -> None:
    copied = twins(0, leaks=True)
    line = refused(stated(copied), clinic)
    assert "`split: {by: group, column: twin}`" in line
    made = line.partition("return ")[2].partition(" from `prepare`")[0]
    code = f"import pandas as pd\n\ndef prepare(rows, history):\n    return {made}\n"
    corrected = Project(copied.tables, copied.spec, code)
    stated(corrected, prepare="features:prepare", split={"by": "group", "column": "twin"}).write(clinic)
    _, journal = train_directly("clinic")
    assert [each for fact in journal.facts(LeaksSearched) for each in fact.leaks] == []
    scored, _ = score_directly("clinic")
    assert scored.partitions[0].outcome == "Published"


def readings(seed: int = 0) -> pd.DataFrame:
    """What was measured of each patient at some moments, the last of them yesterday."""
    random = np.random.default_rng(seed)
    moments = pd.Timestamp("2023-12-20") + pd.to_timedelta(np.sort(random.choice(131 * 24, 1_500, replace=False)), "h")
    return pd.DataFrame({"patient": random.integers(0, 40, 1_500), "measured": moments,
                         "sugar": random.normal(5, 1, 1_500).round(2)})  # fmt: skip


def timed_visits() -> pd.DataFrame:
    table, random = visits(0), np.random.default_rng(3)
    hours = pd.to_timedelta(random.integers(0, 24 * 60, len(table)), "min")
    return table.assign(patient=random.integers(0, 40, len(table)), at=pd.to_datetime(table["day"]) + hours)


def as_of_project(clinic: Path, table: pd.DataFrame, **join: Any) -> None:
    """Visits and readings in a SQLite database."""
    write_warehouse(clinic.parent.parent / "warehouse.db", visits=timed_visits(), readings=table)
    database = {"kind": "sql", "connection": "warehouse", "path": None}
    sources = {
        "visits": {**database, "table": "visits", "partition_by": "day", "types": {"day": "date", "at": "timestamp"}},
        "readings": {**database, "table": "readings", "types": {"measured": "timestamp"}},
    }
    joins = [{"left": "visits", "right": "readings", "on": "patient", "max_orphans": "20%", **join}]
    Project({"visits": visits(0), "readings": table}, {**TIMED, "sources": sources, "joins": joins}).write(clinic)


AS_OF = {"as_of": {"left": "at", "right": "measured"}, "tolerance": "60d"}


def sugar_of(day: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What each visit of a day is joined with: in training, and at night."""
    workspace = open_workspace()
    project = workspace.project("clinic")
    table = build_features(workspace, project, validate_tables(workspace, project, pull_sources(workspace, project)))
    trained = read_table(workspace.objects, table.joined).to_pandas()
    work = Work(day, 0)
    sides = validate_tables(workspace, project, pull_side_tables(workspace, project))
    pulled = pull_partition(workspace, project, open_days(workspace, project, [work]), work)
    joined = join_partition(workspace, project, validate_partition(workspace, project, pulled), sides).joined
    night = read_table(workspace.objects, joined.rows).to_pandas()
    both = (trained[trained["day"].astype("str").str[:10] == day], night)
    return tuple(each.set_index("visit")["sugar"].to_dict() for each in both)  # type: ignore[return-value]


@pytest.mark.long
def test_a_join_as_of_a_moment_replaces_one_that_looks_ahead_and_sees_the_same_at_night(clinic: Path) -> None:
    newest = readings().sort_values("measured").drop_duplicates("patient", keep="last")
    as_of_project(clinic, newest)
    with pytest.raises(DataRejected, match=r"after-the-row:measured: 'measured' of readings lies after the row's own"):
        train_directly("clinic")
    as_of_project(clinic, readings(), **AS_OF)
    trained, _ = train_directly("clinic")
    assert trained.outcome == "Promoted" or trained.best.metrics
    in_training, at_night = sugar_of(DAY)
    assert in_training == at_night
    here, known = timed_visits().set_index("visit"), readings()
    for visit, sugar in in_training.items():
        row = here.loc[visit]
        before = known[(known["patient"] == row["patient"]) & (known["measured"] <= row["at"])
                       & (known["measured"] >= row["at"] - pd.Timedelta("60D"))]  # fmt: skip
        assert sugar == before.sort_values("measured")["sugar"].iloc[-1]


@pytest.mark.long
def test_a_reading_of_later_makes_no_published_day_stale_and_one_of_before_does(clinic: Path) -> None:
    as_of_project(clinic, readings(), **AS_OF)
    train_directly("clinic")
    scored, _ = score_directly("clinic")
    assert {each.partition: each.outcome for each in scored.partitions}[DAY] == "Published"
    patient = int(timed_visits().query("day == @DAY")["patient"].iloc[0])
    for moment, outcome in (("2024-04-30 09:00", "AlreadyPublished"), ("2024-04-27 23:59", "Published")):
        late = pd.DataFrame({"patient": [patient], "measured": [pd.Timestamp(moment)], "sugar": [19.5]})
        as_of_project(clinic, pd.concat([readings(), late]), **AS_OF)
        scored, _ = score_directly("clinic", DAY)
        assert scored.partitions[0].outcome == outcome, moment


def test_what_a_side_table_knows_later_reaches_neither_the_features_nor_the_night(clinic: Path) -> None:
    table, random = visits(0), np.random.default_rng(0)
    outcome = pd.DataFrame(
        {"visit": table["visit"], "came_back": table["returned"], "bed": random.integers(1, 9, 1_200)}
    )
    code = "def target(rows):\n    return rows['came_back']\n"
    sources = {"visits": {"partition_by": "day"}, "outcomes": {"key": "visit", "known_later": "came_back"}}
    joins = [{"left": "visits", "right": "outcomes", "on": "visit", "max_orphans": "5%"}]
    spec = {**TIMED, "sources": sources, "joins": joins, "target": "features:target"}
    bare = table.drop(columns="returned")
    Project({"visits": bare, "outcomes": outcome}, spec, code).write(clinic)
    trained, _ = train_directly("clinic")
    assert "came_back" not in release().features
    assert "bed" in release().features
    assert trained.rows["test"] > 100
    scored, _ = score_directly("clinic", DAY)
    assert scored.partitions[0].outcome == "Published"
    changed = outcome.assign(came_back="no")
    Project({"visits": bare, "outcomes": changed}, spec, code).write(clinic)
    scored, _ = score_directly("clinic", DAY)
    assert scored.partitions[0].outcome == "AlreadyPublished", "what is known later makes nothing stale"
    Project({"visits": bare, "outcomes": outcome}, {**spec, "features": ["age", "came_back"]}, code).write(clinic)
    with pytest.raises(Misconfigured, match="'came_back' is known later"):
        open_workspace().project("clinic")
