"""Objects in a folder outlive a power cut, leave nothing open, and say what a disk refused."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cases import each
from tierra.errors import Broken
from tierra.store import disk
from tierra.store.local_objects import LocalObjects
from tierra.store.objects import Draft

NAME, DATA = "tips/manifests/2024-04-29/000001.json", b"all of it"
LATER = datetime.now(UTC) + timedelta(days=1)


def put(objects: LocalObjects) -> str:
    assert objects.put_if_absent(NAME, DATA)
    return NAME


drafts: list[Draft] = []  # kept, so that none is closed by being forgotten


def draft(objects: LocalObjects) -> str:
    with objects.draft("tips/parts/2024-04-29/", ".parquet") as new:
        new.write(DATA)
    drafts.append(new)
    return new.name


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bytes]]:
    """What a disk was told, with the path that was meant and what is in it by then."""
    seen: list[tuple[str, str, bytes]] = []
    fsync, link, rename = os.fsync, os.link, os.rename

    def note(what: str, path: str) -> None:
        seen.append((what, path, b"" if os.path.isdir(path) else Path(path).read_bytes()))

    def flush(handle: int) -> None:
        note("flushed", os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    def named_by(real: Callable[..., None]) -> Callable[..., None]:
        def name(old: Path, new: Path) -> None:
            real(old, new)
            note("named", str(new))

        return name

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "link", named_by(link))
    monkeypatch.setattr(os, "rename", named_by(rename))
    return seen


@pytest.mark.parametrize("write", [put, draft])
def test_bytes_are_on_the_disk_before_their_name_and_the_name_before_the_answer(
    tmp_path: Path, happened: list[tuple[str, str, bytes]], write: Callable[[LocalObjects], str]
) -> None:
    file = tmp_path / write(LocalObjects(tmp_path))
    (first, unfinished, flushed), *rest = happened
    assert (first, flushed, Path(unfinished).suffix) == ("flushed", DATA, ".tmp")
    assert rest == [("named", str(file), DATA), ("flushed", str(file.parent), b"")]


def test_nothing_is_left_beside_what_was_written_or_was_there(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    names = [put(objects), draft(objects)]
    assert not objects.put_if_absent(NAME, b"another's")
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()) == names
    disk.remove(tmp_path / "never was")


@pytest.mark.parametrize("write", [put, draft])
def test_a_store_is_made_wherever_it_is_to_be_and_no_file_stays_open(
    tmp_path: Path, write: Callable[[LocalObjects], str]
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(3):
        objects = LocalObjects(tmp_path / "new" / "below" / f"{number}")
        assert objects.read(write(objects)) == DATA
    assert len(os.listdir("/proc/self/fd")) == before


def test_no_file_stays_open_where_a_write_or_a_look_fails(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    file = tmp_path / put(objects)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Broken, match=rf"^{file} is not what was written.*store-tampered") as caught:
        objects.open_verified(NAME, "0" * 64)
    failing = objects.draft("tips/parts/", "")
    drafts.append(failing.__enter__())
    assert failing.__exit__(Broken, caught.value, None) in (None, False)
    assert len(os.listdir("/proc/self/fd")) == before
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [file]


def test_what_a_writer_has_not_finished_is_found_by_its_age_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects, moment = LocalObjects(tmp_path), datetime(2024, 4, 29, tzinfo=UTC)
    killed = objects.draft("tips/parts/2024-04-29/", "")
    killed.__enter__().write(DATA)
    (file,) = tmp_path.rglob(".*.tmp")
    os.utime(file, (moment.timestamp(),) * 2)
    assert objects.abandon_uploads(moment) == 0, "it was written then, not before"
    assert objects.abandon_uploads(moment + timedelta(seconds=1)) == 1
    monkeypatch.setattr(Path, "glob", lambda *_: iter([file]))
    assert objects.abandon_uploads(LATER) == 0, "it is gone, as one that its writer has finished"


def test_what_a_disk_refuses_is_said_with_the_object_it_was_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = LocalObjects(tmp_path)
    (tmp_path / ".unfinished").mkdir()
    (tmp_path / ".unfinished" / ".old.tmp").touch()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def refused(call: str, ask: Callable[[], Any], message: str) -> None:
        with monkeypatch.context() as full:
            full.setattr(disk, call, refuse)
            with pytest.raises(Broken, match=rf"^{message}: No space left on device.*store-failed"):
                ask()

    each(
        [
            ("link", lambda: put(objects), f"writing {NAME}"),
            ("rename", lambda: draft(objects), "writing tips/parts/2024-04-29/"),
            ("remove", lambda: objects.remove(NAME), f"removing {NAME}"),
            ("remove", lambda: objects.abandon_uploads(LATER), "removing temporary files"),
        ],
        refused,
    )
