"""The page that lists a project's runs, made from the records: one small file beside each receipt."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_IMODE
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tierra.data.completeness import Finding
from tierra.redaction import strike
from tierra.report.calendar import Calendar
from tierra.report.filling import fill

RUNS = 300
READ = 1000
LARGEST = 60_000
NAME = "index.html"
CARDS = 12


class Run(BaseModel):
    """The record of one run: how it ended, and what it took.

    `days` are the rows a day that it counted at the source, `looked` the day on which it did. `receipt` is the name of
    its page, empty where there is none and None where nobody looked.
    """

    model_config = ConfigDict(frozen=True)

    moment: str = Field(max_length=40)
    flow: str = Field(max_length=100)
    outcome: str = Field(max_length=100)
    mood: str = Field(pattern="^(good|quiet|warned|bad)$")
    sentence: str = Field(max_length=2000)
    rows: int | None = None
    seconds: float
    retries: int = 0
    attempt: int = 1
    quarantined: int | None = None
    missing: tuple[Finding, ...] | None = None  # None where the run did not look at all days
    newest: str = Field("", max_length=20)
    days: dict[str, int] = {}
    looked: str = Field("", max_length=20)
    published: tuple[str, ...] = ()
    rejected: dict[str, str] = {}
    stale: tuple[str, ...] = ()
    model_version: str = Field("", max_length=100)
    error: str = Field("", max_length=2000)
    flow_run_id: str = Field("", max_length=100)
    ended: AwareDatetime | None = None
    receipt: str | None = Field(None, exclude=True)


def write_record(receipt: Path, run: Run) -> None:
    """Write the record of a run beside its receipt, or where its receipt would be."""
    write_whole(receipt.with_suffix(".json"), run.model_dump_json())


def add_run(receipt: Path, project: str, run: Run, calendar: Calendar | None = None) -> Path:
    """Write the record of a run beside its receipt, and the list of runs again, below the calendar.

    Two runs that end together both read the folder again after writing, so that
    the list that is written last names both.
    """
    write_record(receipt, run)
    index, listed = receipt.parent / NAME, None
    while listed != (files := _files(receipt.parent)):
        write_whole(index, _page(project, files, calendar))
        listed = files
    return index


def old_runs(folder: Path, before: float) -> list[Path]:
    """The receipts and records last written before then, but for the newest record of each flow and its receipt."""
    files = [*folder.glob("[0-9]*.html"), *_files(folder)]
    newest = {run.flow: file.stem for file in reversed(_files(folder)) if (run := read_run(file))}
    return [file for file in files if file.stem not in newest.values() and file.stat().st_mtime < before]


def remove_runs(folder: Path, project: str, files: Sequence[Path], calendar: Calendar | None) -> None:
    """Remove receipts and records, and write the list of runs again, below the calendar."""
    for file in files:
        file.unlink(missing_ok=True)
    if files:
        write_whole(folder / NAME, _page(project, _files(folder), calendar))


def read_runs(folder: Path, flow: str = "", limit: int = READ) -> list[Run]:
    """The records in a project's folder of receipts, newest first; of one flow when it is named.

    Files that are no records, or are broken, are left out.
    """
    files = sorted(folder.glob(f"[0-9]*-{flow or '*'}-*.json"), reverse=True)[:limit]
    runs = [run for file in files if (run := read_run(file)) and flow in ("", run.flow)]
    # Files are named by the second; runs that ended within one are in their order too.
    return sorted(runs, key=lambda run: (run.moment, run.ended.timestamp() if run.ended else 0.0), reverse=True)


def write_whole(file: Path, content: str) -> None:
    """Write a page or a record atomically, without secrets."""
    draft = file.with_name(f".{file.name}.{uuid4().hex[:8]}")
    try:
        draft.write_text(strike(content), encoding="utf-8", errors="replace")
        draft.chmod(S_IMODE(file.parent.stat().st_mode) & 0o666)  # who may list the folder may read its pages
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    """The records, newest first; their names begin with the moment."""
    return sorted(folder.glob("[0-9]*.json"), reverse=True)


def _page(project: str, files: list[Path], calendar: Calendar | None) -> str:
    runs = [found for file in files[:RUNS] for found in _listed(file)]
    more = max(len(files) - RUNS, 0)
    cards = _cards(files[0].parent) if files else []
    values = {"project": project, "runs": runs, "more": more, "title": "Runs", "calendar": calendar, "cards": cards}
    return fill("index.html", values)


def _listed(file: Path) -> Iterator[tuple[str, Run]]:
    """The run and its receipt's name, if both files exist."""
    if file.with_suffix(".html").is_file() and (run := read_run(file)):
        yield run.receipt or "", run


def _cards(folder: Path) -> list[tuple[str, Sequence[tuple[str, str]]]]:
    """The versions whose cards lie in a folder of receipts, newest first, each with its pages."""
    return [(version, [*_pages(folder, version)]) for version in _versions(folder)[:CARDS]]


def _versions(folder: Path) -> list[str]:
    found = {file.stem.partition("-card-v")[2]: file.stat().st_mtime for file in folder.glob("model-card-v*.html")}
    return sorted(found, key=lambda version: found[version], reverse=True)


def _pages(folder: Path, version: str) -> Iterator[tuple[str, str]]:
    for kind in ("model", "data"):
        if (file := folder / f"{kind}-card-v{version}.html").is_file():
            yield f"{kind} card", file.name


def read_run(file: Path) -> Run | None:
    """The record in a file; None where it is none, or is broken."""
    receipt = file.with_suffix(".html")
    try:
        run = Run.model_validate_json(file.read_bytes()) if file.stat().st_size <= LARGEST else None
    except (OSError, ValidationError):
        return None
    return run.model_copy(update={"receipt": receipt.name if receipt.is_file() else ""}) if run else None
