"""Loguru lines in the Prefect run's own log, whichever thread or process they come from."""

import logging
import os
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

from tierra.errors import TierraError
from tierra.logs import set_up_logs
from tierra.settings import Settings, load_settings

if TYPE_CHECKING:
    from loguru import Message

ANSWER_SECONDS = 2.0
# Who logs what a run of a worker ended in: the run's own log, and the worker's.
ENGINE = ("prefect.flow_runs", "prefect.engine")
# For the processes a run starts: the process it runs in, the run, and its name.
VARIABLE = "TIERRA_RUN"
# Runs that logged in this process, and the process they did it in: a fork inherits both.
_runs: dict[str, tuple[int, FlowRun]] = {}
_clients: dict[int, SyncPrefectClient] = {}


def set_up_run_logs(settings: Settings | None = None) -> None:
    """Send this process's log lines to the run it works for; call it in flows, tasks, and processes they start.

    Without settings they are read anew: a process that a run starts knows none.
    """
    if (context := FlowRunContext.get()) and context.flow_run:
        _remember(context.flow_run)
    set_up_logs(settings or load_settings(), forward_to_prefect)
    for name in ENGINE:
        logging.getLogger(name).addFilter(say_in_one_line)
    if _is_child():
        # Without a server of its own address, a child would start one for itself.
        set_api_log_sink(_send_at_once if PREFECT_API_URL.value() else _drop)


def say_in_one_line(record: logging.LogRecord) -> bool:
    """Let a run that ended in an error of ours say so in one line: Prefect logs a failed run's traceback as a bug's."""
    if record.exc_info and isinstance(record.exc_info[1], TierraError):
        record.msg, record.args, record.exc_info = str(record.exc_info[1]), (), None
    return True


def flush_run_logs() -> None:
    """Wait until the lines so far have arrived, for a few seconds at most; the processes started later have no run."""
    if not _is_child():
        os.environ.pop(VARIABLE, None)
    APILogHandler().flush()


def forward_to_prefect(message: "Message") -> None:
    """Hand one line to the run it belongs to, at its own level."""
    record = message.record
    if run_log := _run_log():
        run_log.log(record["level"].no, record["message"])


def _run_log() -> Any:
    """The log of the run around the caller; else of the one run under way, here or in the process that started us.

    A thread of its own is in no run's context. With several runs under way nobody
    knows whose it is, and its lines stay in the files.
    """
    try:
        return get_run_logger()
    except MissingContextError:
        open_runs = _open_runs()
    if len(open_runs) == 1:
        return flow_run_logger(flow_run=open_runs[0])
    return None if open_runs else _parents_log()


def _parents_log() -> Any:
    if not (parents := _parents_run()):
        return None
    run, name = parents
    return flow_run_logger(flow_run_id=UUID(run), flow_run_name=name)


def _parents_run() -> tuple[str, str] | None:
    process, run, name = (os.environ.get(VARIABLE, "") + "::").split(":", 2)
    return (run, name.rstrip(":")) if run and process != str(os.getpid()) else None


def _open_runs() -> list[FlowRun]:
    return [run for _, run in list(_runs.values()) if not (run.state and run.state.is_final())]


def _remember(run: FlowRun) -> None:
    for name, (_, known) in list(_runs.items()):
        if known.state and known.state.is_final():
            _runs.pop(name, None)
    if _runs.get(str(run.id), (os.getpid(),))[0] == os.getpid():
        _runs[str(run.id)] = (os.getpid(), run)
        _tell_children()


def _tell_children() -> None:
    """Children learn the run from the environment, as long as there is only one."""
    if len(_runs) == 1:
        ((run, (_, known)),) = _runs.items()
        os.environ[VARIABLE] = f"{os.getpid()}:{run}:{known.name}"
    else:
        os.environ.pop(VARIABLE, None)


def _is_child() -> bool:
    """Whether this process works for a run that another one began."""
    if _runs:
        return all(process != os.getpid() for process, _ in _runs.values())
    return _parents_run() is not None


def _send_at_once(line: dict[str, Any]) -> None:
    """Send a line before the call that logged it returns: a pool ends its processes without asking them.

    Once the server did not answer, lines go the usual way, in the background.
    """
    size = line.pop("__payload_size__", None)
    try:
        if os.getpid() not in _clients:
            _clients[os.getpid()] = _hurried_client()
        _clients[os.getpid()].create_logs([line])
    except Exception:  # noqa: BLE001  a line must never fail what it tells of
        set_api_log_sink(None)
        emit_api_log(line | {"__payload_size__": size})


def _drop(line: dict[str, Any]) -> None:
    """Leave a line to the files."""


def _hurried_client() -> SyncPrefectClient:
    return get_client(httpx_settings={"timeout": ANSWER_SECONDS}, sync_client=True)
