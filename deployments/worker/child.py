"""The forked child: everything that the parent's process must not leave in it, and then Prefect's engine."""

import gc
import importlib
import os
import runpy
import signal
import stat
import sys
import tempfile
import time
from dataclasses import dataclass

from deployments.worker.run import Run

# Read by libraries when they are loaded, or by the interpreter when it starts: a fork cannot change them any more.
AT_START = (
    "PYTHON",
    "LD_",
    "LANG",
    "LC_",
    "OMP_",
    "GOMP_",
    "OPENBLAS_",
    "MKL_",
    "BLIS_",
    "NUMEXPR_",
    "MALLOC_",
    "ARROW_",
)


@dataclass(frozen=True)
class Origin:
    """The parent as it was before it imported anything."""

    checkout: str
    environment: dict[str, str]
    path: list[str]

    @classmethod
    def here(cls, checkout: str) -> "Origin":
        """This process as it is now."""
        own = {os.getcwd(), *_python_path(os.environ)}
        return cls(checkout, dict(os.environ), [each for each in sys.path if each not in own])

    def misfit(self, run: Run) -> str | None:
        """Why a run cannot be forked from this process; None when it can."""
        if run.checkout != self.checkout:
            return f"it is of another checkout, {run.checkout}"
        names = {name for name in run.environment.keys() | self.environment.keys() if name.startswith(AT_START)}
        differing = sorted(name for name in names if run.environment.get(name) != self.environment.get(name))
        return f"it sets {', '.join(differing)}, which is read at the start of a process" if differing else None


def become(run: Run, origin: Origin) -> None:
    """Run Prefect's engine in this process as if it had been started for it. Ends by the exception it ends by."""
    _keep_log(run)
    adopt(run, origin)
    _refresh()
    sys.argv = ["prefect.engine"]
    # Else runpy warns that it was imported before.
    sys.modules.pop("prefect.engine", None)
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


def _keep_log(run: Run) -> None:
    """Write into the worker's log, where Prefect's worker would copy it from a pipe: a run may outlive that worker.

    Rich, with which Prefect writes, ends a process whose pipe is broken.
    """
    for target in (1, 2):
        if stat.S_ISFIFO(os.fstat(run.streams[target]).st_mode):
            os.dup2(target, run.streams[target])


def adopt(run: Run, origin: Origin) -> None:
    """Take over what a process is given when it is started: standard streams, environment, folder, import path."""
    for target, stream in enumerate(run.streams):
        os.dup2(stream, target)
        os.close(stream)
    os.environ.clear()
    os.environ.update(run.environment)
    os.chdir(run.folder)
    sys.path[:] = [run.folder, *_python_path(run.environment), *origin.path]


def _refresh() -> None:
    """Read again what was read at import: settings, logging, time zone, threads, random state."""
    from prefect.context import refresh_global_settings_context
    from prefect.logging.configuration import setup_logging

    importlib.invalidate_caches()
    time.tzset()
    tempfile.tempdir = None
    gc.enable()
    _reseed()
    _restore_blas_threads()
    refresh_global_settings_context()
    setup_logging(incremental=False)


def _reseed() -> None:
    # NumPy's old functions share a state. The standard library's generator seeds itself after a fork.
    import numpy as np

    np.random.seed()


def _restore_blas_threads() -> None:
    """The number of threads that linear algebra has in a process of its own: a result's last bits depend on it."""
    from threadpoolctl import threadpool_limits

    wanted = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or ""
    count = int(wanted) if wanted.isdigit() else len(os.sched_getaffinity(0))
    if count > 1:
        threadpool_limits(count, user_api="blas")


def reset_signals() -> None:
    """Handle signals as a new process does."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _python_path(environment: "os._Environ[str] | dict[str, str]") -> list[str]:
    return [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each]
