"""Work in processes of their own, forked from one that has imported everything and has no threads.

A run's own process has threads, Prefect's among them, and connections: it is not forked. Each process is given a
slice, opens what it needs, and hands back small values one by one. It ends when the process that waits for it is gone.
"""

import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import forkserver, get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, Final, TypeVar

from tierra.errors import Broken, Failed, TierraError, first_line

T = TypeVar("T")
R = TypeVar("R")
SERVER: Final = get_context("forkserver")
# Seconds that a process has to end after SIGTERM; what it was about to publish is then published or not.
GRACE: Final = 5.0


@dataclass(frozen=True)
class _End:
    """The last word of a process: it is done, or the error that ended it."""

    error: TierraError | None = None


def in_slices(items: Sequence[T], most: int) -> list[Sequence[T]]:
    """The items in their order, cut into at most so many pieces of nearly one length."""
    count = min(most, len(items))
    cuts = [len(items) * number // count for number in range(count + 1)] if count else []
    return [items[start:end] for start, end in pairwise(cuts)]


def import_early(modules: Sequence[str]) -> None:
    """Let the modules be imported now, beside what this process does, for all processes that `run_apart` starts."""
    SERVER.set_forkserver_preload(list(modules))
    forkserver.ensure_running()


def run_apart(
    work: Callable[..., Iterable[R]], slices: Sequence[Any], *shared: Any, preload: Sequence[str] = ()
) -> Iterator[R]:
    """What `work(*shared, slice)` yields of each slice in a process of its own, as it comes.

    `preload` are modules to import once for all of them. Raises a process's error, or Broken when one dies; the
    others are ended then, and when the caller takes no more.
    """
    import_early(preload)
    with _started(work, shared, slices) as running:
        while running:
            for pipe in wait(list(running)):
                message = _receive(running[pipe], pipe)  # type: ignore[index, arg-type]
                if isinstance(message, _End):
                    running.pop(pipe)  # type: ignore[call-overload]
                    if message.error:
                        raise message.error
                else:
                    yield message


@contextmanager
def _started(
    work: Callable[..., Iterable[R]], shared: tuple[Any, ...], slices: Sequence[Any]
) -> "Iterator[dict[Connection[Any, Any], Any]]":
    """A process for each slice by our end of its pipe; whatever happens, none outlives the block.

    The caller takes those out that have said their last word: they end by themselves.
    """
    started: dict[Connection[Any, Any], Any] = {}
    running: dict[Connection[Any, Any], Any] = {}
    try:
        for each in slices:
            ours, theirs = SERVER.Pipe(duplex=False)
            process = SERVER.Process(target=_work, args=(theirs, work, (*shared, each)), daemon=True)
            process.start()
            theirs.close()
            started[ours] = running[ours] = process
        yield running
    finally:
        for process in running.values():
            process.terminate()
        for pipe, process in started.items():
            process.join(GRACE)
            process.kill()
            process.join()
            pipe.close()


def _receive(process: Any, pipe: "Connection[Any, Any]") -> Any:
    """What a process says next. Raises Broken when it died instead."""
    try:
        return pipe.recv()
    except EOFError:
        process.join(GRACE)
        ended = f"by signal {-process.exitcode}" if (process.exitcode or 0) < 0 else f"with {process.exitcode}"
        raise Broken("process-lost", f"process {process.pid} of this run ended {ended}") from None


def _work(pipe: "Connection[Any, Any]", work: Callable[..., Iterable[Any]], arguments: tuple[Any, ...]) -> None:
    """In the new process: hand back what the work yields, and at last how it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the run ends us
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # in order, so that temporary files go
    parent = parent_process()
    try:
        for each in work(*arguments):
            pipe.send(each)
            if parent and not parent.is_alive():
                return
        pipe.send(_End())
    except TierraError as error:
        pipe.send(_End(error))
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001  a bug ends the run, which says so
        from loguru import logger

        logger.exception("a process of the run ended in a bug")
        pipe.send(_End(Failed("run-failed", f"{type(error).__name__}: {first_line(error)}")))
