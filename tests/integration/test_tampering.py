"""What somebody did to a store by hand is noticed: manifests removed or edited, memos and snapshots planted."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pytest
from pydantic import BaseModel, ValidationError

from tests.builders import CLOCK, write_project
from tests.cases import each
from tests.sinks import (
    DATASET,
    DAY,
    as_older,
    drop_age,
    keys,
    manifest_of,
    published_by_older,
    remove_manifest,
    rows,
    write_manifest,
)
from tierra.errors import Broken, Misconfigured
from tierra.status.stores import read_stores
from tierra.store.local_objects import LocalObjects
from tierra.store.memo import remember
from tierra.store.objects import Objects, check_digest
from tierra.store.predictions import generations, missing_generations, publish, read_manifest, read_published
from tierra.store.refs import TableRef
from tierra.store.sinks import ObjectSink, Sink
from tierra.store.spec import FilesSink
from tierra.store.sql_sink import TableSink
from tierra.store.sweeping import sweep
from tierra.store.tables import read_batches, read_schema, read_table, write_table
from tierra.workspace import open_workspace


def publish_all(sink: Sink, *names: str) -> None:
    for after, name in enumerate(names):
        assert publish(sink, manifest_of(sink, rows(name), after=after), after)[1] == "published"


def test_a_generation_whose_manifest_was_removed_never_comes_back(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_all(sink, "a", "b")
    late = manifest_of(sink, rows("late"), after=1)
    remove_manifest(sink, 2)
    drop_age(monkeypatch)
    sweep(sink)
    assert generations(sink) == generations(sink, [DAY]) == {DAY: 2}
    for read in (lambda: keys(sink), lambda: keys(sink, 2), lambda: read_manifest(sink, DAY)):
        with pytest.raises(Broken, match=r"generation 2|000002\.json.* was published and is gone"):
            read()
    with pytest.raises(Broken, match="was published and is gone"):
        publish(sink, late, 1)
    publish(sink, manifest_of(sink, rows("c"), after=2), 2)
    assert (generations(sink), keys(sink), keys(sink, 1)) == ({DAY: 3}, ["c"], ["a"])
    assert missing_generations(sink) == [(DAY, 2)]


def test_a_gap_below_the_newest_is_told(sink: Sink) -> None:
    publish_all(sink, "a", "b", "c")
    remove_manifest(sink, 2)
    assert missing_generations(sink, [DAY]) == [(DAY, 2)]
    with pytest.raises(Broken, match="store-tampered"):
        keys(sink, 2)
    with pytest.raises(Misconfigured, match="partition-unpublished"):
        keys(sink, 4)
    assert keys(sink) == ["c"]


def test_the_view_shows_nothing_of_a_day_whose_newest_manifest_is_gone(sink: Sink) -> None:
    if not isinstance(sink, TableSink):
        pytest.skip("files have no view")
    publish_all(sink, "a", "b")
    remove_manifest(sink, 2)
    named = "scores.tips_current" if sink.where.endswith("scores") else "tips_current"
    with sink._engine.begin() as connection:
        assert connection.exec_driver_sql(f"select * from {named}").all() == []


def edited(text: bytes, **changes: Any) -> str:
    return json.dumps({name: value for name, value in (json.loads(text) | changes).items() if value is not None})


def test_a_manifest_edited_by_hand_is_refused(sink: Sink) -> None:
    publish_all(sink, "a", "b")
    text, other = sink.read_manifest(DAY, 2), read_manifest(sink, DAY, 1)
    assert other
    (part,) = json.loads(text)["parts"]
    (theirs,) = (each.model_dump() for each in other.parts)
    edits = [
        {"parts": [theirs]}, {"parts": [part, part]}, {"parts": [part, part], "rows_in": 2, "rows_scored": 2},
        {"parts": [{**part, "rows": 2}], "rows_in": 2, "rows_scored": 2}, {"rows_in": 5, "rows_quarantined": 4},
        {"model": "x"}, {"inputs": "x"}, {"writer": "x"}, {"published_at": "x"}, {"note": "x"},
        {"format": 1}, {"format": 3}, {"format": 2, "digest": None}, {"digest": "0" * 64}, {"digest": ""},
    ]  # fmt: skip
    if isinstance(sink, ObjectSink):
        edits.append({"format": 1, "digest": None})  # its part's name has a form that format 1 did not know

    def refuse(changes: dict[str, Any]) -> None:
        write_manifest(sink, 2, edited(text, **changes))
        with pytest.raises(Broken, match="store-tampered"):
            read_published(sink, DAY)

    each(edits, refuse)
    write_manifest(sink, 2, json.dumps(json.loads(text)))
    assert keys(sink) == ["b"], "the digest is of what it says, not of its blanks"


def test_an_older_manifest_that_names_another_days_part_is_refused(sink: Sink) -> None:
    if not isinstance(sink, ObjectSink):
        pytest.skip("a database's parts belong to no day")
    ref = as_older(sink, rows("a"), "2024-04-30/")
    published_by_older(sink, ref, 1)
    with pytest.raises(Broken, match="was not written for it"):
        keys(sink)


@pytest.mark.parametrize(
    "stray",
    ["20240429.json", "0000001.json", "000000.json", "old/000009.json", "a b.json", "notes.txt"],
)
def test_a_stray_file_beside_the_manifests_is_ignored(tmp_path: Path, stray: str) -> None:
    sink = ObjectSink(LocalObjects(tmp_path), DATASET)
    publish_all(sink, "a")
    for folder in ("manifests", "parts", "pending"):
        file = tmp_path / DATASET / folder / DAY / stray
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    assert (generations(sink), generations(sink, [DAY]), keys(sink)) == ({DAY: 1}, {DAY: 1}, ["a"])
    assert missing_generations(sink) == []
    assert sweep(sink) == []
    assert publish(sink, manifest_of(sink, rows("b")), 1)[1] == "published"


def a_table(*values: int) -> pa.Table:
    return pa.table(
        {"key": pa.array(values, pa.int64()), "name": pa.array([f"n{value}" for value in values], pa.string())}
    )


READS: list[Callable[[Objects, TableRef], object]] = [
    read_table, read_schema, lambda objects, ref: list(read_batches(objects, ref, ["key"])),
]  # fmt: skip


def test_a_table_whose_bytes_changed_is_refused_whoever_reads_it(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    ref, other = (write_table(objects, "t/", a_table().schema, [a_table(*each)]) for each in ((1, 2), (3, 4)))
    file, planted = tmp_path / ref.name, (tmp_path / other.name).read_bytes()
    good = file.read_bytes()

    def refuse(read: Callable[[Objects, TableRef], object]) -> None:
        file.write_bytes(good)
        read(objects, ref)
        file.write_bytes(planted)
        with pytest.raises(Broken, match=r"is not what was written.*store-tampered"):
            read(objects, ref)
        with pytest.raises(Broken, match="store-tampered"):
            read(objects, ref.model_copy(update={"name": other.name}))

    each(READS, refuse)


def test_a_table_is_read_to_its_end_once_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def look(file: BinaryIO, sha256: str, where: str) -> None:
        looked.append(where)
        check_digest(file, sha256, where)

    monkeypatch.setattr("tierra.store.local_objects.check_digest", look)
    objects = LocalObjects(tmp_path)
    ref = write_table(objects, "t/", a_table().schema, [a_table(1)])
    read_table(objects, ref)
    assert looked == [], "this process wrote it"
    file = tmp_path / ref.name
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data)
    for _ in range(3):
        assert read_table(objects, ref) == a_table(1)
    assert len(looked) == 1


class Made(BaseModel):
    text: str


def test_a_memo_that_was_made_of_something_else_or_changed_is_refused(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)

    def made_of(inputs: str) -> str:
        return remember(objects, "tierra.steps.validate", inputs, Made, lambda: Made(text=f"of {inputs}")).text

    assert [made_of(each) for each in ("a", "b", "a")] == ["of a", "of b", "of a"]
    (of_a,) = [file for file in tmp_path.rglob("*.json") if "of a" in file.read_text()]
    (of_b,) = [file for file in tmp_path.rglob("*.json") if "of b" in file.read_text()]
    good, kept = of_a.read_text(), json.loads(of_a.read_text())
    planted = [of_b.read_text(), json.dumps(kept | {"value": {"text": "of b"}}), json.dumps({"text": "of b"}), "", "[]",
               json.dumps(kept | {"of": "0"}), json.dumps(kept | {"digest": "0"})]  # fmt: skip

    def refuse(text: str) -> None:
        of_a.write_text(text)
        with pytest.raises(Broken, match="memo-tampered"):
            made_of("a")

    each(planted, refuse)
    of_a.write_text(good)
    assert made_of("a") == "of a"


@pytest.mark.parametrize("uri", ["p/../../x", "..", "a/..", "../x", "s3://bucket/../x"])
def test_a_sink_outside_of_the_home_is_refused(uri: str) -> None:
    with pytest.raises(ValidationError):
        FilesSink(uri=uri)
    assert FilesSink(uri="a..b/c").uri == "a..b/c"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize(("folder", "file"), [(None, 0o640), (0o755, 0o644), (0o2770, 0o660), (0o700, 0o600)])
def test_who_may_list_the_folder_may_read_the_predictions_whatever_the_umask(
    tmp_path: Path, umask: int, folder: int | None, file: int
) -> None:
    home = tmp_path / "predictions"
    if folder is not None:
        home.mkdir()
        home.chmod(folder)
    before = os.umask(umask)
    try:
        publish_all(ObjectSink(LocalObjects(home), DATASET), "a")
        if folder is not None:
            TableSink(f"sqlite:///{home / 'sink.db'}", "warehouse", DATASET).highest()
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(each.stat().st_mode) for each in home.rglob("*") if each.is_file()}
    folders = {stat.S_IMODE(each.stat().st_mode) for each in (home, *home.rglob("*")) if each.is_dir()}
    assert (modes, folders) == ({file}, {0o750 if folder is None else folder})


@pytest.mark.parametrize("generation", [2, 3])
def test_the_status_is_red_when_a_manifest_of_the_newest_day_is_gone(
    workspace: Path, generation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    write_project(workspace / "projects" / "rides")
    sink = ObjectSink(LocalObjects(workspace / "var" / "predictions"), "rides")
    for after in range(3):
        manifest = manifest_of(sink, rows("a"), after=after).model_copy(update={"dataset": "rides"})
        publish(sink, manifest, after)

    def level() -> tuple[str, str]:
        (found,) = [check for check in read_stores(open_workspace()).checks if check.name == "predictions"]
        return found.level, found.what

    assert level()[0] == "green"
    sink.objects.remove(f"rides/manifests/{DAY}/{generation:06d}.json")
    assert level()[0] == "red"
    assert f"{generation:06d}.json was published and is gone" in level()[1]
