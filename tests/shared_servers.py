"""A server that all workers of a test run share: the first one starts it, the last one's end ends it.

Each user holds a lock on one file for as long as it uses the server; its end, or its death, lets go. The server is the
child of a keeper, a process that waits until nobody holds that lock any more.
"""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.s3_server import S3Server, run_s3
from tests.servers import run_postgres

_keepers: list["subprocess.Popen[str]"] = []  # those this process started


@contextmanager
def shared_postgres(factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one PostgreSQL for all workers; without workers, of one of this process."""
    if not _has_workers():
        with run_postgres() as url:
            yield url
        return
    with _shared(factory.getbasetemp().parent, "postgres") as address:
        yield address["url"]


@contextmanager
def shared_s3(factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One object store for all workers, which nobody may kill; without workers, one of this process."""
    if not _has_workers():
        with run_s3() as server:
            yield server
        return
    with _shared(factory.getbasetemp().parent, "s3") as address:
        ports = [int(port) for port in address["ports"].split()]
        yield S3Server(Path(address["folder"]), ports, address["key"], address["secret"])


def _has_workers() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


@contextmanager
def _shared(folder: Path, kind: str) -> Iterator[dict[str, str]]:
    """How the folder's server of a kind is reached, started where nobody has yet."""
    with (folder / f"{kind}.turn").open("a") as turn, (folder / f"{kind}.users").open("a") as users:
        fcntl.flock(turn, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)  # waits for a keeper that has just found nobody
        address = folder / f"{kind}.json"
        if not address.exists():
            _start_keeper(folder, kind)
        fcntl.flock(turn, fcntl.LOCK_UN)
        yield json.loads(address.read_text())


def _start_keeper(folder: Path, kind: str) -> None:
    command = [sys.executable, "-m", "tests.shared_servers", str(folder), kind]
    with (folder / f"{kind}.log").open("w") as log:
        keeper = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
    assert keeper.stdout
    with keeper.stdout as said:
        assert said.readline() == "ready\n", (folder / f"{kind}.log").read_text()
    _keepers.append(keeper)


def keep(folder: Path, kind: str) -> None:
    """Run a server until nobody uses it."""
    with RUN[kind]() as address, (folder / f"{kind}.users").open("a") as users:
        (folder / f"{kind}.json").write_text(json.dumps(address))
        print("ready", flush=True)
        fcntl.flock(users, fcntl.LOCK_EX)
        (folder / f"{kind}.json").unlink()


@contextmanager
def _run_postgres() -> Iterator[Mapping[str, str]]:
    with run_postgres() as url:
        yield {"url": url}


@contextmanager
def _run_s3() -> Iterator[Mapping[str, str]]:
    with run_s3() as server:
        yield {"folder": str(server.folder), "ports": " ".join(map(str, server.ports)), "key": server.key,
               "secret": server.secret}  # fmt: skip


RUN: dict[str, Callable[[], AbstractContextManager[Mapping[str, str]]]] = {"postgres": _run_postgres, "s3": _run_s3}

if __name__ == "__main__":
    keep(Path(sys.argv[1]), sys.argv[2])
