"""A project's name and a data set are one project file's: who may go on, who is refused, who may take over."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.builders import ride_source, ride_spec, rides, write_project
from tierra.cli.commands import app
from tierra.errors import Broken, Misconfigured
from tierra.project.project import Project
from tierra.settings import Settings
from tierra.steps.owners import check_owner, claim_names, identity_of
from tierra.store.objects import MemoryObjects
from tierra.store.owners import Owner, Owners, place_of
from tierra.workspace import Workspace, open_workspace

SHARED = {"score": {"sink": {"kind": "files", "dataset": "shared"}}}


def project_at(folder: Path, rows: int = 120, **changes: Any) -> Project:
    return open_workspace().project(str(write_project(folder, ride_spec(**changes), rides(rows))))


def claim(project: Project, take_over: bool = False) -> None:
    """What the first release of a run does."""
    check_owner(open_workspace(), project, take_over)
    claim_names(open_workspace(), project, take_over)


def refusal(project: Project) -> str:
    """The code of the refusal, by `check` and by a release that did not check; empty when it is the owner."""
    codes = []
    for act in (check_owner, claim_names):
        try:
            act(open_workspace(), project)
            codes.append("")
        except Misconfigured as error:
            codes.append(error.code)
    assert len(set(codes)) == 1, codes
    return codes[0]


def moved(project: Project, to: Path) -> Project:
    to.parent.mkdir(parents=True, exist_ok=True)
    return open_workspace().project(str(shutil.move(project.folder, to)))


FREE: dict[str, dict[str, Any]] = {
    "features": {"features": ["km"]},
    "candidates": {"candidates": [{"rule": "base_rate"}]},
    "gate": {"gate": {"metric": "log_loss"}},
    "schedule": {"schedule": {"score": "0 3 * * *"}},
    "another target in the same file": {"target": "rain"},
    "the source's file": {"sources": ride_source(path="./rides.csv")},
    "another data set": SHARED,
}


@pytest.mark.parametrize("change", FREE)
def test_the_owner_may_change(workspace: Path, change: str) -> None:
    claim(project_at(workspace / "projects" / "rides"))
    assert refusal(project_at(workspace / "projects" / "rides", **FREE[change])) == ""


def test_a_project_that_moved_is_the_owner(workspace: Path) -> None:
    first = project_at(workspace / "projects" / "rides")
    claim(first)
    assert refusal(moved(first, workspace / "elsewhere" / "other_name")) == ""


def test_a_second_checkout_with_the_same_rows_is_the_owner(workspace: Path) -> None:
    claim(project_at(workspace / "one" / "projects" / "rides"))
    assert refusal(project_at(workspace / "two" / "projects" / "rides", features=["km"])) == ""


def test_a_home_copied_with_its_checkout_is_its_own_owner(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim(project_at(workspace / "here" / "projects" / "rides"))
    there = Path(shutil.copytree(workspace, workspace.parent / "there"))
    monkeypatch.setenv("TIERRA_HOME", str(there / "var"))
    assert refusal(project_at(there / "here" / "projects" / "rides", rows=60)) == ""


OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "another folder of the same form": ("projects/copy", {}),
    "another folder's rows under the same path": ("two/rides", {"rows": 60}),
    "another target elsewhere": ("two/rides", {"target": "rain"}),
    "another key": ("projects/rides", {"sources": ride_source(key=["ride_id", "rain"])}),
    "another first source": ("projects/rides", {"sources": {"shops": ride_source()["rides"]}}),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_name_is_refused_to_another_project_file(workspace: Path, other: str) -> None:
    claim(project_at(workspace / "one" / "rides" if "two/" in OTHERS[other][0] else workspace / "projects" / "rides"))
    folder, changes = OTHERS[other]
    second = project_at(workspace / folder, **changes)
    assert refusal(second) == "project-taken"
    claim(second, take_over=True)
    assert refusal(second) == ""


def test_two_project_files_of_one_folder_are_two(workspace: Path) -> None:
    first = project_at(workspace / "projects" / "rides")
    claim(first)
    second = first.folder / "second.yaml"
    second.write_text(first.file.read_text())
    assert refusal(open_workspace().project(str(second))) == "project-taken"


def test_a_data_set_is_one_project_s_until_it_is_taken_over(workspace: Path) -> None:
    first = project_at(workspace / "projects" / "rides", **SHARED)
    second = project_at(workspace / "projects" / "walks", project="walks", **SHARED)
    claim(first)
    assert refusal(second) == "dataset-taken"
    with pytest.raises(Misconfigured, match=r"data set 'shared' belongs to another .*--take-over"):
        claim(second)
    claim(second, take_over=True)
    assert (refusal(first), refusal(second)) == ("dataset-taken", "")


def test_two_homes_that_share_a_folder_of_predictions_have_one_owner(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(project_at(workspace / "projects" / "rides", **SHARED))
    (workspace / "second").mkdir()
    (workspace / "second" / "predictions").symlink_to(workspace / "var" / "predictions")
    monkeypatch.setenv("TIERRA_HOME", str(workspace / "second"))
    assert refusal(project_at(workspace / "projects" / "walks", project="walks", **SHARED)) == "dataset-taken"


def test_a_table_is_known_by_its_database_not_by_its_connection(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{workspace}/out.db"
    for name in ("OUT", "RENAMED"):
        monkeypatch.setenv(f"TIERRA_CONNECTIONS__{name}__URL", url)
    sink = {"kind": "sql", "connection": "out", "table": "scored"}
    renamed = {"score": {"sink": sink | {"connection": "renamed"}}}
    claim(project_at(workspace / "projects" / "rides", score={"sink": sink}))
    assert refusal(project_at(workspace / "projects" / "rides", **renamed)) == ""
    assert refusal(project_at(workspace / "projects" / "walks", project="walks", **renamed)) == "dataset-taken"
    assert place_of("postgresql://a:b@host/db", "s") == place_of("postgresql+psycopg://c@host/db", "s")
    assert place_of("postgresql://host/db", "s") != place_of("postgresql://host/db", "t")


def test_looking_writes_nothing(workspace: Path) -> None:
    assert check_owner(open_workspace(), project_at(workspace / "projects" / "rides")) is None
    assert not (workspace / "var").exists()


def test_of_many_folders_at_once_one_gets_the_name(tmp_path: Path) -> None:
    """And of many who take it over at once, too."""
    where = Workspace(Settings(home=tmp_path / "var", projects=tmp_path), MemoryObjects())
    folders = [write_project(tmp_path / f"folder{number}") for number in range(8)]
    projects = [where.project(str(folder)) for folder in folders]

    def wins(project: Project, take_over: bool) -> bool:
        try:
            claim_names(Workspace(where.settings, where.store), project, take_over)
        except Misconfigured as error:
            return error.code not in ("project-taken", "dataset-taken")
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda project: wins(project, False), projects)) == 1
    owner = Owners(where.objects, "owners/projects/rides").current()
    assert owner
    assert owner.number == 1
    assert owner.identity == identity_of(projects[0])


def test_a_record_that_was_changed_is_broken(workspace: Path) -> None:
    project = project_at(workspace / "projects" / "rides")
    claim(project)
    (record,) = (workspace / "var" / "store").glob("owners/projects/rides/*.json")
    for text in ("{}", Owner(number=7, identity=identity_of(project)).model_dump_json()):
        record.chmod(0o600)
        record.write_text(text)
        with pytest.raises(Broken, match="store-tampered"):
            check_owner(open_workspace(), project)


def test_check_says_it_first(workspace: Path) -> None:
    claim(project_at(workspace / "projects" / "rides", **SHARED))
    project_at(workspace / "projects" / "walks", project="walks", **SHARED)
    project_at(workspace / "projects" / "other", rows=60)
    for name, code in (("walks", "dataset-taken"), ("other", "project-taken")):
        result = CliRunner().invoke(app, ["check", name])
        assert (result.exit_code, f"[{code}]" in " ".join(result.output.split())) == (2, True), result.output
    assert CliRunner().invoke(app, ["check", "rides"]).exit_code == 0


NAMES: dict[str, tuple[dict[str, Any], str]] = {
    "a key with the sink's own name": ({"sources": ride_source(key="Part")}, "sink-columns"),
    "keys that differ in case": ({"sources": ride_source(key=["km", "KM"])}, "sink-columns"),
    "a project's name that is too long": ({"project": "r" * 60}, "sink-table"),
    "a table of the database's own": ({"table": "sqlite_rides"}, "sink-table"),
    "a usual one": ({}, ""),
}


@pytest.mark.parametrize("case", NAMES)
def test_check_refuses_a_name_that_the_sink_cannot_hold(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setenv("TIERRA_CONNECTIONS__OUT__URL", f"sqlite:///{workspace}/out.db")
    changes, code = NAMES[case]
    sink = {"kind": "sql", "connection": "out", **{name: changes[name] for name in ("table",) if name in changes}}
    stated = {name: value for name, value in changes.items() if name != "table"}
    project_at(workspace / "projects" / "rides", **stated, score={"sink": sink})
    result = CliRunner().invoke(app, ["check", "rides"])
    assert result.exit_code == (2 if code else 0), result.output
    assert code in result.output
