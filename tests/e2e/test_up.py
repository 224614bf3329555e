"""`make up` with its real servers, behind a password: healthy, useful, and gone without a trace."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.builders import CLOCK, ride_spec, rides, write_project
from tests.conftest import free_port
from tests.e2e.checkout import make_checkout
from tests.ops import ENDED, OFTEN
from tests.servers import answers, dump_database, make_database, restore_database, run_postgres, until

SECRET = "ops:canary-5f1e"
HEALTHY = "Ctrl-C stops everything"
SCHEDULE = {"timezone": "Europe/Madrid", "score": "0 3 * * *"}


@dataclass
class Up:
    """`make up` in a checkout of its own, in a session as a terminal makes one."""

    folder: Path
    environment: dict[str, str]
    process: "subprocess.Popen[bytes]" = field(init=False)

    @property
    def home(self) -> Path:
        return self.folder / "var"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.environment['PREFECT_SERVER_API_PORT']}"

    @property
    def printed(self) -> str:
        return (self.folder / "printed").read_text()

    def start(self) -> None:
        with (self.folder / "printed").open("wb") as printed:
            self.process = self.spawn(stdout=printed, stderr=printed, start_new_session=True)

    def spawn(self, **options: Any) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "deployments.services.up"]
        return subprocess.Popen(command, cwd=self.folder, env={**os.environ, **self.environment}, **options)

    def wait_until_healthy(self) -> None:
        until("healthy", 300, lambda: HEALTHY in self.printed or self.process.poll() is not None)
        assert HEALTHY in self.printed, self.printed

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        os.killpg(self.process.pid, number)
        return self.process.wait(120)

    def left(self) -> list[str]:
        """The command lines of processes that know this home."""
        return [command for command, variables in processes() if f"TIERRA_HOME={self.home}" in variables]

    def get(self, path: str, secret: str = SECRET) -> httpx.Response:
        user, _, password = secret.partition(":")
        return httpx.get(f"{self.address}/api/{path}", auth=(user, password), timeout=30)

    def csrf(self) -> dict[str, str]:
        """The headers without which no call may write."""
        client = str(uuid4())
        token = self.get(f"csrf-token?client={client}").json()["token"]
        return {"Prefect-Csrf-Client": client, "Prefect-Csrf-Token": token}

    def run(self, name: str, **parameters: Any) -> None:
        """Trigger a deployment, as the form of the UI does, and wait until its run completed."""
        made = self.post(f"deployments/{self.get(f'deployments/name/{name}').json()['id']}/create_flow_run",
                         {"parameters": parameters, "state": {"type": "SCHEDULED"}}).json()  # fmt: skip
        until(f"{name} ends", 180, lambda: self.get(f"flow_runs/{made['id']}").json()["state_type"] in ENDED)
        ended = self.get(f"flow_runs/{made['id']}").json()["state"]
        assert ended["type"] == "COMPLETED", ended

    def post(self, path: str, body: Any) -> httpx.Response:
        user, _, password = SECRET.partition(":")
        address = f"{self.address}/api/{path}"
        return httpx.post(address, json=body, headers=self.csrf(), auth=(user, password), timeout=30)


def processes() -> Iterator[tuple[str, list[str]]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, variables = (folder / "cmdline").read_text(), (folder / "environ").read_text()
        except (OSError, UnicodeDecodeError):
            continue
        yield command.replace("\0", " "), variables.split("\0")


def make_up(folder: Path, **environment: str) -> Up:
    write_project(folder / "projects" / "rides", ride_spec(schedule=SCHEDULE), rides())
    checkout = make_checkout(
        folder,
        TIERRA_HOME=str(folder / "var"),
        TIERRA_PROJECTS=str(folder / "projects"),
        TIERRA_CLOCK=CLOCK,
        TIERRA_MLFLOW_URL=f"http://127.0.0.1:{free_port()}",
        TIERRA_RECEIPTS_URL=f"http://127.0.0.1:{free_port()}",
        PREFECT_SERVER_API_PORT=str(free_port()),
        PREFECT_SERVER_API_AUTH_STRING=SECRET,
        **OFTEN,
        **environment,
    )
    return Up(folder, checkout.environment)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = make_up(tmp_path_factory.mktemp("up"))
    with running(up):
        yield up


def test_every_page_that_is_named_answers(up: Up) -> None:
    for address in (up.address, up.environment["TIERRA_MLFLOW_URL"], up.environment["TIERRA_RECEIPTS_URL"]):
        assert address in up.printed
        assert answers(address)
    assert (up.home / "server.url").read_text().strip() == f"{up.address}/api"


def test_deployments_are_there_with_their_schedules(up: Up) -> None:
    score, train = (up.get(f"deployments/name/{flow}/rides").json() for flow in ("score", "train"))
    (schedule,) = score["schedules"]
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == ("0 3 * * *", "Europe/Madrid")
    assert (score["work_pool_name"], train["schedules"]) == ("tierra", [])


def test_a_run_completes_through_the_worker_and_leaves_its_receipt(up: Up) -> None:
    up.run("train/rides")
    receipts = httpx.get(f"{up.environment['TIERRA_RECEIPTS_URL']}/rides/", timeout=30).text
    assert "train" in receipts
    models = httpx.get(f"{up.environment['TIERRA_MLFLOW_URL']}/api/2.0/mlflow/registered-models/search", timeout=30)
    assert [each["name"] for each in models.json()["registered_models"]] == ["rides"]


def test_without_the_password_no_route_answers_but_health_and_ready(up: Up) -> None:
    """Asked with what keeps other sites out (a CSRF token), so that the password alone stands in the way."""
    listed = httpx.get(f"{up.address}/openapi.json", timeout=30).json()["paths"]
    routes = [("GET", "/openapi.json"), *((method.upper(), path) for path in listed for method in listed[path])]
    with httpx.Client(base_url=f"{up.address}/api", headers=up.csrf(), timeout=30) as stranger:
        told = {(method, path): stranger.request(method, path).status_code for method, path in routes}
        assert stranger.get("/work_pools/tierra", auth=("ops", "wrong")).status_code == 401
    assert len(told) > 150
    assert {told.pop(("GET", path)) for path in ("/health", "/ready")} == {200}
    assert {route: code for route, code in told.items() if code != 401} == {}


@pytest.mark.parametrize("path", ["events/in", "events/out", "logs/out"])
def test_a_websocket_refuses_strangers(up: Up, path: str) -> None:
    address = f"{up.address.replace('http:', 'ws:')}/api/{path}"
    for token in (None, "ops:wrong"):
        with connect(address, subprotocols=[Subprotocol("prefect")]) as socket:
            socket.send(json.dumps({"type": "auth", "token": token}))
            with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012  whatever comes first
                while json.loads(socket.recv(30))["type"] != "auth_success":
                    pass
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008


def test_a_call_that_another_site_could_make_is_refused(up: Up) -> None:
    user, _, password = SECRET.partition(":")
    post = httpx.post(f"{up.address}/api/deployments/filter", json={}, auth=(user, password), timeout=30)
    assert post.status_code == 403
    origin = {"Origin": "http://evil.example.org", "Access-Control-Request-Method": "GET"}
    assert httpx.options(f"{up.address}/api/health", headers=origin).status_code == 400
    assert httpx.get(f"{up.address}/ui-settings", timeout=30).json()["auth"] == "BASIC"


def test_the_password_is_in_no_log_and_on_no_command_line(up: Up) -> None:
    password = SECRET.partition(":")[2]
    written = [file.read_text(errors="replace") for file in (up.home / "logs").glob("*.log")] + [up.printed]
    assert written
    assert [text for text in written if password in text] == []
    assert [command for command, _ in processes() if password in command] == []


def test_a_locked_database_is_no_minute_of_silence(up: Up) -> None:
    """Prefect's own server waits that long, and with it everything that its event loop should do."""
    writes = f"csrf-token?client={uuid4()}"
    with closing(sqlite3.connect(up.home / "prefect" / "prefect.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        assert up.get(writes).status_code == 503  # within the 30 s that it is given
        other.execute("rollback")
    assert up.get(writes).status_code == 200


def test_a_call_that_waited_for_another_writer_is_served(up: Up) -> None:
    """With Prefect's own server it has read before, what it read is stale, and it is refused at once."""
    user, _, password = SECRET.partition(":")
    pool, said, headers = f"{up.address}/api/work_pools/tierra", {"description": "seen by a test"}, up.csrf()
    with (
        closing(sqlite3.connect(up.home / "prefect" / "prefect.db", isolation_level=None)) as other,
        ThreadPoolExecutor(1) as caller,
    ):
        other.execute("begin immediate")
        call = caller.submit(httpx.patch, pool, json=said, headers=headers, auth=(user, password), timeout=30)
        time.sleep(1)
        other.execute("pragma user_version = 1")
        other.execute("commit")
        assert call.result().status_code == 204


def test_what_runs_write_is_closed_to_others(up: Up) -> None:
    assert {oct((up.home / name).stat().st_mode & 0o777) for name in ("prefect", "results")} == {"0o700"}


def test_a_second_one_says_that_one_runs_already(up: Up) -> None:
    second = up.spawn(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed = second.communicate(timeout=60)[0].decode()
    assert (second.returncode, len(printed.splitlines())) == (2, 1)
    assert "is already running" in printed


@pytest.mark.long
def test_ctrl_c_leaves_no_process_and_it_starts_again_from_a_backup_of_its_home(up: Up) -> None:
    before = up.get("deployments/name/score/rides").json()
    assert up.stop() == 0
    assert up.left() == []
    assert not (up.home / "server.url").exists()
    backup = shutil.make_archive(str(up.folder / "backup"), "tar", up.home)
    shutil.rmtree(up.home)
    shutil.unpack_archive(backup, up.home, filter="data")
    up.start()
    up.wait_until_healthy()
    after = up.get("deployments/name/score/rides").json()
    assert (after["id"], after["created"]) == (before["id"], before["created"])
    # One that is killed cannot end anything itself.
    assert up.stop(signal.SIGKILL) == -signal.SIGKILL
    until("nothing is left", 60, lambda: up.left() == [])
    assert not (up.home / "server.url").exists()


def on_postgres(databases: dict[str, str]) -> dict[str, str]:
    """The settings that put Prefect and the registry on these databases."""
    return {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": databases["prefect"].replace("postgresql:", "postgresql+asyncpg:"),
        "TIERRA_MLFLOW_URI": databases["mlflow"].replace("postgresql:", "postgresql+psycopg:"),
    }


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_on_postgresql_it_runs_and_starts_again_from_dumps_in_an_empty_server(tmp_path: Path) -> None:
    dumps = {name: tmp_path / f"{name}.dump" for name in ("prefect", "mlflow")}
    with run_postgres() as server:
        databases = {name: make_database(server, name) for name in dumps}
        up = make_up(tmp_path, **on_postgres(databases))
        with running(up):
            up.run("train/rides")
            up.run("score/rides")
            before = up.get("deployments/name/score/rides").json()
        assert [*(up.home / "prefect").glob("*.db"), *up.home.glob("*.db")] == []
        for name, dump in dumps.items():
            dump_database(databases[name], dump)
    with run_postgres() as server:
        databases = {name: make_database(server, name) for name in dumps}
        for name, dump in dumps.items():
            restore_database(dump, databases[name])
        up.environment |= on_postgres(databases)
        with running(up):
            assert up.get("deployments/name/score/rides").json()["id"] == before["id"]
            up.run("score/rides", partition="2024-04-29")
            up.run("score/rides", partition="2024-04-26")
    published = sorted(file.relative_to(up.home).parts[-2:] for file in up.home.glob("predictions/*/manifests/*/*"))
    assert [(day, name.partition(".")[0].lstrip("0")) for day, name in published] == [
        (f"2024-04-{day}", "1") for day in (26, 27, 28, 29)
    ]


@contextmanager
def running(up: Up) -> Iterator[None]:
    up.start()
    try:
        up.wait_until_healthy()
        yield
    finally:
        if up.process.poll() is None:
            up.stop()
    assert up.left() == []
