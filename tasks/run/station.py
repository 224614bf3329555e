"""A station: a step with our run policy and an entry in the run's journal.

Inside a Prefect run it is a task. Anywhere else it is a plain call under the same policy.
"""

import random
import time
from collections.abc import Callable
from functools import update_wrapper, wraps
from typing import Any, Final, Generic, ParamSpec, TypeVar

from loguru import logger
from prefect import task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext
from prefect.tasks import Task

from tasks.run.leaving import leaving
from tasks.run.log import set_up_run_logs
from tierra.errors import TierraError
from tierra.journal import at_station, note_retry
from tierra.workspace import Workspace

P = ParamSpec("P")
R = TypeVar("R")
DELAYS: Final = (2.0, 10.0, 30.0)
JITTER: Final = 0.3  # runs that failed together do not come back together


class Station(Generic[P, R]):
    """A step that is timed, and tried again when its error is transient."""

    def __init__(self, step: Callable[P, R]) -> None:
        self.step = step
        self.name = step.__name__.replace("_", "-")
        self._run = _timed(self.name, step)
        self.task = task(
            name=self.name,
            retries=len(DELAYS),
            retry_delay_seconds=list(DELAYS),
            retry_jitter_factor=JITTER,
            retry_condition_fn=is_transient,
        )(self._run)
        update_wrapper(self, step)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the step: as a task of the Prefect run that is under way, or by itself."""
        run = self.task if FlowRunContext.get() else self._retry
        return run(*args, **kwargs)

    def _retry(self, *args: P.args, **kwargs: P.kwargs) -> R:
        for attempt, delay in enumerate(DELAYS, start=1):
            try:
                return self._run(*args, **kwargs)
            except TierraError as error:
                if not error.transient:
                    raise
                report_retry(self.name, attempt, error)
                time.sleep(delay * (1 + random.uniform(0, JITTER)))  # noqa: S311  no secret
        return self._run(*args, **kwargs)


def station(step: Callable[P, R]) -> Station[P, R]:
    """Make a function a station, named after it."""
    return Station(step)


def is_transient(task: Task[..., Any], run: TaskRun, state: State) -> bool:
    """Whether Prefect is to try a task again; if so, that is reported."""
    error = state.result(raise_on_failure=False)
    if not (isinstance(error, TierraError) and error.transient):
        return False
    if run.run_count <= len(DELAYS):
        report_retry(task.name, run.run_count, error)
    return True


def report_retry(name: str, attempt: int, error: TierraError) -> None:
    """Say why and when a station is tried again, as a WARNING and on the run's page."""
    logger.warning("retry {} of {} in {:.0f} s: {}", attempt, len(DELAYS), DELAYS[attempt - 1], error)
    note_retry(name, attempt, error.what)


def _timed(name: str, step: Callable[P, R]) -> Callable[P, R]:
    """The step with an entry in the journal and a line in the log."""

    @wraps(step)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for each in args:
            if isinstance(each, Workspace):
                set_up_run_logs(each.settings)
        with at_station(name) as entry, leaving():
            made = step(*args, **kwargs)
        logger.info("{}: {} in {:.1f} s", name, "reused" if entry.reused else "done", entry.seconds)
        return made

    return run
