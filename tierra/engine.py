"""Where independent pieces of a run's work are done: in this process, in processes of their own, or on Ray.

Work is a function of a workspace and a piece that yields small values, references above all; it is found by its name
wherever it runs, and may be run twice. So the three ways differ in speed alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from tierra.processes import run_apart
from tierra.workspace import Workspace

R = TypeVar("R")


def is_on_ray(workspace: Workspace) -> bool:
    """Whether pieces are tasks of Ray; never those over a store that this process alone has."""
    return workspace.settings.engine == "ray" and workspace.store is None


def spread(
    workspace: Workspace,
    work: Callable[[Workspace, Any], Iterable[R]],
    pieces: Sequence[Any],
    apart: bool = False,
    preload: Sequence[str] = (),
) -> Iterator[R]:
    """What `work` yields of each piece, as it comes; the order of the pieces is kept in this process alone.

    `apart` gives each piece a process of its own, which imports `preload` first. Raises the first error.
    """
    if pieces and is_on_ray(workspace):
        from tierra.ray_tasks import run_on_ray  # an extra

        return run_on_ray(workspace, work, pieces)
    if apart:
        # Without what this process made once and keeps open.
        return run_apart(work, pieces, replace(workspace), preload=preload)
    return (each for piece in pieces for each in work(workspace, piece))
