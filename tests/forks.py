"""Work in a fork of this process, or of one that has only imported things, which may be killed in the middle of it."""

import json
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

# Of a process with threads, as a test's is, no fork is safe; and a new one imports for seconds.
SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["tests.faults.paused"])


class Failed(NamedTuple):
    """How a process of ours ended when it should not have."""

    trace: str


def in_a_fork(work: Callable[[], Any]) -> tuple[int, Any]:
    """The signal that ended a fork, 0 for none, and what its work returned."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(writing, json.dumps(work()).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "a fork failed"
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, json.loads(said) if said else None


@contextmanager
def in_a_process(work: Callable[..., None], *arguments: Any) -> Iterator[tuple[int, "Connection[Any, Any]"]]:
    """A process that works, given a pipe and the arguments: its id, and our end of the pipe. It ends with the block."""
    ours, theirs = SERVER.Pipe()
    process = SERVER.Process(target=_work, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    assert process.pid
    try:
        yield process.pid, ours
    finally:
        process.kill()
        process.join(10)


def _work(pipe: "Connection[Any, Any]", work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    try:
        work(pipe, *arguments)
    except Exception:  # the test tells it
        pipe.send(Failed(traceback.format_exc()))


def heard(pipe: "Connection[Any, Any]", seconds: float | None = None) -> Any:
    """What the process says next, within some seconds or however long it takes."""
    assert pipe.poll(seconds), f"nothing was said for {seconds} s"
    said = pipe.recv()
    assert not isinstance(said, Failed), said.trace
    return said
