"""What stands between a command and its work: the flow or function it calls, and errors as one line."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from tierra.errors import Misconfigured, TierraError
from tierra.settings import load_settings

_debug: list[bool] = []


def show_tracebacks(wanted: bool) -> None:
    """Let errors of ours pass through whole."""
    _debug[:] = [True] if wanted else []


def run_flow(name: str) -> Callable[..., Any]:
    """The flow of that name in the folder we stand in, as a function that ends in its outcome."""

    def run(*arguments: Any, quiet: bool = False, **_: Any) -> Any:
        from tierra.cli.console import people, progress
        from tierra.logs import warn_on_terminal
        from tierra.workspace import open_workspace

        open_workspace().project(arguments[0])  # a mistake in the file shows before Prefect loads
        warn_on_terminal()
        if load_settings().clock and not quiet:
            people.print(f"[dim]now is {load_settings().clock}, fixed by TIERRA_CLOCK[/]")
        with progress(quiet):
            state = find_function(f"flows.{name}")(*arguments, return_state=True)
            end = state.result(raise_on_failure=False)
        if isinstance(end, TierraError) and hasattr(end, "end") and not isinstance(end.end, TierraError):
            return end.end
        if isinstance(end, Exception):
            raise end
        return end

    return run


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


def rejection_of(end: Any) -> TierraError | None:
    """The error that a run with rejected partitions ends in; None when none was."""
    from tierra.outcomes import rejection

    return rejection(end)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """An error of ours as one line and its exit code."""
    try:
        yield
    except TierraError as error:
        if _debug:
            raise
        from tierra.cli.console import show_error

        show_error(error)
        raise typer.Exit(error.exit_code) from None
