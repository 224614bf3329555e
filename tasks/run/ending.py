"""How a flow's body ended: as an outcome, and with what is to be raised once its page is written."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from traceback import extract_tb
from typing import Final

from loguru import logger
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import TerminationSignal

from tierra.errors import Broken, Cancelled, Failed, Stopped, TierraError, first_line
from tierra.outcomes.outcome import Outcome

# What the system says of a disk or a folder that takes no file, and `tempfile` where none does.
DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG)
NO_TEMPORARY: Final = "No usable temporary directory"


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
        return Ending(_stopped(signal), signal)
    except MemoryError as error:
        return Ending(Broken("memory-full", f"there is no memory left: {_describe(error)}"))
    except BaseException as error:  # noqa: BLE001  a bug is raised again
        if stop := _signal_behind(error):
            return Ending(_stopped(stop), stop)
        if _is_of_the_disk(error):
            logger.opt(exception=error).debug("a file could not be written")
            return Ending(Broken("disk-unusable", _describe(error)))
        logger.opt(exception=error).error("the run ended in a bug")
        failed = Failed("run-failed", _describe(error))
        # What is no Exception would choose the command's exit code, as SystemExit does, and skip its last lines.
        return Ending(failed, error if isinstance(error, Exception) else None)


def _is_of_the_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and (error.errno in DISK or NO_TEMPORARY in str(error))


def _describe(error: BaseException) -> str:
    """The kind of an error, its first line and its place."""
    return f"{type(error).__name__}: {first_line(error)} ({_place(error)})"


def _stopped(by: TerminationSignal) -> Stopped:
    """A person's doing, or the machine's: the server knows."""
    stopped = Stopped("run-stopped", f"the run was asked to end ({Signals(by.signal).name})")
    run = FlowRunContext.get()
    if run is None or run.flow_run is None:
        return stopped
    try:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run.flow_run.id).state
    except Exception:  # noqa: BLE001  the page is written in any case
        logger.opt(exception=True).debug("the server does not say who stopped the run")
        state = None
    if state and (state.is_cancelling() or state.is_cancelled()):
        return Cancelled("run-stopped", "the run was cancelled in Prefect")
    return stopped


def _signal_behind(error: BaseException | None) -> TerminationSignal | None:
    """The signal in whose handling an error was raised: where a task begins, Prefect's engine trips over it."""
    while error and not isinstance(error, TerminationSignal):
        error = error.__context__
    return error if isinstance(error, TerminationSignal) else None


def _place(error: BaseException) -> str:
    """The file and line that raised it."""
    last = extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
