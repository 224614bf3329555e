"""The status on a terminal: alert lines first, then a row a flow. Fits 120 columns."""

from collections.abc import Iterator
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tierra.redaction import clean
from tierra.status.facts import FlowStatus, Status
from tierra.status.partition_table import render_partitions
from tierra.status.seen import Level
from tierra.status.words import ago, ahead, length

LEVELS = {"red": ("RED", "bold white on red"), "amber": ("AMBER", "bold black on yellow"), "green": ("green", "green")}
# Columns and their greatest widths; with a space between them, under 120 together.
COLUMNS = (
    ("flow", 25),
    ("last success", 12),
    ("last end", 16),
    ("next", 9),
    ("retries", 7),
    ("p50", 6),
    ("p95", 6),
    ("champion", 9),
    ("rows", 9),
    ("quarantined", 11),
)


def render_status(status: Status, with_partitions: bool = False) -> RenderableType:
    """The whole status, the worst first; with each partition where asked for."""
    partitions = [
        render_partitions(flow, status.moment) for flow in status.flows if with_partitions and flow.partitions
    ]
    return Group(*_lines(status), _table(status), *_newest(status), *partitions, _health(status))


def cells(flow: FlowStatus, now: datetime) -> list[str]:
    """The row of a flow: a text for each column."""
    running = f"runs {ago(flow.running_since, now).removesuffix(' ago')}" if flow.running_since else ""
    champion = f"v{flow.champion}, {_age(flow, now)}" if flow.champion_since else flow.champion or ""
    return [
        flow.name,
        ago(flow.last_success, now) or "never",
        flow.last_outcome,
        running or ("PAUSED" if flow.paused else "OFF" if flow.switched_off else ahead(flow.next_run, now)),
        str(flow.retries_24h),
        *("" if each is None else length(each) for each in (flow.p50_seconds, flow.p95_seconds)),
        champion,
        *("" if each is None else f"{each:,}" for each in (flow.rows, flow.quarantined)),
    ]


def _age(flow: FlowStatus, now: datetime) -> str:
    return ago(flow.champion_since, now).removesuffix(" ago")


def _lines(status: Status) -> Iterator[RenderableType]:
    if status.level == "green":
        yield Text.assemble(_word("green"), f" {status.summary}")
    for line in status.alerts:
        text = Text(clean(f"{line.subject}: {line.what}"))
        text.append(f". {clean(line.remedy)}" if line.remedy else "", style="dim")
        # What takes more than a line goes on under its beginning.
        entry = Table.grid(padding=(0, 1, 0, 0))
        entry.add_row(Text(*_word(line.level)), text)
        yield entry
        if line.link:
            yield Text(f"      {clean(line.link)}", style="dim", no_wrap=True, overflow="ignore")
    yield Text()


def _word(level: Level) -> tuple[str, str]:
    return LEVELS[level]


def _table(status: Status) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True, width=5)
    for name, width in COLUMNS:
        right = name in ("retries", "p50", "p95", "rows", "quarantined")
        table.add_column(name, max_width=width, no_wrap=True, overflow="ellipsis", justify="right" if right else "left")
    for flow in status.flows:
        table.add_row(Text(*_word(flow.level)), *map(Text, cells(flow, status.moment)))
    return table


def _newest(status: Status) -> Iterator[Text]:
    if status.newest_days:
        yield Text(f"\nNewest day at the source: {status.newest_days}", style="dim")


def _health(status: Status) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_row()
    for check in status.health:
        table.add_row(Text(*_word(check.level)), Text(check.name), Text(clean(check.what), style="dim"))
    return table
