"""Secrets leave no trace: real ones, used by whole runs that succeed and fail, are looked for wherever a run writes."""

import json
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from tests.builders import CLOCK, ride_spec, rides, write_project
from tests.conftest import ROOT
from tests.s3_server import S3Server
from tests.servers import make_database
from tierra.settings import load_settings
from tierra.store.postgres import connect

# What a password may hold that an address, a log line or a quoted text writes otherwise.
PASSWORDS = ("canary-plain-1", "canary@2/with:reserved?", "canary'3\"quoted", "canary ümlaut 4", "canary%5percent")
FAKES = {
    "TIERRA_ALERT_WEBHOOK": "http://127.0.0.1:9/hook/canary-6",
    "TIERRA_CONNECTIONS__ELSEWHERE__URL": "postgresql://someone:canary-7@127.0.0.1:9/nowhere",
    "TIERRA_CONNECTIONS__OLD__URL": "sqlite:////canary-8/old.db",
    "AWS_SESSION_TOKEN": "canary-9",
}

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.fixture
def secrets(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ten secrets, each as it is written in an address too."""
    for name, value in FAKES.items():
        monkeypatch.setenv(name, value)
    found = [*PASSWORDS, "canary-6", "canary-7", "canary-8", "canary-9", s3.secret]
    return [*found, *(quote(each, safe="") for each in PASSWORDS)]


@pytest.fixture
def home(
    prefect_server: str,
    postgres: str,
    s3: S3Server,
    tmp_path: Path,
    secrets: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A project for each password: rows in PostgreSQL by that login, store in S3, predictions in PostgreSQL."""
    database, bucket = make_database(postgres, f"canaries_{tmp_path.name}"[:60]), s3.bucket()
    _write_rides(database)
    monkeypatch.chdir(ROOT)
    folders = {"TIERRA_HOME": str(tmp_path / "var"), "TIERRA_PROJECTS": str(tmp_path / "projects")}
    store = {"TIERRA_STORE": f"s3://{bucket}/store", "TIERRA_CLOCK": CLOCK}
    for name, value in {**s3.variables(), **store, **folders}.items():
        monkeypatch.setenv(name, value)
    place = database.rpartition("@")[2]
    for number, password in enumerate(PASSWORDS):
        _add_login(database, f"reader_{number}", password)
        address = f"postgresql://reader_{number}:{quote(password, safe='')}@{place}"
        monkeypatch.setenv(f"TIERRA_CONNECTIONS__LOGIN_{number}__URL", address)
        source = {
            "kind": "sql",
            "connection": f"login_{number}",
            "table": "rides",
            "key": "ride_id",
            "partition_by": "day",
        }
        sink = {"kind": "sql", "connection": f"login_{number}", "table": f"p{number}.tips"}
        spec = ride_spec(
            project=f"p{number}", sources={"rides": source}, score={"sink": sink}, candidates=[{"rule": "base_rate"}]
        )
        write_project(tmp_path / "projects" / f"p{number}", spec)
    return tmp_path


def _write_rides(database: str) -> None:
    table = rides()
    with psycopg.connect(database, autocommit=True) as session:
        columns = ", ".join(f'"{name}" {"date" if name == "day" else _kind(table[name])}' for name in table)
        session.execute(f"create table rides ({columns})".encode())
        with session.cursor() as cursor, cursor.copy(b"copy rides from stdin (format csv)") as copy:
            copy.write(table.to_csv(index=False, header=False))


def _kind(column: Any) -> str:
    return "double precision" if column.dtype.kind == "f" else "bigint" if column.dtype.kind == "i" else "text"


def _add_login(database: str, name: str, password: str) -> None:
    with psycopg.connect(database, autocommit=True) as session:
        session.execute(f"drop role if exists {name}".encode())
        literal = psycopg.sql.Literal(password).as_string(session)
        session.execute(f"create role {name} superuser login password {literal}".encode())


def run(project: str) -> list[str]:
    """A training, a scoring, and a run that fails; what each says."""
    from flows.score import score
    from flows.train import train

    states = [train(project, return_state=True), score(project, return_state=True),
              score(project, "1999-01-01", return_state=True)]  # fmt: skip
    return [f"{state.name} {state.message} {state.result(raise_on_failure=False)!r}" for state in states]


def test_ten_secrets_are_in_none_of_eight_places(home: Path, secrets: list[str], s3: S3Server, postgres: str) -> None:
    said = [line for number in range(len(PASSWORDS)) for line in run(f"p{number}")]
    assert [line.split()[0] for line in said[:3]] == ["Promoted", "Published", "DataRejected"]
    settings = load_settings()
    places = {
        "messages": "\n".join(said).encode(),
        "settings": f"{settings!r} {settings.model_dump_json()} {settings.model_dump()}".encode(),
        "logs": _files(home / "var" / "logs"),
        "receipts": _files(home / "var" / "receipts"),
        "MLflow": _files(home / "var" / "mlflow-artifacts") + _dump(home / "var" / "mlflow.db"),
        "Prefect's database, results and logs": _prefect(),
        "store": _objects(s3),
        "manifests": _rows(postgres, home),
    }
    for place, data in places.items():
        assert len(data) > 1000, f"nothing was looked at: {place}"
        found = [secret for secret in secrets if secret.encode() in data or json.dumps(secret)[1:-1].encode() in data]
        assert found == [], place


def _files(folder: Path) -> bytes:
    return b"\n".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def _dump(file: Path) -> bytes:
    with sqlite3.connect(file) as database:
        return "\n".join(database.iterdump()).encode()


def _prefect() -> bytes:
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_HOME

    APILogWorker.drain_all(timeout=10)
    folder = PREFECT_HOME.value()
    return _files(folder)


def _objects(s3: S3Server) -> bytes:
    client = s3.client()
    pages = client.get_paginator("list_objects_v2")
    found = []
    for bucket in client.list_buckets()["Buckets"]:
        for page in pages.paginate(Bucket=bucket["Name"]):
            found += [client.get_object(Bucket=bucket["Name"], Key=each["Key"])["Body"].read()
                      for each in page.get("Contents", [])]  # fmt: skip
    return b"\n".join(found)


def _rows(postgres: str, home: Path) -> bytes:
    address = f"{postgres.rpartition('/')[0]}/{f'canaries_{home.name}'[:60]}"
    with connect(address, "test", 60) as session:
        found = [session.execute(f"select * from p{number}.tips_manifests".encode()).fetchall()
                 for number in range(len(PASSWORDS))]  # fmt: skip
    return repr(found).encode()
