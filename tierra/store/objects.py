"""The store of objects: named bytes, written once and never changed.

`Objects` is the port. `LocalObjects` keeps them in a folder, `BucketObjects` in a bucket of S3 or Google;
`MemoryObjects` keeps them in memory, for tests of code that uses the port. A name that
ends in a SHA-256 before its suffix is that of the object's bytes.
"""

import hashlib
import io
import re
from abc import abstractmethod
from collections.abc import Collection, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import BinaryIO, NamedTuple, Protocol

from tierra.errors import Broken

PIECE = 1024 * 1024
_STEP = r"[A-Za-z0-9_][A-Za-z0-9_.=-]*"
NAME = re.compile(rf"(?!.*\.\.){_STEP}(/{_STEP})*")


class Draft(io.RawIOBase):
    """A new object being written. Its name is known once its content is."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._size = 0
        self.name = ""

    @property
    def sha256(self) -> str:
        """Digest of what was written so far."""
        return self._hash.hexdigest()

    def writable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Bytes written so far."""
        return self._size

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Append bytes."""
        self._hash.update(data)
        self._append(bytes(data))
        self._size += len(data)
        return len(data)

    @abstractmethod
    def _append(self, data: bytes) -> None: ...


class Entry(NamedTuple):
    """An object as a listing shows it: its name, its bytes, and when it was last written, by the store's own clock."""

    name: str
    size: int
    modified: datetime


class Objects(Protocol):
    """Named bytes, written once."""

    def draft(self, stem: str, suffix: str) -> AbstractContextManager[Draft]:
        """Write an object named stem + digest + suffix; it appears when the block ends without an error.

        An existing object is written again, so that `modified` tells when it was last used.
        """

    def put_if_absent(self, name: str, data: bytes) -> bool:
        """Create an object unless the name is taken. True when created."""

    def read(self, name: str) -> bytes:
        """The bytes of an object. Raises FileNotFoundError."""

    def open(self, name: str) -> BinaryIO:
        """An object to read from at any position. Raises FileNotFoundError."""

    def open_verified(self, name: str, sha256: str) -> BinaryIO:
        """The same for an object that must have this digest; it is looked at once a process. Raises Broken."""

    def names(self, folder: str, within: Collection[str] | None = None) -> list[str]:
        """The names of the objects in a folder and below it, sorted; of some of its folders where they are named.

        The others then cost nothing, however many they are.
        """

    def entries(self, folder: str) -> Iterator[Entry]:
        """The objects in a folder and below it, in any order, one by one: however many they are, few are in memory."""

    def modified(self, name: str) -> datetime | None:
        """When the object was last written, by the store's own clock, in UTC; None when it is absent."""

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""

    def abandon_uploads(self, before: datetime) -> int:
        """Remove what killed writers began before then and never finished; how many there were."""

    def location(self, name: str) -> str:
        """The object's path or address, for people."""


def check_name(name: str) -> str:
    """Refuse names that could escape the store, be hidden in it, or be a second name of an object. Raises Broken."""
    if not NAME.fullmatch(name):
        raise Broken("store-failed", f"'{name}' cannot be the name of an object")
    return name


def folders_of(folder: str, within: Collection[str] | None) -> list[str]:
    """A folder, or the folders named in it. Raises Broken for one that cannot be in a store."""
    return [check_name(folder)] if within is None else [check_name(f"{folder}/{each}") for each in set(within)]


class Verified:
    """The versions of objects whose digest this process knows, as it wrote them or read them to their end."""

    def __init__(self) -> None:
        self._known: set[tuple[Hashable, str]] = set()

    def add(self, version: Hashable, sha256: str) -> None:
        """Note that a version of an object has a digest."""
        self._known.add((version, sha256))

    def __contains__(self, pair: tuple[Hashable, str]) -> bool:
        return pair in self._known


def check_digest(file: BinaryIO, sha256: str, where: str) -> None:
    """Read a file to its end and go back to its start. Raises Broken when its bytes have another digest."""
    found = hashlib.sha256()
    while data := file.read(PIECE):
        found.update(data)
    if found.hexdigest() != sha256:
        raise Broken("store-tampered", f"{where} is not what was written")
    file.seek(0)


class _MemoryDraft(Draft):
    def __init__(self) -> None:
        super().__init__()
        self.buffer = bytearray()

    def _append(self, data: bytes) -> None:
        self.buffer += data


class MemoryObjects:
    """Objects in a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._written: dict[str, datetime] = {}
        self._lock = Lock()

    @contextmanager
    def draft(self, stem: str, suffix: str) -> Iterator[Draft]:
        """Write an object named stem + digest + suffix."""
        draft = _MemoryDraft()
        yield draft
        draft.name = check_name(f"{stem}{draft.sha256}{suffix}")
        with self._lock:
            self._write(draft.name, bytes(draft.buffer))

    def put_if_absent(self, name: str, data: bytes) -> bool:
        """Create an object unless the name is taken."""
        with self._lock:
            absent = check_name(name) not in self.objects
            if absent:
                self._write(name, data)
        return absent

    def _write(self, name: str, data: bytes) -> None:
        self.objects[name], self._written[name] = data, datetime.now(UTC)

    def read(self, name: str) -> bytes:
        """The bytes of an object."""
        if check_name(name) not in self.objects:
            raise FileNotFoundError(name)
        return self.objects[name]

    def open(self, name: str) -> BinaryIO:
        """An object to read from at any position."""
        return io.BytesIO(self.read(name))

    def open_verified(self, name: str, sha256: str) -> BinaryIO:
        """The same for an object that must have this digest."""
        file = self.open(name)
        check_digest(file, sha256, self.location(name))
        return file

    def names(self, folder: str, within: Collection[str] | None = None) -> list[str]:
        """The names of the objects in a folder and below it, sorted; of some of its folders where they are named."""
        below = tuple(f"{each}/" for each in folders_of(folder, within))
        return sorted(name for name in list(self.objects) if name.startswith(below))

    def entries(self, folder: str) -> Iterator[Entry]:
        """The objects in a folder and below it."""
        for name in self.names(folder):
            yield Entry(name, len(self.objects[name]), self._written[name])

    def modified(self, name: str) -> datetime | None:
        """When the object was last written; None when it is absent."""
        return self._written.get(check_name(name))

    def remove(self, name: str) -> None:
        """Remove an object."""
        with self._lock:
            self.objects.pop(check_name(name), None)
            self._written.pop(name, None)

    def abandon_uploads(self, before: datetime) -> int:
        """Nothing to do: unfinished objects in memory end with their writer."""
        return 0

    def location(self, name: str) -> str:
        """The object's path or address, for people."""
        return f"memory:{name}"
