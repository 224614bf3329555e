"""A throwaway Prefect server, started from this environment to see whether one works here."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployments.doctor.api import Api
from tierra.environment import QUIET
from tierra.status.words import first_line

# Ends with its parent, which holds the other end of its standard input, and removes its home.
# Its tables come from Prefect's models: the migrations that make up's server runs would take most of the time.
SERVER_SCRIPT = """
import os, shutil, sys, threading
def end():
    sys.stdin.read()
    shutil.rmtree(sys.argv[2], ignore_errors=True)
    os._exit(0)
threading.Thread(target=end, daemon=True).start()
import sqlalchemy, uvicorn
from prefect.server.api.server import create_app
from prefect.server.database.orm_models import Base
from sqlalchemy.schema import CreateIndex, CreateTable
with sqlalchemy.create_engine("sqlite:///" + sys.argv[2] + "/prefect.db").begin() as connection:
    for table in Base.metadata.sorted_tables:
        connection.execute(CreateTable(table))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))  # some are there twice
uvicorn.run(create_app(final=True), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""
# Switches off what listing and scheduling do not need, and makes it schedule at once.
SETTINGS = {
    "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
}
# An exception's line, or a line of a log at that level.
SAYS_NOTHING = "Application startup failed"  # uvicorn's last word; what went wrong stands above
ERROR = re.compile(r"^\s*(?:[\w.]*\.)?(\w*(?:Error|Exception))\b.*|.*\b(?:ERROR|CRITICAL|FATAL)\b")


@dataclass
class Throwaway:
    """A server that is started for the checks and then removed."""

    api: Api
    process: "subprocess.Popen[bytes]"
    log: Path

    def last_error(self) -> str:
        """The last error in its log, in one line; empty when there is none."""
        return find_last_error(self.log.read_text(errors="replace"))

    def wait(self, seconds: float) -> bool:
        """Whether it answers within that time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if self.api.get("/health").ok:
                return True
            time.sleep(0.2)
        return False


def find_last_error(log: str) -> str:
    """The first line of the last error in a log; empty when there is none."""
    errors = [line for each in log.splitlines() if ERROR.match(line := each.strip(" |")) and SAYS_NOTHING not in line]
    return first_line(errors[-1]) if errors else ""


@contextmanager
def throwaway_server() -> Iterator[Throwaway]:
    """Start a server on a free loopback port with a home of its own; both are removed at the end."""
    home = Path(tempfile.mkdtemp(prefix="tierra-doctor-"))
    port = _free_port()
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  our own text
            [sys.executable, "-c", SERVER_SCRIPT, str(port), str(home)],
            # In its own home, so that it reads neither our .env nor our pyproject.toml.
            cwd=home,
            env=_environment(home, port),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
        try:
            yield Throwaway(Api(f"http://127.0.0.1:{port}/api"), process, log)
        finally:
            _stop(process)
            shutil.rmtree(home, ignore_errors=True)


def _environment(home: Path, port: int) -> dict[str, str]:
    """Our environment without the variables that name the real server or database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    paths = [str(Path(path).absolute()) for path in kept.pop("PYTHONPATH", "").split(os.pathsep) if path]
    return {
        **kept,
        **QUIET,
        **SETTINGS,
        **({"PYTHONPATH": os.pathsep.join(paths)} if paths else {}),
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
    }


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.kill()  # it holds nothing that would be missed
    process.wait()
    if process.stdin:
        process.stdin.close()
