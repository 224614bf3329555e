"""`tierra why` and `tierra diff`: why a published number is what it is, and what changed between two of anything."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tierra.cli.calling import one_line_errors
from tierra.cli.options import JSON, PROJECT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tierra.report.sheets import Lead, Sheet
    from tierra.workspace import Workspace

OUTPUT = Annotated[Path | None, typer.Option(help="The page's file; beside the receipts when not given.")]


def why(
    project: PROJECT,
    key: Annotated[str | None, typer.Argument(help="The row's key; of several columns as `a,b`.")] = None,
    named: Annotated[
        list[str] | None, typer.Option("--key", help="A column of the key as NAME=VALUE, once for each.")
    ] = None,
    partition: Annotated[
        str | None, typer.Option(help="A date as YYYY-MM-DD; the newest day that has the key when not given.")
    ] = None,
    generation: Annotated[int | None, typer.Option(min=1, help="An older generation.")] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Compute the partition again from the store alone, and compare.")
    ] = False,
    output: OUTPUT = None,
    as_json: JSON = False,
) -> None:
    """Say why a published prediction is what it is: its row, joins, features, model, code, checks and generations.

    Everything is read from the store and verified by its digest; today's sources and code play no part. A row
    without a declared key is named by its row number. Ends with 1 when a replay differs from what is published.
    """
    with one_line_errors():
        from tierra.cli.console import print_json, progress
        from tierra.journal import at_station
        from tierra.report import why as page
        from tierra.steps.keys import parse_key
        from tierra.steps.replay import require_equal
        from tierra.steps.why import explain_key, key_columns, with_replay
        from tierra.workspace import open_workspace

        workspace = open_workspace()
        spec = workspace.project(project)
        wanted = parse_key(key_columns(spec), key, named or ())
        with progress(as_json):
            with at_station("explain"):
                found = explain_key(workspace, spec, wanted, partition, generation)
            if replay:
                with at_station("replay"):
                    found = with_replay(workspace, spec, found)
        receipts = page.find_receipts(workspace.receipts(spec.name), found.published_at)
        lead, sheets = page.lead(found), page.sheets(found, receipts)
        place = output or workspace.receipts(spec.name) / page.file_name(found)
        write_page(workspace, spec.name, "why", lead, sheets, place)
        print_json(found.model_dump_json(indent=1)) if as_json else show(lead, sheets, place)
        if found.replay:
            require_equal(spec, found.replay)


def diff(
    project: PROJECT,
    before: Annotated[
        str, typer.Argument(help="A partition (2024-04-29), a generation (2024-04-29@2) or a training set (v3).")
    ],
    after: Annotated[str, typer.Argument(help="Another of the same kind.")],
    output: OUTPUT = None,
    as_json: JSON = False,
) -> None:
    """Say what changed between two partitions, generations or training sets, and what moved the mean prediction.

    Rows, columns, distributions and labels are compared, and the change of the mean prediction, and of the share of
    positive decisions, is divided among rows, features, model and threshold. Nothing is read but the store.
    """
    with one_line_errors():
        from tierra.cli.console import print_json, progress
        from tierra.journal import at_station
        from tierra.report import diff as page
        from tierra.steps.diff import compare
        from tierra.workspace import open_workspace

        workspace = open_workspace()
        spec = workspace.project(project)
        with progress(as_json), at_station("compare"):
            found = compare(workspace, spec, before, after)
        lead, sheets = page.lead(found), page.sheets(found)
        place = output or workspace.receipts(spec.name) / page.file_name(found)
        write_page(workspace, spec.name, "diff", lead, sheets, place)
        print_json(found.model_dump_json(indent=1)) if as_json else show(lead, sheets, place)


def write_page(
    workspace: "Workspace", project: str, what: str, lead: "Lead", sheets: "Sequence[Sheet]", file: Path
) -> None:  # fmt: skip
    """Write a page whole or not at all. Raises Broken, and what was there stays."""
    from tierra.redaction import strike
    from tierra.report.index import NAME
    from tierra.report.sheets import fill_page
    from tierra.store.disk import NEW_STORE, make_folder
    from tierra.store.exports import write_whole

    folder = workspace.receipts(project)
    if file.parent == folder:
        make_folder(folder, make_folder(folder.parent, NEW_STORE))
    index = NAME if file.parent == folder else (folder.resolve() / NAME).as_uri()
    write_whole(file, strike(fill_page(project, what, lead, sheets, index)).encode(errors="replace"))


def show(lead: "Lead", sheets: "Sequence[Sheet]", file: Path) -> None:
    """Print what a page says, and where it is."""
    from tierra.cli.console import out, printable
    from tierra.report.sheets import in_terminal

    out.print(f"[bold]{printable(lead.sentence)}[/]")
    for each in in_terminal(sheets):
        out.print(each)
    out.print(f"\npage      {printable(str(file))}")
