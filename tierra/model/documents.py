"""Documents kept with a release, the model card and the data card: pairs, lines and tables, and their Markdown."""

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tierra.redaction import clean

Kind = Literal["model", "data"]
LONGEST = 1000


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class Part(_Kept):
    """One part of a document: whatever of the rest it has below its title. Columns from `numbers` on hold numbers."""

    title: str
    note: str = ""
    pairs: dict[str, str] = {}
    lines: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    numbers: int = 1

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.pairs or self.lines or self.rows)


class Document(_Kept):
    """A card: what it is of, one sentence, and its parts."""

    kind: Kind
    project: str
    sentence: str
    figures: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...]

    @property
    def title(self) -> str:
        """Model card, or data card."""
        return f"{self.kind.capitalize()} card"


def to_markdown(document: Document, version: str = "") -> str:
    """The document in Markdown, cleaned of secrets; every text of the project is escaped."""
    of = f"{document.project}, version {version}" if version else document.project
    blocks = [f"# {document.title}: {_inline(of)}", _inline(document.sentence)]
    for part in document.parts:
        blocks += _blocks(part) if not part.is_empty else []
    return "\n\n".join(blocks) + "\n"


def _blocks(part: Part) -> Iterator[str]:
    yield f"## {_inline(part.title)}"
    if part.note:
        yield _inline(part.note)
    if part.pairs:
        yield "\n".join(f"- **{_inline(name)}:** {_inline(value)}" for name, value in part.pairs.items())
    if part.lines:
        yield "\n".join(f"- {_inline(line)}" for line in part.lines)
    if part.rows:
        marks = ["---" if place < part.numbers else "---:" for place in range(len(part.heads))]
        yield "\n".join([_row(part.heads), f"|{'|'.join(marks)}|", *map(_row, part.rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_inline(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _inline(value: str) -> str:
    """A text as one line of Markdown: no link, no tag, no emphasis."""
    text = " ".join(clean(value, LONGEST).split())
    for letter in "\\`*_[]":
        text = text.replace(letter, f"\\{letter}")
    return text.replace("<", "&lt;")
