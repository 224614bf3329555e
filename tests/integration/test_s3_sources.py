"""Files in a bucket are sources as those in a folder are, and a check says in one line what is wrong with a bucket."""

import gzip
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from deployments.doctor.places import check_stores
from tests.builders import ride_source, ride_spec, rides, write_project
from tests.s3_server import Proxy, S3Server, proxy_before
from tierra.cli.commands import app
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import SourceReader, open_source
from tierra.data.spec import FileSource
from tierra.data.window import EVERYTHING, Window, single_day
from tierra.errors import DataRejected, Misconfigured, SourceNotReady, Unavailable
from tierra.settings import Settings, load_settings
from tierra.store.objects import MemoryObjects

FILES = ["rides.parquet", "rides.csv", "rides.csv.gz"]
DAY = date(2024, 2, 1)


def packed(name: str, table: pd.DataFrame) -> bytes:
    if name.endswith(".parquet"):
        sink = pa.BufferOutputStream()
        days = table.assign(day=pd.to_datetime(table["day"]).dt.date)
        pq.write_table(pa.Table.from_pandas(days, preserve_index=False), sink, row_group_size=200)
        return bytes(sink.getvalue())
    text = table.to_csv(index=False).encode()
    return gzip.compress(text) if name.endswith(".gz") else text


@pytest.fixture(scope="module")
def bucket(s3: S3Server) -> str:
    bucket, table = s3.bucket(), rides()
    for name in FILES:
        s3.client().put_object(Bucket=bucket, Key=f"in/{name}", Body=packed(name, table))
    s3.client().put_object(Bucket=bucket, Key="in/bad.parquet", Body=b"no Parquet")
    s3.client().put_object(Bucket=bucket, Key="in/with space ä.csv", Body=packed("rides.csv", table))
    return bucket


@pytest.fixture
def proxy(s3: S3Server, impatient: None) -> Iterator[Proxy]:
    with proxy_before(s3) as proxy:
        yield proxy


def source(path: str) -> FileSource:
    return FileSource(kind="file", path=path, key="ride_id", partition_by="day")


def remote(s3: S3Server, path: str, url: str | None = None) -> SourceReader:
    return open_source("rides", source(path), Path(), Settings(s3=s3.settings(url)))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("window", [EVERYTHING, single_day(DAY), Window(DAY)], ids=["all", "a day", "from a day"])
def test_a_file_in_a_bucket_is_the_same_source_as_in_a_folder(
    s3: S3Server, bucket: str, tmp_path: Path, name: str, window: Window
) -> None:
    (tmp_path / name).write_bytes(packed(name, rides()))
    here, there = MemoryObjects(), MemoryObjects()
    local = open_source("rides", source(name), tmp_path, Settings())
    far = remote(s3, f"s3://{bucket}/in/{name}")
    assert far.days(window) == local.days(window)
    expected = take_snapshot(here, source(name), local, window)
    assert take_snapshot(there, source(f"s3://{bucket}/in/{name}"), far, window) == expected


def test_the_objects_of_a_pattern_or_a_folder_are_one_table(s3: S3Server, bucket: str) -> None:
    for number, part in enumerate((rides().iloc[:900], rides().iloc[900:])):
        s3.client().put_object(Bucket=bucket, Key=f"days/{number}.csv", Body=packed("rides.csv", part))
    s3.client().put_object(Bucket=bucket, Key="days/deep/2.csv", Body=b"of another pattern")
    s3.client().put_object(Bucket=bucket, Key="days/done", Body=b"no table")
    whole = remote(s3, f"s3://{bucket}/in/rides.csv")
    for path in ("days/*.csv", "days/"):
        reader = remote(s3, f"s3://{bucket}/{path}")
        assert reader.days(EVERYTHING) == whole.days(EVERYTHING)
    with pytest.raises(Misconfigured, match=r"no object .*file-missing"):
        remote(s3, f"s3://{bucket}/nights/*.csv")


def test_an_object_written_while_it_is_read_is_refused_for_now(s3: S3Server, bucket: str) -> None:
    def put(rows: int) -> None:
        s3.client().put_object(Bucket=bucket, Key="in/new.csv", Body=packed("rides.csv", rides().head(rows)))

    put(900)
    pieces = remote(s3, f"s3://{bucket}/in/new.csv").batches(["ride_id", "day"], EVERYTHING)
    assert next(pieces).num_rows == 900
    put(800)
    with pytest.raises(SourceNotReady, match=r"it was written while it was read.*source-changed"):
        list(pieces)


def test_a_key_may_have_spaces_and_letters_of_any_language(s3: S3Server, bucket: str) -> None:
    assert remote(s3, f"s3://{bucket}/in/with space ä.csv").columns() == list(rides().columns)


def test_a_days_rows_are_read_without_the_rest_of_the_file(s3: S3Server, bucket: str, proxy: Proxy) -> None:
    table = rides(240_000).assign(wide=[f"{number:0100d}" for number in range(240_000)])
    sink = pa.BufferOutputStream()
    days = table.assign(day=pd.to_datetime(table["day"]).dt.date)
    pq.write_table(pa.Table.from_pandas(days, preserve_index=False), sink, row_group_size=20_000, compression="none")
    data = bytes(sink.getvalue())
    s3.client().put_object(Bucket=bucket, Key="in/large.parquet", Body=data)
    reader = remote(s3, f"s3://{bucket}/in/large.parquet", proxy.url)
    before = proxy.answered
    rows = sum(piece.num_rows for piece in reader.batches(["ride_id", "day"], single_day(DAY)))
    assert rows == 2_000
    assert proxy.answered - before < len(data) / 4


@pytest.mark.parametrize("path", ["absent.csv", "absent.parquet"])
def test_an_absent_object_is_a_missing_file(s3: S3Server, bucket: str, path: str) -> None:
    with pytest.raises(Misconfigured, match=f"no object s3://{bucket}/{path}.*file-missing"):
        remote(s3, f"s3://{bucket}/{path}")


def test_an_object_that_is_no_parquet_is_said(s3: S3Server, bucket: str) -> None:
    with pytest.raises(Misconfigured, match="file-invalid"):
        remote(s3, f"s3://{bucket}/in/bad.parquet").columns()


@pytest.mark.parametrize("name", FILES)
def test_a_store_that_fails_half_way_is_unavailable(s3: S3Server, bucket: str, proxy: Proxy, name: str) -> None:
    reader = remote(s3, f"s3://{bucket}/in/{name}", proxy.url)
    proxy.rule("GET", name, "slow down")
    with pytest.raises(Unavailable):
        take_snapshot(MemoryObjects(), source(name), reader, EVERYTHING)


def test_a_column_that_is_missing_is_said_with_the_address(s3: S3Server, bucket: str) -> None:
    wrong = source(f"s3://{bucket}/in/rides.csv").model_copy(update={"key": ("absent",)})
    reader = open_source("rides", wrong, Path(), Settings(s3=s3.settings()))
    with pytest.raises(DataRejected, match=f"s3://{bucket}/in/rides.csv.*no column 'absent'"):
        take_snapshot(MemoryObjects(), wrong, reader, EVERYTHING)


# tierra check


def checked(monkeypatch: pytest.MonkeyPatch, **variables: str) -> tuple[int, str]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = CliRunner().invoke(app, ["check", "rides"])
    return found.exit_code, " ".join(found.output.split())


@pytest.fixture
def project(workspace: Path, s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in s3.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "1000")
    spec = ride_spec(sources=ride_source(path=f"s3://{bucket}/in/rides.csv"))
    return write_project(workspace / "projects" / "rides", spec)


def test_a_project_whose_source_and_store_are_in_a_bucket_passes(
    project: Path, bucket: str, monkeypatch: pytest.MonkeyPatch, s3: S3Server
) -> None:
    code, said = checked(monkeypatch, TIERRA_STORE=f"s3://{bucket}/lake")
    assert code == 0, said
    assert not s3.client().list_objects_v2(Bucket=bucket, Prefix="lake/").get("Contents")


@pytest.mark.parametrize(
    ("variables", "code", "said"),
    [
        ({"TIERRA_STORE": "s3://no-bucket/lake"}, 2, "bucket-missing"),
        ({"TIERRA_STORE": "s3://ready/lake", "TIERRA_S3__ACCESS_KEY_ID": "reader"}, 2, "bucket-refused"),
        ({"TIERRA_STORE": "ftp://lake"}, 2, "store-address"),
        ({"TIERRA_S3__SECRET_ACCESS_KEY": "canary"}, 2, "bucket-refused"),
        ({"TIERRA_S3__ENDPOINT_URL": "http://127.0.0.1:9"}, 1, "store-unavailable"),
    ],
    ids=["absent", "read only", "no store", "refused", "unreachable"],
)
def test_what_is_wrong_with_a_bucket_is_one_line(
    impatient: None, project: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], code: int, said: str
) -> None:
    found, output = checked(monkeypatch, **variables)
    assert (found, said in output) == (code, True), output
    assert "canary" not in output
    assert "Traceback" not in output


def test_an_absent_object_is_found_by_the_check(project: Path, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "project.yaml").write_text(json.dumps(ride_spec(sources=ride_source(path=f"s3://{bucket}/no.csv"))))
    code, said = checked(monkeypatch)
    assert (code, "file-missing" in said) == (2, True), said


def test_a_store_that_forgets_conditions_is_refused_by_the_check(
    project: Path, bucket: str, forgetful: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = checked(monkeypatch, TIERRA_STORE=f"s3://{bucket}/lake")
    assert (code, "store-unconditional" in said) == (2, True), said


def test_the_doctor_looks_at_the_bucket_and_leaves_nothing(
    project: Path, bucket: str, monkeypatch: pytest.MonkeyPatch, s3: S3Server
) -> None:
    monkeypatch.setenv("TIERRA_STORE", f"s3://{bucket}/lake")
    assert [found.said for found in check_stores(load_settings())] == ["one of 8 writers wins in each of 2"]
    assert not s3.client().list_objects_v2(Bucket=bucket, Prefix="lake/").get("Contents")


def test_the_doctor_finds_a_store_that_forgets_conditions(
    project: Path, bucket: str, forgetful: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIERRA_STORE", f"s3://{bucket}/lake")
    (found,) = check_stores(load_settings())
    assert (found.level, "8 of 8 writers" in found.said) == ("broken", True)
