"""Real runs of a second training: classes spelt anew, a third value, a champion that cannot read, a name taken over."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.builders import CLOCK, ride_spec, rides, write_project, zoned_spec, zones
from tierra.workspace import open_workspace

GATE = {"metric": "roc_auc", "beat_champion_by": 0.5}  # which no model can
SPELT = {"words": "no yes", "numbers": "0 1", "numbers with a point": "0.0 1.0", "booleans": "False True"}


@pytest.fixture
def folder(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that was trained once."""
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    place = workspace / "projects" / "rides"
    write(place)
    assert train()[0] == "Promoted"
    return place


def write(folder: Path, table: pd.DataFrame | None = None, **changes: Any) -> None:
    write_project(folder, ride_spec(**{"gate": GATE, **changes}), rides(1200) if table is None else table)


def train(project: str = "rides", **stated: Any) -> tuple[str, str]:
    from flows.train import train as flow

    return ended(flow.fn(project, **stated))


def score(project: str = "rides") -> tuple[str, str]:
    from flows.score import score as flow

    return ended(flow.fn(project))


def ended(state: Any) -> tuple[str, str]:
    return str(state.name), str(state.message)


def respelt(spelling: str) -> pd.DataFrame:
    no, yes = spelling.split()
    table = rides(1200).assign(km=lambda table: table["km"] + 0.01)
    return table.assign(tipped=table["tipped"].map({"no": no, "yes": yes}))


def serving() -> tuple[int, tuple[str, ...]]:
    champion = open_workspace().champions.current("rides")
    assert champion
    return champion.number, champion.release.labels.classes


@pytest.mark.parametrize(
    "spelling", ["words", *(pytest.param(each, marks=pytest.mark.long) for each in list(SPELT)[1:])]
)
def test_the_classes_written_in_another_way_keep_the_gate_shut(folder: Path, spelling: str) -> None:
    write(folder, respelt(SPELT[spelling]))
    name, message = train()
    assert (name, "does not beat champion version 1" in message) == ("KeptChampion", True), message
    assert serving() == (1, ("no", "yes"))


@pytest.mark.long
def test_a_third_value_is_rejected_until_the_champion_may_be_replaced(folder: Path) -> None:
    table = respelt("no yes")
    table.loc[[7, 9], "tipped"] = "maybe"
    write(folder, table)
    name, message = train()
    assert name == "DataRejected"
    assert "'maybe' in 2 rows (ride_id r000007, r000009)" in message
    assert "--replace-champion" in message
    write(folder, table, gate={})
    assert train(replace_champion=True)[0] == "Promoted"
    assert serving() == (2, ("maybe", "no", "yes"))


def test_an_edited_target_needs_a_word_and_the_same_said_otherwise_does_not(folder: Path) -> None:
    write(folder, task="binary", positive=True)
    assert train()[0] == "KeptChampion"
    for changes, named in (
        ({"target": "rain", "gate": {}}, "target was edited"),
        ({"positive": "no"}, "positive was edited"),
        ({"task": "regression", "gate": {}, "candidates": [{"model": "ridge"}]}, "task was edited"),
    ):
        write(folder, **changes)
        name, message = train()
        assert (name, named in message) == ("Misconfigured", True), message
        assert train(dry_run=True)[0] == "Misconfigured"
    write(folder, positive="no")
    assert train(replace_champion=True)[0] == "Promoted"
    assert serving() == (2, ("yes", "no"))


def test_a_champion_that_cannot_read_today_s_tables_is_never_left_out_unasked(folder: Path) -> None:
    zones().to_csv(folder / "zones.csv", index=False)
    write_project(folder, zoned_spec() | {"gate": GATE, "features": ["km", "zone", "centre"]}, rides(1200))
    assert train()[0] == "KeptChampion", "it reads what it knows, and the join beside it"
    write(folder, rides(1200).drop(columns="rain"))
    name, message = train()
    assert name in ("DataRejected", "Misconfigured")
    assert "champion version 1 cannot read today's tables" in message
    assert serving()[0] == 1
    assert train(replace_champion=True)[0] == "Promoted"
    assert "is replaced without being compared" in newest_page()


def newest_page() -> str:
    pages = (Path("var") / "receipts" / "rides").glob("*-train-*.html")
    return max(pages, key=lambda page: page.stat().st_mtime).read_text()


def test_a_second_folder_publishes_nothing_until_it_has_taken_over(folder: Path) -> None:
    assert score()[0] == "Published"
    other = folder.parent / "other"
    write(other, rides(1200, seed=1), candidates=[{"rule": "base_rate"}])
    for end in (train("other"), score("other"), train("other", dry_run=True)):
        assert end[0] == "Misconfigured"
        assert "belongs to another project file" in end[1]
    assert train("other", take_over=True)[0] == "KeptChampion"
    assert (train()[0], score()[0]) == ("Misconfigured", "Misconfigured")
    assert score("other")[0] in ("Published", "NothingDue")


@pytest.mark.long
def test_a_copied_home_scores_with_its_own_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The original is gone: whatever the copy needed of it would be missing. MLflow's own files are told of."""
    copy = Path(
        shutil.copytree(folder.parent.parent, folder.parent.parent.parent / f"{folder.parent.parent.name}-copy")
    )
    for name in ("var", "projects"):
        shutil.rmtree(folder.parent.parent / name)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("TIERRA_HOME", str(copy / "var"))
    monkeypatch.setenv("TIERRA_PROJECTS", str(copy / "projects"))
    assert score()[0] == "Published"
    write(copy / "projects" / "rides", gate={}, candidates=[{"rule": "base_rate"}, {"model": "hist_gradient_boosting"}])
    train()
    assert "outside this home" in newest_page()


def test_an_experiment_deleted_in_mlflow_is_no_passing_failure(folder: Path) -> None:
    from tierra.model.tracking import open_client

    client = open_client(open_workspace().mlflow_address)
    client.delete_experiment(client.get_experiment_by_name("rides").experiment_id)
    write(folder, candidates=[{"rule": "base_rate"}])
    name, message = train()
    assert (name, "experiments restore" in message) == ("Misconfigured", True), message
