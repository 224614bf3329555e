"""A process that publishes a day and is stopped wherever it changes what is outside of it.

It is asked for one kind of fault on one sink after the other, forks once a fault, and answers what it saw.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from multiprocessing.connection import Connection
from typing import Any

from tests.faults.publishing import Place, left_after_sweeping, prepare, run_in_words, seen_by_a_reader
from tests.forks import in_a_fork

DISK = ("create", "write", "sync", "rename", "link", "remove", "sync_folder")
SMALL = 400  # bytes; a larger write has a point in its middle too


class Points:
    """Counts every step that speaks to the store, and does something at one of them."""

    def __init__(self, number: int = 0, act: Callable[[], None] = lambda: None) -> None:
        self.names: list[str] = []
        self._number, self._act = number, act

    def hit(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self._number:
            self._act()

    def around(self, owner: Any, name: str, said: str = "") -> None:
        """A point before a function and one after it."""
        real, said = getattr(owner, name), said or name

        def call(*arguments: Any, **options: Any) -> Any:
            self.hit(f"before {said}")
            made = real(*arguments, **options)
            self.hit(f"after {said}")
            return made

        setattr(owner, name, call)

    def install(self, kind: str) -> None:
        {"folder": self._on_disk, "S3": self._on_s3, "GCS": self._on_gcs}.get(kind, self._on_sql)()

    def _on_disk(self) -> None:
        from tierra.store import disk

        for name in DISK:
            self.around(disk, name)
        whole = disk.write

        def write(file: Any, data: bytes) -> None:
            middle = len(data) // 2 if len(data) > SMALL else 0
            if middle:
                whole(file, data[:middle])
                self.hit("half a write")
            whole(file, data[middle:])

        disk.write = write

    def _on_s3(self) -> None:
        from botocore.endpoint import Endpoint

        real = Endpoint.make_request

        def make_request(endpoint: Any, model: Any, request: Any) -> Any:
            self.hit(f"before {model.name}")
            made = real(endpoint, model, request)
            self.hit(f"after {model.name}")
            return made

        Endpoint.make_request = make_request

    def _on_gcs(self) -> None:
        from requests import Session

        self.around(Session, "send", "request")

    def _on_sql(self) -> None:
        import psycopg
        from sqlalchemy.engine.default import DefaultDialect

        for name in ("do_execute", "do_executemany", "do_commit"):
            self.around(DefaultDialect, name, name.removeprefix("do_"))
        self.around(psycopg.Copy, "write", "copy")


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def terminate() -> None:
    """SIGTERM where nobody handles it: the end."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)


def refuse(kind: str, why: str) -> Callable[[], None]:
    """What a disk, or a database's disk, says when it can't: a quota that is used up, or a bad block."""
    import errno
    import sqlite3

    import psycopg

    full = why == "quota"
    errors: dict[str, Exception] = {
        "folder": OSError(errno.EDQUOT if full else errno.EIO, os.strerror(errno.EDQUOT if full else errno.EIO)),
        "SQLite": sqlite3.OperationalError("database or disk is full" if full else "disk I/O error"),
        "PostgreSQL": psycopg.errors.DiskFull("no space") if full else psycopg.errors.IoError("could not read block"),
    }

    def act() -> None:
        raise errors[kind]

    return act


def cancel() -> None:
    """SIGTERM as a worker sends it to a run that was cancelled."""
    os.kill(os.getpid(), signal.SIGTERM)


def at_point(place: Place, number: int, act: Callable[[], None] = lambda: None) -> list[str]:
    """A night with something done at one point; the names of all points passed."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    points = Points(number, act)
    points.install(place.kind)
    with as_in_a_run() if act is cancel else nullcontext():
        run_in_words(place)
    return points.names


@contextmanager
def as_in_a_run() -> Iterator[None]:
    """Prefect's own handling of SIGTERM in the process of a run: an exception, wherever the code is."""
    from prefect.exceptions import TerminationSignal
    from prefect.utilities.engine import capture_sigterm

    with capture_sigterm(), suppress(TerminationSignal):
        yield


def stopped(place: Place, number: int, name: str, act: Callable[[], None]) -> dict[str, Any]:
    """Stopped at a point, looked at, tried again, and run once more."""
    prepare(place)
    ended_by, _ = in_a_fork(lambda: at_point(place, number, act))
    said = {"point": f"{number} {name}", "signal": ended_by, "seen": seen_by_a_reader(place)}
    return said | {"retried": run_in_words(place), "after": seen_by_a_reader(place), "third": run_in_words(place),
                   "left": left_after_sweeping(place), "at last": seen_by_a_reader(place)}  # fmt: skip


def killed_at_random(place: Place, seconds: float) -> dict[str, Any]:
    """Killed some time after the start, wherever it was."""
    child = os.fork()
    if child == 0:
        run_in_words(place)
        os._exit(0)
    time.sleep(random.Random(str(place)).random() * seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return stopped(place, 0, "random time", kill)


def cases(place: Place, what: str, every: int) -> list[dict[str, Any]]:
    prepare(place.numbered(0))
    assert run_in_words(place.numbered(0)) == "published"  # every late import is done once, before the forks
    if what == "random":
        started = time.monotonic()
        assert in_a_fork(lambda: run_in_words(place.numbered(every)))[1] == "published"
        seconds = time.monotonic() - started
        return [killed_at_random(place.numbered(number), seconds) for number in range(1, every)]
    if what == "cancel":
        import prefect  # noqa: F401 - once, before the forks
    acts = {"kill": kill, "terminate": terminate, "cancel": cancel}
    act = acts.get(what) or refuse(place.kind, what)
    prepare(place.numbered(1))
    _, names = in_a_fork(lambda: at_point(place.numbered(1), 0))
    chosen = list(enumerate(names, 1))[::every]
    return [stopped(place.numbered(1 + number), number, name, act) for number, name in chosen]


def serve(pipe: "Connection[Any, Any]") -> None:
    """Asked for place, fault and every how many points, answers all cases of it."""
    while True:
        pipe.send(cases(*pipe.recv()))
