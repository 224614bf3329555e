"""Writers in a process of their own: one that stops before a step until it is told to go on, and one on a full disk."""

import resource
import signal
from multiprocessing.connection import Connection
from typing import Any

import boto3  # noqa: F401 - this and the next once, before the forks
import psycopg  # noqa: F401

from tests.faults.publishing import BUCKETS, Place, run_in_words
from tierra.store import opening, sinks, sql_parts, sql_sink  # noqa: F401


def write(pipe: "Connection[Any, Any]", place: Place, step: str, version: str = "1") -> None:
    """Says `here` before the step, goes on when something comes, and says how it ended."""
    owner: Any = (
        sql_parts if step == "insert_rows" else sinks.ObjectSink if place.kind in ("folder", *BUCKETS) else None
    )
    owner = owner or sql_sink.TableSink
    real = getattr(owner, step)

    def wait(*arguments: Any) -> Any:
        setattr(owner, step, real)
        pipe.send("here")
        pipe.recv()
        return real(*arguments)

    setattr(owner, step, wait)
    pipe.send(run_in_words(place, version=version))


def write_on_a_full_disk(pipe: "Connection[Any, Any]", place: Place, kilobytes: int) -> None:
    """The kernel refuses to let a file grow past a limit."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, resource.RLIM_INFINITY))
    pipe.send(run_in_words(place))
