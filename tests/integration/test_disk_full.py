"""A disk that is full while publishing: one error of ours, nothing visible, and a later run completes."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.cases import each
from tests.conftest import ROOT
from tierra.errors import Broken, Unavailable
from tierra.journal import Warned, at_station, open_journal
from tierra.store import disk
from tierra.store.local_objects import LocalObjects
from tierra.store.manifest import Manifest
from tierra.store.predictions import generations, publish, read_published
from tierra.store.sinks import ObjectSink

DATASET, DAY, ROWS = "rides", "2024-04-29", 20_000
LIMIT = 32 * 1024
# The part's file is begun before its pending mark and finished after it; the manifest comes third.
WRITING_THE_PART = [("create", 1), ("write", 1), ("write", 3), ("sync", 2), ("rename", 1), ("sync_folder", 2)]
MARKING_THE_PART = [("create", 2), ("sync", 1), ("link", 1), ("sync_folder", 1)]
WRITING_THE_MANIFEST = [("create", 3), ("sync", 3), ("link", 2)]


def open_sink(folder: Path) -> ObjectSink:
    return ObjectSink(LocalObjects(folder), DATASET)


def publish_rides(folder: Path) -> Manifest:
    """Some 160 kB of predictions, then their manifest."""
    sink = open_sink(folder)
    table = pa.table({"ride_id": range(ROWS), "probability": np.random.default_rng(0).random(ROWS)})
    part = sink.write_part(DAY, 1, iter([table]))
    manifest = Manifest(dataset=DATASET, partition=DAY, inputs="i", model="m", scoring="s", model_version="1",
                        rows_in=ROWS, rows_scored=ROWS, rows_quarantined=0, parts=(part,))  # fmt: skip
    return publish(sink, manifest, generations(sink).get(DAY, 0))[0]


def files_below(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def assert_completes(folder: Path) -> None:
    assert publish_rides(folder).generation == 1
    table = read_published(open_sink(folder), DAY)
    assert table["ride_id"].to_pylist() == list(range(ROWS))


def publish_on_a_small_disk(folder: Path) -> str:
    """Runs in a child: the kernel refuses to let a file grow past the limit. Returns the error's code."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    try:
        publish_rides(folder)
    except Broken as error:
        return f"{error.code} {errno.errorcode[getattr(error.__cause__, 'errno', 0)]}"
    return "published"


def test_a_file_the_kernel_cuts_short_is_never_published(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.integration.test_disk_full import publish_on_a_small_disk; "
        "print(publish_on_a_small_disk(Path(sys.argv[1])))"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.strip() == "store-failed EFBIG", ran.stderr
    assert files_below(tmp_path) == []
    assert_completes(tmp_path)


def fail_at(monkeypatch: pytest.MonkeyPatch, name: str, call: int, number: int) -> None:
    """Make the n-th call of a function of the disk fail as the kernel would."""
    real: Callable[..., Any] = getattr(disk, name)
    calls = iter(range(1, 10_000))

    def failing(*arguments: Any) -> Any:
        if next(calls) == call:
            raise OSError(number, os.strerror(number))
        return real(*arguments)

    monkeypatch.setattr(disk, name, failing)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO], ids=lambda number: errno.errorcode[number])
@pytest.mark.parametrize(("name", "call"), [*WRITING_THE_PART, *MARKING_THE_PART, *WRITING_THE_MANIFEST])
def test_a_disk_that_fails_anywhere_before_the_manifest_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: int, number: int
) -> None:
    with monkeypatch.context() as patched:
        fail_at(patched, name, call, number)
        with pytest.raises(Broken, match="store-failed") as caught:
            publish_rides(tmp_path)
    assert os.strerror(number) in str(caught.value)
    assert generations(open_sink(tmp_path)) == {}
    assert not [file for file in files_below(tmp_path) if file.endswith(".tmp") or "manifests" in file]
    assert_completes(tmp_path)


def test_a_manifest_that_is_written_halfway_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = disk.write

    def half(file: Any, data: bytes) -> None:
        if bytes(data).startswith(b"{"):
            real(file, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(file, data)

    with monkeypatch.context() as patched:
        patched.setattr(disk, "write", half)
        with pytest.raises(Broken, match="store-failed"):
            publish_rides(tmp_path)
    assert generations(open_sink(tmp_path)) == {}
    assert_completes(tmp_path)


def test_a_disk_that_fails_after_the_manifest_leaves_a_complete_partition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest is linked; whether its name will outlive a power cut is not known, so the run is warned."""
    with monkeypatch.context() as patched, open_journal() as journal, at_station("publish"):
        fail_at(patched, "sync_folder", 3, errno.EIO)
        assert publish_rides(tmp_path).generation == 1
    (warning,) = journal.facts(Warned)
    assert "is published, but may not outlive a power cut" in warning.text
    sink = open_sink(tmp_path)
    assert generations(sink) == {DAY: 1}
    assert read_published(sink, DAY).num_rows == ROWS


def test_where_the_second_look_fails_too_nobody_says_that_nothing_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest is linked, then the disk fails, also for who looks whether it is there."""
    real = LocalObjects.put_if_absent
    seconds = {
        "Broken": (Broken("store-failed", "reading it: I/O error"), "publish-unknown"),
        "Unavailable": (Unavailable("store-unavailable", "no answer"), "publish-unanswered"),
    }

    def linked(self: LocalObjects, name: str, data: bytes) -> bool:
        made = real(self, name, data)
        if "manifests/" in name:
            raise Broken("store-failed", f"writing {name}: I/O error")
        return made

    def check(kind: str) -> None:
        error, code = seconds[kind]

        def failing(*_: Any) -> bytes:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(LocalObjects, "put_if_absent", linked)
            patched.setattr(ObjectSink, "read_manifest", failing)
            with pytest.raises(type(error)) as caught:
                publish_rides(tmp_path / kind)
        assert (caught.value.code, caught.value.what[:19]) == (code, "it is not known whe")
        assert "I/O error; then" in caught.value.what
        assert generations(open_sink(tmp_path / kind)) == {DAY: 1}

    each(seconds, check)


def test_a_temporary_file_that_cannot_be_removed_hides_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        fail_at(patched, "remove", 1, errno.EIO)
        assert publish_rides(tmp_path).generation == 1
    assert generations(open_sink(tmp_path)) == {DAY: 1}


def test_a_folder_nobody_may_write_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / DATASET).write_text("a file where a folder should be")
    with pytest.raises(Broken, match="store-failed") as caught:
        publish_rides(tmp_path)
    assert "\n" not in str(caught.value)
