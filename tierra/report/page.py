"""Writing a run's receipt: the page for people, and its short form for the Prefect UI."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from tierra import __version__
from tierra.errors import Misconfigured, TierraError
from tierra.facts import ApprovalGiven, LatestLagging, PartitionPublished, RequestNoted
from tierra.journal import Journal
from tierra.outcomes.outcome import Outcome
from tierra.project.project import Project
from tierra.report import facts
from tierra.report.calendar import Calendar
from tierra.report.cards import write_cards
from tierra.report.filling import fill
from tierra.report.finished_run import FinishedRun
from tierra.report.flows import report_of
from tierra.report.index import NAME, Run, add_run, read_runs, write_record, write_whole
from tierra.report.otlp import is_wanted, send_figures
from tierra.report.partitions import calendar_of
from tierra.report.profile_page import write_profile_page
from tierra.report.sections import Section, data_sections, run_sections, training_profiles
from tierra.report.summary import describe_retries, write_summary
from tierra.report.wording import shorten
from tierra.store.disk import NEW_STORE, make_folder
from tierra.workspace import Workspace

LIBRARIES = ("prefect", "mlflow", "scikit-learn", "great-expectations", "pandas", "pyarrow")
MOST_PROFILES = 40  # pages of a run: a backfill has a table for each day


def write_receipt(workspace: Workspace, run: FinishedRun) -> tuple[Path, str]:
    """Write the record and the page of one run, its tables' profiles, and the list of runs anew.

    Returns the page's file, and its short form in Markdown. A page that cannot be drawn leaves its record all the same.
    """
    moment, project = datetime.now(UTC), _project(workspace, run.project)
    name = project.name if project else "unknown"
    file = workspace.receipts(name) / f"{moment:%Y%m%dT%H%M%S}-{run.flow}-{uuid4().hex[:6]}.html"
    make_folder(file.parent, make_folder(file.parent.parent, NEW_STORE))
    before, record = read_runs(file.parent, run.flow), _record(run, moment)
    write_record(file, record)
    values = _values(project, run, record)
    values["profiles"] = _write_profiles(file.parent, run.journal)
    values["cards"] = write_cards(file.parent, run.journal)
    write_whole(file, fill("receipt.html", values))
    add_run(file, name, record, _calendar(workspace, project, run.outcome.error))
    return file, write_summary(values, run, before, workspace.settings, file)


def send_numbers(workspace: Workspace, run: FinishedRun) -> None:
    """Send the figures of a run to where OpenTelemetry's variables say; nothing happens without them."""
    if is_wanted():
        project = _project(workspace, run.project)
        send_figures(project.name if project else "unknown", _record(run, datetime.now(UTC)))


def _calendar(workspace: Workspace, project: Project | None, error: TierraError | None) -> Calendar | None:
    """The project's partitions as they are after the run; None where a store does not say."""
    return None if project is None or (error and error.transient) else calendar_of(workspace, project)


def _record(run: FinishedRun, moment: datetime) -> Run:
    outcome, champion = run.outcome, facts.champion_of(run.journal)
    counts = dict(report_of(run.flow, outcome).counts(run))
    is_incomplete = counts.pop("is_incomplete", False) or bool(run.journal.facts(LatestLagging))
    return Run(
        moment=moment.strftime("%Y-%m-%d %H:%M:%S UTC"),
        flow=run.flow,
        outcome=outcome.name,
        mood=_mood(outcome, is_incomplete),
        sentence=shorten(outcome.sentence, 400),
        seconds=run.journal.seconds,
        retries=len(run.journal.retries),
        attempt=run.journal.attempt,
        model_version=champion.version if champion else "",
        error=shorten(str(outcome.error).partition("\n")[0], 1000) if outcome.error else "",
        flow_run_id=run.journal.run_id,
        ended=moment,
        **facts.days_counted(run.journal),
        **counts,
    )


def _mood(outcome: Outcome, is_incomplete: bool) -> str:
    if outcome.error:
        return "bad"
    return "warned" if is_incomplete or outcome.exit_code else "good" if outcome.made_a_difference else "quiet"


def _values(project: Project | None, run: FinishedRun, record: Run) -> dict[str, Any]:
    outcome, journal = run.outcome, run.journal
    return {
        "project": project.name if project else run.project,
        "card": project.card if project else None,
        "flow": run.flow,
        "outcome": outcome.name,
        "title": f"{run.flow} · {outcome.name}",
        "mood": record.mood,
        "sentence": outcome.sentence,
        "error": outcome.error,
        "request": [*_published_before(run), *_request(journal)],
        "retries": describe_retries(journal.retries) if journal.retries else "",
        "attempt": journal.attempt,
        "quarantined": record.quarantined,
        "figures": [*outcome.figures, (f"{journal.seconds:,.1f} s", "whole run")],
        "sections": _sections(project, run),
        "seconds": journal.seconds,
        "index": NAME,
        "moment": record.moment,
        "versions": {"tierra": __version__, "python": platform.python_version(), **_versions()},
    }


def _sections(project: Project | None, run: FinishedRun) -> list[Section]:
    """Every part that has something to show."""
    report = report_of(run.flow, run.outcome)
    digests = dict(report.digests(run.outcome))
    listed = [*report.sections(run), *data_sections(run.journal, project), *run_sections(run.journal, digests)]
    return [each for each in listed if each.shows]


def _published_before(run: FinishedRun) -> list[tuple[str, str]]:
    """What was published before an error ended the run; an outcome that is a value lists its partitions itself."""
    if not isinstance(run.outcome, TierraError):
        return []
    days = [f"{each.partition}, generation {each.generation}" for each in run.journal.facts(PartitionPublished)]
    return [("Published before it ended", f"{len(days):,}: {'; '.join(days)}")] if days else []


def _request(journal: Journal) -> list[tuple[str, str]]:
    """What a person requested and decided: a dry run, a reason, an approval."""
    requests = journal.facts(RequestNoted)
    dry = [("Dry run", "nothing was published or registered")] if any(each.dry_run for each in requests) else []
    reasons = [("Reason", each.reason) for each in requests if each.reason]
    return [*dry, *reasons, *(("Approval", each.decision) for each in journal.facts(ApprovalGiven))]


def _project(workspace: Workspace, name: str) -> Project | None:
    try:
        return workspace.project(name)
    except Misconfigured:
        return None


def _write_profiles(folder: Path, journal: Journal) -> dict[str, str]:
    """The pages of the run's first tables, by table. Differences are shown on the page of the first, the main one."""
    drift, pages = facts.drift(journal), {}
    before = training_profiles(journal)
    for place, (table, profile) in enumerate(islice(facts.profiles(journal).items(), MOST_PROFILES)):
        pages[table] = write_profile_page(profile, folder, drift if place == 0 else (), before.get(table)).name
    return pages


def _versions() -> dict[str, str]:
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str:
    try:
        return version(name)
    except ImportError:
        return "not installed"
