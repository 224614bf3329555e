"""What all tests share: telemetry off, an empty workspace a test, and real servers on loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.databases import Database
    from tests.gcs_server import GcsServer
    from tests.s3_server import S3Server
    from tests.servers import Receiver

ROOT = Path(__file__).parent.parent
OLDER = pytest.param("postgres_15", marks=pytest.mark.long)  # the same again, on Debian's PostgreSQL
# Before any library reads them.
os.environ.update(
    {
        "DO_NOT_TRACK": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GX_ANALYTICS_ENABLED": "false",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
)
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # the workers share the cores; threads of one another would wait
# Without its bytecode every process that a test starts would pay for compiling what it imports.
FOREIGN = ("TIERRA_", "PREFECT_API", "PREFECT_LOGGING", "PYTHONDONTWRITEBYTECODE")
for name in [name for name in os.environ if name.startswith(FOREIGN)]:
    del os.environ[name]
sys.dont_write_bytecode = False
# A script that starts the suite in the background makes it ignore Ctrl-C, and all that it starts; `nohup` SIGHUP.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
sys.path.insert(0, str(ROOT))


OF_THE_SERVER: dict[str, str] = {}  # variables that this process's Prefect server set for all later tests


@pytest.fixture(autouse=True)
def _variables() -> Iterator[None]:
    """Take back what commands, runs and MLflow set for this process, which servers of later tests would inherit."""
    from tierra.environment import FOR_A_PERSON

    yield
    for name in (*FOR_A_PERSON, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "TIERRA_RUN", "MLFLOW_TRACKING_URI"):
        os.environ.pop(name, None)
    taken = {name for name, value in OF_THE_SERVER.items() if os.environ.get(name) != value}
    os.environ.update(OF_THE_SERVER)
    assert not taken, f"this test, or a fixture of it, took {taken} of the server from all later tests of this process"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in: TIERRA_HOME is its `var`, projects are its `projects`, no .env."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIERRA_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("TIERRA_PROJECTS", str(tmp_path / "projects"))
    return tmp_path


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prefect server on a free port, one a test process; flows called in tests report to it."""
    from tests.empty_databases import keep_prefect_database, put_prefect_database

    home, port = tmp_path_factory.mktemp("prefect"), free_port()
    url = f"http://127.0.0.1:{port}/api"
    settings = {"PREFECT_HOME": str(home), "PREFECT_API_URL": url}
    quick = {"PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1"}  # events are shown after 5 s by default
    put_prefect_database(home)
    log = (home / "server.log").open("wb")
    command = [sys.executable, "-m", "deployments.services.prefect_server", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings, **quick}, stdout=log, stderr=log)
    try:
        wait_until_healthy(url, server, home / "server.log")
        keep_prefect_database(home)
        OF_THE_SERVER.update(settings)
        os.environ.update(settings)
        # Whatever imported Prefect before has read its settings already.
        from prefect.settings import (
            PREFECT_API_URL,
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
            PREFECT_HOME,
            temporary_settings,
        )

        # A run's signs of life come from a thread for which its end waits up to a second; workers' runs have them.
        silent = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        with temporary_settings({PREFECT_API_URL: url, PREFECT_HOME: home, **silent}):
            yield url
            # Lines still on their way would be sent to a server that is gone, again and again.
            from prefect.events.worker import EventsWorker
            from prefect.logging.handlers import APILogWorker

            APILogWorker.drain_all(timeout=10)
            EventsWorker.drain_all(timeout=10)
    finally:
        OF_THE_SERVER.clear()
        for name in settings:
            os.environ.pop(name, None)
        server.terminate()
        server.wait(20)
        log.close()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL, one for all workers: the URL of its database `postgres`."""
    from tests.shared_servers import shared_postgres

    with shared_postgres(tmp_path_factory) as url:
        yield url


@pytest.fixture
def postgres_url(postgres: str) -> str:
    """The URL of an empty PostgreSQL database, such as postgresql://user:password@127.0.0.1:1234/name."""
    from tests.servers import make_database

    return make_database(postgres, f"test_{token_hex(6)}")


@pytest.fixture(scope="module")
def told() -> "Iterator[Receiver]":
    """A webhook that everything of a module tells; `told.messages` are what it was told."""
    from tests.servers import a_receiver

    with a_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator["S3Server"]:
    """A real object store that speaks S3, one for all workers."""
    from tests.shared_servers import shared_s3

    with shared_s3(tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def gcs() -> Iterator["GcsServer"]:
    """A stand-in for Google Cloud Storage, up in a moment."""
    from tests.gcs_server import run_gcs

    with run_gcs() as server:
        yield server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes boto3 ask again at once, where it would wait for some random seconds."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.01)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every bucket one of a store that ignores If-None-Match."""
    from tierra.store.s3_bucket import S3Bucket

    def put(self: Any, key: str, data: bytes, *_: Any, **__: Any) -> None:
        self._client.put_object(Bucket=self.name, Key=key, Body=data)

    monkeypatch.setattr(S3Bucket, "_put", put)


@pytest.fixture(scope="session")
def postgres_15() -> Iterator[str]:
    """The same in Debian's version, where it is installed."""
    from tests.databases import DEBIANS
    from tests.servers import run_postgres_server

    if not DEBIANS.is_dir():
        pytest.skip("PostgreSQL 15 is not installed")
    with run_postgres_server(DEBIANS) as server:
        yield server.url


@pytest.fixture(params=["sqlite", "postgres", OLDER])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> "Iterator[Database]":
    """An empty database of each kind that sources are read from."""
    with empty_database(request, tmp_path) as made:
        yield made


@pytest.fixture(params=["postgres", OLDER])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> "Iterator[Database]":
    """An empty database of each PostgreSQL."""
    with empty_database(request, tmp_path) as made:
        yield made


@pytest.fixture
def db(request: pytest.FixtureRequest, tmp_path: Path) -> "Iterator[Database]":
    """An empty PostgreSQL database."""
    with empty_database(request, tmp_path) as made:
        yield made


@contextmanager
def empty_database(request: pytest.FixtureRequest, folder: Path) -> "Iterator[Database]":
    """An empty database of the kind that the fixture's parameter names."""
    from tests.databases import Database
    from tests.servers import lend_database

    kind = getattr(request, "param", "postgres")
    if kind == "sqlite":
        (folder / "warehouse.db").touch()
        yield Database(f"sqlite:///{folder}/warehouse.db", folder)
        return
    with lend_database(request.getfixturevalue(kind)) as url:
        yield Database(url, folder)


def wait_until_healthy(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until a Prefect server answers; fails with its log when it ends instead."""
    for _ in range(240):
        assert server.poll() is None, log.read_text()
        try:
            if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"the Prefect server did not answer: {log.read_text()}")
