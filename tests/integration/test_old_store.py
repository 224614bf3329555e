"""A store left by the version before champions were pointers: everything in it goes on.

tests/data/make_old_store.py made it with that version's own code.
"""

import hashlib
import json
import sys
import tarfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.data.make_old_store import PACKED, rewrite_places
from tests.integration.test_scoring_flow import DUE, Installation, stand_in
from tierra.errors import Broken, NoChampion, Unavailable
from tierra.settings import load_settings
from tierra.status.stores import read_stores
from tierra.steps.champion import current_champion, find_champion, open_scorer
from tierra.workspace import open_workspace


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """The old store, unpacked where its MLflow believes to be."""
    with tarfile.open(PACKED) as packed:
        packed.extractall(tmp_path, filter="data")
    rewrite_places(tmp_path / "var" / "mlflow.db", "file:HOME", (tmp_path / "var").as_uri())
    return stand_in(tmp_path, monkeypatch)


def release_of(old: Installation) -> Path:
    (file,) = (old.folder / "var" / "mlflow-artifacts").rglob("release.json")
    return file


def test_its_published_days_are_read_its_champion_serves_and_its_next_runs_go_on(
    prefect_server: str, old: Installation
) -> None:
    assert old.published == dict.fromkeys(DUE, 1)
    before = {day: old.read(day) for day in DUE}
    assert [len(table) for table in before.values()] == [6, 6]
    assert old.score()[0] == "NothingDue"
    assert [old.score(day)[0] for day in DUE] == ["AlreadyPublished"] * 2
    (first,) = open_workspace().champions.history("rides")
    assert (first.number, first.version, first.who) == (1, "1", "MLflow")
    assert first.why == "taken over from the alias of version 1"
    name, again = old.score(DUE[0], rescore=True)
    assert (name, again.model_version, again.generation) == ("Published", "1", 2)
    assert old.read(DUE[0]).equals(before[DUE[0]]), "the same model predicts the same"
    name, end = old.train()
    assert (name, end.champion.version) in {("KeptChampion", "1"), ("Promoted", "2")}
    assert len(open_workspace().champions.history("rides")) == int(end.champion.version)


def test_its_champion_is_taken_over_once_whole_and_is_then_found_without_mlflow(
    old: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, release = open_workspace(), json.loads(release_of(old).read_text())
    project = workspace.project("rides")
    seen = read_stores(workspace)
    assert "rides: the next run takes version 1 over from MLflow" in seen.checks[0].what
    assert (seen.projects[0].champion, seen.projects[0].known) == (None, False)
    assert workspace.champions.history("rides") == (), "looking changes nothing"
    champion = find_champion(workspace, project)
    assert json.loads(champion.release.text) == release
    assert hashlib.sha256(champion.release.text).hexdigest() == hashlib.sha256(release_of(old).read_bytes()).hexdigest()
    assert champion.run_id
    assert champion.registered.year == 2026
    (old.folder / "var" / "mlflow.db").unlink()
    for name in ("tierra.model.tracking", "tierra.model.recorder", "mlflow"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    assert current_champion(workspace, project) == champion
    assert open_scorer(workspace, project, champion).code.files == champion.release.code


@pytest.mark.parametrize(
    ("name", "code"),
    [("release.json", "artifact-tampered"), ("model.skops", "artifact-tampered"), ("features.py", "code-mismatch")],
)
def test_what_was_changed_in_mlflow_is_not_taken_over(old: Installation, name: str, code: str) -> None:
    workspace = open_workspace()
    (file,) = (old.folder / "var" / "mlflow-artifacts").rglob(name)
    for damage, says in ((lambda: file.write_bytes(file.read_bytes() + b" "), code), (file.unlink, "artifact-missing")):
        damage()
        with pytest.raises(Broken, match=rf"{name}.*{says}"):
            find_champion(workspace, workspace.project("rides"))
    assert workspace.champions.history("rides") == ()


def test_without_an_alias_nothing_is_taken_over_and_mlflow_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: Installation
) -> None:
    monkeypatch.setenv("TIERRA_HOME", str(tmp_path / "new"))
    workspace = open_workspace()
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "tierra.model.tracking", None)  # importing it fails
        with pytest.raises(NoChampion):
            find_champion(workspace, workspace.project("rides"))
    assert not (tmp_path / "new" / "mlflow.db").exists()
    monkeypatch.setenv("TIERRA_MLFLOW_URI", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="registry-unavailable"):  # there may be one: no run may begin from nothing
        find_champion(open_workspace(), workspace.project("rides"))


def test_the_packed_store_is_small_and_names_no_folder_of_the_machine_that_made_it(old: Installation) -> None:
    assert PACKED.stat().st_size < 300_000
    with tarfile.open(PACKED) as packed:
        texts = [packed.extractfile(each).read() for each in packed if each.isfile()]  # type: ignore[union-attr]
    assert not [text for text in texts if b"/tmp/" in text or str(ROOT).encode() in text]
    assert load_settings().root == old.folder / "var"
