"""The partitions of a project on a terminal: a row each, the newest first. Fits 120 columns."""

from collections.abc import Iterable
from datetime import datetime

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from tierra.data.partition_states import SIGNS, PartitionState, count_states
from tierra.redaction import clean_line
from tierra.status.facts import FlowStatus
from tierra.status.words import ago

# Columns and their greatest widths; the last one has what is left of the line.
COLUMNS: tuple[tuple[str, int | None], ...] = (
    ("partition", 10),
    ("state", 24),
    ("gen", 4),
    ("model", 6),
    ("rows", 9),
    ("quarantined", 11),
    ("at source", 9),
    ("age", 7),
    ("why", None),
)
NUMBERS = ("gen", "rows", "quarantined", "at source")
STYLES = {"bad": "red", "warned": "yellow", "quiet": "dim", "good": ""}


def render_partitions(flow: FlowStatus, now: datetime) -> RenderableType:
    """How many partitions are in each state, and a row for each."""
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0), expand=True)
    for name, width in COLUMNS:
        side: JustifyMethod = "right" if name in NUMBERS else "left"
        share = None if width else 1
        table.add_column(name, max_width=width, ratio=share, no_wrap=True, overflow="ellipsis", justify=side)
    for each in flow.partitions:
        table.add_row(*map(Text, cells(each, now)), style=STYLES[each.sign.mood])
    return Group(Text(f"\nPartitions of {flow.project}: {describe_counts(flow.partitions)}", style="bold"), table)


def describe_counts(partitions: Iterable[PartitionState]) -> str:
    """How many partitions are in each state, the worst state first."""
    return ", ".join(f"{count:,} {SIGNS[state].words}" for state, count in count_states(partitions).items())


def cells(each: PartitionState, now: datetime) -> list[str]:
    """The row of a partition: a text for each column."""
    generation, *counts = (each.generation, each.rows, each.quarantined, each.counted)
    return [
        each.partition,
        f"{each.sign.letter} {each.sign.words}",
        str(generation or ""),
        f"v{each.model_version}" if each.model_version else "",
        *("" if count is None else f"{count:,}" for count in counts),
        ago(each.published_at, now).removesuffix(" ago"),
        clean_line(each.reason),
    ]
