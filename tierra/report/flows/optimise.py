"""What a run that looked for a smaller champion says: on its receipt, in the Prefect UI and in a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from rich.console import RenderableType

from tierra.model.gate_checks import format_difference
from tierra.model.spec import heading
from tierra.outcomes.optimise import Optimised
from tierra.report.finished_run import FinishedRun
from tierra.report.flows import train
from tierra.report.sections import Section
from tierra.report.terminal import plain_table, printable
from tierra.report.variants import variant_heads, variant_lines


def sections(run: FinishedRun) -> Iterator[Section]:
    """Each variant beside the champion, and, of one that was to serve, the gate's table."""
    ended = cast(Optimised, run.outcome)
    shown = {"heads": variant_heads(ended), "lines": variant_lines(ended)}
    yield Section("variants", f"Variants of the champion, on {ended.rows:,} test rows", "variants", shown, "Variants")
    yield Section("margin", "How they are judged", "lines", [_judged(ended)], "Judged")
    if ended.trained:
        gate = {"metric": ended.metric, "models": [], "verdict": ended.trained.verdict, "reason": ended.trained.reason}
        yield Section("gate", "Gate", "gate", gate)


def summary(run: FinishedRun) -> Mapping[str, Any]:
    """The same table, and the gate's."""
    ended = cast(Optimised, run.outcome)
    checks = ended.trained.verdict.checks if ended.trained else ()
    return {"variants": variant_lines(ended), "variant_heads": variant_heads(ended), "checks": checks}


def counts(run: FinishedRun) -> Mapping[str, Any]:
    """The test rows."""
    return {"rows": cast(Optimised, run.outcome).rows}


def digests(outcome: Optimised) -> Mapping[str, str]:
    """The model that serves since."""
    return train.digests(outcome.trained) if outcome.trained else {}


def in_terminal(outcome: Optimised) -> Sequence[RenderableType]:
    """How it ended, and a row a variant: what fits a line of a terminal; times themselves are on the receipt."""
    _, smaller, metric, apart, one, _, many, _, _ = variant_heads(outcome)
    heads = (smaller, metric, apart, one.partition(",")[0], many.rpartition(",")[0], "changed")
    table, lines = plain_table("variant", *heads, "", right=1), variant_lines(outcome)
    for each in lines:
        times = (each.cells[place].partition(" (")[0] for place in (5, 7))
        table.add_row(*map(printable, (each.name, *each.cells[1:4], *times, each.cells[8], each.outcome)))
    why = [f"{each.name}: {printable(each.reason)}" for each in lines if each.reason]
    head = f"\n[bold]{outcome.project}: {outcome.outcome}[/], {printable(outcome.reason)}"
    return [head, table, printable(_judged(outcome)), *why, f"receipt   {outcome.receipt}"]


def _judged(ended: Optimised) -> str:
    made = sum(each.verdict is not None for each in ended.variants)
    unshown = any(each.changed == 0 and each.interval and not each.may_serve for each in ended.variants)
    few = "; that none of few rows is told otherwise leaves open what others are" if unshown else ""
    return ("A variant may serve when it is shown to be worse than the champion by less than"
            f" {format_difference(ended.margin, 3)} in {heading(ended.metric)}, and keeps to the gate's guardrails."
            f" {made} variant{' is' if made == 1 else 's are'} judged on the same test"
            " rows, each at its share of the gate's alpha; times are the median of paired calls on this machine, with"
            f" their 95 % interval{few}")  # fmt: skip
