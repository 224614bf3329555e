"""What people see in a terminal: one line a station, tables, and errors in one line."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tierra.errors import TierraError
from tierra.journal import Entry, watching
from tierra.model.spec import METRICS
from tierra.outcomes import Scored, Trained

people = Console(stderr=True, highlight=False)
# Wide enough for the tables, also where no terminal says how wide it is.
out = Console(highlight=False, soft_wrap=True, width=max(Console().width, 120))


@contextmanager
def progress(quiet: bool) -> Iterator[None]:
    """A line on stderr for each station as it ends, and what is under way on a terminal."""
    if quiet:
        yield
        return
    with people.status("starting") as status:

        def watch(entry: Entry, done: bool) -> None:
            name = entry.station.replace("-", " ")
            status.update(name)
            if done:
                how = "reused" if entry.reused else ""
                people.print(f"  [dim]{entry.seconds:7.1f} s[/]  {name} [dim]{how}[/]")

        with watching(watch):
            yield


def show_error(error: TierraError) -> None:
    """The one line of an error, and what to do about it."""
    people.print(f"[bold red]error[/] {escape(error.what)}. {escape(error.remedy)}. \\[{error.code}]", soft_wrap=True)


def show_trained(end: Trained) -> None:
    """A training run's end: champion, metrics beside the rule's, verdict."""
    out.print(f"\n[bold]{end.project}: {end.outcome}[/], {escape(end.reason)}")
    out.print(f"champion  version {end.champion.version}, {end.champion.candidate}")
    rows = {f"champion ({end.champion.candidate})": end.champion.metrics, "the rule": end.rule.metrics}
    if end.best.candidate != end.champion.candidate or end.best.metrics != end.champion.metrics:
        rows[f"best now ({end.best.candidate})"] = end.best.metrics
    out.print(metrics_table(rows, f"on {end.rows['test']:,} test rows"))
    out.print(f"verdict   {'passed' if end.verdict.passed else 'not passed'}: {escape('; '.join(end.verdict.reasons))}")
    out.print(f"receipt   {end.receipt}")


def show_scored(end: Scored) -> None:
    """A scoring run's end, a row a partition."""
    out.print(f"\n[bold]{end.project}: {end.outcome}[/]")
    if end.partitions:
        table = _table("partition", "outcome", "rows in", "scored", "quarantined", "generation", "model", right=2)
        for each in end.partitions:
            outcome = each.outcome + (", stale" if each.stale else "")
            counts = (each.rows_in, each.rows_scored, each.rows_quarantined, each.generation)
            table.add_row(each.partition, outcome, *(f"{count:,}" for count in counts), each.model_version)
        out.print(table)
    for each in end.partitions:
        if each.manifest:
            out.print(f"manifest  {each.manifest}")
    out.print(f"receipt   {end.receipt}")


def metrics_table(rows: Mapping[str, Mapping[str, float]], title: str = "") -> Table:
    """Metrics by model."""
    table = _table("", *METRICS.values())
    table.title, table.title_justify, table.title_style = title, "left", "dim"
    for name, metrics in rows.items():
        table.add_row(name, *(f"{metrics[metric]:.4f}" for metric in METRICS))
    return table


def pairs(rows: Mapping[str, Any]) -> Table:
    """Names and values."""
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(f"[dim]{escape(name)}[/]", escape(str(value)))
    return table


def print_json(text: str) -> None:
    """One object for machines, on standard output alone."""
    sys.stdout.write(text + "\n")


def _table(*names: str, right: int = 1) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for index, name in enumerate(names):
        table.add_column(name, justify="right" if index >= right else "left", no_wrap=True)
    return table
