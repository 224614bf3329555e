"""The command `tierra`. Heavy libraries and the flows load only when a command needs them."""

from typing import Annotated, Any, Literal

import typer

from tierra import __version__
from tierra.cli import STARTED
from tierra.cli.calling import find_function, finish, one_line_errors, run_flow, show_tracebacks
from tierra.cli.card import card
from tierra.cli.labels import compare, relabel, suspects
from tierra.cli.optimise import optimise
from tierra.cli.options import JSON, PARTITION, PROJECT
from tierra.cli.rows import predict, predictions
from tierra.cli.upkeep import champions, gc, promote, rollback, shadow
from tierra.cli.why import diff, why
from tierra.environment import FOR_A_PERSON, QUIET, set_defaults
from tierra.errors import InvalidCall
from tierra.settings import load_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Takes a model from the notebook down to earth.",
)
DRY_RUN = Annotated[bool, typer.Option("--dry-run", help="Publish and register nothing; say what would be.")]
REASON = Annotated[str, typer.Option(help="Why; kept on the receipt and on the registered run.")]
APPROVE = Annotated[bool, typer.Option("--approve", help="Promote what passes, where approval is asked for.")]
REPLACE = Annotated[
    bool, typer.Option("--replace-champion", help="Promote even where the champion cannot be compared.")
]
TAKE_OVER = Annotated[bool, typer.Option("--take-over", help="Take name and data set over from another project file.")]


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
        out.print(f"[dim]gate[/] {printable(found.gate)}", soft_wrap=True)
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


OF_MODELS = (card, gc, champions, promote, rollback, shadow, optimise)
OF_DATA = (suspects, relabel, compare, predictions, why, diff, predict)
for command in (*OF_MODELS, *OF_DATA):
    app.command()(command)


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
