"""`tierra optimise`: smaller and faster variants of the champion."""

from typing import Annotated

import typer

from tierra.cli import STARTED
from tierra.cli.calling import finish, one_line_errors, run_flow
from tierra.cli.options import JSON, PROJECT


def optimise(
    project: PROJECT,
    promote: Annotated[str, typer.Option(help="Let this variant serve, where the gate passes it.")] = "",
    reason: Annotated[str, typer.Option(help="Why; kept on the receipt and on the registered run.")] = "",
    approve: Annotated[bool, typer.Option("--approve", help="Let it serve, where approval is asked for.")] = False,
    as_json: JSON = False,
) -> None:
    """Make smaller and faster variants of the champion; show what each saves and costs, and let one serve."""
    with one_line_errors():
        words = (project, promote, reason, approve)
        finish("optimise", run_flow("optimise", *words, quiet=as_json, started=STARTED), as_json)
