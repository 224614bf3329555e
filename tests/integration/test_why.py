"""`tierra why`: every published number is explained and computed again from the store alone, and damage is named."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.builders import (
    copy_home,
    new_home,
    ride_source,
    ride_spec,
    rides,
    stand_in,
    write_project,
    write_warehouse,
    zones,
)
from tests.cases import ALL, each
from tests.direct import score_directly, train_directly
from tierra.cli.commands import app
from tierra.errors import Broken, InvalidCall, Misconfigured
from tierra.reading import read_predictions
from tierra.steps.keys import parse_key
from tierra.steps.replay import open_published, replay_partition
from tierra.steps.why import explain_key
from tierra.store.manifest import Manifest
from tierra.store.predictions import publish, read_manifest, read_published
from tierra.store.restoring import restore
from tierra.workspace import Workspace, open_workspace

DAYS = ("2024-04-28", "2024-04-29")
DAY, BAD = DAYS[1], "r009001"
EXPLAINED = 200 if ALL else 12  # every one of the 259 is replayed
CODE = """
def prepare(rows, history):
    seen = history.groupby("zone")["km"].mean() if len(history) else {}
    return rows.assign(usual=rows["zone"].map(seen).astype(float), rides_today=float(len(rows)))


def build(rows):
    return rows[["km", "zone", "rain", "centre", "usual", "rides_today"]]
"""
NO_LESS = {"type": "expect_column_values_to_be_between", "column": "km", "min_value": 0, "on_fail": "quarantine"}


def table() -> pd.DataFrame:
    """Rides whose last two days have 130 rows each; one of them breaks the contract."""
    more = rides(220, seed=5)
    more["ride_id"] = [f"r{9000 + number:06d}" for number in range(len(more))]
    more["day"] = [DAYS[number % 2] for number in range(len(more))]
    more.loc[more["ride_id"] == BAD, "km"] = -1.0
    return pd.concat([rides(), more], ignore_index=True)


def spec(**sink: Any) -> dict[str, Any]:
    sources = ride_source(history="7d") | {"zones": {"kind": "file", "path": "zones.csv"}}
    joins = [{"left": "rides", "right": "zones", "on": "zone", "max_orphans": "60%"}]
    contract = {"quarantine_budget": "5%", "expectations": [NO_LESS]}
    score = {"lookback": "1d"} | ({"sink": sink} if sink else {})
    return ride_spec(sources=sources, joins=joins, contract=contract, score=score, prepare="features:prepare",
                     features="features:build", card={"goal": "Tell who will tip"})  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project that joins, prepares and sets aside, trained and scored for two days."""
    with new_home(tmp_path_factory, "why") as folder:
        project = write_project(folder / "projects" / "rides", spec(), table(), features=CODE)
        zones().iloc[:3].to_csv(project / "zones.csv", index=False)  # zone D has no match
        train_directly("rides")
        score_directly("rides")
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that a test may damage."""
    return copy_home(trained, tmp_path, monkeypatch)


def wipe(folder: Path) -> None:
    """Everything but what serves and what is published: sources, code, memo, features, profiles, MLflow, receipts."""
    kept = {"snapshots", "champions", "releases", "models", "code", "quarantine"}
    for place in (folder / "var" / "store").iterdir():
        shutil.rmtree(place) if place.name not in kept else None
    for place in (folder / "var").iterdir():
        if place.name not in ("store", "predictions"):
            shutil.rmtree(place) if place.is_dir() else place.unlink()
    for file in (folder / "projects" / "rides").glob("*.csv"):
        file.unlink()
    (folder / "projects" / "rides" / "features.py").write_text("raise RuntimeError('today is another day')\n")


def opened() -> tuple[Workspace, Any]:
    workspace = open_workspace()
    return workspace, workspace.project("rides")


def published_by(day: str, generation: int | None = None) -> Manifest:
    """The manifest of a day."""
    workspace, project = opened()
    manifest = read_manifest(workspace.sink(project), day, generation)
    assert manifest is not None
    return manifest


def why(*words: str, exit: int = 0) -> str:
    ended = CliRunner().invoke(app, ["why", "rides", *words])
    assert ended.exit_code == exit, ended.output
    return str(ended.output)


def check_keys(folder: Path) -> None:
    """Each explained number is the published one, its features those of its own row, and every replay is equal."""
    published = pd.concat([read_predictions("rides", day).assign(day=day) for day in DAYS])
    source = table().set_index("ride_id")
    drawn = published.sample(EXPLAINED, random_state=3)
    wipe(folder)
    workspace, project = opened()
    replayed = {day: replay_partition(workspace, project, day) for day in DAYS}
    assert {day: each.sentence for day, each in replayed.items() if not each.equal} == {}
    assert sum(each.rows for each in replayed.values()) == len(published)
    assert all(each.largest == 0 for each in replayed.values())
    for row in drawn.to_dict("records"):
        found = explain_key(workspace, project, {"ride_id": row["ride_id"]}, row["day"])
        assert found.predicted == {name: row[name] for name in ("probability", "decision")}
        assert (found.features["km"], found.row["zone"]) == tuple(source.loc[row["ride_id"], ["km", "zone"]])
        assert found.joins[0].matched == (row["ride_id"] in set(source.index[source["zone"] != "D"]))
        assert (row["probability"] >= found.model.threshold) == bool(row["decision"])
        assert abs(sum(found.contributions.values()) - row["probability"]) < 1e-9
        assert set(found.contributions) == {"bias", "km", "zone", "rain", "centre", "usual", "rides_today"}


def test_keys_are_explained_and_replayed_with_all_local_caches_wiped(folder: Path) -> None:
    check_keys(folder)


def test_so_they_are_from_a_database(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERRA_CONNECTIONS__SINK__URL", write_warehouse(folder / "sink.db"))
    project = folder / "projects" / "rides"
    write_project(project, spec(kind="sql", connection="sink", table="tips"), table())
    score_directly("rides")
    check_keys(folder)


def test_the_command_says_all_of_it_in_a_terminal_on_a_page_and_for_machines(folder: Path) -> None:
    wipe(folder)
    key = read_predictions("rides", DAY)["ride_id"][7]
    told = why(key, "--replay")
    for part in ("The row at its source", "Joined: zones", "What the model saw", "As numbers", "Model and code",
                 "Threshold and decision", "The gate's verdict", "Checks", "Published", "Every generation",
                 "all 129 predictions are the published ones", "features.py sha256"):  # fmt: skip
        assert part in told, part
    page = folder / "var" / "receipts" / "rides" / f"why-{DAY}-1-{key}.html"
    assert key in page.read_text()
    assert "The gate" in page.read_text()
    found = json.loads(why(key, "--json", "--partition", DAY, "--output", "mine.html"))
    assert (found["partition"], found["generation"], found["key"]) == (DAY, 1, {"ride_id": key})
    assert (folder / "mine.html").read_text().count("<h2>") > 9
    assert f"\nride_id {key} of {DAY} was given probability" in why("--key", f"ride_id={key}")


def test_without_a_day_the_newest_that_has_the_key_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among so many that the search ends."""
    key = read_predictions("rides", DAYS[0])["ride_id"][0]
    assert json.loads(why(key, "--json"))["partition"] == DAYS[0]
    monkeypatch.setattr("tierra.steps.keys.SEARCHED", 1)
    assert "row-unknown" in why(key, exit=2)
    assert json.loads(why(key, "--json", "--partition", DAYS[0]))["partition"] == DAYS[0]


def test_a_row_that_was_set_aside_says_so_with_its_reason(folder: Path) -> None:
    told = why(BAD)
    assert f"ride_id {BAD} of {DAY} has no prediction" in told
    assert "km column_values_to_be_between" in told
    assert "-1" in told
    assert "What the model saw" not in told


def test_the_receipt_of_the_run_that_published_is_named(folder: Path) -> None:
    from tests.browser.pages import a_receipt

    outcome, journal = score_directly("rides", DAY)
    assert outcome.outcome == "AlreadyPublished"
    published = published_by(DAY)
    journal.started -= 10_000  # it was under way when this was published
    receipt, _ = a_receipt("score", journal, outcome)
    told = json.loads(why(BAD, "--json"))
    assert told["published_at"] == published.published_at
    assert receipt.name in why(BAD).replace("\n", "")


REFUSED = [
    (("r000nope",), 2, "row-unknown"),
    (("r00238x", "--partition", DAY), 2, "near it are r0023"),
    (("r000001", "--partition", "2024-01-01"), 2, "partition-unpublished"),
    (("r000001", "--partition", "yesterday"), 2, "partition-invalid"),
    (("r000001", "--partition", DAY, "--generation", "9"), 2, "partition-unpublished"),
    (("r000001", "--generation", "1"), 2, "partition-needed"),
    ((), 2, "key-invalid"),
    (("r000001", "--key", "ride_id=r000001"), 2, "key-invalid"),
    (("--key", "ride=r000001"), 2, "key-invalid"),
]


def test_what_is_not_there_is_one_line(folder: Path) -> None:
    def check(words: tuple[str, ...], code: int, says: str) -> None:
        told = why(*words, exit=code).strip()
        assert says in told.replace("\n", " ")
        assert told.splitlines()[-1].startswith("error")

    each(REFUSED, check)
    assert not (folder / "var" / "receipts").exists()


KEYS = [
    (["id"], "a,b", (), {"id": "a,b"}),
    (["id", "leg"], "a,b", (), {"id": "a", "leg": "b"}),
    (["id", "leg"], None, ("leg=2=3", "id=a,b"), {"id": "a,b", "leg": "2=3"}),
    (["id", "leg"], "a", (), None),
    (["id", "leg"], "a,b,c", (), None),
    (["id", "leg"], None, ("id=a",), None),
    (["id"], None, (), None),
]


def test_a_key_is_written_as_values_or_by_name() -> None:
    def check(columns: list[str], text: str | None, named: tuple[str, ...], wanted: dict[str, str] | None) -> None:
        if wanted is not None:
            assert parse_key(columns, text, named) == wanted
            return
        with pytest.raises(InvalidCall, match="key-invalid"):
            parse_key(columns, text, named)

    each(KEYS, check)


def flip(file: Path) -> None:
    """One bit of its middle byte."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_one_flipped_byte_is_detected_and_named(folder: Path) -> None:
    """In the rows, their history, the model, its code, its release, the part and the manifest."""
    workspace, project = opened()
    manifest = published_by(DAY)
    assert manifest.joined is not None
    assert manifest.joined.history is not None
    scorable = open_published(workspace, project, manifest)
    (pointer,) = workspace.champions.history("rides")
    store, predictions = folder / "var" / "store", folder / "var" / "predictions"
    objects = {
        store / manifest.joined.rows.name: "store-tampered", store / manifest.joined.history.name: "store-tampered",
        store / scorable.champion.model.name: "artifact-tampered", store / pointer.release.name: "artifact-tampered",
        store / scorable.champion.code["features.py"].name: "code-mismatch",
        predictions / manifest.parts[0].name: "store-tampered",
        predictions / "rides" / "manifests" / DAY / "000001.json": "store-tampered",
    }  # fmt: skip
    key = read_predictions("rides", DAY)["ride_id"][7]

    def check(file: Path, code: str) -> None:
        as_it_was = file.read_bytes()
        flip(file)
        with pytest.raises(Broken, match=code) as found:
            replay_partition(*opened(), DAY)
        assert file.name in str(found.value)
        with pytest.raises(Broken, match=code):
            explain_key(*opened(), {"ride_id": key}, DAY)
        file.write_bytes(as_it_was)
        assert replay_partition(*opened(), DAY).equal

    each(objects.items(), check)


def publish_again(change: dict[str, Any], shift: float = 0.0, backwards: bool = False) -> Manifest:
    """Another generation of the day, of the same rows, whose manifest or numbers are others."""
    workspace, project = opened()
    sink, before = workspace.sink(project), published_by(DAY)
    rows = read_published(sink, DAY)
    rows = rows.take(list(range(rows.num_rows))[::-1]) if backwards else rows
    numbers = np.array(rows["probability"].to_numpy())
    numbers[3] += shift
    rows = rows.set_column(1, "probability", [numbers])
    part = sink.write_part(DAY, before.generation + 1, iter([rows]))
    done, ending = publish(sink, before.model_copy(update={"parts": (part,), **change}), before.generation)
    assert ending == "published"
    return done


def test_a_published_number_that_the_store_does_not_make_is_told_with_its_row(folder: Path) -> None:
    publish_again({}, shift=1e-9)
    key = read_predictions("rides", DAY)["ride_id"][3]
    told = why(key, "--replay", exit=1).replace("\n", " ")
    assert "1 of 129 predictions differ when replayed, by up to 1e-09" in told
    assert f"probability of {key}" in told
    assert "replay-differs" in told
    publish_again({}, shift=-1e-9 + 1e-14)
    assert replay_partition(*opened(), DAY).equal
    publish_again({}, backwards=True)
    assert "rows of other keys, or in another order" in replay_partition(*opened(), DAY).sentence


def test_where_registered_code_may_not_run_all_but_the_features_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = read_predictions("rides", DAY)["ride_id"][3]
    monkeypatch.setenv("TIERRA_RUN_REGISTERED_CODE", "false")
    assert json.loads(why(key, "--replay", "--json"))["replay"]["differing"] == 0
    (folder / "projects" / "rides" / "features.py").write_text(CODE + "# edited\n")
    found = json.loads(why(key, "--json"))
    assert (found["row"]["ride_id"], found["features"]) == (key, {})
    assert "features.py is not what version 1 was judged with" in found["notes"][0]
    assert "code-differs" in why(key, "--replay", exit=2)


def test_a_model_that_no_champion_had_is_named(folder: Path) -> None:
    """Nor a model with other code."""
    publish_again({"model": "0" * 64})
    with pytest.raises(Broken, match=r"version 1, 000000000000.*artifact-missing"):
        replay_partition(*opened(), DAY)
    publish_again({"model": published_by(DAY, 1).model, "scoring": "0" * 64})
    with pytest.raises(Broken, match="artifact-missing"):
        replay_partition(*opened(), DAY)


def test_a_generation_whose_rows_are_gone_is_explained_as_far_as_it_can_be_and_not_replayed(folder: Path) -> None:
    key = read_predictions("rides", DAY)["ride_id"][0]
    publish_again({"joined": None})
    (told,) = json.loads(why(key, "--json"))["notes"]
    assert "does not name the rows it was made of" in told
    before = {file: file.read_bytes() for file in (folder / "var").rglob("*") if file.is_file()}
    assert "replay-gone" in why(key, "--replay", exit=2)
    workspace, project = opened()
    manifest = published_by(DAY, 1)
    assert manifest.joined is not None
    gone = folder / "var" / "store" / manifest.joined.rows.name
    del before[gone]
    gone.unlink()
    told = why(key, "--replay", "--partition", DAY, "--generation", "1", exit=2)
    assert len(told.strip().splitlines()[-1:]) == 1
    with pytest.raises(Misconfigured, match=r"is gone.*replay-gone"):
        replay_partition(workspace, project, DAY, 1)
    assert {file: file.read_bytes() for file in (folder / "var").rglob("*") if file.is_file()} == before


def test_a_restored_generation_is_replayed_and_every_generation_is_shown(folder: Path) -> None:
    publish_again({}, shift=0.25)
    workspace, project = opened()
    restore(workspace.sink(project), DAY, former=1, after=2)
    assert replay_partition(workspace, project, DAY).equal
    assert not replay_partition(workspace, project, DAY, 2).equal
    key = read_predictions("rides", DAY)["ride_id"][3]
    one, two, three = json.loads(why(key, "--json"))["generations"]
    assert (one["restores"], three["restores"]) == (None, 1)
    numbers = [each["predicted"]["probability"] for each in (one, two, three)]
    assert numbers == [numbers[0], numbers[0] + 0.25, numbers[0]]


NO_DAY = {"sources": ride_source(key=None, partition_by=None), "split": {"by": "random"}}
KINDS: dict[str, dict[str, Any]] = {
    "prediction": {"target": "km", "candidates": [{"rule": {"rate_by": ["zone"]}}, {"model": "ridge"}],
                   "gate": {"metric": "rmse"}},
    "probability_A": {"target": "zone", "candidates": [{"rule": "base_rate"}, {"model": "logistic"}],
                      "gate": {"metric": "accuracy"}},
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("column", KINDS)
def test_numbers_and_several_classes_of_rows_without_key_or_day(
    column: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(workspace, monkeypatch)
    write_project(workspace / "projects" / "rides", ride_spec(score=None, **NO_DAY, **KINDS[column]), rides(600))
    train_directly("rides")
    score_directly("rides")
    (workspace / "projects" / "rides" / "rides.csv").unlink()
    replayed = replay_partition(*opened(), "all")
    assert (replayed.rows, replayed.differing, replayed.largest) == (600, 0, 0)
    found = json.loads(why("17", "--replay", "--json", "--partition", "all"))
    assert "partition-none" in why("17", "--partition", DAY, exit=2)
    assert found["predicted"][column] == read_predictions("rides", "all")[column][17]
    assert found["row"]["rain"] == rides(600)["rain"][17]
    ended = CliRunner().invoke(app, ["diff", "rides", "all", "all@1", "--json"])
    quantities = json.loads(ended.output)["quantities"]
    assert column in [each["name"] for each in quantities]
    assert {term for each in quantities for term in each["terms"].values()} == {0.0}
