"""One bucket of Google Cloud Storage. With its errors the only file that knows Google's libraries."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, BinaryIO, Final

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import NotFound, PreconditionFailed
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from loguru import logger

from tierra.errors import Broken, Misconfigured, Unavailable
from tierra.journal import note_request
from tierra.settings import Gcs
from tierra.store.buckets import ATTEMPTS, CONNECT_SECONDS, READ_SECONDS, Creation, Head
from tierra.store.gcs_errors import ALL, explain, is_transient

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
WAITS: Final = (CONNECT_SECONDS, READ_SECONDS)
BYTES: Final = "application/octet-stream"
# Within it an attempt may be repeated; the number of attempts is what ends a store that is down.
RETRY_SECONDS: Final = 60


def open_gcs_bucket(name: str, gcs: Gcs) -> "GcsBucket":
    """A bucket by its name, reached as the settings say. Raises Misconfigured; does not connect yet."""
    if not NAME.fullmatch(name):
        raise Misconfigured("store-address", f"'{name}' cannot be the name of a bucket")
    return GcsBucket(gcs, name)


@lru_cache(maxsize=8)
def _connect(gcs: Gcs, _process: int) -> Any:
    """A client; one a process, as connections do not outlive a fork."""
    url = gcs.endpoint_url
    # Credentials never travel in clear text.
    given = {"credentials": AnonymousCredentials()} if url and url.startswith("http:") else {}
    return storage.Client(project=None, client_options=ClientOptions(api_endpoint=url) if url else None, **given)


class GcsBucket:
    """Objects by their whole keys."""

    def __init__(self, gcs: Gcs, name: str) -> None:
        self._gcs = gcs
        self.name = name

    def where(self, key: str) -> str:
        """The object's address."""
        return f"gs://{self.name}/{key}"

    def head(self, key: str) -> Head | None:
        """Size, version and age of an object; None when it is absent. Raises Misconfigured without the bucket."""
        with self._translated_errors(key):
            found = self._bucket.get_blob(key, **_options())
            if found is None:
                self._require_bucket(key)
                return None
        return Head(int(found.size), str(found.generation), found.updated.astimezone(UTC))

    def get(self, key: str) -> bytes:
        """All bytes of an object. Raises FileNotFoundError."""
        with self._translated_errors(key):
            return self._bytes(key)

    def get_range(self, key: str, start: int, size: int, etag: str) -> bytes:
        """Some bytes of one version of an object. Raises Unavailable when another version is there now."""
        try:
            with self._translated_errors(key):
                data = self._bytes(key, int(etag), start=start, end=start + size - 1)
        except FileNotFoundError:
            raise Unavailable("store-unavailable", f"{self.where(key)} was overwritten while it was read") from None
        if len(data) != size:
            raise Broken("store-tampered", f"{self.where(key)} gives {len(data)} bytes for {size}")
        return data

    def create(self, key: str, data: bytes, sha256: str) -> Creation:
        """Create an object unless one is there. Raises Unavailable when the answer was lost."""
        failed: list[Exception] = []
        with self._translated_errors(key):
            try:
                blob = self._bucket.blob(key)
                blob.upload_from_string(data, BYTES, if_generation_match=0, checksum="crc32c", **_options(failed))
                return Creation(created=True)
            except PreconditionFailed:
                # After a lost answer the request is sent again, and then finds the object that it wrote itself.
                return Creation(created=False, uncertain=bool(failed))

    def write(self, key: str, file: BinaryIO, size: int, sha256: str) -> None:
        """Write an object from a file, which appears when the last byte has come."""
        with self._translated_errors(key):
            blob = self._bucket.blob(key)
            blob.upload_from_file(file, rewind=True, size=size, content_type=BYTES, checksum="crc32c", **_options())

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that start with a prefix."""
        return (each.name for each in self._blobs(prefix, "name"))

    def listed(self, prefix: str) -> Iterator[tuple[str, Head]]:
        """The keys that start with a prefix, each with its size, version and age."""
        for each in self._blobs(prefix, "name,size,generation,updated"):
            yield each.name, Head(int(each.size), str(each.generation), each.updated.astimezone(UTC))

    def remove(self, key: str) -> None:
        """Remove an object, if it is there."""
        with self._translated_errors(key), suppress(NotFound):
            self._bucket.blob(key).delete(**_options())

    def abandon_uploads(self, prefix: str, before: datetime) -> int:
        """Nothing to do: the store itself forgets an upload that did not end, after a week, and bills none of it."""
        return 0

    def _blobs(self, prefix: str, fields: str) -> Iterator[Any]:
        with self._translated_errors(prefix):
            wanted = f"items({fields}),nextPageToken"
            yield from self._client.list_blobs(self.name, prefix=prefix, fields=wanted, **_options())

    @property
    def _client(self) -> Any:
        return _connect(self._gcs, os.getpid())

    @property
    def _bucket(self) -> Any:
        return self._client.bucket(self.name)

    def _bytes(self, key: str, generation: int | None = None, **options: Any) -> bytes:
        """As they are stored, even where the object says that they are packed."""
        blob = self._bucket.blob(key, generation=generation)
        return bytes(blob.download_as_bytes(raw_download=True, checksum="crc32c", **options, **_options()))

    def _require_bucket(self, key: str) -> None:
        """Raise Misconfigured when the bucket itself is absent: a user who may read objects may list them."""
        try:
            next(iter(self._client.list_blobs(self.name, prefix=key, max_results=1, **_options())), None)
        except NotFound:
            raise Misconfigured("bucket-missing", f"{self.where(key)}: no such bucket") from None

    @contextmanager
    def _translated_errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except NotFound:
            with self._translated_errors(key):
                self._require_bucket(key)
            raise FileNotFoundError(self.where(key)) from None
        except ALL as error:
            raise explain(error, self.where(key)) from None


def _options(failed: list[Exception] | None = None) -> dict[str, Any]:
    """How long a request waits, and how often it is sent again; what failed before is added to a list."""
    seen: list[Exception] = [] if failed is None else failed
    again = Retry(
        predicate=lambda error: is_transient(error) and len(seen) < ATTEMPTS - 1,
        on_error=lambda error: _warn_of_retry(error, seen),
        initial=0.2,
        maximum=2.0,
        timeout=RETRY_SECONDS,
    )
    return {"timeout": WAITS, "retry": again}


def _warn_of_retry(error: Exception, seen: list[Exception]) -> None:
    """Log a WARNING for an attempt that will be repeated."""
    seen.append(error)
    reason = f"the store fails ({type(error).__name__})"
    if note_request(len(seen), reason):  # a command that only reads reports it in its one line
        logger.warning("retry {} of {}: {}", len(seen), ATTEMPTS - 1, reason)
