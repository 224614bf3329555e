"""One bucket of a store that speaks S3. The only file that knows boto3."""

import base64
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, BinaryIO, Final

import boto3
import botocore.exceptions as exc
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from loguru import logger

from tierra.errors import Broken, Misconfigured
from tierra.journal import note_request
from tierra.settings import S3
from tierra.store.buckets import ATTEMPTS, CONNECT_SECONDS, PART, READ_SECONDS, Creation, Head
from tierra.store.s3_errors import code_of, explain_answer, explain_no_answer, status_of

NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# A file in parts is read into memory part by part, by as many threads.
MULTIPART: Final = TransferConfig(multipart_threshold=2 * PART, multipart_chunksize=PART, max_concurrency=4)
MULTIPART.max_in_memory_upload_chunks = 4
RETRIES: Final[dict[str, Any]] = {"mode": "standard", "total_max_attempts": ATTEMPTS}
BODY_RETRIES = 1
DAMAGED: Final = (exc.IncompleteReadError, exc.FlexibleChecksumError, exc.ResponseStreamingError)
NOT_CREATED: Final = (404, 409, 412)


def open_bucket(name: str, s3: S3) -> "S3Bucket":
    """A bucket by its name, reached as the settings say. Raises Misconfigured; does not connect yet."""
    if not NAME.fullmatch(name):
        raise Misconfigured("store-address", f"'{name}' cannot be the name of a bucket")
    return S3Bucket(_connect(s3, os.getpid()), name)


@lru_cache(maxsize=8)
def _connect(s3: S3, _process: int) -> Any:
    """A client; one a process, as connections do not outlive a fork."""
    keys = (each.get_secret_value() if each else None for each in (s3.access_key_id, s3.secret_access_key))
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries=RETRIES,
        max_pool_connections=16,
        tcp_keepalive=True,
        s3={"addressing_style": s3.addressing_style},
    )
    try:
        session = boto3.session.Session(*keys, region_name=s3.region, profile_name=s3.profile)
        client = session.client("s3", endpoint_url=s3.endpoint_url, config=config)
        client.meta.events.register("needs-retry.s3", _warn_of_retry)
        return client
    except exc.ProfileNotFound:
        raise Misconfigured("settings-invalid", f"TIERRA_S3__PROFILE: no profile '{s3.profile}'") from None
    except (exc.BotoCoreError, ValueError) as error:
        raise Misconfigured("settings-invalid", f"TIERRA_S3: {type(error).__name__}") from None


def _warn_of_retry(response: Any, caught_exception: Exception | None, attempts: int, operation: Any, **_: Any) -> None:
    """Log a WARNING for each attempt that will be retried; returns None, so that botocore decides."""
    status = response[0].status_code if response else 0
    if attempts >= RETRIES["total_max_attempts"] or not (caught_exception or status == 429 or status >= 500):
        return
    cause = type(caught_exception).__name__ if caught_exception else f"the store answers {status}"
    reason = f"{operation.name}: {cause}"
    if note_request(attempts, reason):  # a command that only reads reports it in its one line
        logger.warning("retry {} of {}: {}", attempts, RETRIES["total_max_attempts"] - 1, reason)


class S3Bucket:
    """Objects by their whole keys."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    def where(self, key: str) -> str:
        """The object's address."""
        return f"s3://{self.name}/{key}"

    def head(self, key: str) -> Head | None:
        """Size, version and age of an object; None when it is absent. Raises Misconfigured without the bucket."""
        with self._translated_errors(key):
            try:
                found = self._client.head_object(Bucket=self.name, Key=key)
            except exc.ClientError as error:
                # The answer has no body, so list: it tells a missing bucket from a missing object.
                self._client.list_objects_v2(Bucket=self.name, Prefix=key, MaxKeys=1)
                if status_of(error) != 404:
                    raise
                return None
        return Head(found["ContentLength"], found["ETag"], found["LastModified"].astimezone(UTC))

    def get(self, key: str) -> bytes:
        """All bytes of an object. Raises FileNotFoundError."""
        with self._translated_errors(key):
            return self._body(key)

    def get_range(self, key: str, start: int, size: int, etag: str) -> bytes:
        """Some bytes of one version of an object. Raises Unavailable when another version is there now."""
        with self._translated_errors(key):
            data = self._body(key, Range=f"bytes={start}-{start + size - 1}", IfMatch=etag)
        if len(data) != size:
            raise Broken("store-tampered", f"{self.where(key)} gives {len(data)} bytes for {size}")
        return data

    def create(self, key: str, data: bytes, sha256: str) -> Creation:
        """Create an object unless one is there. Raises Unavailable when the answer was lost."""
        with self._translated_errors(key):
            try:
                self._put(key, data, sha256, IfNoneMatch="*")
                return Creation(created=True)
            except exc.ClientError as error:
                # After a lost answer boto3 retries, and then finds the object that it wrote itself.
                if status_of(error) in NOT_CREATED and code_of(error) != "NoSuchBucket":
                    return Creation(False, uncertain=error.response["ResponseMetadata"].get("RetryAttempts", 0) > 0)
                raise

    def write(self, key: str, file: BinaryIO, size: int, sha256: str) -> None:
        """Write an object from a file; a large one in parts, all of which are dropped when one fails."""
        with self._translated_errors(key):
            file.seek(0)
            if size < MULTIPART.multipart_threshold:
                self._put(key, file.read(), sha256)
            else:
                self._client.upload_fileobj(file, self.name, key, Config=MULTIPART)

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that start with a prefix."""
        return (key for key, _ in self.listed(prefix))

    def listed(self, prefix: str) -> Iterator[tuple[str, Head]]:
        """The keys that start with a prefix, each with its size, version and age."""
        with self._translated_errors(prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                for each in page.get("Contents", ()):
                    yield each["Key"], Head(each["Size"], each["ETag"], each["LastModified"].astimezone(UTC))

    def remove(self, key: str) -> None:
        """Remove an object, if it is there."""
        with self._translated_errors(key):
            self._client.delete_object(Bucket=self.name, Key=key)

    def abandon_uploads(self, prefix: str, before: datetime) -> int:
        """Abort multipart uploads that began earlier, as killed writers leave them; how many there were."""
        with self._translated_errors(prefix):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self.name, Prefix=prefix)
            stale = [each for page in pages for each in page.get("Uploads", ()) if each["Initiated"] < before]
            for each in stale:
                self._client.abort_multipart_upload(Bucket=self.name, Key=each["Key"], UploadId=each["UploadId"])
        return len(stale)

    def _body(self, key: str, **options: str) -> bytes:
        """Retry once for a body that breaks off or is damaged on its way, which boto3 does not do."""
        for _ in range(BODY_RETRIES):
            with suppress(*DAMAGED):
                return bytes(self._client.get_object(Bucket=self.name, Key=key, **options)["Body"].read())
        return bytes(self._client.get_object(Bucket=self.name, Key=key, **options)["Body"].read())

    def _put(self, key: str, data: bytes, sha256: str, **options: str) -> None:
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        self._client.put_object(Bucket=self.name, Key=key, Body=data, ChecksumSHA256=checksum, **options)

    @contextmanager
    def _translated_errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except exc.ClientError as error:
            raise explain_answer(error, self.where(key)) from None
        except (exc.BotoCoreError, boto3.exceptions.Boto3Error) as error:
            raise explain_no_answer(error, self.where(key)) from None
