"""Tables for a terminal."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from tierra.model.gate import Intervals
from tierra.model.gate_checks import HEADS, GateCheck, format_metric
from tierra.model.spec import heading
from tierra.redaction import LONGEST, clean

COLOURS = {"passed": "green", "failed": "red", "undecided": "yellow", "not known": "dim"}


def printable(value: object, length: int = LONGEST) -> str:
    """A text as it is printed: cleaned, and no markup of the terminal's library."""
    return escape(clean(value, length))


def metrics_table(
    rows: Mapping[str, Mapping[str, float]], title: str = "", intervals: Mapping[str, Intervals] | None = None
) -> Table:
    """A metric a row, a model a column, each with its interval beside it where there is one."""
    known, table = intervals or {}, Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.title, table.title_justify, table.title_style = title, "left", "dim"
    table.add_column("")
    for model in rows:
        table.add_column(model, justify="right")
        if model in known:
            table.add_column("")
    for name in dict.fromkeys(metric for metrics in rows.values() for metric in metrics):
        table.add_row(heading(name), *_row(name, rows, known))
    return table


def _row(name: str, rows: Mapping[str, Mapping[str, float]], known: Mapping[str, Intervals]) -> Iterator[str]:
    for model, metrics in rows.items():
        yield format_metric(metrics[name]) if name in metrics else ""
        if model in known:
            yield f"[dim]{' to '.join(map(format_metric, known[model][name]))}[/]" if name in known[model] else ""


def checks_table(checks: Iterable[GateCheck]) -> Table:
    """The gate's checks, a row each; their reasons stand in the verdict, and in full on the receipt."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for index, head in enumerate(HEADS[:-1]):
        table.add_column(head, justify="right" if 2 <= index <= 4 else "left", overflow="fold")
    for each in checks:
        *cells, outcome, _ = each.cells
        table.add_row(*map(printable, cells), f"[{COLOURS[each.outcome]}]{outcome}[/]")
    return table


def pairs(rows: Mapping[str, Any]) -> Table:
    """Names and values."""
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(f"[dim]{printable(name)}[/]", printable(value))
    return table


def plain_table(*names: str, right: int = 1) -> Table:
    """A table without lines; from the column `right` on, numbers."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for index, name in enumerate(names):
        table.add_column(name, justify="right" if index >= right else "left", no_wrap=True)
    return table
