"""What a bucket of Google's adds: refusals said in one line, lost answers read back, spoilt bytes noticed."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pandas as pd
import pytest
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage.exceptions import DataCorruption
from typer.testing import CliRunner

from deployments.doctor.places import check_stores
from tests.builders import ride_source, ride_spec, rides, write_project
from tests.cases import each
from tests.gcs_server import GcsServer
from tests.s3_server import Proxy, proxy_before
from tierra.cli.commands import app
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import open_source
from tierra.data.spec import FileSource
from tierra.data.window import EVERYTHING
from tierra.errors import Broken, Misconfigured, TierraError, Unavailable
from tierra.settings import Gcs, Settings, load_settings
from tierra.store.bucket_objects import BucketObjects
from tierra.store.gcs_bucket import GcsBucket, open_gcs_bucket
from tierra.store.gcs_errors import explain
from tierra.store.objects import MemoryObjects, Objects
from tierra.store.opening import open_objects
from tierra.store.probing import probe_store

ASKS: dict[str, Callable[[Objects], object]] = {
    "put": lambda objects: objects.put_if_absent("m/1.json", b"{}"),
    "read": lambda objects: objects.read("m/1.json"),
    "open": lambda objects: objects.open("m/1.json"),
    "names": lambda objects: objects.names("m"),
    "modified": lambda objects: objects.modified("m/1.json"),
    "draft": lambda objects: write(objects, b"x"),
    "probe": lambda objects: probe_store(objects),
}


@pytest.fixture(scope="module")
def bucket(gcs: GcsServer) -> str:
    return gcs.bucket()


@pytest.fixture
def prefix() -> str:
    return token_hex(6)


@pytest.fixture
def proxy(gcs: GcsServer) -> Iterator[Proxy]:
    with proxy_before(gcs) as proxy:
        yield proxy


@pytest.fixture
def direct(gcs: GcsServer, bucket: str, prefix: str) -> BucketObjects:
    return BucketObjects(open_gcs_bucket(bucket, gcs.settings()), prefix)


@pytest.fixture
def behind(gcs: GcsServer, bucket: str, prefix: str, proxy: Proxy) -> BucketObjects:
    """The same place, reached through the proxy."""
    return BucketObjects(open_gcs_bucket(bucket, gcs.settings(proxy.url)), prefix)


def write(objects: Objects, data: bytes) -> str:
    with objects.draft("parts/", ".bin") as draft:
        draft.write(data)
    return draft.name


def refused(objects: Objects, ask: Callable[[Objects], object], kind: type[TierraError], code: str) -> str:
    with pytest.raises(kind) as caught:
        ask(objects)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_absent_bucket_is_said(gcs: GcsServer) -> None:
    absent = BucketObjects(open_gcs_bucket("absent-bucket", gcs.settings()))

    def check(name: str) -> None:
        assert "gs://absent-bucket/" in refused(absent, ASKS[name], Misconfigured, "bucket-missing")

    each(ASKS, check)


def test_a_store_that_is_not_there_may_come_back() -> None:
    nobody = BucketObjects(open_gcs_bucket("bucket", Gcs(endpoint_url="http://127.0.0.1:9")))
    refused(nobody, ASKS["read"], Unavailable, "store-unavailable")


def test_without_credentials_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    keyless = BucketObjects(open_gcs_bucket("bucket", Gcs(endpoint_url="https://127.0.0.1:9")))
    said = refused(keyless, ASKS["read"], Misconfigured, "gcs-credentials")
    assert "GOOGLE_APPLICATION_CREDENTIALS" in said


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tierra.store.gcs_bucket", raising=False)
    monkeypatch.setitem(sys.modules, "google.cloud", None)
    with pytest.raises(Misconfigured, match=r"gs://bucket is reached by google.cloud.*tierra\[gcs\].*gcs-missing"):
        open_objects("gs://bucket/lake", Settings())


def test_every_error_of_google_is_one_of_ours() -> None:
    def check(error: Exception, kind: type[TierraError], code: str) -> None:
        ours = explain(error, "gs://bucket/key")
        assert (type(ours), ours.code) == (kind, code)
        assert "canary" not in str(ours)

    canary, answer = "canary of a secret", None
    each(
        [
            (api.Forbidden(canary), Misconfigured, "bucket-refused"),
            (api.Unauthorized(canary), Misconfigured, "bucket-refused"),
            (auth.RefreshError(canary), Misconfigured, "bucket-refused"),
            (auth.RefreshError(canary, retryable=True), Unavailable, "store-unavailable"),
            (auth.DefaultCredentialsError(canary), Misconfigured, "gcs-credentials"),
            (auth.TransportError(canary), Unavailable, "store-unavailable"),
            (api.TooManyRequests(canary), Unavailable, "store-unavailable"),
            (api.GatewayTimeout(canary), Unavailable, "store-unavailable"),
            (api.InternalServerError(canary), Unavailable, "store-unavailable"),
            (api.RetryError(canary, api.BadGateway(canary)), Unavailable, "store-unavailable"),
            (api.RetryError(canary, None), Unavailable, "store-unavailable"),
            (api.BadRequest(canary), Broken, "store-failed"),
            (DataCorruption(answer, canary), Broken, "store-tampered"),
        ],
        check,
    )


# answers


def test_a_lost_answer_to_a_creation_is_a_creation(behind: BucketObjects, direct: BucketObjects, proxy: Proxy) -> None:
    proxy.rule("POST", "ifGenerationMatch=0", "lose", times=1)
    assert behind.put_if_absent("m/1.json", b"mine")
    assert not direct.put_if_absent("m/1.json", b"theirs")
    assert direct.read("m/1.json") == b"mine"


def test_a_name_that_another_took_after_a_lost_request_is_not_ours(
    behind: BucketObjects, direct: BucketObjects, proxy: Proxy
) -> None:
    proxy.rule("POST", "ifGenerationMatch=0", "slow down", times=1,
               before=lambda: direct.put_if_absent("m/1.json", b"theirs"))  # fmt: skip
    assert not behind.put_if_absent("m/1.json", b"mine")
    assert direct.read("m/1.json") == b"theirs"


def test_a_store_that_stays_down_is_asked_three_times(behind: BucketObjects, proxy: Proxy) -> None:
    proxy.rule("GET", "", "slow down")
    refused(behind, ASKS["read"], Unavailable, "store-unavailable")
    assert len([path for _, path in proxy.requests if "alt=media" in path]) == 3


def test_an_object_that_is_overwritten_while_it_is_read_is_refused_for_now(
    gcs: GcsServer, bucket: str, direct: BucketObjects
) -> None:
    whole: GcsBucket = open_gcs_bucket(bucket, gcs.settings())
    name = write(direct, b"first")
    key = direct.location(name).removeprefix(f"gs://{bucket}/")
    head = whole.head(key)
    assert head
    assert whole.get_range(key, 1, 3, head.etag) == b"irs"
    write(direct, b"first")  # the same bytes, another version
    with pytest.raises(Unavailable, match="was overwritten while it was read"):
        whole.get_range(key, 1, 3, head.etag)


def test_bytes_that_are_spoilt_on_the_way_are_noticed(behind: BucketObjects, proxy: Proxy) -> None:
    name = write(behind, b"as it was written")
    proxy.rule("GET", "alt=media", "spoil")
    refused(behind, lambda objects: objects.read(name), Broken, "store-tampered")
    digest = name.removeprefix("parts/").removesuffix(".bin")
    refused(behind, lambda objects: objects.open_verified(name, digest), Broken, "store-tampered")
    behind.put_if_absent("m/1.json", b"without a digest in its name")
    refused(behind, ASKS["read"], Broken, "store-tampered")


def test_a_large_upload_that_fails_is_no_object(behind: BucketObjects, direct: BucketObjects, proxy: Proxy) -> None:
    proxy.rule("PUT", "upload", "slow down")
    refused(behind, lambda objects: write(objects, bytes(20_000_000)), Unavailable, "store-unavailable")
    assert direct.names("parts") == []


# sources, check, doctor


def test_a_file_in_a_bucket_is_the_same_source_as_in_a_folder(
    gcs: GcsServer, bucket: str, tmp_path: Path, direct: BucketObjects, prefix: str
) -> None:
    table: pd.DataFrame = rides(240)
    table.to_csv(tmp_path / "rides.csv", index=False)
    for number in range(2):
        direct.put_if_absent(f"days/{number}.csv", table.iloc[number::2].to_csv(index=False).encode())

    def digest(path: str) -> str:
        source = FileSource(kind="file", path=path, key="ride_id", partition_by="day")
        reader = open_source("rides", source, tmp_path, Settings(gcs=gcs.settings()))
        return take_snapshot(MemoryObjects(), source, reader, EVERYTHING).sha256

    assert digest(f"gs://{bucket}/{prefix}/days/*.csv") == digest("rides.csv")


def test_check_and_doctor_look_at_a_bucket_and_leave_nothing(
    workspace: Path, gcs: GcsServer, bucket: str, direct: BucketObjects, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checked(**variables: str) -> tuple[int, str]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        found = CliRunner().invoke(app, ["check", "rides"])
        return found.exit_code, " ".join(found.output.split())

    direct.put_if_absent("rides.csv", rides().to_csv(index=False).encode())
    sink: dict[str, Any] = {"sink": {"uri": f"gs://{bucket}/{prefix}/sink"}}
    source = ride_source(path=f"gs://{bucket}/{prefix}/rides.csv")
    write_project(workspace / "projects" / "rides", ride_spec(sources=source, score=sink))
    place = f"gs://{bucket}/{prefix}/lake"
    code, said = checked(COLUMNS="1000", TIERRA_GCS__ENDPOINT_URL=gcs.url, TIERRA_STORE=place)
    assert code == 0, said
    assert [found.said for found in check_stores(load_settings())] == ["one of 8 writers wins in each of 2"]
    assert direct.names("lake") == []
    code, said = checked(TIERRA_STORE="gs://no-bucket/lake")
    assert (code, "bucket-missing" in said) == (2, True), said
