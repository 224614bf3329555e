"""`tierra gc`: what it removes of an installation that has run for a while, and that all else still reads."""

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.builders import CLOCK, ride_spec, write_project
from tests.direct import score_directly, train_directly
from tests.servers import call_api
from tierra.cli.commands import app
from tierra.model.recorder import Recorder
from tierra.model.tracking import open_client
from tierra.store.marks import read_mark
from tierra.store.objects import Objects
from tierra.store.predictions import read_manifest, read_published
from tierra.store.tables import read_table
from tierra.workspace import Workspace, open_workspace

DAY = "2024-04-28"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project that was trained, in a home of its own."""
    write_project(tmp_path / "projects" / "rides", ride_spec(score={"lookback": "4d"}))
    for name, value in {"HOME": tmp_path / "var", "PROJECTS": tmp_path / "projects", "CLOCK": CLOCK}.items():
        monkeypatch.setenv(f"TIERRA_{name}", str(value))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "var"


def gc(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["gc", *arguments], env={"COLUMNS": "120"})


def collected(*arguments: str) -> dict[str, int]:
    """How a collection ended, as machines read it, and the bytes that were announced."""
    result = gc("--json", *arguments)
    assert result.exit_code == 0, result.output
    ended = json.loads(result.stdout)
    kinds = {each["kind"]: each["going_bytes"] for each in ended["kinds"]}
    return {**kinds, "freed": ended["freed"], "to go": sum(kinds.values()),
            "marked": sum(each["marked"] for each in ended["kinds"])}  # fmt: skip


def sizes(home: Path) -> dict[str, int]:
    """The files that a collection may remove: not its own marks and words."""
    files = [file for place in ("store", "predictions", "receipts") for file in (home / place).rglob("*")]
    return {str(file.relative_to(home)): file.stat().st_size for file in files
            if file.is_file() and not {"gc", "fates"} & set(file.parts) and file.name != "index.html"}  # fmt: skip


def grow_old(home: Path, days: float) -> None:
    """Days pass: for the files, that is all there is to it."""
    for file in home.rglob("*"):
        if file.is_file():
            then = file.stat().st_mtime - days * 86_400
            os.utime(file, (then, then))


def rescore(workspace: Workspace, times: int) -> None:
    project = workspace.project("rides")
    from tierra.steps import champion, features, nightly_project, publish, pull, validate, work

    for _ in range(times):
        spec = nightly_project.with_champion_recipe(workspace, project, champion.find_champion(workspace, project))
        found = work.find_work(workspace, project, DAY, rescore=True).work
        reader = pull.open_days(workspace, spec, found)
        sides = validate.validate_tables(workspace, spec, pull.pull_side_tables(workspace, spec, reader))
        clean = validate.validate_partition(workspace, spec, pull.pull_partition(workspace, spec, reader, found[0]))
        joined = features.join_partition(workspace, spec, clean, sides)
        serving = champion.find_champion(workspace, project)
        ready = publish.predict_partition(workspace, spec, serving, joined, found[0])
        publish.publish_partition(workspace, spec, ready, found[0])


def keep(objects: Objects, stem: str, text: str) -> str:
    with objects.draft(stem, ".parquet") as draft:
        draft.write(text.encode())
    return draft.name


def test_old_objects_are_marked_and_go_six_days_later_as_announced(home: Path) -> None:
    objects = open_workspace().objects
    old, memo = keep(objects, "snapshots/", "old"), "memo/fit-fitted/" + "0" * 40 + ".json"
    objects.put_if_absent(memo, b"{}")
    objects.put_if_absent("snapshots/notes.txt", b"not ours")
    grow_old(home, 31)
    young = keep(objects, "snapshots/", "young")
    before = sizes(home)
    assert collected("--dry-run") == {"snapshots": 0, "memo": 2, "freed": 0, "to go": 2, "marked": 1}
    assert sizes(home) == before
    assert collected() == {"snapshots": 0, "memo": 2, "freed": 2, "to go": 2, "marked": 1}
    assert read_mark(objects).doomed == {old}
    grow_old(home, 5.9)
    assert collected()["freed"] == 0
    grow_old(home, 0.2)
    assert "kept" in gc("--dry-run").output
    assert collected()["freed"] == len("old")
    assert open_workspace().objects.names("snapshots") == [young, "snapshots/notes.txt"]
    assert keep(open_workspace().objects, "snapshots/", "young") != young


def test_where_there_is_no_project_nothing_goes(home: Path, tmp_path: Path) -> None:
    name = keep(open_workspace().objects, "snapshots/", "old")
    grow_old(home, 31)
    (tmp_path / "projects" / "rides" / "project.yaml").unlink()
    assert collected()["marked"] == 0
    assert open_workspace().objects.names("snapshots") == [name]


def test_the_flow_shows_what_goes_before_it_does_and_ends_in_a_named_state(home: Path, prefect_server: str) -> None:
    from flows.gc import gc as flow

    objects = open_workspace().objects
    objects.put_if_absent("memo/fit-fitted/" + "0" * 40 + ".json", b"{}")
    grow_old(home, 31)
    assert flow(dry_run=True, return_state=True).name == "Collected"
    assert objects.names("memo")
    state = flow(return_state=True)
    assert (state.type.value, state.name) == ("COMPLETED", "Collected")
    assert state.message == "2 bytes in 1 object were freed"
    assert not objects.names("memo")
    page = call_api(prefect_server, "GET", "/artifacts/gc/latest")
    assert "| memo | 1 | 2 bytes | 0 bytes | 2 bytes | 0 bytes |" in page["data"]


@pytest.mark.long
def test_what_nothing_needs_goes_and_all_that_is_published_still_reads(home: Path) -> None:
    train_directly("rides")
    score_directly("rides")
    workspace = open_workspace()
    rescore(workspace, 28)
    sink = workspace.sink(workspace.project("rides"))
    rows = {number: read_published(sink, DAY, number) for number in range(1, 30)}

    # At once nothing is old.
    before = sizes(home)
    assert collected()["to go"] == 0
    assert sizes(home) == before

    grow_old(home, 33)
    assert collected("--dry-run")["freed"] == 0
    assert sizes(home) == before
    planned = collected("--dry-run")["to go"]
    first = collected()
    # Of a generation it is known by two clocks when it was replaced, and the manifest's is that of today.
    assert first["freed"] == first["to go"] == planned == sum(before.values()) - sum(sizes(home).values()) > 0
    assert first["memo"] == first["freed"]
    assert first["marked"] > 0

    # The next run finds nothing that is marked, and makes it anew.
    score_directly("rides")
    assert open_workspace().champions.current("rides")
    between = sizes(home)
    assert collected()["freed"] == 0, "six days have not passed"
    grow_old(home, 6.5)
    again = collected()
    assert again["freed"] == sum(between.values()) - sum(sizes(home).values()) > 0
    assert again["features"] > 0
    for number, each in rows.items():
        assert read_published(sink, DAY, number).equals(each)
    manifest = read_manifest(sink, DAY)
    assert manifest
    assert manifest.joined
    assert read_table(workspace.objects, manifest.joined.rows).num_rows == manifest.rows_in
    champion = open_workspace().champions.current("rides")
    assert champion
    assert champion.release.learnt
    assert len(workspace.objects.read(champion.release.learnt.name)) > 8 * 60  # the days it learnt from stay known
    score_directly("rides", DAY)


@pytest.mark.long
def test_generations_that_were_replaced_long_ago_go(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_directly("rides")
    score_directly("rides")
    workspace = open_workspace()

    class Then(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(time.time() - 35 * 86_400, UTC)

    with monkeypatch.context() as patch:
        patch.setattr("tierra.steps.publish.datetime", Then)
        rescore(workspace, 4)
    grow_old(home, 35)
    sink, before = workspace.sink(workspace.project("rides")), sizes(home)
    ended = collected("rides")
    assert ended["predictions of rides"] == ended["freed"] == sum(before.values()) - sum(sizes(home).values()) > 0
    assert sorted(sink.fates()) == [(DAY, 1), (DAY, 2)]
    result = CliRunner().invoke(app, ["predictions", "rides", "--partition", DAY, "--generation", "1"])
    assert result.exit_code == 1
    assert "[generation-collected]" in result.output
    assert read_mark(workspace.objects).number == 0, "the store is everybody's"
    assert read_published(sink, DAY).num_rows == read_published(sink, DAY, 3).num_rows > 0


def test_a_damaged_manifest_that_was_replaced_stops_no_collection_and_one_that_counts_does(home: Path) -> None:
    train_directly("rides")
    score_directly("rides")
    workspace = open_workspace()
    sink = workspace.sink(workspace.project("rides"))
    Path(sink.location(DAY, 1)).write_text("spoilt")
    result = gc("--dry-run")
    assert (result.exit_code, "[store-tampered]" in result.output) == (1, True)
    score_directly("rides", DAY, rescore=True)
    assert read_published(sink, DAY, 2).num_rows > 0
    result = gc("--dry-run")
    assert result.exit_code == 0, result.output
    assert "generation 2 replaced it" in " ".join(result.output.split())


def test_receipts_go_after_their_time_but_for_the_newest_of_each_flow(home: Path) -> None:
    folder = home / "receipts" / "rides"
    folder.mkdir(parents=True)
    record = {"flow": "score", "outcome": "Published", "mood": "good", "sentence": "", "seconds": 1.0}
    for day in (1, 2, 3):
        name = f"2024010{day}-030000-score-x"
        (folder / f"{name}.html").write_text("page")
        (folder / f"{name}.json").write_text(json.dumps({**record, "moment": f"2024-01-0{day}"}))
    grow_old(home, 366)
    assert collected("--yes")["freed"] > 0
    assert sorted(file.name[:8] for file in folder.glob("[0-9]*")) == ["20240103", "20240103"]
    assert "20240103" in (folder / "index.html").read_text()


@pytest.mark.long
def test_a_clock_a_year_ahead_is_one_line_and_nothing_changed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_directly("rides")
    grow_old(home, 365)  # the same as a clock a year ahead
    before = sorted(home.rglob("*"))
    result = gc()
    assert result.exit_code == 2
    assert "[gc-clock]" in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert sorted(home.rglob("*")) == before
    assert collected("--yes")["memo"] > 0


@pytest.mark.long
def test_a_project_whose_file_is_gone_is_known_by_its_champion(home: Path, tmp_path: Path) -> None:
    train_directly("rides")
    score_directly("rides")
    workspace = open_workspace()
    sink = workspace.sink(workspace.project("rides"))
    write_project(tmp_path / "projects" / "other", ride_spec(project="other"))
    (tmp_path / "projects" / "rides").rename(tmp_path / "away")
    grow_old(home, 32)
    assert collected()["marked"] > 0
    grow_old(home, 7)
    assert collected()["freed"] > 0
    manifest = read_manifest(sink, DAY)
    assert manifest
    assert manifest.drift
    assert workspace.objects.read(manifest.drift.name)


@pytest.mark.long
def test_old_runs_of_mlflow_go_but_for_those_of_versions_and_champions(home: Path) -> None:
    home.mkdir()
    recorder = Recorder(f"sqlite:///{home}/mlflow.db", home / "mlflow-artifacts")
    client = open_client(f"sqlite:///{home}/mlflow.db")
    assert recorder.old_runs("rides", datetime.now(UTC), ()) == []
    experiment = client.create_experiment("rides", (home / "mlflow-artifacts" / "rides").as_uri())
    long_ago = int((time.time() - 400 * 86_400) * 1000)
    old, champion, version = (client.create_run(experiment, start_time=long_ago).info.run_id for _ in range(3))
    young = client.create_run(experiment).info.run_id
    client.create_registered_model("rides")
    client.create_model_version("rides", f"runs:/{version}/model", version)
    before = datetime.now(UTC) - timedelta(days=365)
    assert recorder.old_runs("rides", before, [champion]) == [old]
    recorder.delete_runs([old])
    assert recorder.old_runs("rides", before, [champion]) == []
    assert client.get_run(old).info.lifecycle_stage == "deleted"
    assert {client.get_run(each).info.lifecycle_stage for each in (champion, version, young)} == {"active"}
    # The rest of a collection goes on where MLflow has only some of it.
    assert collected("--yes")["freed"] == 0
