"""Forwards Loguru lines to the log of the Prefect run, from any thread or child process."""

import logging
import os
from traceback import format_exception
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger
from prefect.logging.handlers import APILogHandler, emit_api_log, set_api_log_sink
from prefect.logging.loggers import flow_run_logger
from prefect.settings import PREFECT_API_URL

from tasks.run.forks import let_forks_end
from tierra.errors import TierraError
from tierra.logs import LONGEST, set_up_logs
from tierra.redaction import clean
from tierra.settings import Settings, load_settings

if TYPE_CHECKING:
    from loguru import Message

SEND_TIMEOUT = 2.0
# The loggers that write how a run ended: the run's own, and the worker's.
ENGINE_LOGGERS = ("prefect.flow_runs", "prefect.task_runs", "prefect.engine")
# Tells the processes that a run starts: the run's process, its id and its name.
RUN_VARIABLE = "TIERRA_RUN"
# The runs that set up logs here, with the id of their process: a fork inherits both.
_runs: dict[str, tuple[int, FlowRun]] = {}
_clients: dict[int, SyncPrefectClient] = {}


def set_up_run_logs(settings: Settings | None = None) -> None:
    """Send this process's log lines to its run; call it in flows, in tasks, and in processes they start.

    Without settings they are read again: a process that a run starts has none yet.
    """
    if (context := FlowRunContext.get()) and context.flow_run:
        _register_run(context.flow_run)
    let_forks_end()
    set_up_logs(settings or load_settings(), forward_to_prefect)
    for name in ENGINE_LOGGERS:
        logging.getLogger(name).addFilter(clean_record)
    if _is_child():
        # Without a server's address, a child would start a server of its own.
        set_api_log_sink(_send_at_once if PREFECT_API_URL.value() else _drop)


def clean_record(record: logging.LogRecord) -> bool:
    """Clean a line of Prefect's own. An error of Tierra is one line; Prefect would log a traceback, as for a bug."""
    text, error = record.getMessage(), record.exc_info and record.exc_info[1]
    if isinstance(error, TierraError):
        text = str(error)
    elif error:
        text += "\n" + "".join(format_exception(error)).rstrip()
    record.msg, record.args, record.exc_info, record.exc_text = clean(text, LONGEST), (), None, None
    return True


def flush_run_logs() -> None:
    """Wait a few seconds at most until the lines so far have arrived. Processes started later belong to no run."""
    if not _is_child():
        os.environ.pop(RUN_VARIABLE, None)
    APILogHandler().flush()


def forward_to_prefect(message: "Message") -> None:
    """Write one line to the log of its run, at its own level."""
    record = message.record
    if run_log := _run_log():
        run_log.log(record["level"].no, record["message"])


def _run_log() -> Any:
    """The log of the caller's run; else of the only open run, here or in the process that started this one.

    A thread may be in no run's context. With several open runs nobody knows whose
    thread it is, and its lines go to the files alone.
    """
    try:
        return get_run_logger()
    except MissingContextError:
        open_runs = _open_runs()
    if len(open_runs) == 1:
        return flow_run_logger(flow_run=open_runs[0])
    return None if open_runs else _parent_run_log()


def _parent_run_log() -> Any:
    if not (parent := _parent_run()):
        return None
    run, name = parent
    return flow_run_logger(flow_run_id=UUID(run), flow_run_name=name)


def _parent_run() -> tuple[str, str] | None:
    process, run, name = (os.environ.get(RUN_VARIABLE, "") + "::").split(":", 2)
    return (run, name.rstrip(":")) if run and process != str(os.getpid()) else None


def _open_runs() -> list[FlowRun]:
    return [run for _, run in list(_runs.values()) if not (run.state and run.state.is_final())]


def _register_run(run: FlowRun) -> None:
    for name, (_, known) in list(_runs.items()):
        if known.state and known.state.is_final():
            _runs.pop(name, None)
    if _runs.get(str(run.id), (os.getpid(),))[0] == os.getpid():
        _runs[str(run.id)] = (os.getpid(), run)
        _set_run_variable()


def _set_run_variable() -> None:
    """Put the run into the environment for child processes, as long as there is only one."""
    if len(_runs) == 1:
        ((run, (_, known)),) = _runs.items()
        os.environ[RUN_VARIABLE] = f"{os.getpid()}:{run}:{known.name}"
    else:
        os.environ.pop(RUN_VARIABLE, None)


def _is_child() -> bool:
    """Whether this process works for a run of another process."""
    if _runs:
        return all(process != os.getpid() for process, _ in _runs.values())
    return _parent_run() is not None


def _send_at_once(line: dict[str, Any]) -> None:
    """Send a line before the call that logged it returns, as a pool may kill its processes.

    After the server once failed to answer, lines are sent in the background, as usual.
    """
    size = line.pop("__payload_size__", None)
    try:
        if os.getpid() not in _clients:
            _clients[os.getpid()] = _make_client()
        _clients[os.getpid()].create_logs([line])
    except Exception:  # noqa: BLE001  logging must never fail a run
        set_api_log_sink(None)
        emit_api_log(line | {"__payload_size__": size})


def _drop(line: dict[str, Any]) -> None:
    """Do not send a line; the files have it."""


def _make_client() -> SyncPrefectClient:
    return get_client(httpx_settings={"timeout": SEND_TIMEOUT}, sync_client=True)
