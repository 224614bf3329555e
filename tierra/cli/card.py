"""`tierra card`: what serves, for whom, how good it is and on which data, as a card to read, print or pass on."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tierra.cli.calling import one_line_errors
from tierra.cli.options import JSON, PROJECT

OUTPUT = Annotated[Path | None, typer.Option(help="The file to write; of a page, beside the receipts when not given.")]


def card(
    project: PROJECT,
    data: Annotated[bool, typer.Option("--data", help="The data card instead of the model card.")] = False,
    form: Annotated[
        Literal["text", "md", "html"], typer.Option("--format", help="For the terminal, Markdown, or a page.")
    ] = "text",
    output: OUTPUT = None,
    as_json: JSON = False,
) -> None:
    """Print the model card, or the data card, of what serves; `--format html` writes its page and says where.

    The card is that of the training it comes from: what the project file said then, and what was measured.
    """
    with one_line_errors():
        from tierra.cli.console import out, print_json, printable
        from tierra.model.documents import to_markdown
        from tierra.report.cards import card_file, fill_card
        from tierra.steps.cards import read_card
        from tierra.steps.champion import find_champion
        from tierra.workspace import open_workspace

        workspace = open_workspace()
        spec = workspace.project(project)
        champion = find_champion(workspace, spec)
        version = champion.version or str(champion.number)
        found = read_card(workspace, champion, "data" if data else "model")
        if as_json:
            print_json(found.model_dump_json(indent=1))
        elif form == "html":
            file = output or card_file(workspace.receipts(spec.name), found, version)
            _write(file, fill_card(found, version))
            out.print(printable(str(file)))
        elif output:
            _write(output, to_markdown(found, version))
            out.print(printable(str(output)))
        elif form == "md":
            typer.echo(to_markdown(found, version), nl=False)
        else:
            from rich.markdown import Markdown

            out.print(Markdown(to_markdown(found, version)), soft_wrap=False)


def _write(file: Path, text: str) -> None:
    """Write a card whole or not at all."""
    from tierra.redaction import strike
    from tierra.store.exports import write_whole

    write_whole(file, strike(text).encode(errors="replace"))
