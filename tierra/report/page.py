"""Writing a run's receipt: the page for people, and its short form for the Prefect UI."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from jinja2 import Environment, PackageLoader, select_autoescape

from tierra import __version__
from tierra.errors import DataRejected, Misconfigured, TierraError
from tierra.journal import Journal
from tierra.model.spec import heading
from tierra.outcomes import PartitionScored, Scored, Trained, rejection
from tierra.project import Project
from tierra.workspace import Workspace, open_workspace

LIBRARIES = ("prefect", "mlflow", "scikit-learn", "great-expectations", "pandas", "pyarrow")
GOOD = ("Promoted", "Published")
QUIET = ("KeptChampion", "AlreadyPublished", "NothingDue")


def write_receipt(name: str, flow: str, journal: Journal, end: Trained | Scored | TierraError) -> tuple[Path, str]:
    """Write the page of one run. Returns its file, and its short form in Markdown."""
    workspace = open_workspace()
    project = _project(workspace, name)
    moment = datetime.now(UTC)
    page = _page(project, name, flow, journal, end, moment)
    called = project.project if project else "unknown"
    file = workspace.receipts(called) / f"{moment:%Y%m%dT%H%M%S}-{flow}-{uuid4().hex[:6]}.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    environment = Environment(
        loader=PackageLoader("tierra.report"), autoescape=select_autoescape(["html"]), trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["number"] = _number
    file.write_text(environment.get_template("receipt.html").render(page))
    return file, environment.get_template("receipt.md").render(page | {"file": str(file)})


def _page(
    project: Project | None, name: str, flow: str, journal: Journal, end: Trained | Scored | TierraError,
    moment: datetime,
) -> dict[str, Any]:  # fmt: skip
    error = end if isinstance(end, TierraError) else rejection(end) if isinstance(end, Scored) else None
    title = end.outcome if isinstance(end, Trained | Scored) else type(end).__name__
    return {
        "project": project.project if project else name,
        "card": project.card if project else None,
        "flow": flow,
        "title": title,
        "mood": "good" if title in GOOD else "quiet" if title in QUIET else "bad",
        "sentence": _sentence(end, error),
        "error": error,
        "trained": end if isinstance(end, Trained) else None,
        "scored": end if isinstance(end, Scored) else None,
        "histogram": _histogram(end),
        "metric_names": {name: heading(name) for name in _metric_names(end)},
        "gate": {"metric": end.metric} if isinstance(end, Trained) else None,
        "stations": _stations(journal),
        "seconds": journal.seconds,
        "warnings": journal.facts("warning"),
        "quarantine": journal.facts("quarantine"),
        "validation": next(iter(journal.facts("validation")), {}),
        "test": {
            name: each.metrics for evaluations in journal.facts("evaluations")[:1] for name, each in evaluations.items()
        },
        "facts": _facts(journal, end),
        "moment": moment.strftime("%Y-%m-%d %H:%M:%S UTC"),
        "versions": {"tierra": __version__, "python": platform.python_version(), **_versions()},
    }


def _metric_names(end: Trained | Scored | TierraError) -> list[str]:
    return list(end.best.metrics) if isinstance(end, Trained) else []


def _project(workspace: Workspace, name: str) -> Project | None:
    try:
        return workspace.project(name)
    except Misconfigured:
        return None


def _sentence(end: Trained | Scored | TierraError, error: TierraError | None) -> str:
    if error:
        nothing = "Nothing was published and nothing changed. " if isinstance(error, DataRejected) else ""
        partly = isinstance(end, Scored) and any(each.outcome == "Published" for each in end.partitions)
        return ("The other partitions were published. " if partly else nothing) + f"{error.what}."
    if isinstance(end, Trained):
        return f"{end.reason}."
    assert isinstance(end, Scored)
    if end.outcome == "NothingDue":
        return "Every partition that is due has been published already."
    days = [each.partition for each in end.partitions if each.outcome == "Published"]
    if not days:
        return "Everything asked for was published before and has not changed."
    return f"{end.rows_in:,} rows in, {end.rows_scored:,} scored, {end.rows_quarantined:,} quarantined."


def _histogram(end: Trained | Scored | TierraError) -> list[dict[str, float]]:
    """The distribution of published probabilities, as bars of a drawing 100 high."""
    partitions: tuple[PartitionScored, ...] = end.partitions if isinstance(end, Scored) else ()
    bins = [sum(column) for column in zip(*(each.histogram for each in partitions if each.histogram), strict=True)]
    top = max(bins, default=0)
    return [
        {"from": index / len(bins), "to": (index + 1) / len(bins), "rows": rows, "height": 100 * rows / top}
        for index, rows in enumerate(bins)
        if top
    ]


def _stations(journal: Journal) -> list[dict[str, Any]]:
    """One line a station, however often the run came by."""
    stations: dict[str, dict[str, Any]] = {}
    for entry in journal.entries:
        line = stations.setdefault(entry.station, {"name": entry.station, "seconds": 0.0, "times": 0, "reused": 0})
        line["seconds"] += entry.seconds
        line["times"] += 1
        line["reused"] += entry.reused
    return list(stations.values())


def _facts(journal: Journal, end: Trained | Scored | TierraError) -> dict[str, str]:
    facts: dict[str, Any] = {}
    for entry in journal.entries:
        facts |= {name: value for name, value in entry.facts.items() if name.endswith((" rows", " sha256"))}
        facts |= {name: value for name, value in entry.facts.items() if name.startswith("orphans ")}
        facts |= {"rows without a label": entry.facts["unlabelled"]} if "unlabelled" in entry.facts else {}
    if isinstance(end, Trained):
        facts["model sha256"] = end.model_sha256
    if isinstance(end, Scored):
        facts |= {f"{each.partition} rows sha256": each.inputs for each in end.partitions if each.inputs}
    return {name: _number(value) if isinstance(value, int) else str(value) for name, value in facts.items()}


def _versions() -> dict[str, str]:
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str:
    try:
        return version(name)
    except ImportError:
        return "not installed"


def _number(value: float) -> str:
    return f"{value:,}"
