"""The commands of ops beside the nightly run: what is kept, who served, and taking a model back."""

import json
from typing import Annotated, Literal

import typer

from tierra.cli import STARTED
from tierra.cli.calling import finish, one_line_errors, run_flow
from tierra.cli.options import JSON, PROJECT

WHY = Annotated[str, typer.Option("--reason", help="Why; kept in the history of champions and on the receipt.")]
VERSION_NAME = Annotated[str, typer.Argument(help="A version that `tierra champions` lists.")]


def gc(
    project: Annotated[str | None, typer.Argument(help="A project; all, and the store, when not given.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing; say what would be.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Believe a clock that is far ahead of the last run.")] = False,
    as_json: JSON = False,
) -> None:
    """Remove what nothing needs any more, as `keep` in each project file says; show how much it is before.

    What is published stays, and every champion. Objects of the store that nothing refers to are marked, and removed by
    the first `tierra gc` six days later, so that no run loses what it works with.
    """
    with one_line_errors():
        from tierra.cli.console import out, print_json, printable, progress, show_kinds
        from tierra.report.retention import carry_out, plan_retention
        from tierra.workspace import open_workspace

        workspace = open_workspace()
        with progress(as_json):
            planned = plan_retention(workspace, project, yes, dry_run)
        if not as_json:
            show_kinds(planned.as_outcome(dry_run=dry_run))
        with progress(as_json):
            ended = planned.as_outcome() if dry_run else carry_out(workspace, planned)
        if as_json:
            print_json(ended.model_dump_json(indent=1))
            return
        for warning in ended.warnings:
            out.print(f"[yellow]warning[/] {printable(warning)}")
        out.print(printable(ended.sentence))


def champions(project: PROJECT, as_json: JSON = False) -> None:
    """List every champion a project had: since when, by whose word, why and how; check that none was changed."""
    with one_line_errors():
        from tierra.cli.console import print_json, show_champions
        from tierra.workspace import open_workspace

        workspace = open_workspace()
        name = workspace.project(project).name
        found = workspace.champions.history(name)
        if as_json:
            print_json(json.dumps({"project": name, "champions": [each.model_dump(mode="json") for each in found]}))
        else:
            show_champions(name, found)
        workspace.champions.check_history(name)


def promote(project: PROJECT, version: VERSION_NAME, reason: WHY = "", as_json: JSON = False) -> None:
    """Let a version serve again that was a champion before; what is published stays."""
    with one_line_errors():
        finish("promote", run_flow("promote", project, version, reason, quiet=as_json, started=STARTED), as_json)


def shadow(
    project: PROJECT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge, and change nothing.")] = False,
    reason: WHY = "",
    approve: Annotated[bool, typer.Option("--approve", help="Let it serve, where approval is asked for.")] = False,
    end: Annotated[bool, typer.Option("--end", help="Take it out of its shadow without a verdict.")] = False,
    as_json: JSON = False,
) -> None:
    """Judge the challenger in shadow by what it predicted in production; where it passes, it serves."""
    with one_line_errors():
        finish("shadow", run_flow("shadow", project, dry_run, reason, approve, end, quiet=as_json, started=STARTED),
               as_json)  # fmt: skip


def rollback(
    project: PROJECT,
    to: Annotated[str, typer.Option(help="The version to go back to; the champion before when not given.")] = "",
    reason: WHY = "",
    predictions: Annotated[
        Literal["repair", "keep"], typer.Option(help="Whether what the bad version published is repaired or kept.")
    ] = "repair",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be repaired.")] = False,
    as_json: JSON = False,
) -> None:
    """Take a model back: the champion before serves again, and what the bad one published is repaired."""
    with one_line_errors():
        words = (project, reason, to, predictions, dry_run)
        finish("rollback", run_flow("rollback", *words, quiet=as_json, started=STARTED), as_json)
