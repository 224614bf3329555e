"""The command `tierra`. Heavy libraries and the flows load only when a command needs them."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tierra import __version__
from tierra.cli import STARTED
from tierra.cli.calling import find_function, finish, one_line_errors, run_flow, show_tracebacks
from tierra.cli.why import diff, why
from tierra.environment import FOR_A_PERSON, QUIET, set_defaults
from tierra.errors import InvalidCall, Misconfigured
from tierra.settings import load_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Takes a model from the notebook down to earth.",
)
PROJECT = Annotated[str, typer.Argument(help="A folder under projects/, or the path of a project.")]
PARTITION = Annotated[str | None, typer.Option(help="A date as YYYY-MM-DD.")]
DRY_RUN = Annotated[bool, typer.Option("--dry-run", help="Publish and register nothing; say what would be.")]
REASON = Annotated[str, typer.Option(help="Why; kept on the receipt and on the registered run.")]
APPROVE = Annotated[bool, typer.Option("--approve", help="Promote what passes, where approval is asked for.")]
REPLACE = Annotated[
    bool, typer.Option("--replace-champion", help="Promote even where the champion cannot be compared.")
]
TAKE_OVER = Annotated[bool, typer.Option("--take-over", help="Take name and data set over from another project file.")]
WHY = Annotated[str, typer.Option("--reason", help="Why; kept in the history of champions and on the receipt.")]
VERSION_NAME = Annotated[str, typer.Argument(help="A version that `tierra champions` lists.")]
JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def main() -> None:
    """Run the command line."""
    app()


def _show_version(is_set: bool) -> None:
    if is_set:
        typer.echo(f"tierra {__version__}")
        raise typer.Exit


VERSION = typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
    version: Annotated[bool, VERSION] = False,
) -> None:
    """What holds for every command."""
    set_defaults(QUIET | FOR_A_PERSON)
    show_tracebacks(debug)


@app.command()
def demo(project: Annotated[str | None, typer.Argument(help="A project whose folder has a demo.py.")] = None) -> None:
    """Load a project's demo data, train, and score what is due."""
    with one_line_errors():
        from tierra.cli.demo import run_demo

        run_demo(project)


@app.command()
def check(
    project: PROJECT,
    no_data: Annotated[bool, typer.Option("--no-data", help="Leave the data alone; look at no source.")] = False,
    as_json: JSON = False,
) -> None:
    """Check a project file, its functions, its connections and the first rows of each source; print every default."""
    with one_line_errors():
        from tierra.cli.check import check_project
        from tierra.cli.console import out, pairs, print_json, printable

        found = check_project(project, data=not no_data)
        if as_json:
            print_json(found.model_dump_json(indent=1))
            return
        out.print(pairs(found.stated | {name: f"{value}  (default)" for name, value in found.defaults.items()}))
        for warning in found.warnings:
            out.print(f"[yellow]warning[/] {printable(warning)}")
        out.print(f"[bold green]{found.project} is in order[/]")


@app.command(name="try")
def try_(
    project: PROJECT,
    rows: Annotated[int | None, typer.Option(min=1, help="Rows to draw; all when not given.")] = None,
    as_json: JSON = False,
) -> None:
    """Train and judge on a sample, in seconds; nothing is kept."""
    with one_line_errors():
        from tierra.cli.console import print_json, progress, show_trial
        from tierra.steps.trial import try_project
        from tierra.workspace import open_workspace

        workspace = open_workspace()
        with progress(as_json):
            trial = try_project(workspace, workspace.project(project), rows)
        if as_json:
            print_json(trial.model_dump_json(indent=1))
            return
        show_trial(trial)


@app.command()
def train(
    project: PROJECT,
    dry_run: DRY_RUN = False,
    reason: REASON = "",
    approve: APPROVE = False,
    replace_champion: REPLACE = False,
    take_over: TAKE_OVER = False,
    as_json: JSON = False,
) -> None:
    """Train, judge and register a project's model."""
    with one_line_errors():
        words = (project, dry_run, reason, approve, replace_champion, take_over)
        finish("train", run_flow("train", *words, quiet=as_json, started=STARTED), as_json)


@app.command()
def score(
    project: PROJECT,
    partition: PARTITION = None,
    from_date: Annotated[
        str | None, typer.Option("--from", help="The first day of a range, as YYYY-MM-DD; however far it lies back.")
    ] = None,
    to_date: Annotated[
        str | None, typer.Option("--to", help="The last day of the range; today when not given.")
    ] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Of the range, what is not published or is damaged: the default.")
    ] = False,
    stale: Annotated[bool, typer.Option("--stale", help="Of the range, also what changed since.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every day of the range, in new generations.")] = False,
    model: Annotated[
        Literal["now", "then"], typer.Option(help="The champion now, or then with the data as known then.")
    ] = "now",
    jobs: Annotated[int, typer.Option(min=1, max=64, help="In how many processes days are scored at once.")] = 1,
    yes: Annotated[bool, typer.Option("--yes", help="Yes to a range of more than ten years.")] = False,
    rescore: Annotated[bool, typer.Option(help="Publish a new generation of what is published.")] = False,
    dry_run: DRY_RUN = False,
    reason: REASON = "",
    as_json: JSON = False,
) -> None:
    """Publish predictions of one partition, of a range of days, or of every one that is due."""
    with one_line_errors():
        which = _one_of(missing=missing, stale=stale, all=every)
        words = (project, partition, rescore, dry_run, reason, from_date, to_date, which, model, jobs, yes)
        finish("score", run_flow("score", *words, quiet=as_json, started=STARTED), as_json)


def _one_of(**flags: bool) -> str:
    """The name of the flag that is set; the first when none is. Raises InvalidCall when there are two."""
    chosen = [name for name, is_set in flags.items() if is_set]
    if len(chosen) > 1:
        raise InvalidCall("call-contradictory", f"--{chosen[0]} and --{chosen[1]} were given")
    return chosen[0] if chosen else next(iter(flags))


@app.command()
def status(
    project: Annotated[str | None, typer.Argument(help="A project; all when not given.")] = None,
    days: Annotated[int, typer.Option(help="Of how many last days the partitions are listed.")] = 91,
    as_json: JSON = False,
) -> None:
    """Show the status of every project, the worst first, or of one with all its partitions, the newest first.

    It ends with 5 when anything is red.
    """
    with one_line_errors():
        from tierra.cli.console import out, print_json

        seen = find_function("tasks.status", "read_status")(project, days)
        if as_json:
            print_json(seen.model_dump_json(indent=1))
        else:
            from tierra.status.table import render_status

            out.print(render_status(seen, with_partitions=project is not None), soft_wrap=False)
    raise typer.Exit(seen.exit_code)


@app.command()
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


@app.command()
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


@app.command()
def promote(project: PROJECT, version: VERSION_NAME, reason: WHY = "", as_json: JSON = False) -> None:
    """Let a version serve again that was a champion before; what is published stays."""
    with one_line_errors():
        finish("promote", run_flow("promote", project, version, reason, quiet=as_json, started=STARTED), as_json)


@app.command()
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


@app.command()
def predictions(
    project: PROJECT,
    partition: PARTITION = None,
    generation: Annotated[int | None, typer.Option(min=1, help="An older generation.")] = None,
    format: Annotated[
        Literal["csv", "json", "parquet", "xlsx"] | None,
        typer.Option(help="csv, json, parquet or xlsx; as the output's name says when not given, else csv."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A file, written whole or not at all; else print.")] = None,
    columns: Annotated[str, typer.Option(help="Columns to write, as a,b; all when not given.")] = "",
    raw: Annotated[
        bool, typer.Option("--raw", help="Leave texts of a CSV that a spreadsheet would run as formulas.")
    ] = False,
) -> None:
    """Print the published predictions of a partition, or write them to a file."""
    with one_line_errors():
        from tierra.data.partitions import ALL
        from tierra.reading import read_table
        from tierra.store.exports import NO_TEXT, choose, encode, format_of, write_whole

        written = format or (format_of(output.name) if output else None) or "csv"
        if written in NO_TEXT and not output and _prints_on_a_terminal():
            raise Misconfigured("output-needed", f"{written} is not text and is not printed on a terminal")
        names = [name.strip() for name in columns.split(",") if name.strip()]
        data = encode(choose(read_table(project, partition or ALL, generation), names), written, raw)
        write_whole(output, data) if output else typer.echo(data, nl=False)


def _prints_on_a_terminal() -> bool:
    return sys.stdout.isatty()


app.command()(why)
app.command()(diff)


@app.command()
def predict(
    project: PROJECT,
    file: Annotated[Path, typer.Argument(help="A file with rows like those of the first source.")],
    output: Annotated[
        Path | None,
        typer.Option(
            help="A .csv file (commas, UTF-8) or .parquet; FILE with `.predictions` in its name when not given."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file of the output's name.")] = False,
    as_json: JSON = False,
) -> None:
    """Write any file's rows beside their predictions by the champion; nothing is published.

    The rows are typed, held to the contract and joined as at night; their target, key and day may be missing.
    Rows to be set aside are written without a prediction. Rows of a day get the `history` that the first source
    has of it. What the contract says of whole tables, its budget and `max_orphans` stop nothing.
    """
    with one_line_errors():
        from tierra.cli.beside import predict_beside
        from tierra.cli.console import print_json, progress, show_predicted
        from tierra.workspace import open_workspace

        with progress(as_json):
            predicted = predict_beside(open_workspace(), project, file, output, overwrite)
        if as_json:
            print_json(predicted.model_dump_json(indent=1))
            return
        show_predicted(predicted)


@app.command()
def settings(as_json: JSON = False) -> None:
    """Print where this installation runs; secrets masked."""
    with one_line_errors():
        from tierra.cli.console import out, pairs, print_json

        loaded = load_settings()
        if as_json:
            print_json(loaded.model_dump_json(indent=1))
            return
        out.print(pairs({f"TIERRA_{name.upper()}": _plain(value) for name, value in loaded.model_dump().items()}))


@app.command()
def doctor(
    deep: Annotated[bool, typer.Option(help="Also let the running server schedule a throwaway deployment.")] = False,
    throwaway: Annotated[bool, typer.Option(help="Look at a server started for it, not at the running one.")] = False,
    as_json: JSON = False,
) -> None:
    """Check versions, server, stores, connections and this machine; say what to do about what is wrong."""
    with one_line_errors():
        if not find_function("deployments.doctor.doctor", "print_examination")(as_json, deep, throwaway):
            raise typer.Exit(1)


def _plain(value: Any) -> Any:
    """A setting as people read it: names instead of dictionaries, secrets as stars."""
    if not isinstance(value, dict):
        return "" if value is None else value
    return ", ".join(f"{name} ****" for name in value) or "none"


@app.command()
def deploy(
    dry_run: Annotated[bool, typer.Option(help="Show the difference; change nothing.")] = False, as_json: JSON = False
) -> None:
    """Make a Prefect server hold the deployments, schedules and automations of the projects."""
    with one_line_errors():
        find_function("deployments.deploy")(dry_run, as_json)
