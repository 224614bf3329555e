"""`tierra suspects`, `tierra relabel` and `tierra compare`: working on the data while the model is held fixed."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from tierra.cli.calling import one_line_errors
from tierra.cli.options import JSON, PROJECT
from tierra.errors import InvalidCall

if TYPE_CHECKING:
    from tierra.model.lift import Lift
    from tierra.steps.suspects import Suspected

CORRECTIONS = Annotated[Path, typer.Argument(help="What `suspects` wrote, with right labels under `corrected`.")]


def suspects(
    project: PROJECT,
    output: Annotated[
        Path | None, typer.Option(help="The .csv file to write; PROJECT.suspects.csv when not given.")
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="How many to write; a tenth when not given.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file of the output's name.")] = False,
    as_json: JSON = False,
) -> None:
    """Rank the labels that are likely wrong, and write them to a file for review; nothing is changed.

    The champion's candidate is fitted on folds of all rows that are not test. Each label is as suspicious as the model,
    which has not seen it, finds it unlikely. Rows with the same features and another label stand beside each other.
    """
    with one_line_errors():
        from tierra.cli.console import print_json, progress
        from tierra.journal import at_station
        from tierra.steps.suspects import find_suspects
        from tierra.store.exports import encode, write_whole
        from tierra.workspace import open_workspace

        workspace = open_workspace()
        spec = workspace.project(project)
        place = output or Path(f"{spec.name}.suspects.csv")
        if place.suffix.lower() != ".csv":
            raise InvalidCall("output-form", f"{place} ends in '{place.suffix}', not in .csv")
        if place.exists() and not overwrite:
            raise InvalidCall("output-exists", f"{place} is there already")
        with progress(as_json), at_station("suspects"):
            made = find_suspects(workspace, spec, rows)
        write_whole(place, encode(made.table, "csv"))
        found = made.found.model_copy(update={"output": str(place)})
        print_json(found.model_dump_json(indent=1)) if as_json else _show_suspects(found, project)


def _show_suspects(found: "Suspected", project: str) -> None:
    """With the next command as it can be called: the project by the name or path that was given."""
    from tierra.cli.console import out
    from tierra.report.terminal import plain_table, printable

    table = plain_table(printable(found.key), "label", "the model says", "suspicion", "same features as", right=3)
    for each in found.suspects:
        cells = (each.key, each.label, each.model_says, f"{each.suspicion:.3f}", each.contradictory_with)
        table.add_row(*(printable(cell, 60) for cell in cells))
    out.print(table)
    out.print(f"{found.looked_at:,} of {found.rows:,} labels looked at with {printable(found.candidate)};"
              f" {found.contradictory:,} rows have the features of a row with another label")  # fmt: skip
    then = f"tierra relabel {quote(project)} {quote(found.output)}"
    out.print(f"{found.written:,} rows for review: {printable(found.output)}; fill in `corrected`, then"
              f" {printable(then)}", soft_wrap=True)  # fmt: skip


def relabel(project: PROJECT, corrections: CORRECTIONS, as_json: JSON = False) -> None:
    """Fit the champion's candidate on corrected labels, and show the lift on the same test rows; nothing is promoted.

    Corrections of learning rows decide what is learnt. Where test rows are corrected too, the lift on them as they are
    corrected stands beside that on them as given.
    """
    with one_line_errors():
        from tierra.cli.console import out, print_json, printable, progress
        from tierra.journal import at_station
        from tierra.steps.relabel import relabel as measure
        from tierra.workspace import open_workspace

        workspace = open_workspace()
        with progress(as_json), at_station("relabel"):
            found = measure(workspace, workspace.project(project), corrections)
        if as_json:
            print_json(found.model_dump_json(indent=1))
            return
        lifts = {"test labels as given": found.lift}
        lifts |= {"as corrected": found.lift_corrected} if found.lift_corrected else {}
        _show_lifts(lifts, "labels as given", "corrected")
        out.print(f"{found.changed:,} labels that {printable(found.candidate)} learns from are other ones, and"
                  f" {found.in_test:,} of the test part")  # fmt: skip
        then = printable(f"tierra train {quote(project)}")
        out.print(f"Nothing was promoted: correct them at the source, then {then}", soft_wrap=True)


def compare(
    project: PROJECT,
    data: Annotated[
        tuple[str, str],
        typer.Option("--data", help="Two project files, whose data are compared, beside the project's own."),
    ],
    as_json: JSON = False,
) -> None:
    """Fit one candidate on the data of two project files, and show what the second has more, on the same test rows.

    Another source, other rows or other features: whatever the two files say of the data. The candidate is the
    champion's, or, before the first, the last of the project file. Rows are matched by their key, and are of the part
    that they are in the first: both are judged on the same test rows.
    """
    with one_line_errors():
        from tierra.cli.console import out, print_json, printable, progress
        from tierra.journal import at_station
        from tierra.steps.compared_data import compare_data
        from tierra.workspace import open_workspace

        workspace = open_workspace()
        with progress(as_json), at_station("compare"):
            found = compare_data(workspace, workspace.project(project), *data)
        if as_json:
            print_json(found.model_dump_json(indent=1))
            return
        _show_lifts({f"{found.lift.rows:,} test rows of both": found.lift}, "first", "second")
        for place, side in (("first", found.before), ("second", found.after)):
            what = f"{side.learning:,} rows to learn from, {side.features:,} features"
            out.print(f"{place}: {printable(side.name)}, {what}", soft_wrap=True)


def _show_lifts(lifts: "dict[str, Lift]", before: str, after: str) -> None:
    from tierra.cli.console import out
    from tierra.model.gate_checks import format_metric
    from tierra.model.spec import heading
    from tierra.report.terminal import plain_table, printable

    table = plain_table("", "metric", before, after, "better by", "95 % interval", right=2)
    for name, each in lifts.items():
        low, high = each.interval
        figures = map(format_metric, (each.before, each.after, each.better))
        table.add_row(printable(name), heading(each.metric), *figures, f"{low:+.3g} to {high:+.3g}")
    out.print(table)
    for name, each in lifts.items():
        out.print(f"{printable(name)}: {each.sentence}")
