"""A training keeps its cards with the release, in MLflow and beside its receipt, and the command prints them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.builders import CLOCK, ride_spec, write_project
from tests.direct import train_directly
from tierra.cli.commands import app
from tierra.facts import CardsMade
from tierra.report.finished_run import FinishedRun
from tierra.report.page import write_receipt
from tierra.steps.cards import read_card
from tierra.steps.collect import plan_collection, projects_of
from tierra.workspace import open_workspace


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cards")
    goals = [{"goal": "Beat the habit", "metric": "roc_auc", "at_least": 0.6}]
    card = {"goal": "Tip well", "goals": goals, "cost": {"false_alarm": 1, "missed": 3}}
    write_project(folder / "projects" / "rides", ride_spec(card=card))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"HOME": folder / "var", "PROJECTS": folder / "projects", "CLOCK": CLOCK}.items():
            patch.setenv(f"TIERRA_{name}", str(value))
        patch.chdir(folder)
        trained, journal = train_directly("rides")
        assert trained.outcome == "Promoted"
        assert [made.version for made in journal.facts(CardsMade)] == ["1"]
        write_receipt(open_workspace(), FinishedRun("rides", "train", journal, trained))
        yield folder / "var"


def card(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["card", "rides", *arguments], env={"COLUMNS": "140"})
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_cards_stand_in_the_store_and_a_collection_keeps_them(home: Path) -> None:
    workspace = open_workspace()
    champion = workspace.champions.current("rides")
    assert champion is not None
    names = {ref.name for ref in champion.release.cards.values()}
    assert len(names) == 2
    assert {name.split("/")[0] for name in names} == {"cards"}
    with workspace.objects.draft("cards/", ".json") as stray:
        stray.write(b"{}")
    for file in (home / "store").rglob("*"):
        os.utime(file, (0, 0))  # so old that whatever nothing refers to would go
    plan = plan_collection(workspace, projects_of(workspace), whole=True, yes=True)
    assert plan.store is not None
    marked = {each.name for each in plan.store.objects.to_mark}
    assert stray.name in marked
    assert not names & marked
    assert read_card(workspace, champion, "model").kind == "model"


def test_mlflow_shows_them_beside_the_release(home: Path) -> None:
    (file,) = (home / "mlflow-artifacts").rglob("model_card.md")
    assert "Tip well" in file.read_text()
    assert (file.parent / "data_card.md").is_file()
    assert (file.parent / "release.json").is_file()


def test_the_receipt_and_the_list_of_runs_link_to_their_pages(home: Path) -> None:
    folder = home / "receipts" / "rides"
    (receipt,) = folder.glob("[0-9]*-train-*.html")
    for page in (receipt, folder / "index.html"):
        assert 'href="model-card-v1.html"' in page.read_text()
    told = (folder / "model-card-v1.html").read_text()
    for text in ("Tip well", "Beat the habit", "How good it is", "not stated"):
        assert text in told
    assert (folder / "data-card-v1.html").is_file()


def test_the_command_prints_either_card_in_each_form(home: Path, tmp_path: Path) -> None:
    assert "Model card: rides, version 1" in card()
    assert card("--format", "md").startswith("# Model card: rides, version 1\n")
    assert card("--data", "--format", "md").startswith("# Data card: rides, version 1\n")
    page = tmp_path / "card.html"
    card("--format", "html", "--output", str(page))
    assert page.read_text().startswith("<!doctype html>")
    assert '"kind": "model"' in card("--json")


def test_a_champion_from_before_the_cards_has_one_too(home: Path) -> None:
    workspace = open_workspace()
    champion = workspace.champions.current("rides")
    assert champion is not None
    old = champion.model_copy(update={"release": champion.release.model_copy(update={"cards": {}})})
    for kind in ("model", "data"):
        assert read_card(workspace, old, kind) == read_card(workspace, champion, kind)
