"""What a rollback or a promotion says: on its receipt, in the Prefect UI and in a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from rich.console import RenderableType

from tierra.outcomes.rollback import Repointed
from tierra.report.finished_run import FinishedRun
from tierra.report.sections import Section
from tierra.report.terminal import plain_table, printable


def sections(run: FinishedRun) -> Iterator[Section]:
    """Who serves since and by whose word, and each partition before and after."""
    ended = cast(Repointed, run.outcome)
    yield Section("champion", "Who serves", "lines", _lines(ended), "Champion")
    yield Section("repairs", f"Partitions that version {ended.version_before} had published", "repairs",
                  ended.partitions, "Partitions")  # fmt: skip
    yield Section("untouched", "All others", "lines", [_untouched(ended)] if ended.untouched else [], "Others")


def summary(run: FinishedRun) -> Mapping[str, Any]:
    """The same as a table."""
    ended = cast(Repointed, run.outcome)
    return {"repairs": ended.partitions, "repointed": _lines(ended)}


def counts(run: FinishedRun) -> Mapping[str, Any]:
    """Rows that were published again."""
    repaired = [each for each in cast(Repointed, run.outcome).partitions if each.manifest]
    return {"rows": sum(each.after.rows for each in repaired)}


def digests(outcome: Repointed) -> Mapping[str, str]:
    """None of its own."""
    return {}


def in_terminal(outcome: Repointed) -> Sequence[RenderableType]:
    """Who serves, and a row a partition."""
    lines: list[RenderableType] = [f"\n[bold]{outcome.project}: {outcome.outcome}[/], {printable(outcome.sentence)}"]
    if outcome.partitions:
        table = plain_table("partition", "before", "after", "how")
        for each in outcome.partitions:
            table.add_row(each.partition, *(printable(str(text)) for text in (each.before, each.after, each.how)))
        lines.append(table)
    lines += [f"manifest  {each.manifest}" for each in outcome.partitions if each.manifest]
    return [*lines, f"receipt   {outcome.receipt}"]


def _lines(ended: Repointed) -> list[str]:
    would = "would serve" if ended.outcome == "DryRun" else "serves"
    lines = [f"Version {ended.version} {would} in place of version {ended.version_before} (entry {ended.number})"]
    lines += [f"By {ended.who}" + (f", {ended.where}" if ended.where else "")] if ended.who else []
    return [*lines, f"Why: {ended.why}"]


def _untouched(ended: Repointed) -> str:
    return f"{ended.untouched:,} partitions show what other versions published, and were not touched"
