"""Log lines: on the console, in rotating files of each process (all lines, and one a level), cleaned."""

import os
import sys
import time
from collections.abc import Callable
from threading import Lock
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from loguru import logger

from tierra.redaction import clean, protect
from tierra.settings import Settings

if TYPE_CHECKING:
    from loguru import Message, Record

LONGEST = 20_000
CONSOLE = "<dim>{time:HH:mm:ss}</dim> <level>{level: <7}</level> {message}"
LEVELS = ("DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL")
FILE = "{time:YYYY-MM-DDTHH:mm:ss.SSSZ} {level: <7} {process} {name}:{line} {message}"
FILE_SIZE = "10 MB"
_lock = Lock()
_ready_for: list[Any] = []
_on_terminal: list[bool] = []


def set_up_logs(settings: Settings, forward: Callable[["Message"], None] | None = None) -> None:
    """Build the sinks once a process; calling it again with the same settings does nothing.

    `forward` receives every line too: the flows send it on to Prefect's run log.
    """
    with _lock:
        configuration = (os.getpid(), settings.model_dump_json(), forward, tuple(_on_terminal))
        if _ready_for == [configuration]:
            return
        logger.remove()
        protect(settings.secrets())
        logger.configure(patcher=_clean)
        _add_console(settings, forward)
        _add_files(settings)
        # Last, so that a thread that sees it finds the sinks complete.
        _ready_for[:] = [configuration]


def warn_on_terminal() -> None:
    """Show warnings on the terminal, briefly: a person runs this process by hand."""
    _on_terminal[:] = [True]


def _add_console(settings: Settings, forward: Callable[["Message"], None] | None) -> None:
    if forward:
        logger.add(forward, level=settings.log_level, format="{message}", diagnose=False)
    if _on_terminal:
        logger.add(sys.stderr, level="WARNING", format="<level>{level}</level> {message}", diagnose=False)
    elif not forward:  # inside a run Prefect's own console handler prints what is forwarded
        logger.add(sys.stderr, level=settings.log_level, format=CONSOLE, diagnose=False)


def _forget_old_files(settings: Settings) -> None:
    """Remove old files of other processes: Loguru only removes those of this one."""
    oldest = time.time() - settings.log_retention * 24 * 3600
    for file in (settings.root / "logs").glob("tierra-*.log"):
        if file.stat().st_mtime < oldest:
            file.unlink(missing_ok=True)


def _add_files(settings: Settings) -> None:
    _forget_old_files(settings)
    _add_file(settings, f"tierra-{os.getpid()}.log")
    for level in LEVELS:
        _add_file(settings, f"tierra-{os.getpid()}.{level.lower()}.log", only=level)


def _add_file(settings: Settings, name: str, only: str | None = None) -> None:
    """A file created with its first line; processes must not share a rotating file."""
    logger.add(
        settings.root / "logs" / name,
        level=only or "DEBUG",
        filter=(lambda record: record["level"].name == only) if only else None,
        format=FILE,
        rotation=FILE_SIZE,
        retention=f"{settings.log_retention} days",
        diagnose=False,
        delay=True,
        watch=True,  # a quiet level's file may be forgotten while its process lives
    )


def _clean(record: "Record") -> None:
    """Clean a line, its traceback included: drivers quote the URL they failed at."""
    text = record["message"]
    if error := record["exception"]:
        text += "\n" + "".join(format_exception(error.type, error.value, error.traceback)).rstrip()
        record["exception"] = None
    record["message"] = clean(text, LONGEST)
