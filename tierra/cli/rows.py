"""`tierra predictions` and `tierra predict`: rows for people, published or not."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from tierra.cli.calling import one_line_errors
from tierra.cli.options import JSON, PARTITION, PROJECT
from tierra.errors import Misconfigured


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
