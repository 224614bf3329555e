"""Objects in a bucket: uploaded whole under their final name, checked by the store and again when read."""

import hashlib
import re
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from os.path import commonprefix
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, cast

from tierra.errors import Broken, Unavailable
from tierra.store.bucket_reading import open_object, open_verified
from tierra.store.buckets import PART, Bucket
from tierra.store.objects import NAME, Draft, Entry, check_name, folders_of

DIGEST: Final = re.compile(r"([0-9a-f]{64})(\.[^/]*)?$")
# A store may refuse a name while another writer creates it, and that writer may then fail.
PAUSES: Final = (0.05, 0.2, 0.5, 1.0, 2.0)


class _BucketDraft(Draft):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def _append(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise Broken("store-failed", f"a temporary file for an upload: {error.strerror or error}") from error


class BucketObjects:
    """Objects under a prefix of a bucket."""

    def __init__(self, bucket: Bucket, prefix: str = "") -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    @contextmanager
    def draft(self, stem: str, suffix: str) -> Iterator[Draft]:
        """Write an object named stem + digest + suffix."""
        check_name(f"{stem}x{suffix}")
        # The name is the digest of all bytes, so they wait here.
        with SpooledTemporaryFile(max_size=PART, prefix="tierra-") as spooled:
            file = cast(BinaryIO, spooled)
            draft = _BucketDraft(file)
            yield draft
            name = check_name(f"{stem}{draft.sha256}{suffix}")
            self._bucket.write(self._key(name), file, draft.tell(), draft.sha256)
            draft.name = name

    def put_if_absent(self, name: str, data: bytes) -> bool:
        """Create an object unless the name is taken.

        After a lost answer, an object with the same bytes counts as created: writers
        whose bytes could be equal put something random into them. Raises Unavailable
        when it is unknown whether the object will appear.
        """
        key, sha256 = self._key(name), hashlib.sha256(data).hexdigest()
        for pause in PAUSES:
            try:
                creation = self._bucket.create(key, data, sha256)
            except Unavailable:
                stored = self._read_if_present(key)
                if stored is None:
                    raise
                return stored == data
            if creation.created:
                return True
            stored = self._read_if_present(key)
            if stored is not None:
                return creation.uncertain and stored == data
            time.sleep(pause)
        raise Unavailable("store-unavailable", f"{self.location(name)} can be neither created nor read")

    def read(self, name: str) -> bytes:
        """The bytes of an object. Raises Broken when they are not those of its name."""
        key, named = self._key(name), DIGEST.search(name)
        data = self._bucket.get(key)
        if named and not _is(data, named[1]):
            # Bytes damaged on the way are right the second time.
            data = self._bucket.get(key)
            if not _is(data, named[1]):
                raise Broken("store-tampered", f"{self.location(name)} is not what was written")
        return data

    def open(self, name: str) -> BinaryIO:
        """An object to read from at any position."""
        return open_object(self._bucket, self._key(name))

    def open_verified(self, name: str, sha256: str) -> BinaryIO:
        """The same for an object that must have this digest."""
        return open_verified(self._bucket, self._key(name), sha256)

    def names(self, folder: str, within: Collection[str] | None = None) -> list[str]:
        """The names of the objects in a folder and below it, sorted; of some of its folders where they are named."""
        folders = sorted(self._key(each) + "/" for each in folders_of(folder, within))
        # The days of a month by one listing: their names differ in the last two letters.
        alike = [tuple(each) for _, each in groupby(folders, lambda each: each[:-3])]
        keys = (key for each in alike for key in self._bucket.keys(_start_of(each)) if key.startswith(each))
        names = (key.removeprefix(self._prefix) for key in keys)
        return sorted(name for name in names if NAME.fullmatch(name))  # others are not ours

    def entries(self, folder: str) -> Iterator[Entry]:
        """The objects in a folder and below it, a page of a thousand at a time."""
        for key, head in self._bucket.listed(self._key(folder) + "/"):
            if NAME.fullmatch(name := key.removeprefix(self._prefix)):
                yield Entry(name, head.size, head.modified)

    def modified(self, name: str) -> datetime | None:
        """When the object was last written; None when it is absent."""
        head = self._bucket.head(self._key(name))
        return head.modified if head else None

    def remove(self, name: str) -> None:
        """Remove an object."""
        self._bucket.remove(self._key(name))

    def abandon_uploads(self, before: datetime) -> int:
        """Abort multipart uploads that killed writers began before then; how many there were."""
        return self._bucket.abandon_uploads(self._prefix, before)

    def location(self, name: str) -> str:
        """The object's address, for people."""
        return self._bucket.where(self._key(name))

    def _key(self, name: str) -> str:
        return self._prefix + check_name(name)

    def _read_if_present(self, key: str) -> bytes | None:
        try:
            return self._bucket.get(key)
        except FileNotFoundError:
            return None


def _start_of(keys: tuple[str, ...]) -> str:
    return commonprefix(keys)  # noqa: RUF071 - by letter is right: a prefix of keys is no path


def _is(data: bytes, sha256: str) -> bool:
    return hashlib.sha256(data).hexdigest() == sha256
