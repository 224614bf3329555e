"""What a bucket adds: refusals said in one line, lost answers read back, spoilt bytes noticed."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any

import pyarrow as pa
import pytest

from tests.s3_server import Proxy, S3Server, proxy_before
from tierra.errors import Broken, Misconfigured, TierraError, Unavailable
from tierra.settings import S3
from tierra.store import s3_bucket
from tierra.store.bucket_objects import BucketObjects
from tierra.store.manifest import Manifest
from tierra.store.objects import Objects
from tierra.store.predictions import publish
from tierra.store.probing import probe_store
from tierra.store.s3_bucket import open_bucket
from tierra.store.sinks import ObjectSink
from tierra.store.tables import read_batches, read_table, write_table

pytestmark = pytest.mark.usefixtures("impatient")
LARGE = 20_000_000
ASKS: list[Callable[[Objects], object]] = [
    lambda objects: objects.put_if_absent("m/1.json", b"{}"),
    lambda objects: objects.read("m/1.json"),
    lambda objects: objects.open("m/1.json"),
    lambda objects: objects.names("m"),
    lambda objects: objects.modified("m/1.json"),
    lambda objects: objects.remove("m/1.json"),
    lambda objects: write(objects, b"x"),
]
NAMES = ["put", "read", "open", "names", "modified", "remove", "draft"]


@pytest.fixture(scope="module")
def bucket(s3: S3Server) -> str:
    return s3.bucket()


@pytest.fixture(scope="module")
def whole_proxy(s3: S3Server) -> Iterator[Proxy]:
    with proxy_before(s3) as proxy:
        yield proxy


@pytest.fixture
def proxy(whole_proxy: Proxy) -> Proxy:
    """Without rules yet; the same for all, as a client of an address of its own is slow to make."""
    whole_proxy.forget()
    return whole_proxy


@pytest.fixture
def prefix() -> str:
    return token_hex(6)


@pytest.fixture
def direct(s3: S3Server, bucket: str, prefix: str) -> BucketObjects:
    return BucketObjects(open_bucket(bucket, s3.settings()), prefix)


@pytest.fixture
def behind(s3: S3Server, bucket: str, prefix: str, proxy: Proxy) -> BucketObjects:
    """The same place, reached through the proxy."""
    return BucketObjects(open_bucket(bucket, s3.settings(proxy.url)), prefix)


def write(objects: Objects, data: bytes) -> str:
    with objects.draft("parts/", ".bin") as draft:
        draft.write(data)
    return draft.name


def manifest() -> Manifest:
    return Manifest(dataset="rides", partition="2024-04-29", inputs="i", model="m", scoring="s", model_version="1",
                    rows_in=0, rows_scored=0, rows_quarantined=0, parts=())  # fmt: skip


def open_uploads(s3: S3Server, bucket: str) -> list[Any]:
    return list(s3.client().list_multipart_uploads(Bucket=bucket).get("Uploads", []))


# refusals


def refused(objects: Objects, ask: Callable[[Objects], object], kind: type[TierraError], code: str) -> str:
    with pytest.raises(kind) as caught:
        ask(objects)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ask", ASKS, ids=NAMES)
def test_a_wrong_secret_is_refused_and_not_said(s3: S3Server, bucket: str, ask: Callable[[Objects], object]) -> None:
    wrong = S3(endpoint_url=s3.url, access_key_id=s3.key, secret_access_key="canary-of-the-secret")
    said = refused(BucketObjects(open_bucket(bucket, wrong)), ask, Misconfigured, "bucket-refused")
    assert "canary" not in said
    assert s3.key not in said


def test_an_unknown_key_is_refused(s3: S3Server, bucket: str) -> None:
    wrong = S3(endpoint_url=s3.url, access_key_id="nobody-knows-me", secret_access_key="canary")
    said = refused(BucketObjects(open_bucket(bucket, wrong)), ASKS[0], Misconfigured, "bucket-refused")
    assert "nobody" not in said


# Not the others: SeaweedFS makes a bucket for whoever may, and refuses who may not.
@pytest.mark.parametrize("ask", [*ASKS[1:5], probe_store], ids=[*NAMES[1:5], "probe"])
def test_an_absent_bucket_is_said(s3: S3Server, ask: Callable[[Objects], object]) -> None:
    absent = BucketObjects(open_bucket("absent-bucket", s3.settings()))
    assert "s3://absent-bucket/" in refused(absent, ask, Misconfigured, "bucket-missing")


def test_a_store_that_is_not_there_may_come_back(bucket: str) -> None:
    nobody = S3(endpoint_url="http://127.0.0.1:9", access_key_id="a", secret_access_key="b")
    refused(BucketObjects(open_bucket(bucket, nobody)), ASKS[1], Unavailable, "store-unavailable")


def test_without_keys_it_says_which_variables_to_set(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    keyless = BucketObjects(open_bucket(bucket, S3(endpoint_url="http://127.0.0.1:9", region="keyless")))
    assert "TIERRA_S3__ACCESS_KEY_ID" in refused(keyless, ASKS[1], Misconfigured, "bucket-credentials")


def test_keys_of_the_environment_serve_when_the_settings_have_none(
    s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret)
    settings = S3(endpoint_url=s3.url, region="environment", addressing_style="path")
    assert BucketObjects(open_bucket(bucket, settings)).put_if_absent(f"m/{token_hex(4)}", b"{}")


def test_an_unknown_profile_is_named(bucket: str) -> None:
    with pytest.raises(Misconfigured, match="TIERRA_S3__PROFILE: no profile 'nowhere'"):
        open_bucket(bucket, S3(profile="nowhere"))


# lost, refused and repeated answers


def test_a_lost_answer_is_read_back(behind: BucketObjects, proxy: Proxy) -> None:
    proxy.rule("PUT", "manifests", "lose")
    assert behind.put_if_absent("manifests/1.json", b"mine")
    assert [method for method, _ in proxy.requests].count("PUT") == 3


def test_an_answer_lost_once_is_found_by_boto3s_own_second_try(behind: BucketObjects, proxy: Proxy) -> None:
    proxy.rule("PUT", "manifests", "lose", times=1)
    assert behind.put_if_absent("manifests/1.json", b"mine")


def test_a_lost_answer_to_who_was_late_is_no_success(
    behind: BucketObjects, direct: BucketObjects, proxy: Proxy
) -> None:
    direct.put_if_absent("manifests/1.json", b"theirs")
    proxy.rule("PUT", "manifests", "lose")
    assert not behind.put_if_absent("manifests/1.json", b"mine")


def test_equal_bytes_of_another_are_not_mine_when_no_answer_was_lost(
    behind: BucketObjects, direct: BucketObjects
) -> None:
    direct.put_if_absent("manifests/1.json", b"equal")
    assert not behind.put_if_absent("manifests/1.json", b"equal")


def test_a_manifest_whose_answer_was_lost_is_published_once_and_as_mine(behind: BucketObjects, proxy: Proxy) -> None:
    proxy.rule("PUT", "manifests", "lose")
    sink = ObjectSink(behind, "rides")
    published, mine = publish(sink, manifest(), after=0)
    proxy.rules.clear()
    again, second = publish(sink, manifest(), after=0)
    assert (mine, second) == ("published", "stood down")
    assert again == published


def test_a_store_that_hangs_after_it_acted_is_read_back(
    s3: S3Server, bucket: str, prefix: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_bucket, "READ_SECONDS", 0.5)
    settings = s3.settings(proxy.url).model_copy(update={"region": "impatient"})  # a client of its own
    proxy.rule("PUT", "manifests", "hang")
    assert BucketObjects(open_bucket(bucket, settings), prefix).put_if_absent("manifests/1.json", b"mine")


def test_a_name_whose_state_is_unknown_is_not_claimed(behind: BucketObjects, proxy: Proxy) -> None:
    proxy.rule("PUT", "manifests", "lose")
    proxy.rule("GET", "manifests", "lose")
    with pytest.raises(Unavailable, match="store-unavailable"):
        behind.put_if_absent("manifests/1.json", b"mine")


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_throttled_twice_then_answered_is_a_success(behind: BucketObjects, proxy: Proxy, method: str) -> None:
    proxy.rule(method, "parts", "slow down", times=2)
    assert behind.read(write(behind, b"patience")) == b"patience"


def test_throttled_for_good_is_unavailable_and_nothing_was_created(
    behind: BucketObjects, direct: BucketObjects, proxy: Proxy
) -> None:
    proxy.rule("PUT", "manifests", "slow down")
    with pytest.raises(Unavailable, match="503 SlowDown"):
        behind.put_if_absent("manifests/1.json", b"mine")
    assert direct.names("manifests") == []


# bytes that are not what was written


def read_verified(objects: BucketObjects, name: str) -> bytes:
    with objects.open_verified(name, sha256(b"precious bytes").hexdigest()) as file:
        return file.read()


READS: list[Callable[[BucketObjects, str], bytes]] = [BucketObjects.read, read_verified]
SPOILT = ["spoil", "spoil silently"]  # noticed by boto3 from the store's checksum, and by us alone


@pytest.mark.parametrize("read", READS, ids=["read", "opened"])
@pytest.mark.parametrize("fault", SPOILT)
def test_bytes_spoilt_on_the_way_are_read_again(
    behind: BucketObjects, direct: BucketObjects, proxy: Proxy, fault: Any, read: Callable[[BucketObjects, str], bytes]
) -> None:
    name = write(direct, b"precious bytes")
    proxy.rule("GET", name, fault, times=1)
    assert read(behind, name) == b"precious bytes"
    assert len([path for method, path in proxy.requests if method == "GET" and name in path]) == 2


@pytest.mark.parametrize("read", READS, ids=["read", "opened"])
@pytest.mark.parametrize("fault", SPOILT)
def test_bytes_spoilt_every_time_are_refused(
    behind: BucketObjects, direct: BucketObjects, proxy: Proxy, fault: Any, read: Callable[[BucketObjects, str], bytes]
) -> None:
    name = write(direct, b"precious bytes")
    proxy.rule("GET", name, fault)
    with pytest.raises(Broken, match="store-tampered"):
        read(behind, name)


def test_a_version_that_was_compared_is_not_fetched_whole_again_and_another_is_compared_anew(
    s3: S3Server, bucket: str, prefix: str, direct: BucketObjects, behind: BucketObjects, proxy: Proxy
) -> None:
    data = random.Random(0).randbytes(20_000_000)
    name = write(direct, data)
    with behind.open_verified(name, sha256(data).hexdigest()) as file:
        assert file.read() == data
    before = proxy.answered
    with behind.open_verified(name, sha256(data).hexdigest()) as file:
        assert file.read(1000) == data[:1000]
    assert proxy.answered - before < 4_000_000
    s3.client().put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=data[::-1])
    with pytest.raises(Broken, match="store-tampered"):
        behind.open_verified(name, sha256(data).hexdigest())


@pytest.mark.parametrize("found", [b"tampered bytes", b"precious byte", b""], ids=["other", "truncated", "empty"])
def test_an_object_that_was_changed_in_the_store_is_refused(
    s3: S3Server, bucket: str, prefix: str, direct: BucketObjects, found: bytes
) -> None:
    name = write(direct, b"precious bytes")
    s3.client().put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=found)
    with pytest.raises(Broken, match=r"is not what was written.*store-tampered"):
        direct.read(name)


@pytest.mark.parametrize("ask", ["read", "open"])
def test_an_answer_that_breaks_off_is_unavailable(
    behind: BucketObjects, direct: BucketObjects, proxy: Proxy, ask: str
) -> None:
    name = write(direct, random.Random(0).randbytes(100_000))
    proxy.rule("GET", name, "cut")
    with pytest.raises(Unavailable):
        behind.read(name) if ask == "read" else behind.open(name).read()


def test_a_file_read_in_pieces_is_one_version(s3: S3Server, bucket: str, prefix: str, direct: BucketObjects) -> None:
    name = write(direct, b"a" * 5_000_000)
    with direct.open(name) as file:
        file.read(10)
        s3.client().put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=b"b" * 5_000_000)
        with pytest.raises(Unavailable, match="overwritten while it was read"):
            file.seek(4_000_000) and file.read(10)


def test_bytes_spoilt_on_their_way_to_the_store_are_not_stored(
    behind: BucketObjects, direct: BucketObjects, proxy: Proxy
) -> None:
    proxy.rule("PUT", "parts", "spoil request")
    with pytest.raises(TierraError):
        write(behind, b"precious bytes")
    assert direct.names("parts") == []


# uploads in parts


def test_a_failed_upload_leaves_no_parts_behind(s3: S3Server, bucket: str, behind: BucketObjects, proxy: Proxy) -> None:
    proxy.rule("PUT", "partNumber=2", "slow down")
    with pytest.raises(Unavailable):
        write(behind, random.Random(1).randbytes(LARGE))
    assert behind.names("parts") == []
    assert open_uploads(s3, bucket) == []


@pytest.fixture
def _heard() -> Iterator[None]:
    """A process that a shell started in the background does not hear SIGINT by itself."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heard")
def test_an_interrupted_upload_leaves_no_parts_behind(
    s3: S3Server, bucket: str, behind: BucketObjects, proxy: Proxy
) -> None:
    proxy.rule("PUT", "partNumber=2", "slow down", before=lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        write(behind, random.Random(2).randbytes(LARGE))
    assert behind.names("parts") == []
    assert open_uploads(s3, bucket) == []


def test_what_a_killed_writer_began_is_given_up_once_it_is_old(
    s3: S3Server, bucket: str, prefix: str, direct: BucketObjects
) -> None:
    for key in (f"{prefix}/parts/left.bin", f"{prefix}-other/parts/left.bin"):
        s3.client().create_multipart_upload(Bucket=bucket, Key=key)
    now = datetime.now(UTC)
    assert direct.abandon_uploads(now - timedelta(days=1)) == 0
    assert direct.abandon_uploads(now + timedelta(minutes=1)) == 1
    assert [each["Key"] for each in open_uploads(s3, bucket)] == [f"{prefix}-other/parts/left.bin"]
    s3.client().abort_multipart_upload(
        Bucket=bucket, Key=f"{prefix}-other/parts/left.bin", UploadId=open_uploads(s3, bucket)[0]["UploadId"]
    )


# tables, and whether the store may be used at all


def test_a_table_comes_back_from_a_bucket_as_it_was_written(direct: BucketObjects) -> None:
    table = pa.table({"key": range(300_000), "name": [f"n{number % 7}" for number in range(300_000)]})
    ref = write_table(direct, "snapshots/", table.schema, [table])
    assert read_table(direct, ref) == table
    assert pa.concat_tables(read_batches(direct, ref, ["name"])) == table.select(["name"])


def test_a_table_that_cannot_be_reached_now_is_unavailable_not_broken(
    behind: BucketObjects, direct: BucketObjects, proxy: Proxy
) -> None:
    table = pa.table({"key": range(1000)})
    ref = write_table(direct, "snapshots/", table.schema, [table])
    proxy.rule("GET", "snapshots", "slow down")
    with pytest.raises(Unavailable):
        read_table(behind, ref)


def test_a_store_that_keeps_the_condition_passes_and_keeps_nothing(direct: BucketObjects) -> None:
    probe_store(direct)
    assert direct.names("probe") == []


def test_a_store_that_forgets_the_condition_is_refused(direct: BucketObjects, forgetful: None) -> None:
    with pytest.raises(Misconfigured, match=r"a second writer wrote over the first.*store-unconditional"):
        probe_store(direct)
