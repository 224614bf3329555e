"""Reading an object of a bucket as a file: in ranges, with read-ahead, one version only."""

import io
from typing import BinaryIO, Final, cast

from tierra.store.s3_bucket import Bucket, Head

LEAST: Final = 1024 * 1024
MOST: Final = 8 * LEAST


def open_object(bucket: Bucket, key: str) -> BinaryIO:
    """An object to read from at any position. Raises FileNotFoundError."""
    head = bucket.head(key)
    if head is None:
        raise FileNotFoundError(bucket.where(key))
    return cast(BinaryIO, io.BufferedReader(_Ranges(bucket, key, head), LEAST))


class _Ranges(io.RawIOBase):
    """A buffered file over ranges of the object: the buffer grows while reading on and shrinks after a jump."""

    def __init__(self, bucket: Bucket, key: str, head: Head) -> None:
        self._bucket, self._key, self._head = bucket, key, head
        self._position = self._start = 0
        self._window, self._ahead = b"", LEAST

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
        self._window = self._bucket.get_range(self._key, self._position, size, self._head.etag)
        self._start = self._position
