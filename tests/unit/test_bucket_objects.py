"""What a bucket's objects do where no real server can be brought to it."""

from typing import Any

import pytest

from tierra.errors import Broken, Unavailable
from tierra.store import bucket_objects
from tierra.store.bucket_objects import BucketObjects
from tierra.store.buckets import Creation


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
        BucketObjects(bucket, "lake").put_if_absent("m/1.json", b"{}")
    assert pauses == sorted(pauses)
    assert len(pauses) > 3
    assert 3 < sum(pauses) < 4


class Full:
    """A temporary file on a full disk."""

    def __init__(self, max_size: int, prefix: str) -> None:
        assert 0 < max_size < 2**27, "more than this waits on the disk"
        assert prefix == "tierra-"

    def __enter__(self) -> "Full":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, data: bytes) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_said_of_the_temporary_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_objects, "SpooledTemporaryFile", Full)
    bucket: Any = Refusing()
    draft = BucketObjects(bucket, "lake").draft("parts/", ".bin").__enter__()
    with pytest.raises(Broken, match=r"temporary file for an upload: No space left on device.*store-failed"):
        draft.write(b"x")


class Month:
    """A bucket with a manifest of each day of a month, and one that only begins like a day."""

    def __init__(self) -> None:
        self.listed: list[str] = []

    def keys(self, prefix: str) -> list[str]:
        self.listed.append(prefix)
        days = [*(f"2024-04-{day:02d}" for day in range(1, 31)), "2024-04-0", "2024-05-01"]
        return [key for day in days if (key := f"lake/m/{day}/1.json").startswith(prefix)]


def test_the_days_of_a_month_are_found_by_one_listing() -> None:
    bucket: Any = Month()
    days = [f"2024-04-{day:02d}" for day in range(2, 31)]
    assert BucketObjects(bucket, "lake").names("m", days) == [f"m/{day}/1.json" for day in days]
    assert bucket.listed == ["lake/m/2024-04-"]
    assert BucketObjects(bucket, "lake").names("m", ["2024-04-01", "2024-05-01"]) == [
        "m/2024-04-01/1.json", "m/2024-05-01/1.json",
    ]  # fmt: skip
    assert sorted(bucket.listed[1:]) == ["lake/m/2024-04-01/", "lake/m/2024-05-01/"]
    assert len(BucketObjects(bucket, "lake").names("m")) == 32


def test_a_place_in_a_bucket_may_be_the_whole_bucket() -> None:
    bucket: Any = Refusing()
    assert BucketObjects(bucket).location("m/1.json") == "s3://bucket/m/1.json"
