"""What several commands take."""

from typing import Annotated

import typer

PROJECT = Annotated[str, typer.Argument(help="A folder under projects/, or the path of a project.")]
PARTITION = Annotated[str | None, typer.Option(help="A date as YYYY-MM-DD.")]
JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
