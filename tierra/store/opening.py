"""Opening a store, or a file in one, by its address: a folder, s3://bucket/prefix or gs://bucket/prefix."""

import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from tierra.errors import Misconfigured
from tierra.settings import Settings
from tierra.store.local_objects import LocalObjects
from tierra.store.objects import NAME, Objects

if TYPE_CHECKING:
    from tierra.store.buckets import Bucket

BUCKETS: Final = ("s3://", "gs://")
OTHER: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
KEY: Final = re.compile(r"(?!.*(^|/)\.{0,2}(/|$))[^\x00-\x1f\x7f\\?#]+")


def open_objects(uri: str, settings: Settings) -> Objects:
    """The store at an address; a relative folder lies under the home. Raises Misconfigured; does not connect yet."""
    if not is_remote(uri):
        return LocalObjects(settings.root / Path(uri).expanduser())
    from tierra.store.bucket_objects import BucketObjects

    bucket, prefix = _split(uri.rstrip("/"), settings)
    if prefix and not NAME.fullmatch(prefix):
        raise Misconfigured("store-address", f"'{prefix}' cannot be a prefix; letters, digits, _ . = - and / can")
    return BucketObjects(bucket, prefix)


def open_remote(uri: str, settings: Settings) -> Callable[[], BinaryIO]:
    """A function that opens the object at an address each time it is called. Raises FileNotFoundError."""
    from tierra.store.bucket_reading import open_object

    bucket, key = _split(uri, settings)
    if not KEY.fullmatch(key):
        raise Misconfigured("store-address", f"'{uri}' does not name an object")
    if bucket.head(key) is None:
        raise FileNotFoundError(uri)
    return lambda: open_object(bucket, key)


def list_remote(start: str, settings: Settings) -> list[str]:
    """The addresses of the objects whose address begins so."""
    bucket, prefix = _split(start, settings)
    return [bucket.where(key) for key in bucket.keys(prefix)]


def stamp_remote(uri: str, settings: Settings) -> object:
    """What is another when the object at an address is another; None when there is none."""
    bucket, key = _split(uri, settings)
    head = bucket.head(key)
    return (head.etag, head.size) if head else None


def write_remote(uri: str, data: bytes, settings: Settings) -> None:
    """Write an object under its address, in the place of one that is there."""
    bucket, key = _split(uri, settings)
    if not KEY.fullmatch(key):
        raise Misconfigured("store-address", f"'{uri}' does not name an object")
    bucket.write(key, io.BytesIO(data), len(data), hashlib.sha256(data).hexdigest())


def is_remote(uri: str) -> bool:
    """Whether an address is in a bucket rather than on this machine. Raises Misconfigured for an unsupported scheme."""
    if OTHER.match(uri) and not uri.startswith(BUCKETS):
        raise Misconfigured("store-address", f"{uri.partition('://')[0]}:// is not supported as a store")
    return uri.startswith(BUCKETS)


def _split(uri: str, settings: Settings) -> "tuple[Bucket, str]":
    scheme, _, place = uri.partition("://")
    name, _, rest = place.partition("/")
    if scheme == "gs":
        return _open_gcs(name, settings), rest
    from tierra.store.s3_bucket import open_bucket

    return open_bucket(name, settings.s3), rest


def _open_gcs(name: str, settings: Settings) -> "Bucket":
    try:
        from tierra.store.gcs_bucket import open_gcs_bucket
    except ModuleNotFoundError as missing:
        raise Misconfigured(
            "gcs-missing", f"gs://{name} is reached by {missing.name}, which is not installed"
        ) from None
    return open_gcs_bucket(name, settings.gcs)
