"""Loguru lines in the Prefect run's own log."""

from typing import TYPE_CHECKING

from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger

from tierra.logs import set_up_logs
from tierra.settings import load_settings

if TYPE_CHECKING:
    from loguru import Message


def set_up_run_logs() -> None:
    """Send this process's log lines to Prefect as well; call it in tasks too."""
    set_up_logs(load_settings(), forward_to_prefect)


def forward_to_prefect(message: "Message") -> None:
    """Hand one line to the run in whose thread it was logged, at its own level."""
    record = message.record
    try:
        run_log = get_run_logger()
    except MissingContextError:
        return
    run_log.log(record["level"].no, record["message"])
