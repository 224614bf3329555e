"""Tables, headings and templates that the rendered pages share."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined


def make_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of GitHub's Markdown."""
    return "\n".join([_row(head), "|---" * len(head) + "|", *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_escape, cells)) + " |"


def _escape(cell: str) -> str:
    """A bar would end the cell, and `<name>` outside of code would be taken for HTML."""
    return re.sub(r"`[^`]*`|<", lambda found: "&lt;" if found[0] == "<" else found[0], cell).replace("|", "\\|")


def make_anchor(heading: str) -> str:
    """What GitHub calls a heading in links."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def fill_template(template: str, **names: Any) -> str:
    """A page from its template, without gaps of more than one empty line."""
    jinja = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701  Markdown
    text = jinja.from_string(template).render(**names)
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"
