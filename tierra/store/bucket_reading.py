"""Reading an object of a bucket as a file: in ranges, with read-ahead, one version only."""

import io
from contextvars import copy_context
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, cast

from tierra.errors import Broken
from tierra.store.buckets import PART, Bucket, Head
from tierra.store.objects import Verified, check_digest

LEAST: Final = 1024 * 1024
MOST: Final = 8 * LEAST
_verified: Final = Verified()


def open_object(bucket: Bucket, key: str) -> BinaryIO:
    """An object to read from at any position. Raises FileNotFoundError."""
    return _open_version(bucket, key, _head(bucket, key))


def open_verified(bucket: Bucket, key: str, sha256: str) -> BinaryIO:
    """The same for an object with this digest: the first time all of it is fetched, to a temporary file, and compared.

    Later, ranges of that version are read. Raises Broken.
    """
    head = _head(bucket, key)
    version = (bucket.where(key), head.etag, head.size)
    if (version, sha256) in _verified:
        return _open_version(bucket, key, head)
    try:
        file = _fetch(bucket, key, head, sha256)
    except Broken:  # bytes damaged on the way are right the second time
        file = _fetch(bucket, key, head, sha256)
    _verified.add(version, sha256)
    return file


def _head(bucket: Bucket, key: str) -> Head:
    head = bucket.head(key)
    if head is None:
        raise FileNotFoundError(bucket.where(key))
    return head


def _open_version(bucket: Bucket, key: str, head: Head) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Ranges(bucket, key, head), LEAST))


def _fetch(bucket: Bucket, key: str, head: Head, sha256: str) -> BinaryIO:
    """A copy of an object that has the digest; it goes when it is closed."""
    file = cast(BinaryIO, SpooledTemporaryFile(max_size=PART, prefix="tierra-"))  # noqa: SIM115
    try:
        with _open_version(bucket, key, head) as stored:
            _copy(stored, file)
        file.seek(0)
        check_digest(file, sha256, bucket.where(key))
    except BaseException:
        file.close()
        raise
    return file


def _copy(stored: BinaryIO, file: BinaryIO) -> None:
    while data := stored.read(MOST):
        try:
            file.write(data)
        except OSError as error:
            raise Broken("store-failed", f"a temporary file for a download: {error.strerror or error}") from error


class _Ranges(io.RawIOBase):
    """A buffered file over ranges of the object: the buffer grows while reading on and shrinks after a jump."""

    def __init__(self, bucket: Bucket, key: str, head: Head) -> None:
        self._bucket, self._key, self._head = bucket, key, head
        self._position = self._start = 0
        self._window, self._ahead = b"", LEAST
        # Arrow reads in threads of its own; what is noted there, such as a retry, is of the station that opened it.
        self._context = copy_context()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._head.size}[whence]
        if base + offset < 0:
            raise ValueError(f"a file has no position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._position >= self._head.size:
            return 0
        if not self._start <= self._position < self._start + len(self._window):
            self._load_window(len(buffer))
        begin = self._position - self._start
        piece = self._window[begin : begin + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _load_window(self, size_asked: int) -> None:
        straight_on = self._window and self._position == self._start + len(self._window)
        self._ahead = min(2 * self._ahead, MOST) if straight_on else LEAST
        size = min(max(size_asked, self._ahead), self._head.size - self._position)
        self._window = b""  # else both are held
        ask = self._context.copy().run
        self._window = ask(self._bucket.get_range, self._key, self._position, size, self._head.etag)
        self._start = self._position
