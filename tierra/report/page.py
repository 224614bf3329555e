"""Writing a run's receipt: the page for people, and its short form for the Prefect UI."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from tierra import __version__
from tierra.errors import DataRejected, Misconfigured, TierraError
from tierra.journal import Journal
from tierra.outcomes import Scored, Served, Trained, rejection
from tierra.project.project import Project
from tierra.report import facts
from tierra.report.filling import fill
from tierra.report.index import NAME, Run, add_run, read_runs, write_record, write_whole
from tierra.report.profile_page import write_profile_page
from tierra.report.sections import compared, gate_metric, sections
from tierra.report.summary import champion_of, describe_retries, write_summary
from tierra.report.wording import amount, heading, shorten
from tierra.workspace import Workspace, open_workspace

LIBRARIES = ("prefect", "mlflow", "scikit-learn", "great-expectations", "pandas", "pyarrow")
GOOD = ("Promoted", "Published")
QUIET = ("KeptChampion", "AlreadyPublished", "NothingDue", "DryRun")
End = Trained | Scored | TierraError


def write_receipt(name: str, flow: str, journal: Journal, end: End) -> tuple[Path, str]:
    """Write the record and the page of one run, its tables' profiles, and the list of runs anew.

    Returns the page's file, and its short form in Markdown. The record stands, too, of a page that cannot be drawn.
    """
    workspace, moment = open_workspace(), datetime.now(UTC)
    project = _project(workspace, name)
    called = project.name if project else "unknown"
    file = workspace.receipts(called) / f"{moment:%Y%m%dT%H%M%S}-{flow}-{uuid4().hex[:6]}.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    before, run = read_runs(file.parent, flow), _record(flow, journal, end, moment)
    write_record(file, run)
    values = _values(project, name, journal, end, run)
    values["profiles"] = _write_profiles(file.parent, journal)
    write_whole(file, fill("receipt.html", values))
    add_run(file, called, run)
    return file, write_summary(values, journal, before, workspace.settings, file)


def _record(flow: str, journal: Journal, end: End, moment: datetime) -> Run:
    error, champion = _error(end), champion_of(journal)
    outcome = end.outcome if isinstance(end, Trained | Scored) else type(end).__name__
    return Run(
        moment=moment.strftime("%Y-%m-%d %H:%M:%S UTC"),
        flow=flow,
        outcome=outcome,
        mood="good" if outcome in GOOD else "quiet" if outcome in QUIET else "bad",
        sentence=shorten(_sentence(end, error), 400),
        rows=_rows(end),
        seconds=journal.seconds,
        retries=len(journal.retries),
        attempt=journal.attempt,
        quarantined=_quarantined(journal, end),
        model_version=champion.version if champion else "",
        error=shorten(str(error).partition("\n")[0], 1000) if error else "",
        flow_run_id=journal.run_id,
        ended=moment,
    )


def _error(end: End) -> TierraError | None:
    return end if isinstance(end, TierraError) else rejection(end) if isinstance(end, Scored) else None


def _quarantined(journal: Journal, end: End) -> int | None:
    if isinstance(end, Scored):
        return end.rows_quarantined
    noted = [count for count in journal.facts("quarantined") if isinstance(count, int)]
    return sum(noted) if noted else None


def _values(project: Project | None, name: str, journal: Journal, end: End, run: Run) -> dict[str, Any]:
    error = _error(end)
    return {
        "project": project.name if project else name,
        "card": project.card if project else None,
        "flow": run.flow,
        "outcome": run.outcome,
        "title": f"{run.flow} · {run.outcome}",
        "mood": run.mood,
        "sentence": _sentence(end, error),
        "error": error,
        "asked": _asked(journal),
        "retries": describe_retries(journal.retries) if journal.retries else "",
        "attempt": journal.attempt,
        "quarantined": run.quarantined,
        "trained": end if isinstance(end, Trained) else None,
        "scored": end if isinstance(end, Scored) else None,
        "models": compared(journal, end) if isinstance(end, Trained) else [],
        "figures": _figures(project, journal, end),
        "sections": sections(project, journal, end),
        "seconds": journal.seconds,
        "index": NAME,
        "moment": run.moment,
        "versions": {"tierra": __version__, "python": platform.python_version(), **_versions()},
    }


def _asked(journal: Journal) -> list[tuple[str, str]]:
    """What a person asked for and decided: a dry run, a reason, an approval."""
    dry = [("Dry run", "nothing was published or registered")] if any(journal.facts("dry_run")) else []
    said = {"Reason": journal.facts("reason"), "Approval": journal.facts("approval")}
    return dry + [(name, each) for name, found in said.items() for each in found if each]


def _project(workspace: Workspace, name: str) -> Project | None:
    try:
        return workspace.project(name)
    except Misconfigured:
        return None


def _write_profiles(folder: Path, journal: Journal) -> dict[str, str]:
    """The pages of the run's tables, by table. Differences are told on the page of the first, the main one."""
    moved, pages = facts.differences(journal, "profile_differences"), {}
    before = facts.profiles(journal, "training_profiles")
    for place, (table, profile) in enumerate(facts.profiles(journal).items()):
        pages[table] = write_profile_page(profile, folder, moved if place == 0 else (), before.get(table)).name
    return pages


def _sentence(end: End, error: TierraError | None) -> str:
    if error:
        nothing = "Nothing was published and nothing changed. " if isinstance(error, DataRejected) else ""
        partly = isinstance(end, Scored) and any(each.outcome == "Published" for each in end.partitions)
        return ("The other partitions were published. " if partly else nothing) + f"{error.what}."
    if isinstance(end, Trained):
        return f"{end.reason}."
    assert isinstance(end, Scored)
    if end.outcome == "DryRun":
        return _would(end)
    if end.outcome == "NothingDue":
        return "Every partition that is due has been published already."
    days = [each.partition for each in end.partitions if each.outcome == "Published"]
    if not days:
        return "Everything asked for was published before and has not changed."
    return f"{end.rows_in:,} rows in, {end.rows_scored:,} scored, {end.rows_quarantined:,} quarantined."


def _would(end: Scored) -> str:
    days = ", ".join(each.partition for each in end.partitions if each.outcome == "WouldPublish")
    counts = f"{end.rows_in:,} rows in, {end.rows_scored:,} scored, {end.rows_quarantined:,} quarantined"
    return f"Would publish {days}: {counts}." if days else "Would publish nothing."


def _figures(project: Project | None, journal: Journal, end: End) -> list[tuple[str, str]]:
    """The numbers that answer first, each with what it is."""
    whole = (f"{journal.seconds:,.1f} s", "whole run")
    if isinstance(end, Trained):
        metric = gate_metric(project, end)
        own, rule = end.champion.metrics.get(metric), end.rule.metrics.get(metric)
        served = _champion(end.champion)
        return [served, (amount(own), heading(metric)), (amount(rule), "the rule's"), whole]
    if isinstance(end, Scored):
        counts = [(f"{end.rows_in:,}", "rows in"), (f"{end.rows_scored:,}", "scored"),
                  (f"{end.rows_quarantined:,}", "quarantined"), (f"{len(end.partitions):,}", "partitions")]  # fmt: skip
        return [*counts, whole]
    return [whole]


def _champion(served: Served) -> tuple[str, str]:
    if not served.version:
        return "none yet", "champion"
    return f"version {served.version}", f"champion, {served.candidate.replace('_', ' ')}"


def _rows(end: End) -> int | None:
    if isinstance(end, Scored):
        return end.rows_scored
    return sum(end.rows.values()) if isinstance(end, Trained) else None


def _versions() -> dict[str, str]:
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str:
    try:
        return version(name)
    except ImportError:
        return "not installed"
