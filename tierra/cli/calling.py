"""Helpers of the command line: running a flow or a function of the checkout, and errors as one line."""

import importlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import typer

from tierra.environment import set_defaults
from tierra.errors import Misconfigured, TierraError
from tierra.journal import Entry, Warned, Watcher, at_station, started_at, watching
from tierra.outcomes.outcome import Ended
from tierra.settings import Settings
from tierra.status.server_address import VARIABLE, report_to_make_up

MOST_WARNINGS = 10
_debug: list[bool] = []


def show_tracebacks(debug: bool) -> None:
    """Show the traceback of errors of ours too."""
    _debug[:] = [True] if debug else []


class _LastOutcome(Watcher):
    """Keeps how the run ended: a failed state carries its error alone."""

    outcome: Any = None

    def finish(self, outcome: Any) -> None:
        self.outcome = outcome


class _Warnings(Watcher):
    """Says what a person should see of a station as it ends, each once and not too many; the receipt has them all."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say, self.said = say, set[str]()

    def end(self, entry: Entry) -> None:
        for text in dict.fromkeys(fact.text for fact in entry.facts if isinstance(fact, Warned)):
            if text not in self.said and len(self.said) <= MOST_WARNINGS:
                self.said.add(text)
                self.say(text if len(self.said) <= MOST_WARNINGS else "the receipt has more warnings")


def run_flow(name: str, *arguments: Any, quiet: bool = False, started: float | None = None) -> Ended:
    """Run the flow of that name in the folder we stand in; how it ended. Raises the error of a run that failed.

    The run counts from `started`, a moment of `time.perf_counter`; from now when none is given.
    """
    from tierra.cli.console import people, printable, progress, show_warning
    from tierra.logs import warn_on_terminal
    from tierra.workspace import open_workspace

    say = people.print if not quiet else _say_nothing
    say(f"[bold]{name} {printable(arguments[0])}[/]")  # at once: on a busy machine the rest takes its time
    workspace = open_workspace()
    workspace.project(arguments[0])  # a mistake in the file shows before Prefect loads
    warn_on_terminal()
    if workspace.settings.clock:
        say(f"[dim]now is {workspace.settings.clock}, fixed by TIERRA_CLOCK[/]")
    last, warnings = _LastOutcome(), _Warnings(_say_nothing if quiet else show_warning)
    with progress(quiet), watching(last), watching(warnings), started_at(started or time.perf_counter()):
        start, where = _find_start(name, workspace.settings)
        say(f"[dim]{where}[/]")
        state = start(*arguments)
    if isinstance(last.outcome, Ended):
        return last.outcome
    raise last.outcome or state.result(raise_on_failure=False)


def _find_start(name: str, settings: Settings) -> tuple[Callable[..., Any], str]:
    """How the flow is started, and that in words: as a run of the Prefect server where there is one, else here."""
    report_to_make_up(settings)
    set_defaults({"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(settings.heartbeat_seconds)})
    with at_station("start"):
        flow = find_function(f"flows.{name}")
        server = find_function("tasks.run.start", "find_api")()
    if server:
        return partial(find_function("tasks.run.start", "run_on_server"), flow), f"a run of {server}"
    where = f"in this process: {VARIABLE} is not set and no `make up` runs here"
    return partial(find_function("tasks.run.start", "run_here"), flow), where


def _say_nothing(_: str) -> None:
    """For machines: what is printed is one JSON object."""


def finish(flow: str, outcome: Ended, as_json: bool) -> None:
    """Print how a run ended, for people or for machines. Raises the error it ended in, else its exit code."""
    if as_json:
        from tierra.cli.console import print_json

        print_json(outcome.model_dump_json(indent=1))
    else:
        show_end(flow, outcome)
    if outcome.error:
        raise outcome.error
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)


def show_end(flow: str, outcome: Ended) -> None:
    """Print how a run ended, for people."""
    from tierra.cli.console import out
    from tierra.report.flows import report_of

    for each in report_of(flow, outcome).in_terminal(outcome):
        out.print(each)


def find_function(module: str, function: str = "") -> Callable[..., Any]:
    """A function of a module below the folder we stand in, such as flows.train; found at run time.

    The function has the module's name unless another is given.
    """
    file = Path(*module.split(".")).with_suffix(".py")
    if not file.is_file():
        raise Misconfigured("flows-not-found", f"no {file} in {Path.cwd()}")
    sys.path.insert(0, str(Path.cwd()))
    found: Callable[..., Any] = getattr(importlib.import_module(module), function or file.stem)
    return found


@contextmanager
def one_line_errors() -> Iterator[None]:
    """An error of ours as one line, a bug as its traceback, each cleaned and with its exit code."""
    try:
        yield
    except TierraError as error:
        from tierra.cli.console import show_error, show_traceback

        show_traceback(error) if _debug else show_error(error)
        raise typer.Exit(error.exit_code) from None
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:  # noqa: BLE001  Python would print it with whatever secrets it quotes
        from tierra.cli.console import show_traceback

        show_traceback(error)
        raise typer.Exit(1) from None
