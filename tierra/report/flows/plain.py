"""The report of a flow that has none of its own, and of a run that failed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from tierra.outcomes.outcome import Outcome
from tierra.report import facts
from tierra.report.finished_run import FinishedRun
from tierra.report.sections import Section
from tierra.report.terminal import printable


def sections(run: FinishedRun) -> Iterator[Section]:
    """The leaks that stopped a training; nothing else of its own."""
    yield Section("leaks", "Leaks", "leaks", facts.leaks(run.journal))


def summary(run: FinishedRun) -> Mapping[str, Any]:
    """Nothing beside what every summary shows."""
    return {}


def counts(run: FinishedRun) -> Mapping[str, Any]:
    """Rows are not counted; those set aside are."""
    return {"quarantined": facts.quarantined(run.journal)}


def digests(outcome: Outcome) -> Mapping[str, str]:
    """None."""
    return {}


def in_terminal(outcome: Outcome) -> Sequence[RenderableType]:
    """The name and the sentence."""
    return [f"\n[bold]{outcome.name}[/], {printable(outcome.sentence)}"]
