"""What every store of objects promises, whoever keeps the bytes."""

import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import product
from pathlib import Path
from secrets import token_hex
from threading import Barrier
from typing import Any

import pytest

from tests.cases import each
from tests.conftest import ROOT
from tests.gcs_server import GcsServer
from tests.s3_server import S3Server
from tierra.errors import Broken
from tierra.store.bucket_objects import BucketObjects
from tierra.store.gcs_bucket import open_gcs_bucket
from tierra.store.local_objects import LocalObjects
from tierra.store.objects import MemoryObjects, Objects
from tierra.store.s3_bucket import open_bucket

WRITERS, ROUNDS, SOME = 16, 40, 6
LEAVING = (
    *("../out", "a/../../out", "/etc/passwd", "a/..", "..", ".hidden", "", "a\\b", "a b", "a\x00b", "~/x", "a\n"),
    *(".", "/", "//host/share", "a//b", "a/", "a/./b", "a/.../b", "a/.b", "%2e%2e/out", "..%2fout", "C:\\out", "a:b"),
    *("file:///etc/passwd", "a\u202eb", "\uff0e\uff0e/out", "\u2025/out", "e\u0301", "a\tb", "a*", "$(id)", "-rf"),
)


@pytest.fixture(params=["local", "memory", "s3", "gcs"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def bucket(s3: S3Server) -> str:
    return s3.bucket()


@pytest.fixture(scope="session")
def gcs_bucket(gcs: GcsServer) -> str:
    return gcs.bucket()


@pytest.fixture
def objects(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if kind == "s3":
        settings = request.getfixturevalue("s3").settings()
        return BucketObjects(open_bucket(request.getfixturevalue("bucket"), settings), f"lake/{token_hex(6)}")
    if kind == "gcs":
        server: GcsServer = request.getfixturevalue("gcs")
        place = request.getfixturevalue("gcs_bucket")
        return BucketObjects(open_gcs_bucket(place, server.settings()), f"lake/{token_hex(6)}")
    return LocalObjects(tmp_path / "store") if kind == "local" else MemoryObjects()


def write(objects: Objects, data: bytes, stem: str = "parts/", suffix: str = ".bin") -> str:
    with objects.draft(stem, suffix) as draft:
        draft.write(data)
    return draft.name


def files_below(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def test_a_draft_is_named_by_the_digest_of_its_bytes(objects: Objects) -> None:
    with objects.draft("parts/", ".bin") as draft:
        draft.write(b"one ")
        draft.write(b"two")
        assert draft.tell() == 7
    digest = hashlib.sha256(b"one two").hexdigest()
    assert draft.name == f"parts/{digest}.bin"
    assert draft.sha256 == digest
    assert objects.read(draft.name) == b"one two"


def test_the_same_bytes_twice_are_one_object(objects: Objects) -> None:
    assert write(objects, b"same") == write(objects, b"same")
    assert len(objects.names("parts")) == 1


def test_an_empty_draft_is_an_object_too(objects: Objects) -> None:
    assert objects.read(write(objects, b"")) == b""


def test_nothing_is_visible_before_a_draft_ends(objects: Objects) -> None:
    with objects.draft("parts/", ".bin") as draft:
        draft.write(b"half")
        assert objects.names("parts") == []
    assert objects.names("parts") == [draft.name]


def test_nothing_is_left_of_a_draft_whose_block_fails(objects: Objects, tmp_path: Path) -> None:
    def fail_halfway(failure: type[BaseException]) -> None:
        with objects.draft("parts/", ".bin") as draft:
            draft.write(b"half")
            raise failure

    def leave_nothing(failure: type[BaseException]) -> None:
        with pytest.raises((failure, Broken)):
            fail_halfway(failure)
        assert objects.names("parts") == []
        assert files_below(tmp_path) == []

    each([RuntimeError, KeyboardInterrupt, OSError], leave_nothing)


def test_put_if_absent_creates_once_and_never_changes(objects: Objects) -> None:
    assert objects.put_if_absent("manifests/1.json", b"first")
    assert not objects.put_if_absent("manifests/1.json", b"second")
    assert not objects.put_if_absent("manifests/1.json", b"first")
    assert objects.read("manifests/1.json") == b"first"


def race(objects: Objects, count: int, number: int) -> None:
    """Of writers at one name, one wins and its bytes stand; in every second race all have the same bytes."""
    barrier, name = Barrier(count), f"manifests/{number:03d}.json"

    def create(writer: int) -> tuple[bool, bytes]:
        data = b"the same" if number % 2 else f"writer {writer}".encode()
        barrier.wait()
        return objects.put_if_absent(name, data), data

    with ThreadPoolExecutor(count) as writers:
        winners = [data for won, data in writers.map(create, range(count)) if won]
    assert winners == [objects.read(name)]


def test_of_many_writers_exactly_one_wins_and_its_bytes_stand(objects: Objects, kind: str) -> None:
    # SeaweedFS lets those who wait for one name look again each second, so its races run side by side, and few.
    if kind == "s3":
        race_often(objects, SOME, at_once=SOME, writers=8)
    else:
        race_often(objects, SOME if kind == "gcs" else ROUNDS, at_once=1)


@pytest.mark.long
def test_of_many_writers_in_many_races_exactly_one_wins_in_a_bucket(s3: S3Server, bucket: str) -> None:
    race_often(BucketObjects(open_bucket(bucket, s3.settings()), f"lake/{token_hex(6)}"), ROUNDS, at_once=5)


@pytest.mark.long
def test_of_many_writers_in_many_races_exactly_one_wins_in_a_bucket_of_google(gcs: GcsServer, gcs_bucket: str) -> None:
    race_often(BucketObjects(open_gcs_bucket(gcs_bucket, gcs.settings()), f"lake/{token_hex(6)}"), ROUNDS, at_once=1)


def race_often(objects: Objects, rounds: int, at_once: int, writers: int = WRITERS) -> None:
    with ThreadPoolExecutor(at_once) as races:
        list(races.map(partial(race, objects, writers), range(rounds)))
    assert len(objects.names("manifests")) == rounds


def test_names_are_sorted_below_their_folder_and_free_of_temporary_files(objects: Objects) -> None:
    for name in ("m/b/2.json", "m/a/1.json", "m/b/1.json", "n/1.json", "ma/1.json"):
        objects.put_if_absent(name, b"{}")
    with objects.draft("m/b/", ".bin") as draft:
        draft.write(b"under way")
        assert objects.names("m") == ["m/a/1.json", "m/b/1.json", "m/b/2.json"]
    assert objects.names("m/a") == ["m/a/1.json"]
    assert objects.names("nothing") == []


WINDOWS = ([], [3], [0], [39], [99], [3, 4, 5], range(40), range(30, 99), [0, 39], [38, 7], [41, 42], [20, 20, 21])


def test_the_names_in_some_folders_are_those_of_all_that_lie_in_them(objects: Objects) -> None:
    """Neighbours whose names begin alike, sort between or lie deeper are told apart."""
    days = [(date(2024, 2, 20) + timedelta(number)).isoformat() for number in range(100)]
    names = [f"m/{day}/{number}.json" for day in days[:40] for number in (1, 2)]
    names += [f"m/{days[3]}{more}" for more in ("x/1.json", "-1/1.json", "/a/1.json", ".json")] + ["m/2024-03/1", "n/1"]
    with ThreadPoolExecutor(WRITERS) as pool:
        assert all(pool.map(lambda name: objects.put_if_absent(name, b"{}"), names))
    assert objects.names("m") == sorted(names[:-1])

    def find(window: Sequence[int]) -> None:
        within = [days[number] for number in window]
        wanted = [name for name in names if name.startswith(tuple(f"m/{day}/" for day in within))]
        assert objects.names("m", within) == sorted(wanted)

    each(WINDOWS, find)
    with pytest.raises(Broken, match="store-failed"):
        objects.names("m", [".."])


def test_what_killed_writers_left_unfinished_is_removed_when_it_is_old(tmp_path: Path) -> None:
    child = (
        "import os, sys; from pathlib import Path; from tierra.store import disk; "
        "from tierra.store.local_objects import LocalObjects; disk.link = lambda *_: os._exit(9); "
        "LocalObjects(Path(sys.argv[1])).put_if_absent(sys.argv[2], b'half')"
    )
    for name in ("m/a/1.json", "top.json"):
        assert subprocess.run([sys.executable, "-c", child, str(tmp_path), name], cwd=ROOT).returncode == 9
    objects, now = LocalObjects(tmp_path), datetime.now(UTC)
    assert (len(files_below(tmp_path)), objects.names("m")) == (2, [])
    assert objects.abandon_uploads(now - timedelta(days=1)) == 0
    assert objects.abandon_uploads(now + timedelta(minutes=1)) == 2
    assert files_below(tmp_path) == []


def test_what_a_killed_writer_left_is_not_a_name(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    objects.put_if_absent("m/1.json", b"{}")
    (tmp_path / "m" / ".0123456789abcdef.tmp").write_bytes(b"half")
    assert objects.names("m") == ["m/1.json"]


def test_an_absent_object_is_a_file_not_found(objects: Objects) -> None:
    def ask(how: Callable[[str], object]) -> None:
        with pytest.raises(FileNotFoundError):
            how("parts/absent.bin")

    each([objects.read, objects.open], ask)


USES: dict[str, Callable[[Objects, str], object]] = {
    "put": lambda objects, name: objects.put_if_absent(name, b""),
    "read": lambda objects, name: objects.read(name),
    "open": lambda objects, name: objects.open(name),
    "names": lambda objects, name: objects.names(name),
    "modified": lambda objects, name: objects.modified(name),
    "remove": lambda objects, name: objects.remove(name),
    "draft": lambda objects, name: write(objects, b"", stem=name + "/"),
}


def test_names_that_would_leave_the_store_are_refused(objects: Objects, tmp_path: Path) -> None:
    def refuse(use: str, name: str) -> None:
        before = files_below(tmp_path)
        with pytest.raises(Broken, match="store-failed"):
            USES[use](objects, name)
        assert files_below(tmp_path) == before

    each(product(USES, LEAVING), refuse)


def test_one_object_has_one_name_and_none_is_hidden(objects: Objects) -> None:
    def refuse(name: str) -> None:
        with pytest.raises(Broken, match="store-failed"):
            objects.put_if_absent(name, b"")

    each(["a/.hidden", "a//b", "a/./b", "a/"], refuse)


def test_an_opened_object_is_read_from_any_position(objects: Objects) -> None:
    name = write(objects, bytes(range(200)))
    with objects.open(name) as file:
        assert file.seek(-3, 2) == 197
        assert file.read() == bytes([197, 198, 199])
        file.seek(10)
        assert file.read(2) == bytes([10, 11])


def test_any_range_of_an_object_is_what_was_written_there(objects: Objects) -> None:
    data, chance = random.Random(0).randbytes(3_000_000), random.Random(1)
    with objects.open(write(objects, data)) as file:
        for _ in range(60):
            start, size = chance.randrange(len(data)), chance.choice([1, 100, 70_000, 1_500_000])
            assert file.seek(start) == start
            assert file.read(size) == data[start : start + size]
        assert file.seek(0, 2) == len(data)
        assert file.read(10) == b""


def test_a_large_object_has_the_digest_of_what_was_written(objects: Objects) -> None:
    data = random.Random(0).randbytes(20_000_000)
    with objects.draft("parts/", ".bin") as draft:
        for start in range(0, len(data), 3_000_000):
            draft.write(data[start : start + 3_000_000])
    assert draft.name == f"parts/{hashlib.sha256(data).hexdigest()}.bin"
    assert objects.read(draft.name) == data
    with objects.open(draft.name) as file:
        assert b"".join(iter(partial(file.read, 1_000_000), b"")) == data


def test_every_name_is_listed_however_many_there_are(objects: Objects) -> None:
    put_many(objects, 250)


def test_names_in_a_bucket_are_listed_page_by_page(s3: S3Server, bucket: str) -> None:
    """The store says 100 names at a time where it would say 1,000."""
    pages: list[int] = []

    def shorten(params: dict[str, Any], **_: Any) -> None:
        pages.append(params.setdefault("MaxKeys", 100))

    settings = s3.settings().model_copy(update={"region": "short-pages"})  # a client of its own
    paged = open_bucket(bucket, settings)
    paged._client.meta.events.register("provide-client-params.s3.ListObjectsV2", shorten)
    put_many(BucketObjects(paged, f"lake/{token_hex(6)}"), 250)
    assert len(pages) == 3


@pytest.mark.long
def test_thousands_of_names_in_a_bucket_are_listed(s3: S3Server, bucket: str) -> None:
    put_many(BucketObjects(open_bucket(bucket, s3.settings()), f"lake/{token_hex(6)}"), 2_100)


def put_many(objects: Objects, count: int) -> None:
    names = [f"m/{number:05d}.json" for number in range(count)]
    with ThreadPoolExecutor(WRITERS) as pool:
        assert all(pool.map(lambda name: objects.put_if_absent(name, b"{}"), names))
    assert objects.names("m") == names


def test_the_store_says_in_utc_when_an_object_was_written(objects: Objects) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    written = objects.modified(write(objects, b"x"))
    assert written
    assert written.utcoffset() == timedelta()
    assert before < written < datetime.now(UTC) + timedelta(seconds=2)
    assert objects.modified("parts/absent.bin") is None


def test_a_listing_says_how_large_and_how_old_each_object_is(objects: Objects) -> None:
    names = {write(objects, b"x" * size, f"made/{size}/"): size for size in (0, 1, 70)}
    write(objects, b"elsewhere", "parts/")
    found = {each.name: each for each in objects.entries("made")}
    assert {name: each.size for name, each in found.items()} == names
    # Of a listing, some stores give whole seconds only.
    assert all(abs(each.modified - objects.modified(name)) < timedelta(seconds=1) for name, each in found.items())
    assert list(objects.entries("nothing")) == []


def test_what_is_drafted_again_is_as_new(objects: Objects, kind: str) -> None:
    name = write(objects, b"wanted again")
    first = objects.modified(name)
    time.sleep(1.1 if kind == "s3" else 0.02)  # SeaweedFS counts seconds
    assert write(objects, b"wanted again") == name
    again = objects.modified(name)
    assert first
    assert again
    assert again > first


def test_what_was_removed_is_absent_and_removing_it_again_is_fine(objects: Objects) -> None:
    objects.put_if_absent("m/1.json", b"first")
    objects.put_if_absent("m/1.json.bak", b"stays")
    for _ in range(2):
        objects.remove("m/1.json")
    assert objects.names("m") == ["m/1.json.bak"]
    with pytest.raises(FileNotFoundError):
        objects.read("m/1.json")
    assert objects.put_if_absent("m/1.json", b"second")


def test_a_location_is_said_for_people(objects: Objects) -> None:
    assert write(objects, b"x") in objects.location(write(objects, b"x"))
