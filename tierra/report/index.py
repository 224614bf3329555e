"""The page that lists a project's runs, made from one small file beside each receipt."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tierra.report.filling import fill

RUNS = 300
LARGEST = 20_000
NAME = "index.html"


class Run(BaseModel):
    """One line of the list."""

    model_config = ConfigDict(frozen=True)

    moment: str = Field(max_length=40)
    flow: str = Field(max_length=100)
    outcome: str = Field(max_length=100)
    mood: str = Field(pattern="^(good|quiet|bad)$")
    sentence: str = Field(max_length=2000)
    rows: int | None = None
    seconds: float
    retries: int = 0
    quarantined: int | None = None
    model_version: str = ""
    error: str = ""
    flow_run_id: str = ""
    ended: datetime | None = None


def add_run(receipt: Path, project: str, run: Run) -> Path:
    """Remember a run beside its receipt, and make the list anew.

    Two runs that end together both look again after writing, so that the list
    which is written last names both.
    """
    write_whole(receipt.with_suffix(".json"), run.model_dump_json())
    index, listed = receipt.parent / NAME, None
    while listed != (there := _files(receipt.parent)):
        write_whole(index, _page(project, there))
        listed = there
    return index


def read_runs(folder: Path) -> list[Run]:
    """The runs remembered in a folder of receipts, newest first; what is not ours is passed over."""
    return [run for file in _files(folder) for _, run in _read(file)]


def write_whole(file: Path, content: str) -> None:
    """Write a file so that nobody sees half of it."""
    draft = file.with_name(f".{file.name}.{uuid4().hex[:8]}")
    try:
        draft.write_text(content, encoding="utf-8", errors="replace")
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    """What lies beside the receipts, newest first; names begin with the moment."""
    return sorted(folder.glob("[0-9]*.json"), reverse=True)


def _page(project: str, files: list[Path]) -> str:
    runs = [found for file in files[:RUNS] for found in _read(file)]
    return fill("index.html", {"project": project, "runs": runs, "more": max(len(files) - RUNS, 0), "title": "Runs"})


def _read(file: Path) -> Iterator[tuple[str, Run]]:
    """The run and its receipt's name; nothing for a file that is not ours."""
    try:
        if file.stat().st_size <= LARGEST and file.with_suffix(".html").is_file():
            yield file.with_suffix(".html").name, Run.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return
