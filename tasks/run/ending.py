"""How a flow's body ended: as an outcome, and with what is to be raised once its page is written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb

from loguru import logger
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import TerminationSignal

from tierra.errors import Cancelled, Failed, Stopped, TierraError, first_line
from tierra.outcomes.outcome import Outcome


@dataclass(frozen=True)
class Ending:
    """The outcome of a run; `raised` is None where the outcome says it all."""

    outcome: Outcome
    raised: BaseException | None = None


def run_to_end(body: Callable[[], Outcome]) -> Ending:
    """Call a flow's body. Whatever it raises is an outcome too; what is none of ours is kept to be raised again."""
    try:
        return Ending(body())
    except TierraError as error:
        return Ending(error)
    except KeyboardInterrupt as interrupt:
        return Ending(Cancelled("run-stopped", "the run was stopped by Ctrl-C"), interrupt)
    except TerminationSignal as signal:
        return Ending(_stopped(), signal)
    except Exception as error:  # noqa: BLE001  it is raised again
        if stop := _signal_behind(error):
            return Ending(_stopped(), stop)
        logger.opt(exception=error).error("the run ended in a bug")
        return Ending(Failed("run-failed", f"{type(error).__name__}: {first_line(error)} ({_place(error)})"), error)


def _stopped() -> Stopped:
    """A person's doing, or the machine's: the server knows."""
    run = FlowRunContext.get()
    if run is None or run.flow_run is None:
        return Stopped("run-stopped", "the run was asked to end (SIGTERM)")
    try:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run.flow_run.id).state
    except Exception:  # noqa: BLE001  the page is written in any case
        logger.opt(exception=True).debug("the server does not say who stopped the run")
        state = None
    if state and (state.is_cancelling() or state.is_cancelled()):
        return Cancelled("run-stopped", "the run was cancelled in Prefect")
    return Stopped("run-stopped", "the run was asked to end (SIGTERM)")


def _signal_behind(error: BaseException | None) -> TerminationSignal | None:
    """The signal in whose handling an error was raised: where a task begins, Prefect's engine trips over it."""
    while error and not isinstance(error, TerminationSignal):
        error = error.__context__
    return error if isinstance(error, TerminationSignal) else None


def _place(error: BaseException) -> str:
    """The file and line that raised it."""
    last = extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
