"""A bucket of a cloud's store: the port that `BucketObjects` stands on, and what its adapters have in common.

`S3Bucket` speaks S3, `GcsBucket` Google Cloud Storage.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final, Protocol

PART: Final = 8 * 1024 * 1024
# The stations retry too: these are for a dropped connection, not for a store that is down.
ATTEMPTS: Final = 3
CONNECT_SECONDS, READ_SECONDS = 5, 60


@dataclass(frozen=True)
class Head:
    """Size, version and age of an object."""

    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True)
class Creation:
    """Whether a key was created; if not, whether an earlier attempt of the same call may have created it."""

    created: bool
    uncertain: bool = False


class Bucket(Protocol):
    """Objects by their whole keys. Every method raises Misconfigured, Unavailable or Broken."""

    def where(self, key: str) -> str:
        """The object's address."""

    def head(self, key: str) -> Head | None:
        """Size, version and age of an object; None when it is absent. Raises Misconfigured without the bucket."""

    def get(self, key: str) -> bytes:
        """All bytes of an object. Raises FileNotFoundError."""

    def get_range(self, key: str, start: int, size: int, etag: str) -> bytes:
        """Some bytes of one version of an object. Raises Unavailable when another version is there now."""

    def create(self, key: str, data: bytes, sha256: str) -> Creation:
        """Create an object unless one is there. Raises Unavailable when the answer was lost."""

    def write(self, key: str, file: BinaryIO, size: int, sha256: str) -> None:
        """Write an object from a file."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that start with a prefix."""

    def listed(self, prefix: str) -> Iterator[tuple[str, Head]]:
        """The keys that start with a prefix, each with its size, version and age."""

    def remove(self, key: str) -> None:
        """Remove an object, if it is there."""

    def abandon_uploads(self, prefix: str, before: datetime) -> int:
        """Remove uploads that began before then and never ended; how many there were."""
