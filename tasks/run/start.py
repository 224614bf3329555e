"""Starting a flow on the command line: as a run of the Prefect server, or in this process alone."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, cast

import httpx
from prefect import Flow, tags
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from tasks.server.names import COMMAND_LINE_TAG
from tasks.server.reading import RETRIES, explain_status
from tierra.errors import Unavailable, first_line


def find_api() -> str:
    """The address of the server that runs report to, by Prefect's settings; empty when there is none."""
    return PREFECT_API_URL.value() or ""


def run_here(flow: Flow[..., Any], *arguments: Any) -> State[Any]:
    """Run a flow's body in this process: same stations, retries, receipt and outcome, and no server."""
    with _raised_on(signal.SIGTERM), _raised_on(signal.SIGHUP):
        return cast(State[Any], flow.fn(*arguments))


def run_on_server(flow: Flow[..., Any], *arguments: Any) -> State[Any]:
    """Run a flow in this process as a run of the server. Raises Unavailable when the server does not take it."""
    _check_server()
    with tags(COMMAND_LINE_TAG), _raised_on(signal.SIGHUP):  # SIGTERM is Prefect's
        return cast(State[Any], flow(*arguments, return_state=True))


def _check_server() -> None:
    """Ask once what needs permission: Prefect itself tries for minutes, then shows a traceback."""
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: RETRIES}), get_client(sync_client=True) as client:
            client.api_version()
    except httpx.HTTPStatusError as error:
        raise Unavailable("server-unavailable", f"{find_api()} {explain_status(error)}") from None
    except (httpx.HTTPError, OSError) as error:
        raise Unavailable("server-unavailable", f"{find_api()} does not answer: {first_line(error)}") from None


@contextmanager
def _raised_on(number: signal.Signals) -> Iterator[None]:
    """End the run in order when the process is asked to end, or its terminal closes, as Prefect does for its runs."""
    before = signal.getsignal(number)
    if before != signal.SIG_IGN:  # as `nohup` has it
        signal.signal(number, _raise)
    try:
        yield
    finally:
        signal.signal(number, before or signal.SIG_DFL)


def _raise(number: int, _: object) -> NoReturn:
    raise TerminationSignal(signal=number)
