"""Pieces of work that need each other: tasks of Ray at once, which meet, and begin again together when one is lost."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Thread
from typing import Any, Final, TypeVar

from loguru import logger

from tierra.errors import Broken, Unavailable
from tierra.ray_session import ray_session
from tierra.ray_tasks import Done, describe_here, do_piece
from tierra.workspace import Workspace

R = TypeVar("R")
TRIES: Final = 6
# Seconds until as many processors are free as there are pieces; a lost node is noticed within half a minute.
PATIENCE: Final = 120.0
PAUSE: Final = 5.0


@dataclass(frozen=True)
class Together:
    """A piece that works at once with the others; `meeting` is where they meet, in XGBoost's words."""

    number: int
    meeting: Mapping[str, Any] = field(default_factory=dict, kw_only=True)


class _Lost(Exception):
    """One of the processes is gone, or cannot be reached."""


def run_together(
    workspace: Workspace, work: Callable[[Workspace, Any], Iterable[R]], pieces: Sequence[Together]
) -> tuple[list[R], int]:
    """What `work` yields of all pieces, which run at the same time, and how often they had to begin again.

    Raises an error of the work, Unavailable where there are not as many processors, and Broken where one of them is
    lost again and again.
    """
    lost = ""
    with ray_session(workspace.settings.ray_address) as ray:
        for again in range(TRIES):
            try:
                return _run(ray, workspace, work, pieces), again
            except (ray.exceptions.RayError, _Lost) as error:
                lost = str(error) if isinstance(error, _Lost) else type(error).__name__
                logger.warning("a part of a training was lost, all begin again: {}", lost)
                time.sleep(PAUSE)
    raise Broken("process-lost", f"parts of a training were lost {TRIES} times, at last: {lost}")


def _run(ray: Any, workspace: Workspace, work: Callable[..., Iterable[R]], pieces: Sequence[Together]) -> list[R]:
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    here, found = describe_here(workspace, work.__module__), list[R]()
    start = ray.remote(num_cpus=1, max_retries=0)(do_piece)
    with _reserved(ray, len(pieces)) as group, _meeting(ray, len(pieces)) as meeting:
        running = [
            start.options(
                scheduling_strategy=PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=each.number)
            ).remote(work, replace(each, meeting={**meeting, "dmlc_task_id": f"{each.number:06d}"}), here)
            for each in pieces
        ]
        try:
            while running:
                ended, running = ray.wait(running)
                done: Done = ray.get(ended[0])
                if isinstance(done.error, Unavailable):  # what is left of a group says so when it loses one
                    raise _Lost(done.error.what)
                if done.error:
                    raise done.error
                found += done.results
        finally:
            for each in running:
                ray.cancel(each, force=True)
    return found


@contextmanager
def _reserved(ray: Any, count: int) -> Iterator[Any]:
    """So many processors, all or none, on as many nodes as there are: two groups never wait for each other's halves."""
    from ray.util import placement_group, remove_placement_group

    group = placement_group([{"CPU": 1}] * count, strategy="SPREAD")
    try:
        if not group.wait(PATIENCE):
            there = int(ray.cluster_resources().get("CPU", 0))
            what = f"{count} parts of a training need as many free processors of Ray, which has {there} in all"
            raise Unavailable("ray-unavailable", what)
        yield group
    finally:
        remove_placement_group(group)


@contextmanager
def _meeting(ray: Any, count: int) -> Iterator[dict[str, Any]]:
    """Where so many processes find each other: a process on the run's own node, ended with the block."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ours = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    host = ray.remote(num_cpus=0)(Host).options(scheduling_strategy=ours).remote()
    try:
        yield ray.get(host.invite.remote(count))
    finally:
        ray.kill(host)


class Host:
    """XGBoost's tracker, which gives each process its number and the addresses of its neighbours."""

    def invite(self, count: int) -> dict[str, Any]:
        """Wait for so many processes; what they need to know."""
        import ray
        from xgboost.tracker import RabitTracker

        address = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        self._tracker = RabitTracker(count, address, sortby="task")
        self._tracker.start()
        Thread(target=self._tracker.wait_for, daemon=True).start()
        return dict(self._tracker.worker_args())
