"""A station: a Prefect task with our run policy and an entry in the run's journal."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from loguru import logger
from prefect import task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from tasks.run.log import set_up_run_logs
from tierra.errors import TierraError
from tierra.journal import at_station, note_retry
from tierra.workspace import Workspace

P = ParamSpec("P")
R = TypeVar("R")
DELAYS = (2.0, 10.0, 30.0)


def station(function: Callable[P, R]) -> Task[P, R]:
    """Make a function a task: named after it, retried when an error is transient, timed."""
    name = function.__name__.replace("_", "-")

    @task(
        name=name,
        retries=len(DELAYS),
        retry_delay_seconds=list(DELAYS),
        retry_jitter_factor=0.3,
        retry_condition_fn=is_transient,
    )
    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for each in args:
            if isinstance(each, Workspace):
                set_up_run_logs(each.settings)
        with at_station(name) as entry:
            made = function(*args, **kwargs)
        logger.info("{}: {} in {:.1f} s", name, "reused" if entry.reused else "done", entry.seconds)
        return made

    return run


def is_transient(task: Task[..., Any], run: TaskRun, state: State) -> bool:
    """Whether to try again; if so, a WARNING says why and when, and the run's page counts it."""
    error = state.result(raise_on_failure=False)
    if not (isinstance(error, TierraError) and error.transient):
        return False
    attempt = run.run_count
    if attempt <= len(DELAYS):
        delay = DELAYS[attempt - 1]
        logger.warning("retry {} of {} in {:.0f} s: {}", attempt, len(DELAYS), delay, error)
        note_retry(task.name, attempt, error.what)
    return True
