"""Sinks of every kind, and installations whose registry is made already."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import CLOCK, write_warehouse
from tests.empty_databases import put_registry
from tests.gcs_server import GcsServer
from tests.s3_server import S3Server
from tests.servers import lend_database
from tests.sinks import DATASET
from tierra.settings import Settings
from tierra.store.local_objects import LocalObjects
from tierra.store.opening import open_objects
from tierra.store.sinks import ObjectSink, Sink
from tierra.store.sql_sink import TableSink

SINKS = ("folder", "SQLite", "PostgreSQL", "S3", "GCS")
OpenSink = Callable[[], Sink]


@pytest.fixture
def workspace(workspace: Path) -> Path:
    """An empty folder to stand in, with an empty registry."""
    put_registry(workspace / "var")
    return workspace


@pytest.fixture(params=SINKS)
def open_sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenSink]:
    """Opens the same sink again and again, as processes of their own would."""
    if request.param == "folder":
        yield lambda: ObjectSink(LocalObjects(tmp_path), DATASET)
    elif request.param == "S3":
        server: S3Server = request.getfixturevalue("s3")
        address, settings = f"s3://{server.bucket()}/sink", Settings(s3=server.settings())
        yield lambda: ObjectSink(open_objects(address, settings), DATASET)
    elif request.param == "GCS":
        google: GcsServer = request.getfixturevalue("gcs")
        bucket, reached = f"gs://{google.bucket()}/sink", Settings(gcs=google.settings())
        yield lambda: ObjectSink(open_objects(bucket, reached), DATASET)
    elif request.param == "SQLite":
        yield lambda: TableSink(f"sqlite:///{tmp_path / 'sink.db'}", "warehouse", DATASET)
    else:
        with lend_database(request.getfixturevalue("postgres")) as url:
            yield lambda: TableSink(url, "warehouse", DATASET, "scores")


@pytest.fixture
def sink(open_sink: OpenSink) -> Sink:
    return open_sink()


LONG = ("GCS", "S3", "PostgreSQL")


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.long) if kind in LONG else kind for kind in SINKS])
def sink_key(request: pytest.FixtureRequest, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A sink's key in a project file, of each kind."""
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    if request.param == "S3":
        server: S3Server = request.getfixturevalue("s3")
        for name, value in server.variables().items():
            monkeypatch.setenv(name, value)
        yield {"kind": "files", "uri": f"s3://{server.bucket()}/sink"}
    elif request.param == "GCS":
        google: GcsServer = request.getfixturevalue("gcs")
        monkeypatch.setenv("TIERRA_GCS__ENDPOINT_URL", google.url)
        yield {"kind": "files", "uri": f"gs://{google.bucket()}/sink"}
    elif request.param == "folder":
        yield {"kind": "files"}
    elif request.param == "SQLite":
        monkeypatch.setenv("TIERRA_CONNECTIONS__SINK__URL", write_warehouse(workspace / "sink.db"))
        yield {"kind": "sql", "connection": "sink"}
    else:
        with lend_database(request.getfixturevalue("postgres")) as url:
            monkeypatch.setenv("TIERRA_CONNECTIONS__SINK__URL", url)
            yield {"kind": "sql", "connection": "sink"}
