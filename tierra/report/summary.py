"""A run's short form for the Prefect UI: what whoever looks after the nights asks first."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from tierra.facts import TrainingRecorded
from tierra.journal import Journal, Retry
from tierra.report import facts
from tierra.report.filling import fill
from tierra.report.finished_run import FinishedRun
from tierra.report.flows import report_of
from tierra.report.index import Run
from tierra.report.wording import inline
from tierra.settings import Settings

COMPARED = 20
SHOWN = 12


def write_summary(
    values: dict[str, Any], run: FinishedRun, before: Sequence[Run], settings: Settings, receipt: Path
) -> str:
    """The summary in Markdown; `values` are the page's, `before` the flow's runs so far, newest first."""
    journal, name = run.journal, run.outcome.name
    alike = [each for each in before if each.outcome == name]
    lines = {
        **{title: inline(text) for title, text in values["request"]},
        "Retries": inline(describe_retries(journal.retries)),
        "Attempt": f"{journal.attempt}; an earlier one was cut short" if journal.attempt > 1 else "",
        "Duration": compare_seconds(journal.seconds, alike, name),
        "Champion": _describe_champion(journal),
        "Receipt": _link("the whole page", settings.receipts_url, "/".join(receipt.parts[-2:]), str(receipt)),
        "Cards": ", ".join(_link(title, settings.receipts_url, f"{receipt.parts[-2]}/{page}", page)
                           for title, page in values.get("cards", {}).items()),
        "MLflow": _mlflow(journal, settings),
    }  # fmt: skip
    shown = {"lines": {title: text for title, text in lines.items() if text}, "reasons": _reasons(values, journal)}
    return fill("receipt.md", values | shown | dict(report_of(run.flow, run.outcome).summary(run)))


def describe_retries(retries: Sequence[Retry]) -> str:
    """How many retries there were, of which stations, and why."""
    if not retries:
        return "none"
    counts = Counter(f"{each.station}: {each.reason}" for each in retries)
    parts = [f"{count} of {what}" if len(counts) > 1 else what for what, count in counts.items()]
    return f"{len(retries)} {'retry' if len(retries) == 1 else 'retries'}: {'; '.join(parts)}"


def _reasons(values: dict[str, Any], journal: Journal) -> list[tuple[str, int]]:
    """Why rows were set aside in this run, and how many, over all its partitions."""
    if not (values["quarantined"] or values["error"]):
        return []
    total: Counter[str] = Counter()
    for each in facts.reasons(journal):
        total[each.reason] += each.rows
    return total.most_common(SHOWN)


def compare_seconds(seconds: float, before: Sequence[Run], outcome: str) -> str:
    """How long a run took, beside the last ones that ended as it did."""
    last = [run.seconds for run in before[:COMPARED]]
    if not last:
        return f"{seconds:,.1f} s; the first that ended {outcome}"
    known = f"median of the last {len(last)} that ended {outcome}: {median(last):,.1f} s, slowest {max(last):,.1f} s"
    return f"{seconds:,.1f} s; {known}"


def describe_age(since: datetime, now: datetime) -> str:
    """How old something is, in the largest unit that says it."""
    minutes = max(int((now - since).total_seconds() // 60), 0)
    for unit, size in (("day", 1440), ("hour", 60), ("minute", 1)):
        if count := minutes // size:
            return f"{count:,} {unit}{'s' if count > 1 else ''} old"
    return "new"


def _describe_champion(journal: Journal) -> str:
    if not (champion := facts.champion_of(journal)):
        return ""
    old = f", {describe_age(champion.registered, datetime.now(UTC))}" if champion.registered else ""
    return f"version {champion.version}, {inline(champion.candidate)}{old}"


def _mlflow(journal: Journal, settings: Settings) -> str:
    """The run this one recorded, else the champion's."""
    if not (champion := facts.champion_of(journal)):
        return ""
    recorded = journal.facts(TrainingRecorded)
    experiment, run = champion.experiment_id, recorded[-1].run_id if recorded else champion.run_id
    words = "the champion's run" if run == champion.run_id else "this training's run"
    place = f"#/experiments/{experiment}/runs/{run}"
    return _link(words, settings.mlflow_url, place, f"experiment {experiment}, run {run}")


def _link(words: str, address: str | None, place: str, otherwise: str) -> str:
    return f"[{words}]({address.rstrip('/')}/{place})" if address else f"`{otherwise}`"
