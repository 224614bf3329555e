"""Parts of a page that a terminal shows too: names with values, lines, and a table."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.console import RenderableType

from tierra import __version__
from tierra.report.drawings import Drawing
from tierra.report.filling import fill
from tierra.report.sections import Section
from tierra.report.terminal import pairs, plain_table, printable
from tierra.report.wording import exact, is_digest


@dataclass(frozen=True)
class Sheet:
    """One part: its anchor and title, and whatever of the rest it has. `numbers` is the first column of numbers."""

    id: str
    title: str
    note: str = ""
    pairs: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    numbers: int = 99
    drawings: Sequence[Drawing] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.pairs or self.lines or self.rows or self.note)


@dataclass(frozen=True)
class Lead:
    """What a page says first."""

    badge: str
    mood: str
    sentence: str
    figures: Sequence[tuple[str, str]] = ()


def as_sections(sheets: Sequence[Sheet]) -> list[Section]:
    """The parts as a page shows them."""
    return [Section(each.id, each.title, "sheet", each, each.title) for each in sheets if not each.is_empty]


def fill_page(project: str, what: str, lead: Lead, sheets: Sequence[Sheet], index: str) -> str:
    """A page in the receipts' form; `what` is the command that made it, `index` the address of the list of runs."""
    values = {
        "project": project, "flow": what, "title": f"{what} · {lead.badge}", "outcome": lead.badge, "mood": lead.mood,
        "sentence": lead.sentence, "attempt": 1, "figures": lead.figures, "sections": as_sections(sheets),
        "index": index, "moment": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S UTC}", "versions": {"tierra": __version__},
    }  # fmt: skip
    return fill("receipt.html", values)


def page_name(*words: str) -> str:
    """A page's file name of these words, and of the digest of what a file name cannot hold of them."""
    text = "-".join(words)
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", text)[:80].strip("-")
    return f"{plain}.html" if plain == text else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.html"


def in_terminal(sheets: Sequence[Sheet]) -> Iterator[RenderableType]:
    """The parts as a terminal shows them."""
    for each in sheets:
        if each.is_empty:
            continue
        yield f"\n[bold]{printable(each.title)}[/]"
        if each.note:
            yield f"[dim]{printable(each.note)}[/]"
        if each.pairs:
            yield pairs({name: exact(value) for name, value in each.pairs.items()})
        yield from (f"  {printable(line)}" for line in each.lines)
        if each.rows:
            table = plain_table(*each.heads, right=each.numbers)
            for row in each.rows:
                table.add_row(*(printable(str(value)[:12] if is_digest(value) else exact(value)) for value in row))
            yield table
