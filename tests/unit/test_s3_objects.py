"""What a bucket's objects do where no real server can be brought to it."""

from typing import Any

import pytest

from tierra.errors import Broken, Unavailable
from tierra.store import s3_objects
from tierra.store.s3_bucket import Creation
from tierra.store.s3_objects import S3Objects


class Refusing:
    """A bucket that refuses a name while another writer creates it, who then fails."""

    def create(self, *_: object) -> Creation:
        return Creation(created=False)

    def get(self, key: str) -> bytes:
        raise FileNotFoundError(key)

    def where(self, key: str) -> str:
        return f"s3://bucket/{key}"


def test_a_name_that_is_refused_and_never_there_is_asked_for_some_seconds_and_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    bucket: Any = Refusing()
    with pytest.raises(Unavailable, match=r"s3://bucket/lake/m/1\.json can be neither created nor read"):
        S3Objects(bucket, "lake").put_if_absent("m/1.json", b"{}")
    assert pauses == sorted(pauses)
    assert len(pauses) > 3
    assert 3 < sum(pauses) < 4


class Full:
    """A temporary file on a full disk."""

    def __init__(self, **_: object) -> None:
        pass

    def __enter__(self) -> "Full":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, data: bytes) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_said_of_the_temporary_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_objects, "SpooledTemporaryFile", Full)
    bucket: Any = Refusing()
    draft = S3Objects(bucket, "lake").draft("parts/", ".bin").__enter__()
    with pytest.raises(Broken, match=r"temporary file for an upload: No space left on device.*store-failed"):
        draft.write(b"x")
