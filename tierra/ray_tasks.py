"""Pieces of a run's work as tasks of Ray: each opens its own store by its own settings, and hands back references.

Nothing of Prefect is on a worker. A task whose node is lost runs again on another: what it had finished is found in
the memo, and what it had published is published. Errors and notes travel back as values.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

from loguru import logger

from tierra.errors import Broken, Failed, Misconfigured, TierraError, first_line
from tierra.journal import Journal, at_station, open_journal, take_in
from tierra.logs import set_up_logs
from tierra.ray_session import ray_session
from tierra.redaction import clean_line
from tierra.store.memo import code_version
from tierra.workspace import Workspace, open_workspace

R = TypeVar("R")
# How often a task is begun again whose worker or node was lost.
RETRIES: Final = 5


@dataclass(frozen=True)
class Here:
    """What a worker must have in common with the run: code and libraries, store, and the clock's fixed time."""

    code: str
    store: str
    clock: str


@dataclass(frozen=True)
class Done:
    """What came of a task: its results, what its steps noted, or the error that ended it."""

    results: tuple[Any, ...] = ()
    journal: Journal | None = None
    error: TierraError | None = None


def run_on_ray(
    workspace: Workspace, work: Callable[[Workspace, Any], Iterable[R]], pieces: Sequence[Any]
) -> Iterator[R]:
    """What `work(workspace of the worker, piece)` yields of each piece, a whole piece at a time, as they end.

    Raises the first error, Broken where a task is lost again and again; what has not begun then never begins.
    """
    with ray_session(workspace.settings.ray_address) as ray:
        start = ray.remote(num_cpus=1, max_retries=RETRIES)(do_piece)
        waiting = [start.remote(work, piece, describe_here(workspace, work.__module__)) for piece in pieces]
        try:
            while waiting:
                ended, waiting = ray.wait(waiting)
                yield from _taken(_received(ray, ended[0]))
        finally:
            for each in waiting:
                ray.cancel(each, force=True)


def do_piece(work: Callable[[Workspace, Any], Iterable[Any]], piece: Any, here: Here) -> Done:
    """On a worker: the piece, with this process's own workspace."""
    try:
        workspace = workspace_of_worker()
        require_same(workspace, here, work.__module__)
        with open_journal() as journal, at_station("piece"):
            results = tuple(work(workspace, piece))
        return Done(results, journal)
    except TierraError as error:
        return Done(error=type(error)(error.code, clean_line(error.what)))
    except Exception as error:  # noqa: BLE001  a bug ends the run, which says so
        logger.exception("a task of the run ended in a bug")
        return Done(error=Failed("run-failed", clean_line(f"{type(error).__name__}: {first_line(error)}")))


@cache
def workspace_of_worker() -> Workspace:
    """The workspace by the settings that this process has, with its logs; made once a process."""
    workspace = open_workspace()
    set_up_logs(workspace.settings)
    return workspace


def describe_here(workspace: Workspace, module: str) -> Here:
    """What workers that run this module must have in common with this process."""
    return Here(code_version(module), workspace.objects.location("memo"), str(workspace.settings.clock))


def require_same(workspace: Workspace, here: Here, module: str) -> None:
    """Raise Misconfigured where this worker differs from the run it works for."""
    ours = describe_here(workspace, module)
    if ours.store != here.store:
        raise Misconfigured("ray-differs", f"a worker of Ray has its store at {ours.store}, the run at {here.store}")
    if ours.clock != here.clock:
        raise Misconfigured("ray-differs", f"a worker of Ray has TIERRA_CLOCK {ours.clock}, the run {here.clock}")
    if ours.code != here.code:
        raise Misconfigured("ray-differs", "a worker of Ray has other code of Tierra, or other libraries, than the run")


def _received(ray: Any, task: Any) -> Done:
    try:
        done: Done = ray.get(task)
    except ray.exceptions.RayError as error:
        raise Broken("process-lost", f"a task of Ray came back without an answer: {type(error).__name__}") from None
    return done


def _taken(done: Done) -> tuple[Any, ...]:
    if done.error:
        raise done.error
    if done.journal:
        take_in(done.journal)
    return done.results
