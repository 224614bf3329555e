"""The processes on this machine that run a flow, found by the variable that Prefect sets for each."""

import os
from collections.abc import Iterable, Mapping

from deployments.services.processes import read_variable
from deployments.watchdog.runs import Run

RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"


def find_runs_here() -> dict[int, str]:
    """The id of the run, empty for none, of each process whose environment can be read."""
    return read_variable(RUN_VARIABLE)


def find_possible_pids(runs: Iterable[Run], here: Mapping[int, str]) -> frozenset[int]:
    """The pids of runs that are alive and may be the run's: a number that another process got since is left out."""
    return frozenset(run.pid for run in runs if run.pid and run.pid not in here and _is_alive(run.pid))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # alive, and another user's
        return True
    return True
